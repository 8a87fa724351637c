"""How often intervals of measures held, by all of the target's network and by what was known of it."""

import dataclasses
from types import SimpleNamespace

import pytest

from dexposure_core.forecast import Dexposure
from dexposure_core.forecast.baselines import Persistence
from dexposure_core.forecast.model import FILE
from dexposure_core.forecast.weights import network, write
from dexposure_core.pipeline.evaluation.job import Job
from dexposure_core.pipeline.evaluation.measured import measured_rows
from dexposure_core.pipeline.forecasting.aggregates import aggregate_rows
from dexposure_core.pipeline.forecasting.uncertainty import learn
from dexposure_core.progress import silent
from tests.forecast.conftest import ABOUT
from tests.forecast.worlds import week

ENTRY = 48  # an exchange larger than all others together enters


def steady(k, *, entered):
    """The same four protocols every week, a little larger every other week."""
    swing = 1.0 + 0.01 * (k % 2)
    tvl = {"A": 60.0, "B": 40.0, "C": 20.0}
    exposures = {"A>B": 20.0, "A>C": 10.0, "B>C": 15.0, "C>A": 5.0}
    if entered:
        tvl["CEX"] = 500.0
        exposures |= {"CEX>A": 300.0, "CEX>B": 100.0}
    return week(k, {pair: usd * swing for pair, usd in exposures.items()}, {p: usd * swing for p, usd in tvl.items()})


@pytest.fixture(scope="module")
def rows():
    history = [steady(k, entered=k >= ENTRY) for k in range(ENTRY + 3)]
    learnt = dataclasses.replace(learn(Persistence(), {"holdings": history[: ENTRY - 3]}, (3,)), model="any")
    # Origins from three weeks before the entry to one before it; every target lies after it.
    found = aggregate_rows(history, [Persistence()], (3,), history[ENTRY - 3].date, uncertainty={"persistence": learnt})
    return {r.metric: r.value for r in found if r.forecaster == "persistence"}


@pytest.mark.parametrize("measure", ["system_tvl_usd", "total_exposure_usd", "tvl_hhi", "exposure_count"])
def test_what_enters_the_data_is_no_miss_of_the_known_part(rows, measure):
    assert rows[f"coverage_90_{measure}"] == 0.0
    assert rows[f"coverage_90_known_{measure}"] == 1.0


def test_where_nothing_enters_both_are_the_same():
    history = [steady(k, entered=False) for k in range(ENTRY)]
    learnt = learn(Persistence(), {"holdings": history[:-6]}, (1,))
    found = aggregate_rows(history, [Persistence()], (1,), history[-6].date, uncertainty={"persistence": learnt})
    held = {r.metric: r.value for r in found if r.metric.startswith("coverage_90_")}
    known = {m: v for m, v in held.items() if m.startswith("coverage_90_known_")}
    assert len(known) > 30
    for metric, value in known.items():
        assert value == pytest.approx(held[metric.replace("known_", "")], nan_ok=True)


def test_that_past_misses_are_missing_is_also_said_of_a_part_made_before(made_up, tmp_path):
    about = ABOUT | {"bases": ["holdings"], "without": []}
    write(tmp_path / FILE, {"holdings": network(about)}, about)
    made_before, store = SimpleNamespace(get=lambda _key, _make: []), made_up()
    job = Job(
        store=store, forecasters=(Dexposure(model_dir=tmp_path),), bases=("holdings",), horizons=(1,),
        parts=made_before, progress=silent,
    )  # fmt: skip
    assert measured_rows(job, "holdings", store.dates()[20]) == []
    (note,) = job.notes
    assert note.startswith("No past misses")
