"""Forecast, then measure: on a published vintage, with a cache that can be lost, torn or read-only."""

import datetime as dt
import json
import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from dexposure_core import Snapshot
from dexposure_core.errors import BadOption, NoModel, UnknownDate, UnknownForecaster
from dexposure_core.forecast import Dexposure
from dexposure_core.forecast.intervals import uncertainty as past_misses
from dexposure_core.forecast.learning.training import train
from dexposure_core.forecast.model import FILE
from dexposure_core.forecast.weights import write
from dexposure_core.measures import MEASURES
from dexposure_core.pipeline.forecasting import cache as forecast_cache
from dexposure_core.pipeline.forecasting import drawn
from dexposure_core.pipeline.forecasting import evaluate as pipeline_evaluate
from dexposure_core.pipeline.forecasting import train as pipeline_train
from dexposure_core.pipeline.forecasting.evaluate import evaluate
from dexposure_core.pipeline.forecasting.forecast import forecast, forecast_kept, futures_of
from dexposure_core.pipeline.forecasting.uncertainty import _Basis, learn, track
from dexposure_core.store import TABLES, VintageWriter, open_store
from dexposure_core.stress import standard_losses
from tests.forecast.conftest import BRIEF, TINY
from tests.forecast.worlds import world

BASES = ("holdings", "flow")
EDGES = {"holdings": ("exposures", "exposure_usd"), "flow": ("flows", "flow_usd")}


def _rows(basis, s: Snapshot):
    table, amount = EDGES[basis]
    ids = s.protocols
    edges = {"creditor": ids[s.creditor].tolist(), "debtor": ids[s.debtor].tolist(), amount: s.exposure_usd.tolist()}
    return {
        table: _table(table, len(s.exposure_usd), date=s.date, **edges),
        "nodes": _table("nodes", len(ids), date=s.date, basis=basis, protocol=ids.tolist(), tvl_usd=s.tvl_usd.tolist()),
    }


def _table(table, height=None, /, **columns):
    schema = TABLES[table].polars
    height = height if height is not None else len(next(iter(columns.values())))
    filled = {c: columns.get(c, "x" if t == pl.String else None) for c, t in schema.items()}
    filled = {c: v if isinstance(v, list) else [v] * height for c, v in filled.items()}
    return pl.DataFrame(filled, schema=schema)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    histories = {basis: world(weeks=30, n=12, basis=basis) for basis in BASES}
    folder = tmp_path_factory.mktemp("store")
    with VintageWriter(folder) as writer:
        first = histories["holdings"][0]
        writer.append(
            "protocols",
            _table(
                "protocols", protocol=first.protocols.tolist(), name=first.names.tolist(), sector=first.sectors.tolist()
            ),
        )
        for pair in zip(*histories.values(), strict=True):
            tables = [_rows(basis, s) for basis, s in zip(histories, pair, strict=True)]
            writer.append("nodes", pl.concat([t["nodes"] for t in tables]))
            for t, basis in zip(tables, histories, strict=True):
                writer.append(EDGES[basis][0], t[EDGES[basis][0]])
        writer.publish(sources=[], parameters={}, frequency="week", simulated=True)
    return open_store(folder)


@pytest.fixture(scope="module")
def model_dir(store, tmp_path_factory):
    """Weights trained for a moment on the store's own weeks."""
    folder = tmp_path_factory.mktemp("model")
    histories = {b: [store.snapshot(d, b) for d in store.dates(b)] for b in BASES}
    data = {"vintage": store.vintage, "content_hash": store.manifest.content_hash, "simulated": True}
    trained = train(histories, recipe=replace(TINY, epochs=1), data=data)
    written = write(folder / FILE, trained.networks, trained.about)
    known = {basis: history[:24] for basis, history in histories.items()}  # the hold-out begins at week 24
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "dexposure_core.pipeline.forecasting.uncertainty.DRAWS", 8
        )  # enough for tests of what is made of them
        learnt = learn(Dexposure(model_dir=folder), known, (1, 4, 8, 12))
    assert learnt.model == written.digest
    past_misses.write(folder / past_misses.FILE, learnt)
    return folder


