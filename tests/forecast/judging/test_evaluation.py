"""The evaluator on a world of four protocols, where every number can be checked by eye."""

import numpy as np
import pytest

from dexposure_core.errors import BadOption, NoModel
from dexposure_core.forecast import Dexposure, Forecast, PairMemoryForecaster, Persistence
from dexposure_core.forecast.judging.evaluation import METRICS, evaluate
from dexposure_core.forecast.judging.resampling import resampled_origins
from dexposure_core.forecast.judging.standing import best_baselines, resampled
from dexposure_core.forecast.judging.tally import Scene, tally
from tests.forecast.worlds import START, week, world

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
    drawn = resampled(parts, METRICS[0], resampled_origins(len(parts), 1, 0))
    assert drawn[0] == pytest.approx(4 / 8)  # (1 + 3 + 0) / (2 + 2 + 4), not the mean of ratios
    # three origins are shorter than the shortest block (4): every resample is all of them, only turned round
    assert np.allclose(drawn, 0.5)


def test_no_origin_is_refused():
    with pytest.raises(BadOption, match="no origin from"):
        evaluate(BEFORE, [Persistence()], [4], START)


def test_totals_are_compared_with_everything_that_came(scores):
    # said: e² − 1 + e − 1; true: e³ − 1 + e − 1 + (entrant's) e² − 1
    said, true = E2 + E1, E3 + E1 + E2
    assert scores["total_exposure_error"].tolist() == pytest.approx([1 - said / true, 1.0])
    # said: TVL of A, B, C today; true: e² − 1 twice, 0 and the entrant's e − 1
    assert scores["total_tvl_error"].tolist() == pytest.approx([(E3 + E2 + E1) / (2 * E2 + E1) - 1, 1.0])


def test_parts_of_brier_add_up_and_name_the_mistakes(scores):
    # C>A vanished (1), B>C returns (1), D>A came with an entrant (1); A>B continues and was certain (0)
    parts = {k.removeprefix("brier_part_"): v[0] for k, v in scores.items() if k.startswith("brier_part_")}
    assert parts == {"continuing": 0, "vanished": 1, "new": 0, "returning": 1, "entrants": 1, "absent": 0}
    assert sum(parts.values()) == scores["brier"][0]


def test_deaths_and_births_are_scored_apart(scores):
    # exposures of the origin: A>B stays (p 1), C>A dies (p 1): error 1 of 2
    assert scores["brier_deaths"].tolist() == [1.0, 2.0]
    # both are said to stay: ranking them by 1 − p leaves the base rate ½
    assert ratio(scores["auprc_deaths"]) == pytest.approx(0.5)
    # pairs without exposure at the origin: B>C comes (p 0), B>A, C>B, A>C do not: error 1 of 4
    assert scores["brier_births"].tolist() == [1.0, 4.0]
    assert ratio(scores["auprc_births"]) == pytest.approx(1 / 4)
    # every pair was seen in one direction or the other
    assert scores["brier_births_returning"].tolist() == [1.0, 4.0]
    assert scores["brier_births_new"].tolist() == [0.0, 0.0]
    assert scores["auprc_births_new"].tolist() == [0.0, 0.0]


def later(*lists):
    return [week(3 + k, dict.fromkeys(pairs, E1), TVL) for k, pairs in enumerate(lists)]


def test_flicker_is_left_out_of_what_lasts():
    # C>A died and is back two steps after the target; B>C came and stays
    back = later(["A>B", "B>C"], ["A>B", "B>C", "C>A"], ["A>B", "B>C"])
    found = tally(Persistence().predict(BEFORE, 1), Scene.of(BEFORE, AFTER, 0, back))
    assert found["brier_deaths_lasting"].tolist() == [0.0, 1.0]
    assert found["auprc_deaths_lasting"].tolist() == [0.0, 0.0]  # no lasting death
    assert found["brier_births_lasting"].tolist() == [1.0, 4.0]
    # B>C is gone one step after the target: no lasting birth
    gone = later(["A>B"], ["A>B"], ["A>B"])
    found = tally(Persistence().predict(BEFORE, 1), Scene.of(BEFORE, AFTER, 0, gone))
    assert found["brier_births_lasting"].tolist() == [0.0, 3.0]
    assert found["brier_deaths_lasting"].tolist() == [1.0, 2.0]


def test_what_lasts_is_not_scored_while_it_is_not_known(scores):
    assert scores["brier_deaths_lasting"].tolist() == [0.0, 0.0]
    assert scores["brier_births_lasting"].tolist() == [0.0, 0.0]


