"""The evaluator on a world of four protocols, where every number can be checked by eye."""

import numpy as np
import pytest

from dexposure_core.errors import BadOption
from dexposure_core.forecast import Dexposure, PairMemoryForecaster, Persistence, evaluation
from dexposure_core.forecast.evaluation import METRICS, evaluate
from dexposure_core.forecast.tally import Scene, tally
from tests.forecast.worlds import START, scrambled, week, world

E1 = np.e - 1  # log1p(e − 1) = 1, log1p(e² − 1) = 2, ...
E2, E3 = np.e**2 - 1, np.e**3 - 1
TVL = {"A": E3, "B": E2, "C": E1}
BEFORE = [week(0, {"A>B": E1, "B>C": E1}, TVL), week(1, {"A>B": E2, "C>A": E1}, TVL)]
# At the target A>B is one log unit larger, C>A is gone, B>C is back, D has entered and holds A's tokens, C's TVL is 0.
AFTER = week(2, {"A>B": E3, "B>C": E1, "D>A": E2}, {"A": E2, "B": E2, "C": 0.0, "D": E1})


@pytest.fixture
def scores():
    return tally(Persistence().predict(BEFORE, 1), Scene.of(BEFORE, AFTER, seed=0))


def ratio(pair):
    return pair[0] / pair[1]


def test_persistence_by_hand(scores):
    # true: A>B (listed), B>C (not), D>A (D is unknown at the origin): 1 of 3 listed, 1 of 2 between known ones
    assert ratio(scores["candidate_recall"]) == pytest.approx(1 / 3)
    assert ratio(scores["candidate_recall_known"]) == pytest.approx(1 / 2)
    # log sizes: A>B 2 → 3 (error 1); B>C 0 → 1 (1); D>A 0 → 2 (2)
    assert ratio(scores["weight_mae"]) == pytest.approx((1 + 1 + 2) / 3)
    assert ratio(scores["weight_rmse"]) == pytest.approx((1 + 1 + 4) / 3)
    assert ratio(scores["weight_mae_continuing"]) == pytest.approx(1.0)
    # log TVL: A 3 → 2 (1), B 2 → 2 (0), C 1 → 0 (1), D entered with 1 (1)
    assert ratio(scores["node_mae"]) == pytest.approx(3 / 4)
    assert ratio(scores["node_mae_continuing"]) == pytest.approx(2 / 3)


def test_probabilities_are_scored_on_candidates_and_on_everything_that_happened(scores):
    # all six ordered pairs of A, B, C are candidates (seen either way), plus D>A:
    # A>B p 1 true; C>A p 1 false (1); B>C p 0 true (1); B>A, C>B, A>C p 0 false; D>A p 0 true (1)
    assert scores["brier"].tolist() == [3.0, 7.0]
    # historical negatives: C>A (p 1). positives 1, 0, 0: average precision over levels 1 and 0: ⅓·½ + ⅔·¾
    assert ratio(scores["auprc_historical"]) == pytest.approx(1 / 3 * 1 / 2 + 2 / 3 * 3 / 4)


def test_ranks_count_entrants_against_everyone(scores):
    # A>B: rival A>C at 0: rank 1. B>C: p 0, rival B>A at 0: ½·(0 + 1) + 1 = 1.5. D>A: not rankable, 0.
    assert scores["mrr"].tolist() == pytest.approx([1 + 1 / 1.5, 3.0])
    # A>B and B>C were seen before, so no pair is new
    assert scores["mrr_new"].tolist() == [0.0, 0.0]


def test_every_metric_is_tallied_for_every_forecaster_with_persistence_first():
    history = world(weeks=30, n=12)
    rows = evaluate(history, [Persistence(), PairMemoryForecaster()], [1, 4], history[20].date)
    assert rows[0].forecaster == "persistence"
    for metric in METRICS:
        of = {(r.forecaster, r.horizon): r for r in rows if r.metric == metric.name}
        assert set(of) == {(f, h) for f in ("persistence", "pair-memory") for h in (1, 4)}
        assert all(r.low <= r.value + 1e-9 and r.value <= r.high + 1e-9 for r in of.values() if np.isfinite(r.low))


def test_skill_is_one_minus_error_over_error_of_persistence():
    history = world(weeks=30, n=12)
    rows = evaluate(history, [Persistence(), PairMemoryForecaster()], [1], history[20].date)
    value = {(r.forecaster, r.metric): r.value for r in rows}
    expected = 1 - value["pair-memory", "brier"] / value["persistence", "brier"]
    assert value["pair-memory", "skill_brier"] == pytest.approx(expected)
    assert ("persistence", "skill_brier") not in value


def test_values_are_pooled_over_origins_and_intervals_come_from_blocks():
    parts = np.array([[1.0, 2.0], [3.0, 2.0], [0.0, 4.0]])
    drawn = evaluation._resampled(parts, METRICS[0], 1, 0)
    assert drawn[0] == pytest.approx(4 / 8)  # (1 + 3 + 0) / (2 + 2 + 4), not the mean of ratios
    # three origins are shorter than the shortest block (4): every resample is all of them, only turned round
    assert np.allclose(drawn, 0.5)


def test_no_origin_is_refused():
    with pytest.raises(BadOption, match="no origin from"):
        evaluate(BEFORE, [Persistence()], [4], START)


def test_what_comes_after_the_origin_changes_no_forecast(trained, basis, monkeypatch):
    seen = []

    def spy(forecast, scene):
        seen.append(forecast)
        return tally(forecast, scene)

    monkeypatch.setattr(evaluation, "tally", spy)
    history = world(weeks=20, n=10, basis=basis)
    made_up = [*history[:15], *(scrambled(s) for s in history[15:])]
    forecasters = [Persistence(), PairMemoryForecaster(), Dexposure(trained=trained)]
    for weeks in (history, made_up):
        evaluate(weeks, forecasters, [1, 4], history[14].date)
    first = [f for f in seen if f.origin == history[14].date]
    assert len(first) == 2 * 3 * 2
    for before, after in zip(first[:6], first[6:], strict=True):
        assert (before.forecaster, before.horizon_weeks) == (after.forecaster, after.horizon_weeks)
        for name in ("creditor", "debtor", "probability", "exposure_usd", "tvl_usd"):
            assert np.array_equal(getattr(before, name), getattr(after, name))


def test_totals_are_compared_with_everything_that_came(scores):
    # said: e² − 1 + e − 1; true: e³ − 1 + e − 1 + (entrant's) e² − 1
    said, true = E2 + E1, E3 + E1 + E2
    assert scores["total_exposure_error"].tolist() == pytest.approx([1 - said / true, 1.0])
    # said: TVL of A, B, C today; true: e² − 1 twice, 0 and the entrant's e − 1
    assert scores["total_tvl_error"].tolist() == pytest.approx([(E3 + E2 + E1) / (2 * E2 + E1) - 1, 1.0])
