"""Linear DebtRank by hand, against a published network, and its laws."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dexposure_core.stress import run
from tests.networks import network, recorded, relabelled, scaled, snapshots

# A holds 40 of B, B holds 5 of C
CHAIN = network({"a": 100, "b": 50, "c": 10}, [("a", "b", 40), ("b", "c", 5)])


def test_a_chain_by_hand():
    # C (10) fails; B loses 5 of its 50 → 0.10; A loses 0.10 of the 40 it holds of B, of its 100 → 0.04
    result = run(CHAIN, {"c": 1.0})
    assert result.distress == pytest.approx(np.array([[0, 0, 1], [0, 0.1, 1], [0.04, 0.1, 1]]))
    assert result.direct_usd == pytest.approx([0, 0, 10])
    assert result.induced_usd == pytest.approx([4, 5, 0])
    assert result.total_loss_usd == pytest.approx(19)
    assert result.loss_fraction == pytest.approx(19 / 160)
    assert (result.rounds, result.converged) == (2, True)
    assert result.loss_by_round_usd == pytest.approx(np.array([[0, 0, 10], [0, 5, 0], [4, 0, 0]]))


def test_distress_travels_from_debtor_to_creditor_only():
    # nobody holds A: its failure costs nobody else anything
    assert run(CHAIN, {"a": 1.0}).induced_usd.sum() == 0


def test_a_loop_comes_to_rest_at_the_closed_form():
    # each holds half its TVL of the other; a shock of 0.3 to A: h = (I − W)⁻¹ (0.3, 0) = (0.4, 0.2)
    loop = network({"a": 10, "b": 10}, [("a", "b", 5), ("b", "a", 5)])
    result = run(loop, {"a": 0.3})
    assert result.distress[-1] == pytest.approx([0.4, 0.2], abs=1e-11)
    assert result.converged


def test_an_endless_loop_that_is_cut_off_says_so():
    # each holds nothing but the other: the loss goes round until the rounds are used up
    closed = network({"a": 10, "b": 10}, [("a", "b", 10), ("b", "a", 10)])
    assert not run(closed, {"a": 0.01}, max_rounds=7).converged
    assert run(closed, {"a": 0.01}, max_rounds=7).rounds == 7
    assert run(closed, {"a": 0.01}).distress[-1] == pytest.approx([1, 1])


@pytest.mark.parametrize("bank", ["a", "b", "c"])
def test_three_banks_as_published(bank):
    given_banks = recorded()["three_banks"]
    claims, expected = np.array(given_banks["claims_usd"], dtype=float), given_banks["linear"]
    rows = [("abc"[i], "abc"[j], claims[i, j]) for i, j in zip(*np.nonzero(claims), strict=True)]
    weights = np.array(given_banks["weights"])
    banks = network(dict(zip("abc", weights, strict=True)), rows)
    result = run(banks, {bank: 1.0}, absorbing_usd=given_banks["buffer_usd"])
    assert result.distress[-1] == pytest.approx(expected["final_distress"][bank], abs=1e-9)
    assert result.induced_usd.sum() == pytest.approx(expected["added_loss_usd"][bank], abs=1e-9)
    added = ((result.distress[-1] - result.distress[0]) @ weights) / weights.sum()
    assert added == pytest.approx(expected["added_stress"][bank], abs=1e-9)


def test_an_issuer_without_assets_passes_distress_on_and_books_no_loss():
    # USDC (TVL 0) loses 10 %; A holds 40 of it → 4 of 50 = 0.08; B holds 10 of A → 0.8 of 20
    system = network({"usdc": 0, "a": 50, "b": 20}, [("a", "usdc", 40), ("b", "a", 10)])
    result = run(system, {"usdc": 0.1})
    assert result.total_usd == pytest.approx([0, 4, 0.8])
    assert result.direct_usd.sum() == 0
    assert result.distress[-1] == pytest.approx([0.1, 0.08, 0.04])


def test_a_creditor_with_nothing_to_lose_ends_the_chain():
    # A (TVL 0) holds 40 of C and B holds 10 of A: neither loses
    system = network({"c": 10, "a": 0, "b": 20}, [("a", "c", 40), ("b", "a", 10)])
    result = run(system, {"c": 1.0})
    assert result.total_usd == pytest.approx([10, 0, 0])
    assert result.distress[-1] == pytest.approx([1, 0, 0])


def test_pass_through_weakens_what_travels_through_a_protocol_but_not_a_fall_of_the_token_itself():
    # USDC's tokens fall by 10 % as stated; A's tokens fall by half of A's own distress: B loses 0.5 · 0.08 · 10
    system = network({"usdc": 0, "a": 50, "b": 20}, [("a", "usdc", 40), ("b", "a", 10)])
    assert run(system, {"usdc": 0.1}, pass_through=0.5).total_usd == pytest.approx([0, 4, 0.4])
    assert run(CHAIN, {"c": 1.0}, pass_through=0).induced_usd.sum() == 0


def test_a_smaller_absorbing_value_makes_the_same_loss_weigh_more():
    # with 5 instead of 50 to lose, B loses all of it: A then loses all 40 it holds of B
    result = run(CHAIN, {"c": 1.0}, absorbing_usd=[100, 5, 10])
    assert result.distress[-1] == pytest.approx([0.4, 1, 1])


def test_what_is_assumed_is_stated():
    said = " · ".join(run(CHAIN, {"c": 1.0}).assumptions)
    for part in ("basis holdings", "up to its TVL", "pass-through", "no recovery", "initial loss"):
        assert part in said


fractions = st.floats(0, 1)


@given(snapshots())
def test_no_shock_no_loss(snapshot):
    result = run(snapshot, {})
    assert not result.distress.any()
    assert (result.total_loss_usd, result.rounds, result.converged) == (0, 0, True)


@given(snapshots(), fractions)
def test_total_is_direct_plus_induced_and_nobody_loses_more_than_it_has(snapshot, fraction):
    result = run(snapshot, {str(snapshot.protocols[0]): fraction}, max_rounds=200)
    assert result.total_usd == pytest.approx(result.direct_usd + result.induced_usd)
    assert (result.total_usd <= snapshot.tvl_usd * (1 + 1e-12)).all()
    assert (np.diff(result.distress, axis=0) >= 0).all()
    assert ((result.distress >= 0) & (result.distress <= 1)).all()
    assert result.loss_by_round_usd.sum(axis=0) == pytest.approx(result.total_usd)


@given(snapshots(), fractions)
def test_a_creditor_never_loses_more_than_it_holds_of_others(snapshot, fraction):
    result = run(snapshot, {str(snapshot.protocols[0]): fraction}, max_rounds=200)
    holds = np.bincount(snapshot.creditor, weights=snapshot.exposure_usd, minlength=len(snapshot.protocols))
    rounding = 1e-9 + 1e-15 * snapshot.tvl_usd  # a loss is a difference of shares of the TVL
    assert (result.induced_usd <= holds * (1 + 1e-9) + rounding).all()


@given(snapshots(covered=True), fractions, fractions)
def test_a_larger_shock_never_lowers_any_distress(snapshot, one, other):
    low, high = (run(snapshot, {"p0": f}, max_rounds=60).distress[-1] for f in sorted((one, other)))
    assert (high >= low - 1e-9).all()


@given(snapshots(smallest=2, covered=True), fractions, st.integers(0, 100), st.floats(1, 100))
def test_a_larger_exposure_never_lowers_any_distress(snapshot, fraction, which, factor):
    assume(len(snapshot.exposure_usd))
    larger = snapshot.exposure_usd.copy()
    larger[which % len(larger)] *= factor
    names = list(snapshot.protocols)
    rows = [(names[c], names[d], e) for c, d, e in zip(snapshot.creditor, snapshot.debtor, larger, strict=True)]
    more = network(dict(zip(names, snapshot.tvl_usd, strict=True)), rows)
    before, after = (run(s, {"p0": fraction}, max_rounds=60).distress[-1] for s in (snapshot, more))
    assert (after >= before - 1e-9).all()


@given(snapshots(covered=True), fractions, st.floats(1e-3, 1e3))
def test_currency_changes_losses_but_no_distress(snapshot, fraction, factor):
    one, other = (run(s, {"p0": fraction}, max_rounds=60) for s in (snapshot, scaled(snapshot, factor)))
    assert one.distress[-1] == pytest.approx(other.distress[-1], abs=1e-9)
    assert one.total_usd * factor == pytest.approx(other.total_usd, rel=1e-7, abs=1e-9)


@given(snapshots(covered=True), fractions, st.randoms(use_true_random=False))
def test_relabelling_protocols_permutes_the_result(snapshot, fraction, random):
    order = list(range(len(snapshot.protocols)))
    random.shuffle(order)
    other = relabelled(snapshot, np.array(order, dtype=np.int64))
    one, two = (run(s, {"p0": fraction}, max_rounds=60).distress[-1] for s in (snapshot, other))
    assert one[order] == pytest.approx(two, abs=1e-9)


@given(snapshots(smallest=2, covered=True), st.floats(0, 1), st.floats(0.1, 0.95))
def test_closed_form_while_nothing_is_capped(snapshot, fraction, held_share):
    # as on the holdings basis: what a protocol holds of others is part of its TVL, so W has row sums below 1
    count = len(snapshot.protocols)
    holds = np.bincount(snapshot.creditor, weights=snapshot.exposure_usd, minlength=count)
    absorbing = holds / held_share + 1
    impact = snapshot.matrix().toarray() / absorbing[:, None]
    start = np.eye(count)[0] * fraction
    expected = np.linalg.solve(np.eye(count) - impact, start)
    assume((expected <= 1).all())
    result = run(snapshot, {"p0": fraction}, absorbing_usd=absorbing)
    assert result.distress[-1] == pytest.approx(expected, abs=1e-9)
    assert result.converged
