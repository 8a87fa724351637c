"""Standings, measures and courses of a small evaluation, by hand."""

import math

import polars as pl
import pytest

from dexposure_core.pipeline.evaluation.kept import ROWS
from dexposure_core.pipeline.views import skill
from tests import evaluations


@pytest.fixture
def rows():
    return pl.DataFrame(evaluations.rows(), schema=ROWS)


def one(standings, metric, horizon=4):
    return standings.filter(pl.col("metric") == metric, pl.col("horizon") == horizon).row(0, named=True)


def test_beside_the_best_other_method(rows):
    found = skill.best_standings(evaluations.standings(), "flow")
    assert skill.tally(found) == {"better": 2, "equal": 2, "worse": 2, "sure": 2, "little": 0}
    assert one(found, "brier")["rival"] == "hazard"
    lost = [s | {"verdict": "not defined", "gain": None} for s in evaluations.standings()]
    assert skill.best_standings(lost, "flow").is_empty()


def test_beside_persistence(rows):
    found = skill.persistence_standings(rows, "holdings")
    brier = one(found, "brier")
    # 1 − 0.09 / 0.2 = 0.55, its paired interval 0.54 to 0.56 above 0
    assert (brier["gain"], brier["verdict"]) == (pytest.approx(0.55), "better")
    # 1 − 2.1 / 2.0 = −5 %
    assert one(found, "weight_mae")["verdict"] == "worse"
    # 0.8 / 0.5 = +60 %; no paired interval, but 0.79 … 0.81 lies above 0.49 … 0.51
    mrr = one(found, "mrr")
    assert (mrr["gain"], mrr["low"], mrr["verdict"]) == (pytest.approx(0.6), None, "better")
    others = skill.persistence_standings(rows, "holdings", "hazard")
    assert one(others, "mrr")["verdict"] == "equal"  # the same score


def test_every_method_at_one_score_persistence_first(rows):
    found = skill.column(rows, "flow", 1, "brier")
    assert found["forecaster"].to_list() == ["persistence", "dexposure", "hazard"]
    assert found["skill"].to_list() == [None, pytest.approx(0.55), pytest.approx(0.5)]
    assert skill.column(rows, "flow", 12, "brier").is_empty()


def test_measures_and_losses_with_their_coverage(rows):
    found = {r["measure"]: r for r in skill.measured(rows, "flow", 4).to_dicts()}
    hhi = found["tvl_hhi"]
    assert (hhi["r2_persistence"], hhi["r2"], hhi["skill"]) == (-0.2, 0.5, 0.3)
    assert (hhi["covered"], hhi["covered_known"]) == (0.875, 0.95)
    assert (hhi["covered_joint"], hhi["covered_alone"]) == (0.8, 0.3)
    loss = found["loss:top-1:linear-debtrank"]
    assert loss["error"] == pytest.approx(0.012345678)
    assert loss["covered"] is None
    assert skill.measured(rows, "flow", 12).is_empty()


def test_week_by_week_is_relative_to_persistence():
    found = skill.courses(evaluations.weeks(), "flow", 4, "brier")
    # 1 − 0.1 / 0.2 = 0.5; 1 − 0.3 / 0.2 = −0.5; not defined
    assert found["dexposure"].to_list() == [0.5, pytest.approx(-0.5), None]
    assert "persistence" not in found.columns
    assert skill.courses([], "flow", 4, "brier").is_empty()


def test_a_variant_of_the_model_is_judged_beside_the_whole_one():
    def record(variant, gain):
        return {"variant": variant, "basis": "flow", "horizon": 4, "metric": "brier", "value": 0.1, "gain": gain}

    found = skill.ablations([record("whole", None), record("no graph", -0.02), record("no memory", 0.005)], "flow", 4)
    assert found.select("variant", "verdict").rows() == [("no graph", "worse"), ("no memory", "equal")]
    assert skill.ablations([], "flow", 4).is_empty()


def test_bins_of_few_pairs_are_left_out():
    found = skill.reliability(evaluations.reliability(), "flow", 4)
    assert found["pairs"].to_list() == [900, 50]
    assert math.isclose(found["said"][1], 0.5)


