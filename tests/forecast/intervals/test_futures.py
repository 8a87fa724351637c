"""Futures drawn jointly: what was missed together once is missed together again."""

import dataclasses

import numpy as np
import pytest

from dexposure_core.forecast import Forecast, Persistence
from dexposure_core.forecast.intervals.futures import drawn_futures
from dexposure_core.forecast.intervals.residuals import classes, miss, residuals, tilt
from dexposure_core.forecast.networks import drawn_networks, present
from tests.forecast.worlds import START, week, world

TVL = {"A": 1000.0, "B": 500.0, "C": 100.0}


def said(origin, **changes):
    """The origin's own network as a forecast, each exposure with probability 1."""
    return dataclasses.replace(Persistence().predict([origin], 1), **changes)


def test_miss_splits_into_market_and_debtor_by_hand():
    # all three exposures double (log 2), C's token doubles once more: market log 2, C's own log 2 · n/(n+1)
    before = week(0, {"A>B": 1e6, "B>A": 1e6, "A>C": 1e6, "B>C": 1e6, "C>A": 1e6}, TVL)
    after = week(1, {"A>B": 2e6, "B>A": 2e6, "A>C": 4e6, "B>C": 4e6, "C>A": 2e6}, TVL)
    found = miss(said(before), before, after)
    assert found.market == pytest.approx(np.log(2), abs=1e-5)
    assert found.debtor[2] == pytest.approx(np.log(2) * 2 / 3, abs=1e-5)
    assert found.tvl_market == pytest.approx(0.0)
    assert found.tilt.tolist() == [0.0, 0.0]  # nothing open: every probability is 1


def test_tilt_makes_the_expected_number_the_true_one():
    p = np.array([0.2, 0.5, 0.9, 1.0])
    shift = tilt(p, 3)  # 1 certain + 2 of the open three
    moved = 1 / (1 + np.exp(-np.log(p[:3] / (1 - p[:3])) - shift))
    assert moved.sum() == pytest.approx(2.0, abs=1e-6)


def test_size_classes_are_by_rank_and_pairs_that_do_not_exist_come_last():
    origin = week(0, {"A>B": 1.0, "A>C": 2.0, "B>C": 100.0}, TVL)
    more = Forecast(
        origin=START, horizon_weeks=1, protocols=origin.protocols, creditor=[0, 0, 1, 2], debtor=[1, 2, 2, 0],
        probability=[1, 1, 1, 0.5], exposure_usd=[1.0, 2.0, 100.0, 50.0], tvl_usd=origin.tvl_usd,
    )  # fmt: skip
    assert classes(more, origin).tolist() == [0, 1, 2, 3]  # median 2, 90 % quantile 80.4


def futures(draws=40, joint=True):
    """A market that halves or doubles as a whole; the sums of the drawn futures."""
    history = [
        week(k, {f"p{i}>p{i + 1}": 1e6 * 2.0 ** (k % 2) for i in range(30)}, {f"p{i}": 1e7 for i in range(31)})
        for k in range(9)
    ]
    bank = residuals([miss(said(history[k]), history[k], history[k + 1]) for k in range(8)])
    forecast = said(history[-1])
    made = (
        drawn_futures(forecast, history[-1], START, bank, draws) if joint
        else drawn_networks(forecast, history[-1], START, draws)
    )  # fmt: skip
    return np.array([network.exposure_usd.sum() for network in made])


def test_joint_draws_keep_the_common_move():
    sums = futures()
    assert np.allclose(np.unique((sums / 30e6).round(3)), [0.5, 2.0], rtol=1e-3)
    assert len(futures(joint=False)) == 1  # certain exposures drawn one by one do not spread at all


def test_draws_repeat_and_differ_by_seed():
    history = world(weeks=30, n=15, basis="flow")
    model = said(history[20], probability=np.full(len(history[20].creditor), 0.6))
    bank = residuals([miss(said(history[k]), history[k], history[k + 1]) for k in range(10)])

    def total(seed):
        return [g.exposure_usd.sum() for g in drawn_futures(model, history[20], START, bank, 3, seed=seed)]

    assert total(1) == total(1)
    assert total(1) != total(2)


@pytest.mark.parametrize("probability", [0.3, 0.5])
def test_flow_never_draws_both_directions(probability):
    ends = np.array([(i, j) for i in range(12) for j in range(12) if i != j])
    both = Forecast(
        origin=START, horizon_weeks=1, protocols=[f"p{i}" for i in range(12)], creditor=ends[:, 0], debtor=ends[:, 1],
        probability=np.full(len(ends), probability), exposure_usd=np.ones(len(ends)), tvl_usd=np.ones(12), basis="flow",
    )  # fmt: skip
    rng = np.random.default_rng(0)
    kept = [present(both, both.probability + 0.2, rng) for _ in range(50)]  # tilted: the two can sum to more than 1
    for keep in kept:
        pairs = {frozenset(e) for e in ends[keep].tolist()}
        assert len(pairs) == keep.sum()
    plain = np.mean([present(both, both.probability, rng).mean() for _ in range(50)])
    assert plain == pytest.approx(probability, abs=0.02)
