"""The window, pair memory, candidates and baselines on three weeks that fit on a page."""

import numpy as np
import pytest
import torch

from dexposure_core.forecast import PairMemoryForecaster, Persistence
from dexposure_core.forecast.known.candidates import candidates
from dexposure_core.forecast.known.offered import Offered
from dexposure_core.forecast.known.pair_memory import FADES, HALF_LIFE, pair_memory, pooled, sizes
from dexposure_core.forecast.known.window import window
from dexposure_core.forecast.net.heads import kinds
from tests.forecast.worlds import as_dict, week, world

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


def test_every_statistic_of_a_pair_is_what_its_weeks_say():
    past = window(world(weeks=60, n=16, basis="flow"))
    seen, faded = pair_memory(past), sizes(past)
    assert len(seen.key) > 50
    for i, key in enumerate(seen.key):
        mine = np.flatnonzero(past.key == key)
        lag, size = past.lag[mine], past.log_usd[mine]
        assert np.all(np.diff(lag) > 0)
        weight = 0.5 ** (lag / HALF_LIFE)
        assert (seen.count[i], seen.last[i], seen.first[i]) == (len(lag), lag[0], lag[-1])
        assert (seen.count4[i], seen.count12[i]) == ((lag < 4).sum(), (lag < 12).sum())
        assert seen.spells[i] == 1 + (np.diff(lag) > 1).sum()
        assert seen.recent[i].tolist() == [float(k in lag) for k in (1, 2, 3)]
        assert seen.log_mean[i] == pytest.approx((weight * size).sum() / weight.sum())
        assert seen.log_spread[i] == pytest.approx(size.std(), abs=1e-6)
        assert seen.usd[i] == pytest.approx([np.expm1(size[lag < k]).sum() for k in (4, 12, 60)])
    for key, mean in zip(faded.key, faded.mean, strict=True):
        mine = np.flatnonzero(pooled(past.key, past) == key)  # sizes are of pairs, whichever way they went
        since, size = past.lag[mine] - past.lag[mine].min(), past.log_usd[mine]
        for fade, said in zip(FADES, mean, strict=True):
            weight = np.where(since == 0, 1.0, 0.0) if fade == 0 else 0.5 ** (since / fade)
            assert said == pytest.approx((weight * size).sum() / weight.sum())


def test_pairs_are_offered_kind_by_kind_and_stand_where_memory_has_them():
    offered = Offered(world(weeks=30, n=40, basis="flow"))
    pairs, n = offered.pairs, offered.past.size
    given = pairs.features(slice(0, len(pairs.key)))
    assert np.array_equal(pairs.places.kind, kinds(torch.from_numpy(given.cell)).numpy())
    assert set(pairs.places.kind) == {0, 1, 2}
    assert np.all(np.diff(pairs.places.kind.astype(int)) >= 0)
    for kind in range(3):
        assert np.all(np.diff(pairs.key[pairs.places.kind == kind]) > 0)
    now = offered.past.origin.creditor * n + offered.past.origin.debtor
    assert set(pairs.key[pairs.places.kind == 0]) == set(now)
    # what is proposed beyond them is neither offered nor lost
    proposed = np.arange(n * n)[np.arange(n * n) // n != np.arange(n * n) % n]
    beyond = offered.beyond(proposed)
    assert not set(beyond.key) & set(pairs.key)
    assert len(beyond.key) + len(pairs.key) == len(proposed)


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
