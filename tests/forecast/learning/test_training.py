"""Training: it learns, it never looks ahead, it resumes, and it is the same every time."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from dexposure_core import Snapshot
from dexposure_core.errors import BadOption
from dexposure_core.forecast import Dexposure
from dexposure_core.forecast.judging.outcomes import TEST_FROM, VALIDATION_FROM, split
from dexposure_core.forecast.known.pair_memory import FADES
from dexposure_core.forecast.learning.examples import booked, example
from dexposure_core.forecast.learning.fitting import choose_anchor, count_table, mean_losses
from dexposure_core.forecast.learning.passes import _followed
from dexposure_core.forecast.learning.training import Run, train
from dexposure_core.forecast.net.heads import PARTS, exists_now
from dexposure_core.forecast.weights import network
from dexposure_core.progress import silent
from tests.forecast.conftest import ABOUT, TINY
from tests.forecast.worlds import START, scrambled, week, world


def loss_of(weights, basis, history):
    """Mean loss per part at one step on late origins, with all corrections trusted and with none."""
    examples = [example(history[: i + 1], [history[i + 1]] * 4, weights.about["sectors"], None) for i in range(20, 40)]
    net = weights.networks[basis]
    full = torch.ones_like(net.shrink)
    return mean_losses(net, examples, full)[:, 0], mean_losses(net, examples, 0 * full)[:, 0]


def test_a_tiny_run_improves_on_memory_where_there_is_something_to_learn():
    # the TVL of half of the protocols returns to its mean: today's is a poor guess
    history = [restless(s, k) for k, s in enumerate(world(n=20))]
    weights = train({"holdings": history}, recipe=replace(TINY, epochs=6))
    trained, memory = loss_of(weights, "holdings", history)
    assert weights.about["passes"]["holdings"]["amounts"] > 0
    assert trained[TVL] < 0.95 * memory[TVL]


def restless(s, k):
    noise = np.random.default_rng(k).normal(0, 1, len(s.tvl_usd)) * (np.arange(len(s.tvl_usd)) % 2)
    return replaced(s, s.date, tvl_usd=1e6 * np.exp(noise))


def test_nothing_after_the_hold_out_begins_is_read():
    history = world(weeks=40, n=12)
    cut = split([s.date for s in history]).test_from
    made_up = [s if s.date < cut else scrambled(s) for s in history]
    first, second = (train({"holdings": h}, recipe=TINY) for h in (history, made_up))
    assert first.digest == second.digest


def test_another_seed_gives_another_model_and_the_same_seed_the_same():
    history = world(weeks=30, n=10)
    a, b, c = (train({"holdings": history}, seed=s, recipe=TINY).digest for s in (1, 1, 2))
    assert a == b
    assert a != c


TVL = PARTS - 1


class Killed(Exception):
    pass


@pytest.mark.parametrize("at", ["flow: pass 3", "flow: teacher 2: pass 2"])
def test_a_killed_run_resumes_to_the_same_weights(tmp_path, at):
    history = world(weeks=40, n=10, basis="flow")
    recipe = replace(TINY, epochs=4, patience=4, teachers=2, lessons=2)
    whole = train({"flow": history}, recipe=recipe)
    before, after = [], []

    def kill(done, total, label):
        before.append(label)
        if at in label and done == 2:
            raise Killed

    with pytest.raises(Killed):
        train({"flow": history}, recipe=recipe, checkpoints=tmp_path, progress=kill)
    again = train(
        {"flow": history}, recipe=recipe, checkpoints=tmp_path, progress=lambda _d, _t, label: after.append(label)
    )
    passes = [[label for label in dict.fromkeys(told) if "pass " in label] for told in (before, after)]
    assert passes[0][-1] == passes[1][0]  # it goes on with the pass it was in, and no earlier one is made again
    assert passes[0][:-1] + passes[1] == [
        *(f"flow: teacher {t}: pass {p} of at most 2" for t in (1, 2) for p in (1, 2)),
        *(f"flow: pass {p} of at most 4" for p in (1, 2, 3, 4)),
    ]
    assert any("pre-training" in label for label in before)
    assert not any("pre-training" in label for label in after)
    assert again.digest == whole.digest
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_checkpoint_only_costs_its_passes(tmp_path):
    history = world(weeks=30, n=10)
    whole = train({"holdings": history}, recipe=TINY)
    run = Run(
        basis="holdings", history=history, about=whole.about, recipe=TINY, progress=silent, checkpoints=tmp_path
    )  # fmt: skip
    for part in ("0", "start"):
        (tmp_path / f"holdings-{part}-{run._digest()}.safetensors").write_bytes(b"torn")
    assert train({"holdings": history}, recipe=TINY, checkpoints=tmp_path).digest == whole.digest


def test_the_running_mean_is_the_librarys_own():
    net = network(ABOUT)
    ours, theirs = (AveragedModel(network(ABOUT), multi_avg_fn=get_ema_multi_avg_fn(0.9)) for _ in range(2))
    follow = _followed(ours, net, 0.9)
    for _ in range(4):
        for parameter in net.parameters():
            torch.nn.init.normal_(parameter)
        follow()
        theirs.update_parameters(net)
        assert ours.n_averaged == theirs.n_averaged
        assert all(map(torch.equal, ours.parameters(), theirs.parameters()))


def test_passes_of_a_network_with_other_parts_are_not_resumed(tmp_path, monkeypatch):
    """An unfinished run of an earlier version of the product may lack what today's network holds."""
    history = world(weeks=30, n=10)
    about = train({"holdings": history}, recipe=TINY).about
    run = Run(basis="holdings", history=history, about=about, recipe=TINY, progress=silent, checkpoints=tmp_path)
    before = run._digest()

    def fewer(about):
        net = network(about)
        del net.summed
        return net

    monkeypatch.setattr("dexposure_core.forecast.learning.training.network", fewer)
    assert run._digest() != before


