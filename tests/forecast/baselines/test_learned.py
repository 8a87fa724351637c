"""Boosting and the temporal graph network: what they are taught, what they say when something is missing."""

import importlib
import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from dexposure_core.errors import NoModel
from dexposure_core.forecast.baselines import boosting
from dexposure_core.forecast.baselines.boosting import Boosted, library
from dexposure_core.forecast.baselines.roland import RolandPart
from dexposure_core.forecast.baselines.roland_network import Network
from dexposure_core.forecast.baselines.roland_training import _live, _loss, _pairs, one_thread
from dexposure_core.forecast.baselines.tuning import cases
from dexposure_core.forecast.baselines.view import Case, Truth, View
from dexposure_core.forecast.judging.outcomes import fit_split
from tests.forecast.worlds import relabelled, week, world

TVL = {"A": 100.0, "B": 50.0, "C": 10.0, "D": 5.0}
WEEKS = [week(0, {"A>B": 8.0, "B>C": 4.0}, TVL), week(1, {"A>B": 16.0, "C>A": 3.0}, TVL)]
A, B, C, D = range(4)


@pytest.fixture
def view():
    return View.of(WEEKS, everything=True)


def taught(target, view, truth, rng=None):
    """The rows that boosting takes from one origin for the horizon of one step."""
    return boosting._lesson(target, Case(view=view, truth={1: truth}), rng).table(1)


def test_boosting_learns_changes_and_keeps_the_base_rate_when_it_thins():
    truth_view = View.of(WEEKS, everything=True)
    truth = Truth.of(truth_view, week(2, {"A>B": 32.0, "D>A": 7.0}, {**TVL, "A": 201.0}))
    size = taught("size", truth_view, truth)
    # A>B: from 16 to 32, log(33/17); D>A: nobody's size is known, so from the mean of A>B and C>A, (log 17 + log 4)/2
    assert sorted(size.label) == pytest.approx(
        sorted([math.log(33 / 17), math.log(8) - (math.log(17) + math.log(4)) / 2])
    )
    tvl = taught("tvl", truth_view, truth)
    assert tvl.label == pytest.approx([math.log(202 / 101), 0.0, 0.0, 0.0])
    history = world()
    large = View.of(history[:30], everything=True)
    later = Truth.of(large, history[30])
    whole = taught("existence", large, later)
    thin = taught("existence", large, later, np.random.default_rng(0))
    assert len(thin.label) < len(whole.label) or (whole.rows[:, boosting._EITHER] == 1).all()
    # every pair seen before is kept and counts once; one in twenty of the others counts for twenty
    seen = thin.rows[:, boosting._EITHER] == 1
    assert seen.sum() == (whole.rows[:, boosting._EITHER] == 1).sum()
    assert set(thin.weight[seen]) == {1.0}
    assert set(thin.weight[~seen]) <= {20.0}


def test_each_horizon_takes_its_own_rows_of_an_origin():
    """A>B exists after one step only, C>A after two only: each horizon learns the size of its own pair."""
    view = View.of(WEEKS, everything=True)
    truth = {1: Truth.of(view, week(2, {"A>B": 32.0}, TVL)), 2: Truth.of(view, week(3, {"C>A": 7.0}, TVL))}
    lesson = boosting._lesson("size", Case(view=view, truth=truth), None)
    assert len(lesson.rows) == 2
    assert lesson.table(1).label == pytest.approx([math.log(33 / 17)])
    assert lesson.table(2).label == pytest.approx([math.log(8 / 4)])
    c_a = np.flatnonzero(view.key == C * 4 + A)
    assert np.array_equal(lesson.table(2).rows, view.features.pair[c_a].astype(np.float32))


def test_boosting_with_nothing_to_learn_from_is_persistence(view):
    empty = Boosted(target="size").learn(lambda: iter([]), lambda: iter([]), (1,))
    assert np.array_equal(empty.of(view, 1, ()), view.features.anchors[:, 0].astype(np.float64))


def test_boosting_finds_out_that_pairs_last():
    """In the made-up world three of a hundred pairs die a week: living ones must be likely, long dead ones not."""
    history = world(weeks=40)
    cut = fit_split([s.date for s in history])

    def part_of(validation):
        return lambda: cases(history, cut, (1,), validation=validation, everything=True)

    part = Boosted(target="existence").learn(part_of(False), part_of(True), (1,))
    here = View.of(history, everything=True)
    p = part.of(here, 1, ())
    now = np.isin(here.key, here.past.key[here.past.lag == 0])
    assert p[now].mean() == pytest.approx(0.97, abs=0.03)
    assert p[~now].mean() < 0.1


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(NoModel, match="pip install lightgbm"):
        library()


