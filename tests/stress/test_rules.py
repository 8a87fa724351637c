"""The other rules: DebtRank of 2012, threshold cascade and clearing payments, by hand, as published, and their laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from dexposure_core.errors import BadOption
from dexposure_core.stress import RULES, Shock, run, run_many
from tests.networks import network, recorded, relabelled, scaled, snapshots

NAMES = [rule.name for rule in RULES]
HELD_AT_MOST = [name for name in NAMES if name != "dexposure-loss-sharing"]
# A holds 40 of B, B holds 5 of C
CHAIN = network({"a": 100, "b": 50, "c": 10}, [("a", "b", 40), ("b", "c", 5)])


def banks():
    """Return the published network of three banks and what they can lose."""
    given_banks = recorded()["three_banks"]
    claims = np.array(given_banks["claims_usd"], dtype=float)
    rows = [("abc"[i], "abc"[j], claims[i, j]) for i, j in zip(*np.nonzero(claims), strict=True)]
    return network(dict(zip("abc", given_banks["weights"], strict=True)), rows), given_banks["buffer_usd"]


def added_stress(result, weights):
    return ((result.distress[-1] - result.distress[0]) @ weights) / weights.sum()


@pytest.mark.parametrize(
    ("rule", "bank", "stress"),
    [
        ("debtrank-2012", "a", 0.9285714), ("debtrank-2012", "b", 0.25), ("debtrank-2012", "c", 0.6642857),
        ("threshold", "a", 0.9285714286), ("threshold", "b", 0.25), ("threshold", "c", 0.4285714286),
    ],
)  # fmt: skip
def test_three_banks_as_published(rule, bank, stress):
    snapshot, buffers = banks()
    result = run(snapshot, {bank: 1.0}, rule, absorbing_usd=buffers)
    assert added_stress(result, snapshot.tvl_usd) == pytest.approx(stress, abs=1e-6)


def test_what_the_third_bank_does_to_the_others():
    snapshot, buffers = banks()
    walked, fallen = (run(snapshot, {"c": 1.0}, rule, absorbing_usd=buffers) for rule in ("debtrank-2012", "threshold"))
    assert walked.distress[-1] == pytest.approx([0.3, 0.9, 1.0], abs=1e-6)
    assert fallen.distress[-1] == pytest.approx([0, 0.6, 1.0], abs=1e-9)


def test_in_2012_a_protocol_passes_on_only_what_first_hit_it():
    # C loses 0.5 and A 0.1 at once; B loses 0.5·10 = 5 of 50 through C in round 1 and passes 0.1 on to A.
    # A holds 40 of B → 4; A passed its 0.1 in round 1 and not the 0.04 that came in round 2 (D holds 10 of A)
    system = network(
        {"a": 100, "b": 50, "c": 10, "d": 20}, [("a", "b", 40), ("b", "c", 10), ("d", "a", 10)]
    )  # fmt: skip
    result = run(system, {"a": 0.1, "c": 0.5}, "debtrank-2012")
    assert result.distress[-1] == pytest.approx([0.14, 0.1, 0.5, 0.05])
    assert run(system, {"a": 0.1, "c": 0.5}).distress[-1] == pytest.approx([0.14, 0.1, 0.5, 0.07])


def test_a_threshold_is_silent_until_all_is_lost():
    assert run(CHAIN, {"c": 0.99}, "threshold").induced_usd.sum() == 0
    assert run(CHAIN, {"c": 1.0}, "threshold").induced_usd == pytest.approx([0, 5, 0])
    assert run(CHAIN, {"c": 1.0}, "threshold", lgd=0.4).induced_usd == pytest.approx([0, 2, 0])
    # B has only 5 to lose: its failure costs A the 40 it holds of it
    assert run(CHAIN, {"c": 1.0}, "threshold", absorbing_usd=[100, 5, 10]).induced_usd == pytest.approx([40, 5, 0])


@pytest.mark.parametrize("rule", NAMES)
def test_a_fall_of_an_issuers_tokens_reaches_their_holders_under_every_rule(rule):
    # USDC (TVL 0) loses 10 %; A holds 40 of it and B holds 10 of A
    system = network({"usdc": 0, "a": 50, "b": 20}, [("a", "usdc", 40), ("b", "a", 10)])
    result = run(system, {"usdc": 0.1}, rule)
    first = 0.1 * 40 if rule != "dexposure-loss-sharing" else 0.0  # there an issuer without TVL has no loss to share
    assert result.loss_by_round_usd[min(1, result.rounds)].tolist() == pytest.approx([0, first, 0])
    assert result.underlying_usd == pytest.approx(first)


def test_the_underlying_loss_counts_a_dollar_once():
    # C loses 10: B loses 5 and A 4 of the same dollars
    result = run(CHAIN, {"c": 1.0})
    assert (result.total_loss_usd, result.underlying_usd) == (pytest.approx(19), pytest.approx(10))


# -- clearing payments


def owing(liabilities):
    """Return the network in which row i owes column j, everyone with a TVL of 1."""
    owed = np.array(liabilities, dtype=float)
    names = [f"p{i}" for i in range(len(owed))]
    rows = [(names[j], names[i], owed[i, j]) for i, j in zip(*np.nonzero(owed), strict=True)]
    return network(dict.fromkeys(names, 1.0), rows)


THREE = [[0, 0, 2], [3, 0, 1], [3, 1, 0]]
VIGNETTE = [[0, 0, 1], [0.4, 0, 2.1], [0.3, 2.7, 0]]


@pytest.mark.parametrize(
    ("liabilities", "outside", "recovery", "paid"),
    [
        (THREE, 0, 1.0, [2, 1.8666666666666667, 3.466666666666667]),
        (VIGNETTE, 1, 1.0, [1.6961038961, 3.5, 3.9480519481]),
        (VIGNETTE, 1, 0.98, [1.65489401, 3.5, 3.84889806]),
    ],
)
def test_clearing_payments_as_published(liabilities, outside, recovery, paid):
    system = owing(liabilities)
    result = run(
        system, {}, "eisenberg-noe", external_assets_usd=np.ones(3), external_liabilities_usd=np.full(3, outside),
        alpha=recovery, beta=recovery,
    )  # fmt: skip
    assert result.clearing_usd == pytest.approx(paid, abs=1e-7)
    assert result.converged


def test_a_protocol_that_loses_half_its_assets_pays_half():
    # C (10) owes 5 to B and 5 to others: with half left it pays half of each; B then has 47.5 of the 50 it owes
    result = run(CHAIN, {"c": 0.5}, "eisenberg-noe")
    assert result.clearing_usd == pytest.approx([98, 47.5, 5])
    assert result.total_usd == pytest.approx([2, 2.5, 5])


def test_an_issuer_owes_what_is_held_of_it():
    system = network({"usdc": 0, "a": 50}, [("a", "usdc", 40)])
    assert run(system, {"usdc": 0.1}, "eisenberg-noe").clearing_usd == pytest.approx([36, 46])
    assert run(system, {}, "eisenberg-noe").clearing_usd == pytest.approx([40, 50])


def test_a_cost_of_default_makes_everyone_poorer():
    whole, costly = (run(CHAIN, {"c": 0.5}, "eisenberg-noe", alpha=a, beta=a) for a in (1.0, 0.5))
    assert (costly.clearing_usd <= whole.clearing_usd + 1e-9).all()
    assert costly.total_loss_usd > whole.total_loss_usd


@settings(deadline=None)
@given(snapshots(smallest=2, largest=5), st.lists(st.floats(0, 1e9), min_size=5, max_size=5))
def test_payments_are_the_largest_that_agree(snapshot, assets):
    count = len(snapshot.protocols)
    other = np.array(assets[:count])
    result = run(snapshot, {}, "eisenberg-noe", external_assets_usd=other)
    owes = np.bincount(snapshot.debtor, weights=snapshot.exposure_usd, minlength=count)
    share = np.zeros((count, count))  # of what a debtor pays, to each creditor
    share[snapshot.creditor, snapshot.debtor] = snapshot.exposure_usd / owes[snapshot.debtor]
    least = max(1.0, owes.max()) * 1e-8
    found = linprog(-np.ones(count), np.eye(count) - share, other, bounds=[(0, x) for x in owes])  # paid by the LP
    assert result.clearing_usd.sum() == pytest.approx(-found.fun, rel=1e-6, abs=least)
    agree = np.minimum(owes, other + share @ result.clearing_usd)
    assert result.clearing_usd == pytest.approx(agree, rel=1e-6, abs=least)


@pytest.mark.parametrize("rule", [n for n in NAMES if n != "eisenberg-noe"])
def test_only_a_clearing_takes_balance_sheets(rule):
    with pytest.raises(BadOption, match="external_assets_usd"):
        run(CHAIN, {}, rule, external_assets_usd=np.ones(3))


@pytest.mark.parametrize(
    ("sheets", "match"),
    [
        ({"external_liabilities_usd": [1, 1, 1]}, "without external_assets_usd"),
        ({"external_assets_usd": [1, 1]}, "expected 3 amounts"),
        ({"external_assets_usd": [1, float("nan"), 1]}, r"external_assets_usd\[1\]"),
        ({"external_assets_usd": [1, 1, 1], "external_liabilities_usd": [1, -1, 1]}, r"external_liabilities_usd\[1\]"),
    ],
)
def test_balance_sheets_that_are_none_are_refused(sheets, match):
    with pytest.raises(BadOption, match=match):
        run(CHAIN, {}, "eisenberg-noe", **sheets)


# -- laws of every rule


@pytest.mark.parametrize("rule", NAMES)
@given(snapshot=snapshots())
def test_no_shock_no_loss(rule, snapshot):
    result = run(snapshot, {}, rule)
    assert (result.total_loss_usd, result.underlying_usd, result.converged) == (0, 0, True)


@pytest.mark.parametrize("rule", HELD_AT_MOST)
@given(snapshot=snapshots(), fraction=st.floats(0, 1))
def test_a_creditor_never_loses_more_than_it_holds_of_others(rule, snapshot, fraction):
    result = run(snapshot, {"p0": fraction}, rule, max_rounds=200)
    holds = np.bincount(snapshot.creditor, weights=snapshot.exposure_usd, minlength=len(snapshot.protocols))
    rounding = 1e-9 + 1e-15 * snapshot.tvl_usd  # a loss is a difference of shares of the TVL
    assert (result.induced_usd <= holds * (1 + 1e-9) + rounding).all()


# Not under loss sharing: a protocol passes its loss on once, when it crosses the threshold; a larger shock can make it
# cross a round earlier, before most of its loss has come.
@pytest.mark.parametrize("rule", HELD_AT_MOST)
@given(snapshot=snapshots(covered=True), one=st.floats(0, 1), other=st.floats(0, 1))
def test_a_larger_shock_never_lowers_any_distress(rule, snapshot, one, other):
    low, high = (run(snapshot, {"p0": f}, rule, max_rounds=60).distress[-1] for f in sorted((one, other)))
    assert (high >= low - 1e-9).all()


@pytest.mark.parametrize("rule", NAMES)
@given(
    snapshot=snapshots(covered=True), fraction=st.floats(0, 1), factor=st.sampled_from([2.0**-9, 0.25, 8.0, 2.0**12])
)
def test_currency_changes_losses_but_no_distress(rule, snapshot, fraction, factor):
    one, other = (run(s, {"p0": fraction}, rule, max_rounds=60) for s in (snapshot, scaled(snapshot, factor)))
    assert one.distress[-1] == pytest.approx(other.distress[-1], abs=1e-9)
    assert one.total_usd * factor == pytest.approx(other.total_usd, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("rule", NAMES)
@given(snapshot=snapshots(covered=True), fraction=st.floats(0, 1), shuffle=st.randoms(use_true_random=False))
def test_the_order_of_protocols_changes_nothing(rule, snapshot, fraction, shuffle):
    order = np.array(shuffle.sample(range(len(snapshot.protocols)), len(snapshot.protocols)))
    one, other = (run(s, {"p0": fraction}, rule, max_rounds=60) for s in (snapshot, relabelled(snapshot, order)))
    assert other.distress[-1] == pytest.approx(one.distress[-1][order], abs=1e-9)


@pytest.mark.parametrize("rule", ["threshold", "debtrank-2012"])
@given(snapshot=snapshots(covered=True), fraction=st.floats(0, 1))
def test_linear_debtrank_is_the_most_that_walks_of_it_can_lose(rule, snapshot, fraction):
    less, most = (run(snapshot, {"p0": fraction}, name, max_rounds=200) for name in (rule, "linear-debtrank"))
    assert (less.distress[-1] <= most.distress[-1] + 1e-9).all()


@pytest.mark.parametrize("rule", NAMES)
def test_a_token_shock_and_a_batch_run_under_every_rule(rule):
    hit = run(CHAIN, Shock(losses_usd={"b": 50}), rule)
    assert hit.direct_usd == pytest.approx([0, 50, 0])
    assert hit.induced_usd[0] == pytest.approx(40 if rule != "dexposure-loss-sharing" else 50)
    many = run_many(CHAIN, np.eye(3), rule)
    alone = [run(CHAIN, {p: 1.0}, rule).total_loss_usd for p in "abc"]
    assert many.total_usd == pytest.approx(alone)