@pytest.fixture
def home(tmp_path, model_dir, monkeypatch):
    monkeypatch.setenv("DEXPOSURE_MODEL_DIR", str(model_dir))
    monkeypatch.setenv("DEXPOSURE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def origin(store):
    return store.dates()[20]


def test_persistence_says_that_every_number_stays(store, home, origin):
    result = forecast(store, origin, "holdings", 4, "persistence")
    assert result.measures["measure"].to_list() == [m.name for m in MEASURES]
    assert result.measures["forecast"].to_list() == pytest.approx(result.measures["today"].to_list(), nan_ok=True)
    assert result.stress["forecast"].to_list() == pytest.approx(result.stress["today"].to_list(), nan_ok=True)
    assert result.new().is_empty()
    assert result.vanishing()["probability"].to_list() == [1.0] * min(50, len(result.today.exposure_usd))


def test_what_happened_stands_beside_the_forecast_where_it_is_known(store, home, origin):
    known = forecast(store, origin, "holdings", 4, "persistence")
    assert known.target == store.dates()[24]
    actual = store.snapshot(known.target)
    assert known.stress["actual"].to_list() == pytest.approx(list(standard_losses(actual).values()), nan_ok=True)
    assert known.protocols["actual_usd"].sum() == pytest.approx(actual.tvl_usd.sum())
    last = store.dates()[-1]
    beyond = forecast(store, last, "holdings", 4, "persistence")
    assert beyond.target == last + dt.timedelta(weeks=4)
    assert beyond.actual is None
    assert beyond.measures["actual"].is_nan().all()
    assert beyond.protocols["actual_usd"].is_nan().all()


@pytest.mark.parametrize("basis", BASES)
def test_the_model_forecasts_both_bases_and_says_what_it_was_trained_on(store, home, origin, basis):
    result = forecast(store, origin, basis, 4)
    document = result.json()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["trained_on"].startswith(f"trained on simulated data (vintage {store.vintage})")
    assert document["in_sample"]  # week 20 of 30 lies before the hold-out, which begins at week 24
    assert any("no test of its skill" in note for note in result.notes)
    assert document["expected_exposures"] == pytest.approx(result.forecast.probability.sum())
    assert set(document["measures"]) == {m.name for m in MEASURES}
    assert all(
        set(v) == {"today", "forecast", "low", "high", "source", "actual"} for v in document["measures"].values()
    )
    assert not forecast(store, store.dates(basis)[25], basis, 4).in_sample


def test_the_past_of_measures_is_read_where_the_vintage_keeps_it(store, home, origin, tmp_path, monkeypatch):
    computed = forecast(store, origin, "holdings", 4)
    names, values = track(store.snapshots(store.dates()))
    kept = pl.DataFrame({"date": store.dates(), **{n: values[:, k] for k, n in enumerate(names)}})
    monkeypatch.setattr(type(store), "measure_table", lambda _, basis, asked: kept.select("date", *asked))
    monkeypatch.setattr(drawn, "track", lambda _: pytest.fail("measured again"))
    read = forecast(store, origin, "holdings", 4, cache_dir=tmp_path)
    assert read.measures.equals(computed.measures)
    assert read.stress.equals(computed.stress)
    # A date of which one measure is missing: all are measured now.
    torn = kept.with_columns(pl.when(pl.col("date") != origin).then("density").alias("density"))
    monkeypatch.setattr(type(store), "measure_table", lambda _, basis, asked: torn.select("date", *asked))
    monkeypatch.setattr(drawn, "track", track)
    assert forecast(store, origin, "holdings", 4, cache_dir=tmp_path / "torn").measures.equals(computed.measures)


def test_tables_of_exposures_add_up(store, home, origin):
    result = forecast(store, origin, "holdings", 4, "pair-memory")
    assert result.exposures["today_usd"].sum() == pytest.approx(result.today.exposure_usd.sum())
    assert result.expected().exposure_usd.sum() == pytest.approx(result.exposures["expected_usd"].sum())
    assert result.new()["today_usd"].to_list() == [0.0] * result.new().height
    assert result.new()["probability"].is_sorted(descending=True)
    assert result.vanishing()["probability"].is_sorted()
    assert (result.growing()["change_usd"] > 0).all()
    told = result.exposures.select(pl.col("probability") * pl.col("summed_usd"), "expected_usd")
    assert told["probability"].to_list() == pytest.approx(told["expected_usd"].to_list(), rel=1e-12)
    assert len(result.likely(0.9).exposure_usd) == (result.forecast.probability >= 0.9).sum()


def test_a_second_asking_is_answered_from_the_cache_with_the_same_numbers(store, home, origin, monkeypatch):
    fresh = forecast(store, origin, "flow", 1, "pair-memory")
    monkeypatch.setattr("dexposure_core.pipeline.forecasting.drawn.draw", None)  # nothing may be computed again
    kept = forecast(store, origin, "flow", 1, "pair-memory")
    assert (fresh.cached, kept.cached) == (False, True)
    assert np.array_equal(fresh.forecast.probability, kept.forecast.probability)
    assert fresh.measures.equals(kept.measures, null_equal=True)
    assert {**fresh.json(), "cached": None} == {**kept.json(), "cached": None}
    files = sorted(p.name for p in home.rglob("*") if p.is_file())
    tables = ("cells", "importance", "numbers", "pairs", "protocols")
    assert files == sorted(["forecast.json", *(f"{name}.parquet" for name in tables)])


@pytest.mark.parametrize(
    "name", ["forecast.json", "pairs.parquet", "protocols.parquet", "numbers.parquet", "cells.parquet"]
)
@pytest.mark.parametrize("damage", ["torn", "gone", "empty"])
def test_a_damaged_cache_is_recomputed_with_a_note(store, home, origin, name, damage):
    fresh = forecast(store, origin, "holdings", 1, "persistence")
    path = next(home.rglob(name))
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:40] if damage == "torn" else b"")
    again = forecast(store, origin, "holdings", 1, "persistence")
    assert not again.cached
    assert any("was damaged" in note and "computed again" in note for note in again.notes)
    assert np.array_equal(again.forecast.exposure_usd, fresh.forecast.exposure_usd)
    assert forecast(store, origin, "holdings", 1, "persistence").cached