def test_without_the_systems_openmp_it_takes_the_one_that_torch_brings(monkeypatch):
    """The first import fails as on an image without libgomp.so.1, the second works once torch's copy is loaded."""
    loaded, real = [], importlib.import_module

    def import_module(name):
        if name == "lightgbm" and not loaded:
            raise OSError("libgomp.so.1: cannot open shared object file")
        return real(name)

    monkeypatch.setattr(boosting.importlib, "import_module", import_module)
    monkeypatch.setattr(boosting.ctypes, "CDLL", lambda path, mode: loaded.append(path))
    assert library().__name__ == "lightgbm"
    assert loaded[0].endswith("libgomp.so.1")
    loaded.clear()
    monkeypatch.setattr(boosting, "find_spec", lambda name: None)
    with pytest.raises(NoModel, match="install the system library libgomp1"):
        library()


def test_listing_the_baselines_loads_neither_torch_nor_lightgbm_nor_scipy():
    code = (
        "import sys; from dexposure_core.forecast.baselines import BASELINES\n"
        "assert [b.needs_fit for b in BASELINES]\n"
        "print([m for m in ('torch', 'torch_geometric', 'lightgbm', 'sklearn', 'scipy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Network(node=6, pair=8, hidden=4, horizons=2)


def test_states_follow_their_protocol_from_week_to_week(network):
    """The rows of the second week are permuted and one protocol is new: each keeps its own past, the new one none."""
    first, second = WEEKS[0], week(1, {"A>B": 16.0, "C>A": 3.0}, {**TVL, "E": 1.0})
    with torch.inference_mode():
        before = _live(network, first, [torch.zeros(0, 4)] * 2, np.zeros(0, dtype=object))
        plain = _live(network, second, before, first.protocols)
        order = np.array([4, 2, 0, 3, 1])
        turned = _live(network, relabelled(second, order), before, first.protocols)
        fresh = _live(network, second, [torch.zeros(0, 4)] * 2, np.zeros(0, dtype=object))
    for layer in range(2):
        assert torch.allclose(turned[layer], plain[layer][torch.from_numpy(order)], atol=1e-6)
        assert torch.allclose(fresh[layer][4], plain[layer][4], atol=1e-6)
        assert not torch.allclose(fresh[layer][A], plain[layer][A])


def test_what_the_network_is_told_of_a_pair(view):
    pair, ends = _pairs(view)
    rows = {(int(a), int(b)): pair[i].tolist() for i, (a, b) in enumerate(ends.T)}
    # A>B: last size 16, and what the mean of 16 and 8 with weights 1 and 2^-¼ is below it; seen;
    # now; not the other way now; half-life 4: 1 + 2^-¼ = 1.8409; none back; in 2 of 2 weeks
    below = 2**-0.25 * (math.log(9) - math.log(17)) / (1 + 2**-0.25)
    assert rows[A, B] == pytest.approx([math.log(17) / 10, below, 1, 1, 0, 1 + 2**-0.25, 0, 1.0])
    # B>A was never there: its creditor B holds nothing now, so the size is the mean of log 17 and log 4
    assert rows[B, A] == pytest.approx([(math.log(17) + math.log(4)) / 20, 0, 0, 0, 1, 0, 1 + 2**-0.25, 0.0])


def test_the_networks_loss_by_hand():
    from types import SimpleNamespace

    lesson = SimpleNamespace(
        exists=torch.tensor([[1.0], [0.0]]), weight=torch.tensor([1.0, 20.0]), size=torch.tensor([[2.0], [0.0]]),
        tvl=torch.tensor([[0.1]]), known=torch.tensor([[1.0]]), use=torch.tensor([1.0]),
    )  # fmt: skip
    said = (torch.tensor([[0.0], [0.0]]), torch.tensor([[0.0], [9.0]]), torch.tensor([[0.0]]))
    # existence: log 2 once and twenty times, per true exposure; size: |2| − ¼ beyond β = ½, half of it;
    # TVL: 0.1 − 0.025 beyond β = 0.05, five times
    assert float(_loss(said, lesson)) == pytest.approx(21 * math.log(2) + 0.5 * 1.75 + 5 * 0.075)


def test_its_logits_are_stretched_and_shifted_and_its_changes_shrunk(view):
    class Said:
        horizons = (1, 4)

        def scores(self, view):
            c, n = len(view.key), view.past.size
            return {"existence": np.full((c, 2), 2.0), "size": np.full((c, 2), 0.4), "tvl": np.full((n, 2), -0.2)}

    p = RolandPart(target="existence", trained=Said()).of(view, 4, (1.5, -0.5))
    assert p[0] == pytest.approx(1 / (1 + math.exp(-2.5)))
    size = RolandPart(target="size", trained=Said()).of(view, 4, (0.5,))
    assert size[view.key == A * 4 + B] == pytest.approx(math.log(17) + 0.2)
    tvl = RolandPart(target="tvl", trained=Said()).of(view, 1, (0.5,))
    assert tvl[A] == pytest.approx(math.log(101) - 0.1)
    assert RolandPart(target="tvl", trained=Said()).of(view, 1, (0.0,)) == pytest.approx(view.log_tvl)


def test_training_leaves_the_callers_threads_and_random_numbers_alone(fitted):
    before, state = torch.get_num_threads(), torch.random.get_rng_state()
    with one_thread():
        assert torch.get_num_threads() == 1
    fitted("roland", "holdings")
    assert torch.get_num_threads() == before
    assert torch.equal(torch.random.get_rng_state(), state)
