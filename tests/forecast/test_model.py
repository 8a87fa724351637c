"""Laws of the trained model, its file, and its manners when something is missing."""

import copy
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from dexposure_core.errors import BadOption, NoModel
from dexposure_core.forecast import Dexposure, PairMemoryForecaster, scoring
from dexposure_core.forecast.header import SCHEMA
from dexposure_core.forecast.known.candidates import both_ways, candidates, mirror_at
from dexposure_core.forecast.known.features import Origin
from dexposure_core.forecast.known.window import window
from dexposure_core.forecast.learning.examples import batch
from dexposure_core.forecast.model import FILE, describe
from dexposure_core.forecast.networks import drawn_networks, expected_network, likely_network
from dexposure_core.forecast.scoring import PROPOSED
from dexposure_core.forecast.weights import read, write
from tests.forecast.worlds import as_dict, relabelled, week, world


def test_it_scores_the_candidates_and_what_the_screen_of_all_pairs_proposes(model, trained, history, basis):
    forecast = model.predict(history, 4)
    n, past = len(forecast.protocols), window(history)
    network, origin = trained.networks[basis], Origin(past)
    none = origin.features(np.zeros(0, dtype=np.int64))
    with torch.inference_mode():
        state = network.states(batch(none, past.origin, trained.about["sectors"]))["never"]
        u, v = network.screen(state)
        every = (u @ v.T).fill_diagonal_(-torch.inf)
    # the ten best debtors of every protocol by the screen, found here from the whole matrix
    best = every.argsort(dim=1, descending=True)[:, :PROPOSED].numpy()
    wanted = np.concatenate([candidates(past), (np.arange(n)[:, None] * n + best).ravel()])
    assert np.array_equal(forecast.creditor * n + forecast.debtor, both_ways(np.unique(wanted), past))
    assert forecast.protocols.tolist() == history[-1].protocols.tolist()
    assert (forecast.probability > 0).all()
    assert (forecast.probability < 1).all()


def test_pairs_described_and_decoded_in_blocks_are_forecast_as_all_at_once(model, history, monkeypatch):
    whole = model.predict(history, 4)
    monkeypatch.setattr(scoring, "PAIRS", 37)
    assert len(whole.probability) > 3 * 37
    parts = model.predict(history, 4)
    for name in ("creditor", "debtor", "probability", "exposure_usd", "tvl_usd"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-4)


def test_relabelling_protocols_permutes_the_forecast(model, history):
    order = np.random.default_rng(0).permutation(len(history[-1].protocols))
    recent = history[-15:]
    plain, turned = (as_dict(model.predict(h, 4)) for h in (recent, [relabelled(s, order) for s in recent]))
    assert plain[0].keys() == turned[0].keys()
    for pair, value in plain[0].items():
        assert turned[0][pair] == pytest.approx(value, rel=1e-3)
    assert turned[1] == pytest.approx(plain[1], rel=1e-4)


def test_older_weeks_than_its_memory_change_nothing(model, history):
    whole, recent = model.predict(history, 1), model.predict(history[-52:], 1)
    assert np.array_equal(whole.probability, recent.probability)


def test_all_horizons_at_once_are_the_same_as_one_by_one(model, history):
    together = model.predict_all(history)
    assert list(together) == [1, 4, 8, 12]
    for horizon, forecast in together.items():
        assert np.array_equal(forecast.probability, model.predict(history, horizon).probability)


def test_on_flows_the_two_directions_of_a_pair_share_one_probability(model):
    forecast = model.predict(world(basis="flow"), 8)
    low, high = np.minimum(forecast.creditor, forecast.debtor), np.maximum(forecast.creditor, forecast.debtor)
    together = np.bincount(low * len(forecast.protocols) + high, forecast.probability)
    assert together.max() <= 1 + 1e-12


def test_new_protocols_and_sectors_are_taken_as_they_come(model):
    weeks = [week(k, {"X>Y": 5.0}, {"X": 9.0, "Y": 0.0, "Z": 0.0}, sectors=["Moon"] * 3) for k in range(2)]
    forecast = model.predict(weeks, 1)
    assert forecast.protocols.tolist() == ["X", "Y", "Z"]
    assert forecast.tvl_usd[1:].tolist() == [0.0, 0.0]  # who only issues has no TVL, then as now


def test_a_network_without_any_exposure_can_be_forecast(model):
    forecast = model.predict([week(0, {}, {"X": 9.0, "Y": 1.0})], 12)
    assert len(forecast.creditor) == 0
    assert (forecast.tvl_usd > 0).all()


def test_a_horizon_it_was_not_trained_for_is_refused(model, history):
    with pytest.raises(BadOption, match="horizon 5: the model knows 1, 4, 8, 12"):
        model.predict(history, 5)


def test_the_file_gives_back_the_same_forecasts(trained, model, history, tmp_path):
    write(tmp_path / FILE, trained.networks, trained.about)
    again = Dexposure(model_dir=tmp_path)
    assert again.version == trained.digest
    assert np.array_equal(again.predict(history, 4).probability, model.predict(history, 4).probability)
    assert (tmp_path / FILE).stat().st_size < 2_000_000
    assert [p.name for p in tmp_path.iterdir()] == [FILE]


