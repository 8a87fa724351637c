"""The window, pair memory, candidates and baselines on three weeks that fit on a page."""

import numpy as np
import pytest

from dexposure_core.forecast import PairMemoryForecaster, Persistence
from dexposure_core.forecast.candidates import candidates
from dexposure_core.forecast.pair_memory import pair_memory
from dexposure_core.forecast.window import window
from tests.forecast.worlds import as_dict, week

TVL = {"A": 100.0, "B": 50.0, "C": 10.0, "D": 5.0}
# Gone held A's tokens and has left; D entered in the last week.
WEEKS = [
    week(0, {"A>B": 8.0, "B>C": 4.0, "Gone>A": 1.0}, {"A": 90.0, "B": 50.0, "C": 10.0, "Gone": 1.0}),
    week(1, {"A>B": 16.0}, {"A": 95.0, "B": 50.0, "C": 10.0}),
    week(2, {"A>B": 32.0, "C>A": 2.0}, TVL),
]
A, B, C, D = range(4)


def test_the_window_speaks_of_the_origins_protocols_only():
    past = window(WEEKS)
    # rows of the origin: A 0, B 1, C 2, D 3; key = creditor × 4 + debtor; Gone>A is not in it
    assert sorted(zip(past.lag.tolist(), past.key.tolist(), strict=True)) == [(0, 1), (0, 8), (1, 1), (2, 1), (2, 6)]
    assert np.allclose(np.expm1(past.log_tvl[:, A]), [100, 95, 90])
    assert np.isnan(past.log_tvl[1:, D]).all()
    # A receives 2 as debtor and sends 32 as creditor: (2 − 32) / 100; B receives 32 on 50; C sends 2 of 10; D nothing
    assert past.inflow.tolist() == pytest.approx([-0.30, 0.64, -0.20, 0.0])


def test_pair_memory_counts_by_hand():
    seen = pair_memory(window(WEEKS))
    at = {int(k): i for i, k in enumerate(seen.key)}
    ab, bc, ca = at[A * 4 + B], at[B * 4 + C], at[C * 4 + A]
    assert [seen.last[i] for i in (ab, bc, ca)] == [0, 2, 0]
    assert [seen.first[i] for i in (ab, bc, ca)] == [2, 2, 0]
    assert [seen.count[i] for i in (ab, bc, ca)] == [3, 1, 1]
    assert seen.log_now[bc] == 0.0
    assert seen.log_last[bc] == pytest.approx(np.log1p(4.0))
    assert seen.log_step[ab] == pytest.approx(np.log1p(32.0) - np.log1p(16.0))
    # half-life 4: weights 1, 2^-¼, 2^-½ for 32, 16, 8
    w = np.array([1.0, 2**-0.25, 2**-0.5])
    assert seen.log_mean[ab] == pytest.approx((w * np.log1p([32.0, 16.0, 8.0])).sum() / w.sum())
    assert seen.find(np.array([A * 4 + B, D * 4 + A]))[1].tolist() == [True, False]


def test_candidates_are_pairs_seen_either_way_and_popular_debtors():
    none = set(candidates(window(WEEKS), popular=0).tolist())
    # seen: A>B, B>C, C>A; and each the other way
    assert none == {A * 4 + B, B * 4 + A, B * 4 + C, C * 4 + B, C * 4 + A, A * 4 + C}
    # with one popular debtor of each kind: B (held by A, 32 USD, beats A with 2 USD) is offered to everyone,
    # and A, whose creditors grew from 0 to 1 among those still here, too
    assert set(candidates(window(WEEKS), popular=1).tolist()) == none | {D * 4 + B, D * 4 + A}


def test_no_pair_outside_the_rule_is_a_candidate():
    past = window(WEEKS)
    debtors_seen = {int(k) % 4 for k in past.key}
    for key in candidates(past).tolist():
        creditor, debtor = divmod(key, 4)
        either = {creditor * 4 + debtor, debtor * 4 + creditor} & set(past.key.tolist())
        assert creditor != debtor
        assert either or debtor in debtors_seen


def test_persistence_is_today():
    pairs, tvl = as_dict(Persistence().predict(WEEKS, 4))
    assert pairs == {("A", "B"): (1.0, 32.0), ("C", "A"): (1.0, 2.0)}
    assert tvl == TVL


def test_pair_memory_on_holdings_is_the_share_of_recent_weeks():
    pairs, tvl = as_dict(PairMemoryForecaster().predict(WEEKS, 4))
    # three weeks known: A>B in 3 of 3, B>C in 1 of 3 (last 4 USD), C>A in 1 of 3
    assert {k: v[0] for k, v in pairs.items()} == pytest.approx({("A", "B"): 1.0, ("B", "C"): 1 / 3, ("C", "A"): 1 / 3})
    assert pairs["B", "C"][1] == pytest.approx(4.0)
    assert tvl == TVL


def test_pair_memory_on_flows_remembers_the_pair_whichever_way_it_went():
    weeks = [
        week(0, {"A>B": 8.0}, TVL, "flow"),
        week(1, {"B>A": 5.0}, TVL, "flow"),
        week(2, {"B>A": 6.0}, TVL, "flow"),
        week(3, {"C>A": 6.0}, TVL, "flow"),
    ]
    pairs, _ = as_dict(PairMemoryForecaster().predict(weeks, 1))
    # the pair {A, B} was there in 3 of 4 weeks: once A>B, twice B>A: ¾ · 1.5/4 and ¾ · 2.5/4
    assert pairs["A", "B"] == pytest.approx((0.75 * 1.5 / 4, 6.0))  # at its last size, 6 USD, whichever way
    assert pairs["B", "A"] == pytest.approx((0.75 * 2.5 / 4, 6.0))
    # {C, A} in 1 of 4: ¼ · 1.5/2 and ¼ · ½/2
    assert pairs["C", "A"][0] == pytest.approx(0.25 * 1.5 / 2)
    assert pairs["A", "C"][0] == pytest.approx(0.25 * 0.5 / 2)
