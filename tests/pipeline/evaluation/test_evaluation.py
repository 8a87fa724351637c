"""An evaluation in parts: resumed after a kill, events apart, a null world, and a page that needs nothing else."""

import datetime as dt
import functools
import json
import re

import pytest

from dexposure_core.errors import BadOption, NoModel
from dexposure_core.pipeline.building import ingest
from dexposure_core.pipeline.evaluation import ahead, job, parts
from dexposure_core.pipeline.evaluation.page import page
from dexposure_core.pipeline.evaluation.parts import Parts
from dexposure_core.pipeline.evaluation.report import write_evaluation
from dexposure_core.pipeline.evaluation.sections import spread
from dexposure_core.pipeline.evaluation.svg import ticks
from dexposure_core.pipeline.evaluation.words import summary, told
from dexposure_core.pipeline.forecasting import evaluate as pipeline_evaluate
from dexposure_core.pipeline.forecasting.evaluate import Extras, evaluate
from dexposure_core.sources.simulate import Rates
from tests import evaluations

CHEAP = ("persistence", "pair-memory", "ewma")


def test_a_killed_run_goes_on_where_it_was(made_up, monkeypatch):
    store, scored = made_up(), []
    real = job.score

    def dying(stage, forecaster, progress):
        if forecaster.name == "ewma" and len(scored) < 3:
            raise KeyboardInterrupt
        scored.append(forecaster.name)
        return real(stage, forecaster, progress)

    monkeypatch.setattr(job, "score", dying)
    with pytest.raises(KeyboardInterrupt):
        evaluate(store, CHEAP, ("holdings",), (1,))
    assert scored == ["persistence", "pair-memory"]
    scored += ["killed"]
    resumed = evaluate(store, CHEAP, ("holdings",), (1,))
    assert scored == ["persistence", "pair-memory", "killed", "ewma"]
    monkeypatch.setattr(job, "score", real)
    fresh = evaluate(store, CHEAP, ("holdings",), (1,), extras=Extras(fresh=True))
    assert resumed == fresh


def test_parts_made_by_processes_side_by_side_give_the_same_evaluation(made_up, monkeypatch):
    monkeypatch.setenv("DEXPOSURE_THREADS", "2")
    asked = {"horizons": (1, 4), "extras": Extras(leaks=True, events=True, fresh=True)}
    store = made_up(weeks=60, start=dt.date(2021, 8, 2))
    alone = evaluate(store, CHEAP, **asked)
    assert alone["events"]
    assert alone["leak_test"]

    def here(*_):
        raise AssertionError("what a process has finished is not made again")

    monkeypatch.setattr(ahead, "WORTH_IT", 0)
    monkeypatch.setattr(job, "score", here)
    assert evaluate(store, CHEAP, **asked) == alone


def test_parts_that_cannot_be_kept_are_made_here_and_a_refusal_of_a_process_is_raised_here(
    made_up, tmp_path, monkeypatch
):
    monkeypatch.setenv("DEXPOSURE_THREADS", "2")
    monkeypatch.setattr(ahead, "WORTH_IT", 0)
    (tmp_path / "cache").write_text("a file where the cache folder should be: no part can be kept")
    alone = evaluate(made_up(), CHEAP, ("holdings",), (1,))
    assert {r["forecaster"] for r in alone["rows"]} == set(CHEAP)
    with pytest.raises(BadOption, match="take a shorter horizon"):
        evaluate(made_up(), CHEAP, horizons=(29,))


def test_a_damaged_part_is_computed_again_and_a_changed_program_finds_none(tmp_path, monkeypatch):
    made = []
    kept = Parts(folder=tmp_path, vintage="v")

    def make():
        made.append(1)
        return [len(made)]

    assert kept.get({"part": "a"}, make) == [1]
    assert kept.get({"part": "a"}, make) == [1]
    (file,) = tmp_path.iterdir()
    file.write_text('[{"torn')
    assert kept.get({"part": "a"}, make) == [2]
    assert Parts(folder=tmp_path, vintage="w").get({"part": "a"}, make) == [3]
    monkeypatch.setattr(parts, "program", lambda: "changed")
    assert kept.get({"part": "a"}, make) == [4]


def test_every_forecaster_is_fitted_on_what_lies_before_the_hold_out(made_up):
    store = made_up()
    document = evaluate(store, CHEAP, ("holdings",), (1,), extras=Extras(leaks=True))
    assert {leak["forecaster"] for leak in document["leak_test"]} == set(CHEAP)
    assert all(leak["passed"] for leak in document["leak_test"])
    assert {r["forecaster"] for r in document["rows"]} == set(CHEAP)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert all(s["verdict"] == "not served" for s in document["standings"])


def test_a_baseline_that_cannot_be_fitted_is_a_note_and_the_rest_is_scored(made_up):
    document = evaluate(made_up(weeks=7), ("persistence", "ewma"), ("holdings",), (1,))
    assert [n for n in document["notes"] if n.startswith("ewma, holdings basis:")]
    assert {r["forecaster"] for r in document["rows"]} == {"persistence"}


def test_events_are_scored_apart_by_what_was_fitted_before_them(made_up, monkeypatch):
    cuts = []
    real = job.Job.fit

    def fit(self, forecaster, history, cut):
        cuts.append(cut)
        return real(self, forecaster, history, cut)

    monkeypatch.setattr(job.Job, "fit", fit)
    store = made_up(weeks=60, start=dt.date(2021, 8, 2))
    document = evaluate(store, ("persistence", "ewma"), ("holdings",), (1, 4), extras=Extras(events=True))
    assert {r["event"] for r in document["events"]} == {"Terra"}  # the data end before FTX
    assert {r["horizon"] for r in document["events"]} == {1, 4}
    # Terra is 2022-05-09: four steps before it lies the first origin, and nothing from there on is learnt from
    assert dt.date(2022, 4, 11) in cuts
    assert set(cuts) <= {dt.date(2022, 4, 11), pipeline_evaluate.split(store.dates()).test_from}