def test_missing_damaged_and_foreign_weights_say_what_to_do(trained, history, tmp_path):
    path = tmp_path / FILE
    with pytest.raises(NoModel, match=r"No model weights at .*run `dexposure train`"):
        Dexposure(model_dir=tmp_path).predict(history, 1)
    path.write_bytes(b"not weights")
    with pytest.raises(NoModel, match="not a readable model"):
        read(path)
    write(path, trained.networks, trained.about)
    tensors = load_file(path)
    for about, said in (({"schema": 1}, "other schema"), ({"schema": SCHEMA, "node_features": ["x"]}, "other node")):
        save_file(tensors, path, {"about": json.dumps({**trained.about, **about})})
        with pytest.raises(NoModel, match=said):
            read(path)
    write(path, {"flow": trained.networks["flow"]}, {**trained.about, "bases": ["flow"]})
    with pytest.raises(NoModel, match="not trained on the holdings basis"):
        Dexposure(model_dir=tmp_path).predict(world(weeks=3), 1)


def test_the_description_names_the_data(trained):
    assert describe(trained.about).startswith("trained on the given data (vintage test), targets up to 2023-12-04")


def test_an_untrained_network_is_memory(history, trained, basis):
    """With every correction switched off and nothing recalibrated it says what was counted, whatever its weights."""
    network = copy.deepcopy(trained.networks[basis])
    for name, value in (("shrink", 0.0), ("stretch", 1.0), ("shift", 0.0), ("fade", 0), ("booked", 0.0), ("turn", 0.0)):
        network.get_buffer(name).fill_(value)
    forecast = Dexposure(trained=replace(trained, networks={basis: network})).predict(history, 1)
    levels = torch.sigmoid(network.table[:, 0].double()).numpy()
    if basis == "holdings":
        assert np.isin(forecast.probability.round(9), levels.round(9)).all()
    today = np.isin(
        forecast.creditor * 30 + forecast.debtor, history[-1].creditor * 30 + history[-1].debtor, assume_unique=True
    )
    assert np.allclose(np.sort(forecast.exposure_usd[today]), np.sort(history[-1].exposure_usd), rtol=1e-5)
    assert np.allclose(forecast.tvl_usd, history[-1].tvl_usd)
    assert forecast.sources["exposures of today"] == f"hazard table{', leaning the usual way' * (basis == 'flow')}"
    assert forecast.sources["TVL"] == "today's TVL"


def test_listing_forecasters_and_baselines_do_not_import_torch():
    code = (
        "import sys, datetime as dt; from dexposure_core import Snapshot\n"
        "from dexposure_core.forecast import FORECASTERS\n"
        "heavy = {'torch', 'torch_geometric', 'sklearn', 'pandas'}\n"
        "before = (heavy | {'scipy'}) & set(sys.modules)\n"
        "s = Snapshot(date=dt.date(2024, 1, 1), protocols=['A', 'B'], names=['A', 'B'], sectors=['x', 'x'],"
        " tvl_usd=[1, 1], creditor=[0], debtor=[1], exposure_usd=[1], basis='flow')\n"
        "[f.predict([s], 1) for f in FORECASTERS if not f.needs_fit and f.name != 'dexposure']\n"
        "print(before, heavy & set(sys.modules))"  # scipy adds up what pairs did in their weeks
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set() set()"


def test_networks_made_from_a_forecast(history, basis):
    forecast = PairMemoryForecaster().predict(history, 4)
    origin = history[-1]
    expected = expected_network(forecast, origin, origin.date)
    assert expected.exposure_usd.sum() == pytest.approx(forecast.expected_usd().sum(), rel=1e-6)
    likely = likely_network(forecast, origin, origin.date, 0.8)
    assert len(likely.exposure_usd) == (forecast.probability >= 0.8).sum()
    draws = drawn_networks(forecast, origin, origin.date, 200)
    count = np.mean([len(d.exposure_usd) for d in draws])
    assert count == pytest.approx(forecast.probability.sum(), rel=0.03)
    if basis == "flow":
        both = [np.intersect1d(d.creditor * 30 + d.debtor, d.debtor * 30 + d.creditor) for d in draws]
        assert not any(len(b) for b in both)


def test_what_memory_offers_needs_no_torch():
    code = (
        "import sys\n"
        "from dexposure_core.forecast.known.offered import Offered\n"
        "from tests.forecast.worlds import world\n"
        "offered = Offered(world(weeks=12, n=10))\n"
        "assert len(offered.pairs.key)\n"
        "print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False"]


def test_torch_is_loaded_ahead_without_torch_geometric():
    code = (
        "import sys, time\n"
        "from dexposure_core.pipeline.building.libraries import FORECASTING, load_ahead\n"
        "before = 'torch' in sys.modules\n"
        "load_ahead(FORECASTING)\n"
        "import dexposure_core.forecast.scoring\n"
        "print(before, 'torch' in sys.modules, 'torch_geometric' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "True", "False"]


def test_a_served_flow_keeps_how_likely_it_is_either_way_and_turns_as_far_as_chosen(trained):
    history = world(weeks=50, n=30, basis="flow")
    said = {}
    for turn in (0.0, 0.25):
        network = copy.deepcopy(trained.networks["flow"])
        network.turn.fill_(turn)
        said[turn] = Dexposure(trained=replace(trained, networks={"flow": network})).predict(history, 1)
    before, after = said[0.0], said[0.25]
    key = before.creditor * 30 + before.debtor
    back = mirror_at(key, 30)
    assert np.array_equal(key, after.creditor * 30 + after.debtor)
    assert np.allclose(*(f.probability + f.probability[back] for f in (before, after)))
    moved = before.probability != after.probability
    assert moved.any()
    past = window(history)
    assert not moved[~np.isin(key, both_ways(past.seen, past))].any()  # of pairs never seen nothing is said anew
