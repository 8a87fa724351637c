"""One shock by every rule and on every basis: how far the answer depends on the model."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import polars as pl

from dexposure_core.errors import DexposureError
from dexposure_core.pipeline.stress.shocks import Breaks, what_is_there
from dexposure_core.pipeline.stress.stored import run_named
from dexposure_core.pipeline.stress.terms import Terms
from dexposure_core.store import Store
from dexposure_core.stress import RULES

COLUMNS = pl.Schema({
    "basis": pl.String, "rule": pl.String, "direct_usd": pl.Float64, "induced_usd": pl.Float64, "total_usd": pl.Float64,
    "underlying_usd": pl.Float64, "loss_fraction": pl.Float64, "hit": pl.Int64, "distressed": pl.Int64,
    "rounds": pl.Int64, "converged": pl.Boolean,
})  # fmt: skip
DISTRESSED = 0.1
"""Share of what it can lose from which on a protocol is called distressed, under every rule alike."""


def compared(
    store: Store, date: dt.date, what: str | Breaks, terms: Terms, *, lenient: bool = False
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return what a shock costs by every rule on every basis that has the date, and why a basis is missing.

    Args:
        store: a vintage.
        date: snapshot date.
        what: name of a standard scenario, or what breaks.
        terms: the capacity and pass-through of all; each rule keeps its other options' defaults.
        lenient: leave out what the data does not know (past events).

    Returns:
        basis, rule, direct_usd, induced_usd, total_usd, underlying_usd, loss_fraction (NaN: no TVL), hit (protocols
        that lose anything), distressed (that lose a tenth), rounds, converged; one sentence for each basis left out.

    Raises:
        UnknownName, BadOption: as `pipeline.stress.stored`, where no basis can be run.
    """
    rows: list[dict[str, object]] = []
    missing: list[tuple[str, DexposureError]] = []
    for basis in store.bases():
        try:
            snapshot = store.snapshot(date, basis)
            here = what_is_there(store, snapshot, what)[0] if lenient and isinstance(what, Breaks) else what
            for rule in RULES:
                c = run_named(store, snapshot, here, replace(terms, rule=rule.name, options=())).contagion
                rows.append({
                    "basis": basis, "rule": rule.name, "direct_usd": float(c.direct_usd.sum()),
                    "induced_usd": float(c.induced_usd.sum()), "total_usd": c.total_loss_usd,
                    "underlying_usd": c.underlying_usd, "loss_fraction": c.loss_fraction,
                    "hit": int((c.total_usd > 0).sum()),
                    "distressed": int(((c.distress[-1] >= DISTRESSED) & (c.absorbing_usd > 0)).sum()),
                    "rounds": c.rounds, "converged": c.converged,
                })  # fmt: skip
        except DexposureError as error:
            missing.append((basis, error))
    if not rows and missing:
        raise missing[0][1]
    notes = tuple(f"{basis} basis left out: {error}" for basis, error in missing)
    return pl.DataFrame(rows, schema=COLUMNS), notes