def test_the_split_of_the_embedded_dates_and_of_any_other():
    weekly = [START.replace(year=2020, month=3, day=23) + k * (world(2)[1].date - START) for k in range(283)]
    assert (split(weekly).validation_from, split(weekly).test_from) == (VALIDATION_FROM, TEST_FROM)
    short = [s.date for s in world(weeks=50)]
    assert split(short).validation_from == short[35]
    assert split(short).test_from == short[41]
    with pytest.raises(BadOption, match="too few"):
        split(short[:5])


def test_the_memory_table_counts_births_and_deaths():
    # A>B is there every week (20 of 20 survive); B>C never returns after its week. Three protocols, one horizon.
    tvl = {"A": 5.0, "B": 5.0, "C": 5.0}
    weeks = [week(k, {"A>B": 2.0, **({"B>C": 1.0} if k == 0 else {})}, tvl) for k in range(21)]
    examples = [example(weeks[: k + 1], [weeks[k + 1]], ["DEX"], None) for k in range(20)]
    net = network({"sectors": ["DEX"], "horizons": [1], "hidden": 8})
    count_table(net, examples, examples)
    rate = torch.sigmoid(net.table[:, 0])
    cells = torch.cat([e.cell for e in examples])
    born = torch.cat([e.exists[:, 0] for e in examples])
    for cell in cells.unique():
        n, k = (cells == cell).sum(), born[cells == cell].sum()
        # two pseudo-pairs, the least that is offered, pull towards the rate of like cells: within 2/(n + 2)
        assert abs(rate[cell] - k / n) <= 2 / (n + 2)
    alive = rate[cells[exists_now(cells) & (born == 1)].unique()]
    assert (alive > 0.5).all()


def test_sizes_and_tvl_start_from_what_was_nearest():
    # One of three exposures jumps between 1 and 100 USD in pairs of weeks; the market, their median, stands still. Its
    # long mean is as near as the last size when that is right and nearer when it is wrong by the whole jump
    tvl = {"A": 5.0, "B": 5.0, "C": 5.0}
    weeks = [week(k, {"A>B": 100.0 if k % 2 else 1.0, "B>C": 9.0, "C>A": 9.0}, tvl) for k in range(30)]
    examples = [example(weeks[: k + 1], [weeks[k + 1]], ["DEX"], None) for k in range(10, 29)]
    net = network({"sectors": ["DEX"], "horizons": [1], "hidden": 8})
    choose_anchor(net, examples)
    assert FADES[int(net.fade[0])] >= 4
    steady = [week(k, {"A>B": 100.0 + k}, {"A": 5.0, "B": 5.0}) for k in range(30)]
    choose_anchor(net, [example(steady[: k + 1], [steady[k + 1]], ["DEX"], None) for k in range(10, 29)])
    assert FADES[int(net.fade[0])] == 0
    # B's flows of 1 USD a week are in its opening balance a week later: TVL after the flows is exact
    flows = [week(k, {"A>B": 1.0}, {"A": 100.0 - k, "B": 100.0 + k}, "flow") for k in range(10)]
    choose_anchor(net, [example(flows[: k + 1], [flows[k + 1]], ["DEX"], None) for k in range(5, 9)])
    assert net.booked.tolist() == [1]


