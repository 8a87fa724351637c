"""What an evaluation says in words, and its pictures: right, readable, never by colour alone."""

import polars as pl
import pytest

from dexposure_core.pipeline.evaluation.kept import Evaluation, keep, read
from dexposure_core.pipeline.views import skill
from dexposure_core.ui.charts import skill as charts
from dexposure_core.ui.skill import box, doubts, panels, rivals, words
from tests import evaluations


@pytest.fixture
def evaluation(tmp_path) -> Evaluation:
    folder, _ = evaluations.weights(tmp_path)
    keep(evaluations.full(), evaluations.store(), folder)
    return read(folder)


def both(evaluation):
    return (
        skill.best_standings(evaluation.document["standings"], "flow"),
        skill.persistence_standings(evaluation.rows, "flow"),
    )


def test_the_answer_counts_beside_the_best_and_beside_no_change(evaluation):
    said = words.answer(*both(evaluation), "flow", skill.others(evaluation.rows, "flow"))
    # three scores at two horizons: brier better, mrr as good, weight_mae worse
    assert "the **best of 2 other methods** in **2 of 6** comparisons (3 scores, 2 horizons)" in said
    assert "is about as good in 2 and worse in **2** (2 beyond chance)" in said
    assert "better in **4 of 6** and worse in 2" in said
    assert "has not been scored" in words.answer(both(evaluation)[0].clear(), both(evaluation)[1], "flow", 2)


def test_a_score_is_listed_once_with_its_gain(evaluation):
    found = words.lists(both(evaluation)[0], "week")
    assert found["better"] == ["the probability that an exposure exists (+10.0\u00a0%)"]
    assert found["worse"] == ["the size of exposures (−5.0\u00a0%)"]
    assert found["equal"] == ["who is exposed to whom"]
    assert words.said([], "better") == "- nothing at most horizons"


@pytest.mark.parametrize(("worse", "said"), [([1], "at 1 week)"), ([2], "at 2 weeks)"), ([1, 2], "(−5.0\u00a0%)")])
def test_where_a_score_is_worse_is_said_in_as_many_weeks(evaluation, worse, said):
    size = both(evaluation)[0].filter(pl.col("metric") == "weight_mae")
    rows = [
        {**size.row(0, named=True), "horizon": h, "verdict": "worse" if h in worse else "equal", "gain": -0.05}
        for h in (1, 2)
    ]
    (found,) = words.lists(pl.DataFrame(rows, schema=size.schema), "week")["worse"]
    assert found.endswith(said)


@pytest.mark.parametrize(
    ("gain", "written"),
    [
        (0.032, "+3.2\u00a0%"),
        (-0.05, "−5.0\u00a0%"),
        (0.0001, "0\u00a0%"),
        (331.0, ">10×"),
        (-20.0, "<−10×"),
        (None, "–"),
    ],
)
def test_gains_are_written_short(gain, written):
    assert words.points(gain) == written


def test_skill_of_other_data_is_told(evaluation):
    assert words.caveats(evaluation, "mine", "hash") == []
    (said,) = words.caveats(evaluation, "mine", "another")
    assert "measured on other data (vintage 2025-08-18-world, simulated)" in said
    assert box.foreign(evaluation, "hash") == ""
    assert "need not hold here" in box.foreign(evaluation, "another")


def test_the_box_beside_a_forecast(evaluation):
    said = box.said(evaluation, "flow", 4, "dexposure")
    assert "beat **no change** in 2 of 3 scores and was worse in 1" in said
    assert "beat the **best other method** in 1 of 3 and was worse in 1" in said
    assert "best other" not in box.said(evaluation, "flow", 4, "hazard")
    assert "yardstick" in box.said(evaluation, "flow", 4, "persistence")
    assert "not been scored" in box.said(evaluation, "flow", 12, "dexposure")
    gains = {r["what"]: r for r in box.table(evaluation, "flow", 4, "dexposure").to_dicts()}
    assert gains["Size of an exposure"]["beside_none"] == "▼ −5.0\u00a0%"
    assert box.covered(evaluation, "flow", 4) == {"tvl_hhi": 0.875}
    assert box.coverage(None, "flow", 4) == "How often such intervals held has not been measured."


def test_intervals_are_judged_with_and_without_what_entered_the_data(evaluation):
    found = skill.measured(evaluation.rows, "flow", 4)
    said = words.coverage(found)
    assert "held **87.5 %** of the time as served, 95.0 % leaving out protocols that entered the data" in said
    assert "held 87.5 % of the time, 95.0 % leaving out" in words.event(both(evaluation)[0], found, "FTX")
    old = found.with_columns(covered_known=pl.lit(None, pl.Float64))
    assert "leaving out" not in words.coverage(old) + words.event(both(evaluation)[0], old, "FTX")


def test_every_cell_has_a_sign_beside_its_colour(evaluation):
    best = both(evaluation)[0]
    drawn = charts.cells(
        best, {"brier": "a", "weight_mae": "b", "mrr": "c", "wape": "d"}, [(1, "1"), (4, "4")], title="t", unit="u"
    )
    texts = [t for trace in drawn.data[1:] for t in trace.text]
    assert sorted(t[0] for t in texts) == sorted("▲▲▼▼≈≈––")


