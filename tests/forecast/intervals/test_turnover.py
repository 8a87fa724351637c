"""Protocols enter and leave drawn futures as they lately did."""

import datetime as dt

import numpy as np
import pytest

from dexposure_core import Snapshot
from dexposure_core.forecast.intervals.turnover import HALF_YEAR, expected_newcomers, stretches, turned_over
from tests.forecast.worlds import START, week, world

TVL = {"A": 1000.0, "B": 500.0, "C": 100.0, "idle": 10.0}
NOW = {"A>B": 5.0, "B>C": 7.0}


def entered():
    """Old, which leaves, holds A; New, which then enters, holds B and is held by A and by Gone, which leaves later."""
    return [
        week(0, {"A>B": 1.0, "Old>A": 2.0}, {"A": 1.0, "B": 2.0, "Gone": 3.0, "Old": 4.0}),
        week(
            1, {"A>B": 1.0, "New>B": 8.0, "A>New": 9.0, "Gone>New": 4.0}, {"A": 1.0, "B": 2.0, "Gone": 3.0, "New": 6.0}
        ),
    ]


def test_a_stretch_by_hand():
    now = week(2, NOW, TVL)
    first, second = stretches([*entered(), now], 1)
    # rows of now: A 0, B 1, C 2, idle 3; New is the first newcomer, 4; Gone is not there any more, nor what it held
    assert list(zip(first.creditor, first.debtor, first.exposure_usd, strict=True)) == [(4, 1, 8.0), (0, 4, 9.0)]
    assert first.tvl_usd.tolist() == [6.0]
    assert first.left.tolist() == [0.75]  # Old was the largest of four
    assert second.tvl_usd.tolist() == [100.0, 10.0]  # C and idle entered
    assert list(zip(second.creditor, second.debtor, strict=True)) == [(1, 4)]  # B holds C: the newcomer like C
    assert second.left.tolist() == [0.5, 0.75]  # Gone and New
    assert expected_newcomers([*entered(), now], 1) == (1.5, 1.5)


def test_newcomers_are_added_and_leavers_taken_from_those_without_exposures():
    history = [*entered(), week(2, NOW, TVL)]
    drawn = list(turned_over([week(3, NOW, TVL)] * 2, history, 1))
    by_count = {len(network.protocols): network for network in drawn}
    one, two = by_count[4], by_count[5]  # one in and idle out, two in and idle out: only one was left without exposure
    assert one.protocols.tolist() == ["A", "B", "C", "newcomer-1"]
    assert two.protocols.tolist() == ["A", "B", "C", "newcomer-1", "newcomer-2"]
    assert one.exposure_usd.tolist() == [5.0, 7.0, 8.0, 9.0]
    held = list(zip(one.protocols[one.creditor], one.protocols[one.debtor], strict=True))
    assert held == [("A", "B"), ("B", "C"), ("newcomer-1", "B"), ("A", "newcomer-1")]
    assert {network.date for network in drawn} == {START + dt.timedelta(weeks=3)}


def test_a_protocol_that_is_called_like_a_newcomer_keeps_its_name():
    history = [week(0, {}, {"newcomer-1": 1.0}), week(1, {}, {"newcomer-1": 1.0, "B": 1.0, "C": 1.0})]
    (drawn,) = turned_over([week(2, {}, {"newcomer-1": 1.0, "B": 1.0, "C": 1.0})], history, 1)
    assert drawn.protocols.tolist() == ["newcomer-1", "B", "C", "newcomer-2", "newcomer-3"]


def test_leavers_are_those_of_like_size_each_another_one():
    many = {f"p{i}": float(i) for i in range(10)}
    before = week(0, {}, {**many, "x": 8.5, "y": 8.6, "z": 0.0})  # two large ones and the smallest but one leave
    history = [before, week(1, {}, many)]
    (drawn,) = turned_over([week(2, {}, many)], history, 1)
    # ranks of x, y and z: 10/13, 11/13 and 1/13; the next ranks in tenths: 8, 9 and 1
    assert set(many) - set(drawn.protocols.tolist()) == {"p8", "p9", "p1"}


def test_more_leavers_than_idle_protocols_leave_nobody_with_exposures_out():
    gone = {f"g{i}": 1.0 for i in range(9)}
    history = [week(0, {}, {**TVL, **gone}), week(1, NOW, TVL)]
    (drawn,) = turned_over([week(2, NOW, TVL)], history, 1)
    assert drawn.protocols.tolist() == ["A", "B", "C"]


@pytest.mark.parametrize("basis", ["holdings", "flow"])
def test_where_nobody_enters_or_leaves_networks_stay_as_drawn(basis):
    history = world(weeks=20, n=12, basis=basis)
    (drawn,) = turned_over([history[3]], history, 4)
    for name in ("protocols", "tvl_usd", "creditor", "debtor", "exposure_usd"):
        assert np.array_equal(getattr(drawn, name), getattr(history[3], name))


def test_a_history_no_longer_than_the_horizon_says_nothing():
    history = [*entered(), week(2, NOW, TVL)]
    assert stretches(history, 3) == []
    network = week(5, NOW, TVL)
    assert list(turned_over([network], history, 3)) == [network]
    assert expected_newcomers(history, 3) == (0.0, 0.0)


def test_only_the_last_half_year_counts_and_longer_horizons_their_own_length():
    history = world(weeks=80, n=5)
    assert len(stretches(history, 1)) == HALF_YEAR
    assert len(stretches(history, 12)) == HALF_YEAR - 11
    assert len(stretches(history, 40)) == 1


def test_every_stretch_is_taken_as_often_as_any_other_and_again_in_the_same_order():
    entered = [f"n{k}.{i}" for k in range(5) for i in range(k)]  # k newcomers in week k; nobody leaves
    history = [week(k, {}, dict.fromkeys(["A", *(n for n in entered if int(n[1]) <= k)], 1.0)) for k in range(5)]
    drawn = [[len(n.protocols) for n in turned_over([history[-1]] * 8, history, 1)] for _ in range(2)]
    assert drawn[0] == drawn[1]
    counts = np.unique(drawn[0], return_counts=True)[1]
    assert counts.tolist() == [2, 2, 2, 2]


def test_what_is_known_keeps_its_exposures():
    history = [first(s, 9 if k < 20 else 12) for k, s in enumerate(world(weeks=30, n=12))]  # three enter in week 20
    (drawn,) = turned_over([history[-1]], history, 25)
    known = len(history[-1].exposure_usd)
    assert len(drawn.exposure_usd) > known
    for ends in ("creditor", "debtor"):
        before, after = ((getattr(s, ends), s.protocols) for s in (history[-1], drawn))
        assert (after[1][after[0][:known]] == before[1][before[0]]).all()
    assert np.array_equal(drawn.exposure_usd[:known], history[-1].exposure_usd)


def first(snapshot, n):
    """The network of the first n protocols."""
    kept = (snapshot.creditor < n) & (snapshot.debtor < n)
    ends = ("creditor", "debtor", "exposure_usd")
    return Snapshot(
        date=snapshot.date, basis=snapshot.basis, **{name: getattr(snapshot, name)[kept] for name in ends},
        **{name: getattr(snapshot, name)[:n] for name in ("protocols", "names", "sectors", "tvl_usd")},
    )  # fmt: skip