def test_tvl_does_not_start_from_flows_too_large_to_be_kept():
    # A sends more than a third of its TVL in a week, C gets more than it has: both are passed on. B keeps what it got.
    origin = week(0, {"A>B": 50.0, "B>C": 20.0}, {"A": 100.0, "B": 100.0, "C": 10.0}, "flow")
    none, most, every = booked(origin).T
    assert (none == 0).all()
    assert most.tolist() == pytest.approx([0.0, np.log(131 / 101), 0.0])
    assert every.tolist() == pytest.approx([np.log(51 / 101), np.log(131 / 101), np.log(21 / 11)])
    assert not booked(week(0, {"A>B": 5.0}, {"A": 100.0, "B": 100.0})).any()


def test_tvl_starts_from_the_flows_that_came_nearest():
    # B and C get 50 a week each and grow by them; A sends as much as it has and is filled up again from outside.
    net = network({"sectors": ["DEX"], "horizons": [1], "hidden": 8})
    tvl = [{"A": 100.0, "B": 300.0 + 50 * k, "C": 400.0 + 50 * k} for k in range(10)]
    flows = [week(k, {"A>B": 50.0, "A>C": 50.0}, tvl[k], "flow") for k in range(10)]
    choose_anchor(net, [example(flows[: k + 1], [flows[k + 1]], ["DEX"], None) for k in range(5, 9)])
    assert net.booked.tolist() == [1]


def test_thinned_pairs_stand_for_those_left_out():
    history = world(n=40)
    whole = example(history[:30], [history[30]], [], None)
    thinned = example(history[:30], [history[30]], [], np.random.default_rng(0))
    assert len(thinned.cell) < len(whole.cell)
    assert thinned.exists.sum() == whole.exists.sum()
    assert float(thinned.count.sum()) == pytest.approx(len(whole.cell), rel=0.1)


def test_fit_returns_a_forecaster_that_needs_no_file(tmp_path, briefly_pretrained):
    history = world(weeks=30, n=10)
    fitted = Dexposure(model_dir=tmp_path).fit(history, epochs=1)
    assert fitted.predict(history, 4).horizon_weeks == 4


def test_any_frequency_will_do_horizons_are_steps(briefly_pretrained):
    weekly = world(weeks=40, n=10)
    quarterly = [replaced(s, START + dt.timedelta(days=91 * k)) for k, s in enumerate(weekly)]
    fitted = Dexposure().fit(quarterly, epochs=1)
    assert fitted.trained.about["validation_from"] == str(quarterly[34].date)  # the last 15 % of 40
    assert fitted.fitted_until == quarterly[-1].date
    assert fitted.predict(quarterly, 12).origin == quarterly[-1].date


def replaced(s, date, tvl_usd=None):
    return Snapshot(
        date=date, protocols=s.protocols, names=s.names, sectors=s.sectors, creditor=s.creditor,
        tvl_usd=s.tvl_usd if tvl_usd is None else tvl_usd, debtor=s.debtor, exposure_usd=s.exposure_usd, basis=s.basis,
    )  # fmt: skip


def test_a_history_too_short_to_train_on_is_refused():
    with pytest.raises(BadOption, match="too few"):
        train({"holdings": world(weeks=4, n=5)}, recipe=TINY)


def test_the_common_market_move_is_no_part_of_what_is_learned():
    # A, B, C grow by e, e², e² (log steps 1, 2, 2: median 2); A>B and C>B by e³ and e (log steps 3, 1: median 2)
    e = np.e
    before = week(0, {"A>B": e - 1, "C>B": e**2 - 1}, {"A": e - 1, "B": e**2 - 1, "C": e**2 - 1})
    after = week(1, {"A>B": e**4 - 1, "C>B": e**3 - 1}, {"A": e**2 - 1, "B": e**4 - 1, "C": e**4 - 1})
    made = example([before], [after], [], None)
    assert made.tvl_step[:, 0].tolist() == pytest.approx([-1.0, 0.0, 0.0], abs=1e-6)
    sizes = made.log_usd[made.exists[:, 0] == 1, 0].tolist()
    assert sizes == pytest.approx([4 - 2, 3 - 2], abs=1e-6)


def test_what_flows_have_booked_is_left_to_learn():
    # On the flow basis TVL is the opening balance: A opened with 100 and received 50 as debtor, B with 100 and sent it.
    # Next week opens with 150 and 50: the median step is what the flows said, so nothing is taken out as surprise.
    before = week(0, {"B>A": 50.0}, {"A": 100.0, "B": 100.0}, "flow")
    after = week(1, {"B>A": 1.0}, {"A": 150.0, "B": 50.0}, "flow")
    step = example([before], [after], [], None).tvl_step[:, 0].tolist()
    assert step == pytest.approx([np.log(151 / 101), np.log(51 / 101)], abs=0.01)