def test_the_null_world_is_evaluated_like_any_other(made_up, monkeypatch):
    small = functools.partial(ingest.ingest_independent, rates=Rates(protocols=16, weeks=40))
    monkeypatch.setattr(ingest, "ingest_independent", small)
    document = evaluate(made_up(), ("persistence",), ("holdings",), (1,), extras=Extras(null_world=True))
    null = document["null_world"]
    assert {r["basis"] for r in null["rows"]} == {"holdings"}  # as asked for
    assert "A world without skill" in page(document)


def test_seeds_are_summed_up_as_mean_and_range():
    row = functools.partial(
        pipeline_evaluate.Row, forecaster="dexposure", basis="flow", horizon=1, metric="brier", low=0, high=0
    )
    (found,) = spread([row(value=0.1), row(value=0.3)], 2)
    assert (found["mean"], found["low"], found["high"], found["seeds"]) == (pytest.approx(0.2), 0.1, 0.3, 2)


def test_a_model_of_other_data_of_the_same_kind_that_knows_the_hold_out_is_refused(made_up, monkeypatch):
    class About:
        def __init__(self):
            self.about = {"data": {"content_hash": "another", "simulated": True}, "trained_until": "2099-01-01"}

    monkeypatch.setattr(pipeline_evaluate, "Dexposure", About)
    store = made_up()
    model = About()
    with pytest.raises(NoModel, match="train it on this vintage"):
        pipeline_evaluate._check_model(store, [model], store.dates()[20])
    store.manifest.simulated = False  # real data: simulated weights know nothing of them
    assert pipeline_evaluate._check_model(store, [model], store.dates()[20]) == model.about


def test_the_page_needs_nothing_else_and_escapes_what_comes_from_data(made_up, tmp_path):
    document = evaluate(made_up(), CHEAP, ("holdings",), (1, 4))
    document["event_dates"] = [{"date": document["weeks"][0]["dates"][0], "name": "<script>alert(1)</script>"}]
    kept, shown = write_evaluation(tmp_path / "out", document)
    assert json.loads(kept.read_text())["rows"] == document["rows"]
    text = shown.read_text()
    assert "<script" not in text
    assert not re.search(r"(src|href)=|https?://|@import|url\(", text)
    assert "<th>score</th><th>persistence</th><th>pair-memory</th><th>ewma</th>" in text


def test_the_page_has_the_served_one_beside_each_method_alone(made_up):
    text = page(evaluations.full())
    section = text.split("What is served beside each method alone, flow basis")[1].split("</section>")[0]
    # brier and mrr are better than persistence's, weight_mae worse, at two horizons
    (beside,) = re.findall(r"<tr>(?:(?!</tr>).)*persistence.*?</tr>", section)
    assert re.findall(r">([^<>]+)<", beside) == ["persistence", "4", "0", "2", "6"]
    document = evaluate(made_up(), CHEAP, ("holdings",), (1,))
    assert "beside each method alone" not in page(document)  # nothing is served


def standing(verdict, gain, **more):
    found = {"basis": "flow", "horizon": 1, "metric": "brier", "best": "hazard", "value": 0.1, "served": 0.1,
             "gain": gain, "low": gain - 0.02, "high": gain + 0.02, "low_all": gain - 0.02, "sure": abs(gain) > 0.02,
             "verdict": verdict}  # fmt: skip
    return {**found, **more}


def test_worse_is_said_in_words():
    assert told(standing("worse", -0.05)) == "worse: −5.0\u00a0% against hazard (−7.0\u00a0% to −3.0\u00a0%)"
    assert told(standing("worse", -0.015)).startswith("worse, maybe by chance: −1.5")
    (said,) = summary([standing("worse", -0.05), standing("better", 0.05), standing("equal", 0.0)])
    assert "better than the best baseline in 1" in said
    assert said.endswith("worse in 1 (1 of them beyond chance).")


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-0.6, 0.6), (3.0, 3.0), (0.0, 12345.0)])
def test_ticks_are_few_and_inside(low, high):
    found = ticks(low, high)
    assert 1 <= len(found) <= 6
    assert all(low <= t <= high for t in found)


def test_measures_are_scored_on_the_hold_out_and_on_events_apart(made_up):
    store = made_up(weeks=60, start=dt.date(2021, 8, 2))
    document = evaluate(store, ("persistence",), ("holdings",), (1,), extras=Extras(measures=True, events=True))
    scored = {r["metric"] for r in document["rows"] if r["forecaster"] == "persistence"}
    assert {"r2_system_tvl_usd", "r2_tvl_hhi", "stress_mae_top-1:linear-debtrank"} <= scored
    assert {r["metric"] for r in document["events"]} >= {"brier", "r2_system_tvl_usd"}
    assert "Measures, holdings basis, 1 step" in page(document)


def test_the_report_says_what_each_part_is_worth():
    shown = page(evaluations.full())
    assert "What each part of the model is worth" in shown
    assert "without graph" in shown
    assert re.search(r'class="worse"[^>]*>[^<]*10', shown)
    assert "What each part of the model is worth" not in page({**evaluations.full(), "ablations": []})
