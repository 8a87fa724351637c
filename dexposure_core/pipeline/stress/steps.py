"""A scenario that unfolds over dates: each step strikes the network of its own date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from dexposure_core.errors import BadOption
from dexposure_core.network import Basis
from dexposure_core.pipeline.stress.result import StressResult
from dexposure_core.pipeline.stress.scenario_file import Step
from dexposure_core.pipeline.stress.stored import run_named
from dexposure_core.pipeline.stress.terms import Terms
from dexposure_core.store import Store

NOTE = (
    "each step strikes the balance sheets reported for its own date, which show what came before as it really went; "
    "the losses of the steps are added up"
)


def run_steps(
    store: Store, after: dt.date, basis: Basis, steps: Sequence[Step], terms: Terms
) -> list[StressResult]:  # fmt: skip
    """Return the outcome of each later step of a scenario, on the last snapshot up to its date.

    Args:
        store: a vintage.
        after: the date of the scenario's beginning; a step's snapshot must come after it.
        basis: holdings or flow.
        steps: what breaks when.
        terms: how losses travel.

    Raises:
        BadOption: a step without a snapshot of its own after the one before it.
        UnknownName: as `pipeline.stress.stored`.
    """
    results: list[StressResult] = []
    for step in steps:
        before = results[-1].date if results else after
        days = [day for day in store.dates(basis) if before < day <= step.date]
        if not days:
            raise BadOption(f"No snapshot from after {before} to {step.date} for the step of {step.date}; move it")
        results.append(run_named(store, store.snapshot(days[-1], basis), step.breaks, terms))
    return results
