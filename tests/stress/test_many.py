"""Each protocol in turn, drawn shocks and the smallest shock: by hand, against single runs, and their laws."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexposure_core.errors import BadOption
from dexposure_core.stress import RULES, harm, run
from dexposure_core.stress.failures import SERIOUS, all_failures
from dexposure_core.stress.montecarlo import Factors, monte_carlo
from dexposure_core.stress.reverse import BOUNDED, Candidate, reverse
from tests.networks import network, snapshots

NAMES = [rule.name for rule in RULES]
# A holds 40 of B, B holds 5 of C
CHAIN = network({"a": 100, "b": 50, "c": 10}, [("a", "b", 40), ("b", "c", 5)], {"a": "X", "b": "Y", "c": "Y"})


def test_each_failure_by_hand():
    # C's failure costs B 5 of 50 (a tenth) and A 4 of 100; B's costs A 40; A's nobody
    found = all_failures(CHAIN)
    assert found.impact_usd == pytest.approx([0, 40, 9])
    assert found.hurt.tolist() == [0, 1, 1]
    assert found.vulnerability == pytest.approx([(0.4 + 0.04) / 2, 0.1 / 2, 0])
    assert found.threats.tolist() == [1, 1, 0]
    assert found.worst.tolist() == [1, 2, -1]


@pytest.mark.parametrize("rule", NAMES)
@settings(max_examples=30)
@given(snapshot=snapshots(covered=True), fraction=st.floats(0, 1))
def test_each_failure_equals_a_run_of_its_own(rule, snapshot, fraction):
    found = all_failures(snapshot, rule, fraction=fraction, max_rounds=40)
    count = len(snapshot.protocols)
    shares = np.zeros((count, count))
    for i, protocol in enumerate(snapshot.protocols):
        alone = run(snapshot, {str(protocol): fraction}, rule, max_rounds=40)
        shares[:, i] = alone.distress[-1] - alone.distress[0]
        shares[i, i] = 0
    rounding = 1e-9 * max(1.0, snapshot.tvl_usd.sum())
    assert found.impact_usd == pytest.approx(snapshot.tvl_usd @ shares, abs=rounding)
    assert found.vulnerability == pytest.approx(shares.sum(axis=1) / max(1, count - 1), abs=1e-9)
    clear = np.abs(shares - SERIOUS) > 1e-9  # on the limit itself a last digit decides
    assert (np.abs(found.hurt - (shares >= SERIOUS).sum(axis=0)) <= (~clear).sum(axis=0)).all()


def test_many_more_protocols_than_fit_side_by_side():
    names = [f"p{i:03d}" for i in range(100)]
    ring = network(
        dict.fromkeys(names, 10.0), [(a, b, 2.0) for a, b in zip(names, [*names[1:], names[0]], strict=True)]
    )
    done = []
    found = all_failures(ring, tick=lambda *at: done.append(at))
    # each holds a fifth of its value of the next: 0.2 + 0.04 + … of 10, and 0.2 of them above a tenth
    assert found.impact_usd == pytest.approx(np.full(100, 10 * 0.25))
    assert found.worst.tolist() == [*range(1, 100), 0]
    assert done[-1] == (100, 100)


# -- drawn shocks

FACTORS = Factors(market=0.2, sectors={"X": (0.1, 0.3)}, usual=(0.05, 0.1))


def test_contributions_sum_to_the_expected_shortfall():
    found = monte_carlo(CHAIN, FACTORS, draws=500, confidence=0.95)
    worst = np.sort(found.total_usd)[-25:]
    assert found.es_usd == pytest.approx(worst.mean())
    assert found.contribution_usd.sum() == pytest.approx(found.es_usd, rel=1e-12)
    assert found.var_usd == worst[0]
    assert (found.total_usd >= found.direct_usd - 1e-9).all()
    assert found.mean_usd < found.var_usd <= found.es_usd
    assert all(0 < x < found.es_usd for x in (found.mean_se_usd, found.var_se_usd, found.es_se_usd))


def test_a_draw_is_the_same_however_many_are_drawn():
    few, many = (monte_carlo(CHAIN, FACTORS, draws=n, seed=3) for n in (100, 333))
    assert many.total_usd[:100].tolist() == few.total_usd.tolist()
    assert monte_carlo(CHAIN, FACTORS, draws=100, seed=4).total_usd.tolist() != few.total_usd.tolist()


def test_the_market_moves_everyone_and_a_sector_its_own():
    together = monte_carlo(CHAIN, Factors(market=0.3, sectors={}, usual=(0, 0)), draws=200, pass_through=0.0)
    # everyone falls by the same share: the direct loss is that share of 160
    hit = together.direct_usd > 0
    assert 0.3 < hit.mean() < 0.7
    apart = monte_carlo(CHAIN, Factors(market=0, sectors={"X": (0.3, 0)}, usual=(0, 0)), draws=200)
    assert (apart.total_usd <= 100).all()  # only A moves, and nobody holds A
    assert apart.contribution_usd[1:].tolist() == [0, 0]


def test_movements_have_the_variance_they_are_given():
    alone = network({"a": 1.0}, [])
    found = monte_carlo(alone, Factors(market=0.01, sectors={}, usual=(0.02, 0.02), freedom=8), draws=20_000)
    # half of the draws are falls; for small moves the mean square of a fall is half the variance
    assert (found.total_usd**2).mean() == pytest.approx((0.01**2 + 2 * 0.02**2) / 2, rel=0.06)


@pytest.mark.parametrize(
    "wrong",
    [{"draws": 99}, {"draws": 2_000_000}, {"confidence": 1.0}, {"confidence": 0.2}, {"scale": math.nan}, {"scale": -1}],
)
def test_numbers_outside_their_range_are_refused(wrong):
    with pytest.raises(BadOption, match=next(iter(wrong))):
        monte_carlo(CHAIN, FACTORS, **wrong)


@pytest.mark.parametrize(
    "wrong", [{"market": -1}, {"usual": (0, math.inf)}, {"sectors": {"X": (0, -1)}}, {"freedom": 2}]
)
def test_factors_that_are_none_are_refused(wrong):
    with pytest.raises(BadOption):
        Factors(**{"market": 0.1, "usual": (0.1, 0.1), "sectors": {}} | wrong)


# -- the smallest shock


def protocols(snapshot):
    """Return every protocol as a candidate: what it has, or what is held of it if it only issues."""
    owed = np.bincount(snapshot.debtor, weights=snapshot.exposure_usd, minlength=len(snapshot.protocols))
    values = np.where(snapshot.tvl_usd > 0, snapshot.tvl_usd, owed)
    return [
        Candidate(name=str(p), value_usd=float(values[i]), rows=np.array([i]), fractions=np.ones(1))
        for i, p in enumerate(snapshot.protocols)
    ]


def test_the_smallest_shock_by_hand():
    # a dollar lost by C costs B 0.5 and A 0.4 more: 1.9; by B: 1.8; by A: 1
    found = reverse(CHAIN, protocols(CHAIN), 10.0)
    assert [(each.name, share) for each, share in found.shock] == [("c", pytest.approx(10 / 19))]
    assert found.cost_usd == pytest.approx(10 / 1.9)
    assert (found.reached, found.loss_usd, found.gap) == (True, pytest.approx(10), pytest.approx(0, abs=1e-6))
    # 19 by C, and the other 18 by 10 of B
    more = reverse(CHAIN, protocols(CHAIN), 37.0)
    assert [each.name for each, _ in more.shock] == ["c", "b"]
    assert more.cost_usd == pytest.approx(20)


def test_a_loss_that_cannot_be_is_said_to_be():
    found = reverse(CHAIN, protocols(CHAIN), 1e6)
    assert not found.reached
    assert found.loss_usd == pytest.approx(160)
    assert math.isnan(found.gap)


@pytest.mark.parametrize("rule", NAMES)
@settings(max_examples=40, deadline=None)
@given(snapshot=snapshots(smallest=2, covered=True), share=st.floats(0.01, 0.9))
def test_the_shock_found_reaches_the_loss_and_no_cheaper_single_one_does(rule, snapshot, share):
    among = protocols(snapshot)
    if not any(each.value_usd for each in among) or snapshot.tvl_usd.sum() <= 0:
        return
    wanted = share * snapshot.tvl_usd.sum()
    found = reverse(snapshot, among, wanted, rule, max_rounds=60)
    if not found.reached:
        return
    shock = {each.name: part for each, part in found.shock}
    assert run(snapshot, shock, rule, max_rounds=60).total_loss_usd >= wanted * (1 - 1e-6)
    if rule in BOUNDED:
        assert 0 <= found.gap <= 1
        for each in among:  # nothing below the bound reaches it
            part = 0.999 * found.bound_usd / each.value_usd if each.value_usd else 0
            if 0 < part <= 1:
                assert run(snapshot, {each.name: part}, rule, max_rounds=60).total_loss_usd <= wanted * (1 + 1e-6)
    else:
        assert math.isnan(found.gap)


@pytest.mark.parametrize("wrong", [0, -1, math.nan, math.inf])
def test_losses_that_are_none_are_refused(wrong):
    with pytest.raises(BadOption, match="loss_usd"):
        reverse(CHAIN, protocols(CHAIN), wrong)
    with pytest.raises(BadOption, match="Nothing"):
        reverse(CHAIN, [], 1.0)


@pytest.mark.parametrize("rule", NAMES)
@settings(max_examples=30)
@given(snapshot=snapshots(covered=True), rounds=st.integers(0, 40))
def test_what_one_protocol_loses_by_each_other_equals_a_run_of_its_own(rule, snapshot, rounds):
    one, others = str(snapshot.protocols[0]), np.arange(1, len(snapshot.protocols))
    first, total = harm(snapshot, one, others, rule, max_rounds=rounds)
    # a run rests when nobody would lose a larger share than `tolerance`; side by side it goes on while any other moves
    near = 1e-6 + 1e-10 * float(snapshot.tvl_usd[0])
    for i, other in enumerate(others):
        alone = run(snapshot, {str(snapshot.protocols[other]): 1.0}, rule, max_rounds=rounds)
        assert first[i] == pytest.approx(alone.loss_by_round_usd[:2, 0].sum(), rel=1e-9, abs=near)
        assert total[i] == pytest.approx(alone.total_usd[0], rel=1e-9, abs=near)