def few():
    """Three methods at three scores, and what is not to be counted."""

    def row(who, metric, value, horizon=4, basis="flow"):
        return {
            "forecaster": who,
            "basis": basis,
            "horizon": horizon,
            "metric": metric,
            "value": value,
        } | dict.fromkeys(("low", "high"))

    return [
        *(row(who, "brier", v) for who, v in (("persistence", 0.2), ("hazard", 0.1), ("dexposure", 0.1005))),
        *(row(who, "mrr", v) for who, v in (("persistence", 0.5), ("hazard", 0.5), ("dexposure", 0.49))),
        *(row(who, "ece", v) for who, v in (("persistence", 0.0), ("hazard", None), ("dexposure", 0.1))),
        row("hazard", "brier", 0.1, horizon=8),  # alone: nothing to be held to
        row("hazard", "brier", 0.1, basis="holdings"), row("hazard", "r2_tvl_hhi", 0.1),
    ]  # fmt: skip


def test_every_method_is_held_to_the_best_of_all_others():
    found = skill.league(pl.DataFrame(few(), schema=ROWS), "flow")
    assert found.columns == ["forecaster", "best", "near", "behind", "scores"]
    assert found.rows() == [
        ("hazard", 2, 0, 0, 2),  # ties are best
        ("persistence", 2, 0, 1, 3),
        ("dexposure", 0, 1, 2, 3),  # 0.5 % behind; 2 % behind; nothing is near no error at all
    ]
    assert skill.league(pl.DataFrame(schema=ROWS), "flow").is_empty()


def test_the_served_one_beside_each_method_alone():
    found = skill.alone(pl.DataFrame(few(), schema=ROWS), "flow")
    assert found.columns == ["forecaster", "ahead", "near", "behind", "scores"]
    assert found.rows() == [
        ("hazard", 0, 1, 1, 2),  # brier 0.5 % behind; mrr 2 % behind; ece is not defined
        ("persistence", 1, 0, 2, 3),  # half its brier; mrr 2 % behind; nothing is near no error at all
    ]
    unserved = [r for r in few() if r["forecaster"] != "dexposure"]
    assert skill.alone(pl.DataFrame(unserved, schema=ROWS), "flow").is_empty()
    assert skill.alone(pl.DataFrame(schema=ROWS), "flow").is_empty()


@pytest.mark.parametrize(("value", "rival", "metric", "side"), [
    (0.98, 1.0, "brier", "ahead"), (0.995, 1.0, "brier", "near"), (1.005, 1.0, "brier", "near"),
    (1.02, 1.0, "brier", "behind"), (0.0, 0.0, "brier", "near"), (0.1, 0.0, "brier", "behind"),
    (1.02, 1.0, "mrr", "ahead"), (0.98, 1.0, "mrr", "behind"), (0.1, 0.0, "mrr", "ahead"),
])  # fmt: skip
def test_ahead_is_by_more_than_one_per_cent_whichever_way_is_better(value, rival, metric, side):
    rows = [evaluations.row(who, "flow", 1, metric, v) for who, v in (("dexposure", value), ("hazard", rival))]
    assert skill.alone(pl.DataFrame(rows, schema=ROWS), "flow").select(side).item() == 1


def test_what_is_served_stands_alone_and_horizons_alike_share_a_row():
    def record(who, basis, horizon, births):
        return {"forecaster": who, "basis": basis, "horizon": horizon, "births": births, "TVL": "today's"}

    records = [
        record("frozen", "flow", 1, "nothing"), record("dexposure", "holdings", 1, "nothing"),
        record("dexposure", "flow", 1, "memory"), record("dexposure", "flow", 4, "the model"),
        record("dexposure", "flow", 8, "memory"),
    ]  # fmt: skip
    assert skill.served_from(records, "flow").rows() == [
        ("births", "1, 8", "memory"),
        ("births", "4", "the model"),
        ("TVL", "1, 4, 8", "today's"),
    ]
    assert skill.served_from([], "flow").is_empty()