def test_a_loss_is_called_by_its_scenario_and_rule():
    assert panels.measure_title("loss:top-1:linear-debtrank") == "Largest protocol loses 50 %, Linear DebtRank"
    assert panels.measure_title("tvl_hhi") == "TVL concentration (HHI)"
    assert panels.measure_title("something new") == "something new"


def test_a_small_gain_beyond_chance_is_not_called_nothing():
    assert words.decided(0.0002, "better") == "<0.1\u00a0%"
    assert words.decided(0.0002, "equal") == "0\u00a0%"
    assert words.decided(0.032, "better") == words.points(0.032)


def test_how_far_seeds_lie_apart_is_counted_in_comparisons():
    def one(metric, low, high, basis="flow"):
        return {"basis": basis, "horizon": 1, "metric": metric, "low": low, "mean": low, "high": high}

    errors = [one("brier", 0.1, 0.1009), one("brier", 0.1, 0.102)]  # 0.9 % and 2 % more error than the best
    scores = [one("mrr", 0.995, 1.0), one("mrr", 0.98, 1.0)]
    beside = [one("brier_part_new", 0.1, 0.9), one("r2_density", 0.1, 0.9), one("brier", 0.1, 0.9, "holdings")]
    undefined = [one("mrr", None, None)]
    assert skill.luck([*errors, *scores, *beside, *undefined], "flow") == (2, 4)
    assert skill.luck([], "flow") == (0, 0)


def test_the_league_says_how_often_each_method_is_behind(evaluation):
    found = skill.league(evaluation.rows, "flow")
    assert rivals.told_of_league(found, "dexposure") == (
        "More than 1 % behind the best of all others: this forecast in **2 of 6** comparisons, the others in "
        "4 (hazard) to 4 (persistence)."
    )
    assert rivals.told_of_league(found.filter(pl.col("forecaster") == "dexposure"), "dexposure").endswith(
        "**2 of 6** comparisons."
    )
    assert "not scored" in rivals.told_of_league(found.clear(), "dexposure")
    bars = charts.league(found, title="Every method").data
    assert sum(sum(bar["x"]) for bar in bars) == found["scores"].sum()  # every comparison is drawn once


def test_each_method_alone_is_drawn_and_told(evaluation):
    found = skill.alone(evaluation.rows, "flow")
    # brier and mrr are better than both, weight_mae worse, at two horizons
    assert rivals.told_of_each(found) == (
        "Beside each of them alone it is ahead by more than 1 % in 4 and behind in 2: **none of them** is ahead of it "
        "more often than behind."
    )
    assert rivals.told_of_each(found.clear()) == ""
    bars = charts.league(found, charts.SIDES, title="Each alone").data
    assert [bar["name"] for bar in bars] == ["ahead", "within 1 %", "behind"]
    assert sum(sum(bar["x"]) for bar in bars) == found["scores"].sum()


def test_a_method_that_is_better_more_often_is_named():
    found = pl.DataFrame({
        "forecaster": ["frozen", "hazard", "ewma"], "ahead": [3, 5, 9], "near": [0, 0, 0], "behind": [6, 7, 1],
        "scores": [9, 12, 10],
    })  # fmt: skip
    said = rivals.told_of_each(found)
    assert "in 3 (frozen) to 9 (ewma) and behind in 1 (ewma) to 7 (hazard)" in said
    assert said.endswith("**frozen, hazard** are ahead of it more often than behind.")


def test_parts_of_a_bar_too_narrow_for_a_number_have_none():
    found = pl.DataFrame({"forecaster": ["ewma"], "ahead": [97], "near": [2], "behind": [0], "scores": [99]})
    assert [bar["text"] for bar in charts.league(found, charts.SIDES, title="t").data] == [["97"], [""], [""]]


def nothing_to_know(better):
    """Forty comparisons in a world without skill, so many of them better."""
    return pl.DataFrame([
        {"metric": "weight_mae" if k % 3 else "brier", "horizon": k, "rival": "ewma", "rival_value": 1.0, "value": 1.0,
         "gain": 0.001 * k, "low": None, "high": None, "verdict": "better" if k < better else "equal"}
        for k in range(40)
    ], schema=skill.STANDINGS)  # fmt: skip


def test_claims_where_nothing_can_be_known_are_held_to_what_luck_gives():
    honest = doubts.told_of_null(nothing_to_know(2), "holdings")
    assert "better than the best other method in **2 of 40**" in honest
    assert "Chance gives about 2 of 40: it does not claim what it cannot know." in honest
    bold = doubts.told_of_null(nothing_to_know(6), "holdings")
    # k = 1, 2, 4, 5 of 0 … 5 are of sizes, the last by 0.5 %
    assert "Chance gives about 2, so it **claims more than there is to know**" in bold
    assert "most often of Size of an exposure (4 times, by at most +0.5\u00a0%)" in bold
    assert "a coin" in doubts.told_of_null(nothing_to_know(6), "flow")


def test_behind_beyond_chance_by_less_than_one_per_cent_is_counted_too():
    found = nothing_to_know(0).with_columns(high=pl.when(pl.col("horizon") < 3).then(-0.001))
    assert skill.tally(found)["little"] == 3
    said = words.answer(found, found.clear(), "flow", 11)
    assert "is about as good in 40 (3 of them behind beyond chance, by 1 % at most) and worse in **0**" in said