def test_wape_is_the_dollars_missed_over_all_pairs(scores):
    # A>B: e² − 1 said, e³ − 1 true; C>A: e − 1 said, gone; B>C: e − 1 came; D>A: e² − 1 came
    assert scores["wape"].tolist() == pytest.approx([E3 - E2 + E1 + E1 + E2, E3 + E1 + E2])


def test_what_is_listed_beside_the_scored_pairs_counts_against_it():
    # A and B are held by all others, so that the pairs of F and G are no candidates: listing F>G is wrong and costs
    tvl = dict.fromkeys("ABFG", E2)
    past = [week(k, {"F>A": E1, "G>A": E1, "B>A": E1}, tvl) for k in (0, 1)]
    scene = Scene.of(past, week(2, {"F>A": E1, "G>A": E1, "B>A": E1}, tvl), seed=0)
    said = Persistence().predict(past, 1)
    rows = list(said.protocols)
    extra = [("F", "G"), ("G", "F")]
    bold = Forecast(
        origin=said.origin, horizon_weeks=1, protocols=said.protocols, tvl_usd=said.tvl_usd,
        creditor=[*said.creditor, *(rows.index(a) for a, _ in extra)],
        debtor=[*said.debtor, *(rows.index(b) for _, b in extra)],
        probability=[*said.probability, 0.5, 0.5], exposure_usd=[*said.exposure_usd, E1, E1],
    )  # fmt: skip
    plain, found = tally(said, scene), tally(bold, scene)
    assert plain["brier"][0] == 0
    assert found["brier"].tolist() == [0.5, plain["brier"][1]]
    assert found["brier_births"][0] == 0.5
    assert found["wape"][0] == pytest.approx(2 * 0.5 * E1)


class Half:
    """Persistence that is half sure, as the served forecaster."""

    name, version, needs_fit, fitted_until = "dexposure", "1", False, None

    def predict_all(self, history, horizons):
        return {h: self.predict(history, h) for h in horizons}

    def predict(self, history, horizon):
        said = Persistence().predict(history, horizon)
        return Forecast(
            **{k: v for k, v in vars(said).items() if k != "probability"},
            probability=0.5 * said.probability,
        )  # fmt: skip


def test_gain_is_against_the_best_baseline_on_the_same_weeks():
    history = world(weeks=40, n=12)
    table = evaluate(history, [Persistence(), PairMemoryForecaster(), Half()], [1], history[20].date)
    value = {(r.forecaster, r.metric): r for r in table}
    rivals = [value[name, "brier"].value for name in ("persistence", "pair-memory")]
    gain = value["dexposure", "gain_brier"]
    assert gain.value == pytest.approx(1 - value["dexposure", "brier"].value / min(rivals))
    assert value["dexposure", "gain_all_brier"].value == pytest.approx(gain.value)
    assert value["dexposure", "gain_all_brier"].low <= gain.low + 1e-12
    ranked = value["dexposure", "gain_auprc_random"].value
    best = max(value[name, "auprc_random"].value for name in ("persistence", "pair-memory"))
    assert ranked == pytest.approx(value["dexposure", "auprc_random"].value / best - 1)
    assert ("pair-memory", "gain_brier") not in value
    standing = {s["metric"]: s for s in best_baselines(table)}
    assert standing["brier"]["value"] == pytest.approx(min(rivals))
    assert standing["brier"]["verdict"] == ("worse" if gain.value < -0.01 else standing["brier"]["verdict"])


def test_a_forecaster_that_has_seen_the_first_origin_is_refused(trained):
    history = world()
    until = Dexposure(trained=trained).fitted_until
    first = next(s.date for s in history if s.date >= until)
    with pytest.raises(NoModel, match=f"learnt from dates up to {until}"):
        evaluate(history, [Dexposure(trained=trained)], [1], first)


def test_too_few_origins_give_no_interval_and_no_certainty():
    history = world(weeks=24, n=12)
    table = evaluate(history, [Persistence(), PairMemoryForecaster(), Half()], [1, 4], history[18].date)
    assert all(np.isnan(r.low) and np.isnan(r.high) for r in table if r.horizon == 4)  # 2 origins, blocks of 4
    assert any(np.isfinite(r.low) for r in table if r.horizon == 1)  # 5 origins
    assert not any(s["sure"] or s["verdict"] == "better" for s in best_baselines(table) if s["horizon"] == 4)