def test_every_part_of_the_key_counts():
    key = forecast_cache.Key(
        vintage="v", forecaster="dexposure", model="m", basis="flow", origin=dt.date(2024, 1, 1), horizon=4, draws=200
    )
    changes = {
        "vintage": "w", "forecaster": "x", "model": "n", "basis": "holdings", "horizon": 8, "draws": 50, "misses": "z",
    }  # fmt: skip
    others = [forecast_cache.Key(**{**vars(key), name: value}) for name, value in changes.items()]
    others.append(forecast_cache.Key(**{**vars(key), "origin": dt.date(2024, 1, 8)}))
    assert len({k.digest() for k in (key, *others)}) == 9


def test_a_cache_that_cannot_be_written_is_a_note(store, home, origin):
    home.write_text("a file where the folder should be")
    result = forecast(store, origin, "holdings", 1, "persistence")
    assert any("could not be kept" in note for note in result.notes)


def test_refusals_name_the_next_step(store, home, origin, tmp_path, monkeypatch):
    with pytest.raises(UnknownForecaster, match=r"choose from persistence, pair-memory.* dexposure"):
        forecast(store, origin, "holdings", 4, "oracle")
    with pytest.raises(UnknownDate):
        forecast(store, dt.date(1999, 1, 1), "holdings", 4, "persistence")
    with pytest.raises(BadOption, match="horizon 0"):
        forecast(store, origin, "holdings", 0, "persistence")
    with pytest.raises(BadOption, match="horizon 3: the model knows 1, 4, 8, 12"):
        forecast(store, origin, "holdings", 3)
    monkeypatch.setenv("DEXPOSURE_MODEL_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(NoModel, match="run `dexposure train`"):
        forecast(store, origin, "holdings", 4)


def test_evaluate_scores_the_hold_out_with_persistence_first(store, home):
    document = evaluate(store, forecasters=("pair-memory",), bases=("holdings",), horizons=(1, 4))
    rows = document["rows"]
    assert rows[0]["forecaster"] == "persistence"
    assert {r["forecaster"] for r in rows} == {"persistence", "pair-memory"}
    assert {r["horizon"] for r in rows} == {1, 4}
    assert document["first_origin"] == str(store.dates()[24])
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert set(rows[0]) == {"forecaster", "basis", "horizon", "metric", "value", "low", "high"}


def test_a_model_that_has_seen_the_hold_out_is_refused(store, home, model_dir, monkeypatch):
    earlier = pipeline_evaluate.split(store.dates()[:20])
    monkeypatch.setattr(pipeline_evaluate, "split", lambda _dates: earlier)
    with pytest.raises(NoModel, match="the hold-out starts"):
        evaluate(store)


@pytest.mark.slow
def test_train_writes_weights_and_a_card_that_can_be_refreshed(store, home, tmp_path, monkeypatch):
    monkeypatch.setattr("dexposure_core.forecast.learning.training.Recipe", lambda: BRIEF)
    folder = tmp_path / "trained"
    monkeypatch.setenv("DEXPOSURE_THREADS", "1")
    monkeypatch.setattr("dexposure_core.pipeline.forecasting.uncertainty.DRAWS", 4)
    document = pipeline_train.train(store, folder, epochs=1, seed=3)
    card = (folder / "README.md").read_text()
    assert document["model"] in card
    assert f"content hash `{store.manifest.content_hash}`" in card
    assert "| brier | 1 |" in card
    (folder / "README.md").write_text("My own words.\n\n" + card)
    monkeypatch.setenv("DEXPOSURE_THREADS", "2")  # each basis in a process of its own
    again = pipeline_train.train(store, folder, epochs=1, seed=3, score_it=False, intervals=False)
    assert again["model"] == document["model"]
    assert (folder / "README.md").read_text().startswith("My own words.")


def test_a_large_network_is_drawn_less_often_and_its_pairs_stay(store, home, origin, tmp_path, monkeypatch):
    usual = forecast(store, origin, "holdings", 4, cache_dir=tmp_path / "usual")
    monkeypatch.setattr("dexposure_core.pipeline.forecasting.drawn.LARGE", 0)  # now every network is large
    large = forecast(store, origin, "holdings", 4, cache_dir=tmp_path / "large")
    assert (usual.drawn.draws, large.drawn.draws) == (200, 24)
    assert large.exposures["expected_usd"].sum() == usual.exposures["expected_usd"].sum()  # draws touch measures only


@pytest.mark.parametrize("basis", BASES)
def test_every_number_has_an_interval_from_joint_futures(store, home, basis):
    result = forecast(store, store.dates(basis)[-1], basis, 4, draws=60)
    assert result.drawn.joint
    for frame in (result.measures, result.stress):
        known = frame.filter(pl.col("forecast").is_not_nan())
        assert not known.is_empty()
        assert known.filter(pl.col("low") > pl.col("high")).is_empty()
        assert known.filter(pl.col("low").is_nan()).is_empty()
    tvl = result.measures.filter(pl.col("measure") == "system_tvl_usd").row(0, named=True)
    assert 0 < tvl["low"] < tvl["forecast"] < tvl["high"]
    rising = result.watchlist()
    assert rising["change"].is_sorted(descending=True)
    assert rising.filter((pl.col("loss_rises") < 0) | (pl.col("loss_rises") > 1)).is_empty()
    cells = result.drawn.cells
    assert cells["today_usd"].sum() == pytest.approx(result.today.exposure_usd.sum())
    assert cells.filter(pl.col("low_usd") > pl.col("high_usd")).is_empty()
    total = result.measures.filter(pl.col("measure") == "total_exposure_usd")["forecast"].item()
    assert cells["forecast_usd"].sum() == pytest.approx(total)


def test_a_glance_finds_what_is_kept_and_makes_nothing(store, home, origin, tmp_path, monkeypatch):
    assert forecast_kept(store, origin, "holdings", 4, cache_dir=tmp_path) is None
    made = forecast(store, origin, "holdings", 4, cache_dir=tmp_path)
    monkeypatch.setattr(Dexposure, "predict", None)  # a glance must not come this far
    assert forecast_kept(store, origin, "holdings", 4, cache_dir=tmp_path).drawn.numbers.equals(made.drawn.numbers)
    assert forecast_kept(store, origin, "holdings", 1, cache_dir=tmp_path) is None
    monkeypatch.setenv("DEXPOSURE_MODEL_DIR", str(tmp_path / "nowhere"))
    assert forecast_kept(store, origin, "holdings", 4, cache_dir=tmp_path) is None  # no weights, nothing to find


def test_the_tvl_of_every_protocol_has_the_interval_of_the_futures(store, home, origin):
    found = forecast(store, origin, "holdings", 4, draws=60).protocols
    assert found.filter(pl.col("low_usd") > pl.col("high_usd")).is_empty()
    assert found.filter((pl.col("today_usd") > 0) & (pl.col("high_usd") <= 0)).is_empty()
    alone = forecast(store, origin, "holdings", 4, "persistence").protocols
    assert alone["low_usd"].is_nan().all()  # no past misses, no interval


def test_without_past_misses_there_is_no_interval_and_the_reader_is_told(
    store, home, origin, model_dir, tmp_path, monkeypatch
):
    folder = tmp_path / "bare"
    folder.mkdir()
    (folder / FILE).write_bytes((model_dir / FILE).read_bytes())
    monkeypatch.setenv("DEXPOSURE_MODEL_DIR", str(folder))
    result = forecast(store, origin, "holdings", 4)
    assert not result.drawn.joint
    assert result.measures["low"].is_nan().all()
    assert any("no interval" in note for note in result.notes)
    (folder / past_misses.FILE).write_bytes(b"torn")
    assert any("not readable" in note for note in forecast(store, origin, "holdings", 1).notes)


def test_past_misses_of_other_weights_are_refused(model_dir):
    with pytest.raises(NoModel, match="other weights"):
        past_misses.read(model_dir / past_misses.FILE, "another")


def test_learning_reads_nothing_after_its_history(store, home):
    dates = store.dates("flow")
    model = Dexposure()
    full = [store.snapshot(d, "flow") for d in dates]
    cut = learn(model, {"flow": full[:20]}, (1, 4), origins=5)
    again = learn(model, {"flow": full[:20]}, (1, 4), origins=5)
    assert max(int(r.origin.max()) for r in cut.residuals.values()) < dates[19].toordinal()
    assert np.array_equal(cut.residuals["flow", 1].rest, again.residuals["flow", 1].rest)


@pytest.mark.parametrize(("horizon", "count"), [(1, 64), (2, 64), (4, 32), (12, 64 * 2 / 12), (89, 1)])
def test_misses_that_share_at_most_half_their_steps_count_as_apart(horizon, count):
    basis = object.__new__(_Basis)
    basis.origins, basis.history = range(10, 74), [None] * 100
    assert basis._apart(horizon) == pytest.approx(count)


def test_futures_are_drawn_again_only_while_their_past_misses_are_there(
    store, home, origin, model_dir, tmp_path, monkeypatch
):
    folder = tmp_path / "weights"
    shutil.copytree(model_dir, folder)
    monkeypatch.setenv("DEXPOSURE_MODEL_DIR", str(folder))
    result = forecast(store, origin, "holdings", 4, draws=5)
    again = list(futures_of(store, result))
    assert len(again) == 5
    assert {s.date for s in again} == {result.target}
    today = result.today  # the same ones as were measured: in as many of them each protocol's TVL rises
    rises = np.mean([s.tvl_usd[s.rows(today.protocols)] > today.tvl_usd for s in again], axis=0)
    assert result.drawn.importance["tvl_rises"].to_list() == pytest.approx(rises.tolist())
    (folder / past_misses.FILE).unlink()
    assert list(futures_of(store, result)) == []
