"""Training: it learns, it never looks ahead, it resumes, and it is the same every time."""

import datetime as dt

import numpy as np
import pytest
import torch

from dexposure_core import Snapshot
from dexposure_core.errors import BadOption
from dexposure_core.forecast import Dexposure
from dexposure_core.forecast.examples import example
from dexposure_core.forecast.fitting import count_table, losses
from dexposure_core.forecast.heads import exists_now
from dexposure_core.forecast.outcomes import TEST_FROM, VALIDATION_FROM, split
from dexposure_core.forecast.training import Recipe, Run, train
from dexposure_core.forecast.weights import network
from tests.forecast.conftest import TINY
from tests.forecast.worlds import START, scrambled, week, world


def loss_of(weights, basis, history):
    """Mean training loss per horizon and task on the last origins, with all corrections trusted."""
    examples = [example(history[: i + 1], [history[i + 1]] * 4, weights.about["sectors"], None) for i in range(20, 40)]
    net = weights.networks[basis]
    with torch.inference_mode():
        full = torch.ones_like(net.shrink)
        trained = torch.stack([losses(net, e, full) for e in examples]).mean(dim=0)
        memory = torch.stack([losses(net, e, full * 0) for e in examples]).mean(dim=0)
    return trained[:, 0], memory[:, 0]


def test_a_tiny_run_improves_on_memory_where_there_is_something_to_learn():
    history = world(basis="flow")
    weights = train({"flow": history}, recipe=TINY)
    trained, memory = loss_of(weights, "flow", history)
    assert weights.about["passes"]["flow"] > 0
    # sizes of flows are noise around a pair's own level: today's is a poor guess, the learned one must be better
    assert trained[1] < 0.9 * memory[1]


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


class Killed(Exception):
    pass


def test_a_killed_run_resumes_to_the_same_weights(tmp_path):
    history = world(weeks=40, n=10, basis="flow")
    recipe = Recipe(hidden=8, epochs=4, patience=4)
    whole = train({"flow": history}, recipe=recipe)

    def kill(done, total, label):
        if "pass 3" in label and done == 2:
            raise Killed

    with pytest.raises(Killed):
        train({"flow": history}, recipe=recipe, checkpoints=tmp_path, progress=kill)
    passes = []
    again = train(
        {"flow": history}, recipe=recipe, checkpoints=tmp_path, progress=lambda _d, _t, label: passes.append(label)
    )
    assert not any("pass 1 " in label or "pass 2 " in label for label in passes)
    assert again.digest == whole.digest
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_checkpoint_only_costs_its_passes(tmp_path):
    history = world(weeks=30, n=10)
    whole = train({"holdings": history}, recipe=TINY)
    run = Run(basis="holdings", history=history, about=whole.about, recipe=TINY, progress=lambda *_: None)
    (tmp_path / f"holdings-{run._digest()}.safetensors").write_bytes(b"torn")
    assert train({"holdings": history}, recipe=TINY, checkpoints=tmp_path).digest == whole.digest


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
    net = network({"sectors": ["DEX"], "horizons": [1], "hidden": 4})
    count_table(net, examples)
    rate = torch.sigmoid(net.table[:, 0])
    cells = torch.cat([e.cell for e in examples])
    born = torch.cat([e.exists[:, 0] for e in examples])
    for cell in cells.unique():
        n, k = (cells == cell).sum(), born[cells == cell].sum()
        # five pseudo-pairs pull towards the rate of like cells: within 5/(n + 5) of what was counted
        assert abs(rate[cell] - k / n) <= 5 / (n + 5)
    alive = rate[cells[exists_now(cells) & (born == 1)].unique()]
    assert (alive > 0.8).all()


def test_thinned_pairs_stand_for_those_left_out():
    history = world(n=40)
    whole = example(history[:30], [history[30]], [], None)
    thinned = example(history[:30], [history[30]], [], np.random.default_rng(0))
    assert len(thinned.cell) < len(whole.cell)
    assert thinned.exists.sum() == whole.exists.sum()
    assert float(thinned.count.sum()) == pytest.approx(len(whole.cell), rel=0.1)


def test_fit_returns_a_forecaster_that_needs_no_file(tmp_path):
    history = world(weeks=30, n=10)
    fitted = Dexposure(model_dir=tmp_path).fit(history, epochs=1)
    assert fitted.predict(history, 4).horizon_weeks == 4


def test_any_frequency_will_do_horizons_are_steps():
    weekly = world(weeks=40, n=10)
    quarterly = [replaced(s, START + dt.timedelta(days=91 * k)) for k, s in enumerate(weekly)]
    fitted = Dexposure().fit(quarterly, epochs=1)
    assert fitted.trained.about["test_from"] == str(quarterly[32].date)  # 82 % of 40
    assert fitted.predict(quarterly, 12).origin == quarterly[-1].date


def replaced(s, date):
    return Snapshot(
        date=date, protocols=s.protocols, names=s.names, sectors=s.sectors, tvl_usd=s.tvl_usd, creditor=s.creditor,
        debtor=s.debtor, exposure_usd=s.exposure_usd, basis=s.basis,
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
