"""Shocks, scenarios, batches, transmissions, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import eye_array

from dexposure_core.errors import BadOption, UnknownProtocol, UnknownRule, UnknownScenario
from dexposure_core.stress import (
    MEASURED_RULES,
    MEASURED_SCENARIOS,
    RULES,
    Shock,
    find_scenario,
    run,
    run_many,
    standard_losses,
    token_shock,
    transmission,
)
from dexposure_core.stress.transmission import by_exposure
from tests.networks import network, recorded, recorded_network, snapshots

NAMES = [rule.name for rule in RULES]
# A holds 40 of B, B holds 5 of C; C is a bridge
CHAIN = network({"a": 100, "b": 50, "c": 10}, [("a", "b", 40), ("b", "c", 5)], {"c": "Canonical Bridge"})


@pytest.mark.parametrize("network_name", recorded()["networks"])
def test_scenarios_select_whom_the_paper_selects(network_name):
    snapshot, given_cases = recorded_network(network_name), recorded()["networks"][network_name]["loss_sharing"]
    for scenario, case in zip(MEASURED_SCENARIOS, given_cases[:3], strict=True):
        shock = scenario.shock(snapshot)
        with_tvl = [p for p in case["shocked"] if snapshot.tvl_usd[snapshot.row(p)] > 0]  # ours leaves TVL 0 out
        assert list(shock.fractions) == with_tvl
        assert all(f == case["fraction"] for f in shock.fractions.values())


def test_a_scenario_runs_like_the_shock_it_stands_for():
    by_name, by_hand = run(CHAIN, find_scenario("bridges")), run(CHAIN, {"c": 1.0})
    assert by_name.scenario == "bridges"
    assert by_hand.scenario is None
    assert by_name.total_usd.tolist() == by_hand.total_usd.tolist()


def test_a_token_hits_every_holder_by_its_holding_at_round_0():
    # the token loses half: A 10 of its 20, B 5 of its 10 → 0.1 of 50; A then loses 0.1 of its 40 of B
    shock = token_shock(CHAIN, {"a": 20, "b": 10}, 0.5)
    result = run(CHAIN, shock)
    assert result.direct_usd == pytest.approx([10, 5, 0])
    assert result.induced_usd == pytest.approx([4, 0, 0])


def test_under_loss_sharing_a_holder_is_distressed_only_above_the_threshold():
    # B loses 5 of 50 by the token: exactly 0.1, so it passes nothing on; with 6 it passes 6 on to A
    assert run(CHAIN, Shock(losses_usd={"b": 5}), "dexposure-loss-sharing").induced_usd.sum() == 0
    assert run(CHAIN, Shock(losses_usd={"b": 6}), "dexposure-loss-sharing").induced_usd == pytest.approx([6, 0, 0])


def test_direct_losses_stop_at_what_there_is_and_miss_who_has_nothing():
    bare = network({"a": 100, "z": 0}, [("a", "z", 5)])
    result = run(bare, Shock(losses_usd={"a": 1e6, "z": 7}))
    assert result.total_usd == pytest.approx([100, 0])
    assert result.distress[-1] == pytest.approx([1, 0])


def test_kinds_of_shock_add_up():
    # 0.2 of 50 and 5 USD: 15 of 50
    assert run(CHAIN, Shock(fractions={"b": 0.2}, losses_usd={"b": 5})).distress[0] == pytest.approx([0, 0.3, 0])


def test_standard_losses_are_named_and_undefined_where_nobody_is_hit():
    losses = standard_losses(network({"a": 100, "b": 50}, [("a", "b", 40)]))
    assert set(losses) == {
        f"loss:{s.name}:{rule}" for s in MEASURED_SCENARIOS for rule in (r.name for r in MEASURED_RULES)
    }
    # top-1: A loses 50 of 150, nobody holds A. top-5: 30 % of both; A loses 0.3 of its 40 of B as well, or B's 15
    assert losses["loss:top-1:linear-debtrank"] == pytest.approx(50 / 150)
    assert losses["loss:top-5:linear-debtrank"] == pytest.approx((45 + 12) / 150)
    assert losses["loss:top-5:dexposure-loss-sharing"] == pytest.approx((45 + 15) / 150)
    assert math.isnan(losses["loss:bridges:linear-debtrank"])


@pytest.mark.parametrize("bare", [network({}, []), network({"a": 0, "b": 0}, [("a", "b", 1)], {"b": "Bridge"})])
def test_standard_losses_of_a_system_without_tvl_are_not_defined(bare):
    assert all(math.isnan(value) for value in standard_losses(bare).values())


@pytest.mark.parametrize("rule", NAMES)
@given(snapshot=snapshots(covered=True), fraction=st.floats(0, 1))
def test_each_protocol_in_turn_equals_one_run_each(rule, snapshot, fraction):
    count = len(snapshot.protocols)
    cents = 1e-10 * snapshot.tvl_usd.sum()  # one at rest goes on a little while another beside it does not
    together = run_many(snapshot, eye_array(count, format="csr") * fraction, rule, max_rounds=40)
    for i, protocol in enumerate(snapshot.protocols):
        alone = run(snapshot, {str(protocol): fraction}, rule, max_rounds=40)
        assert together.total_usd[i] == pytest.approx(alone.total_loss_usd, abs=cents)
        assert together.direct_usd[i] == pytest.approx(alone.direct_usd.sum())
    dense = run_many(snapshot, np.eye(count) * fraction, rule, max_rounds=40)
    assert dense.total_usd == pytest.approx(together.total_usd, abs=cents)


def test_many_more_scenarios_than_fit_side_by_side():
    shocks = np.zeros((100, 3))
    shocks[:, 2] = np.linspace(0, 1, 100)
    # C's loss x costs B 5x and A 4x
    assert run_many(CHAIN, shocks).total_usd == pytest.approx(np.linspace(0, 19, 100))
    assert run_many(CHAIN, np.zeros((0, 3))).total_usd.shape == (0,)


@pytest.mark.parametrize("rule", NAMES)
@given(snapshot=snapshots(), fraction=st.floats(0, 1))
def test_transmissions_sum_to_what_each_creditor_lost_by_contagion(rule, snapshot, fraction):
    result = run(snapshot, {"p0": fraction}, rule, max_rounds=40)
    passed = transmission(snapshot, result)
    first, carried = by_exposure(snapshot, result)
    size = len(snapshot.protocols)
    pairs = (passed.creditor * size + passed.debtor).tolist()
    for edge, pair in enumerate((snapshot.creditor * size + snapshot.debtor).tolist()):
        mine = [i for i, other in enumerate(pairs) if other == pair]
        assert carried[edge] == pytest.approx(passed.loss_usd[mine].sum())
        assert first[edge] == min(passed.round[mine], default=0)
    by_creditor = np.bincount(passed.creditor, weights=passed.loss_usd, minlength=len(snapshot.protocols))
    assert by_creditor == pytest.approx(result.induced_usd, rel=1e-9, abs=1e-6)
    assert (np.diff(passed.round) >= 0).all()


def test_transmissions_by_hand():
    passed = transmission(CHAIN, run(CHAIN, {"c": 1.0}))
    assert [tuple(row) for row in zip(*passed, strict=True)] == [(1, 2, 1, 5.0), (2, 1, 0, pytest.approx(4.0))]
    assert len(transmission(CHAIN, run(CHAIN, {"c": 1.0}), limit=0).round) == 0


@pytest.mark.parametrize("fraction", [-0.1, 1.1, math.nan, math.inf, "0.5", None, True])
def test_fractions_outside_0_to_1_are_refused(fraction):
    with pytest.raises(BadOption, match="0 to 1"):
        run(CHAIN, {"a": fraction})
    with pytest.raises(BadOption, match="0 to 1"):
        token_shock(CHAIN, {"a": 1.0}, fraction)


@pytest.mark.parametrize("loss", [-1, math.nan, math.inf, "many"])
def test_losses_that_are_no_amount_are_refused(loss):
    with pytest.raises(BadOption, match="finite amount"):
        Shock(losses_usd={"a": loss})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"pass_throug": 0.5}, "did you mean 'pass_through'"),
        ({"distress_threshold": 0.1}, "no option 'distress_threshold'"),
        ({"pass_through": 1.5}, "from 0 to 1"),
        ({"pass_through": math.nan}, "from 0 to 1"),
        ({"max_rounds": -1}, "max_rounds"),
        ({"max_rounds": 2.5}, "whole"),
        ({"absorbing_usd": [1, 2]}, "expected 3"),
        ({"absorbing_usd": [1, 2, -3]}, r"absorbing_usd\[2\]"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, says):
    with pytest.raises(BadOption, match=says):
        run(CHAIN, {"a": 0.5}, **options)


def test_names_that_do_not_exist_are_refused_with_the_closest():
    with pytest.raises(UnknownRule, match="did you mean 'linear-debtrank'"):
        run(CHAIN, {"a": 0.5}, "linear-debtrnk")
    with pytest.raises(UnknownProtocol, match="No protocol 'aa'"):
        run(CHAIN, {"aa": 0.5})
    with pytest.raises(UnknownScenario, match="did you mean 'bridges'"):
        find_scenario("bridge")
    with pytest.raises(UnknownProtocol, match="nobody"):
        token_shock(CHAIN, {"nobody": 1.0}, 0.5)


def test_what_is_no_shock_is_refused():
    with pytest.raises(BadOption, match="expected"):
        run(CHAIN, [0.5, 0, 0])


@pytest.mark.parametrize("shocks", [np.ones((2, 2)), np.ones(3), np.full((1, 3), 2.0), np.full((1, 3), math.nan)])
def test_matrices_of_shocks_that_do_not_fit_are_refused(shocks):
    with pytest.raises(BadOption, match="shocks"):
        run_many(CHAIN, shocks)


def test_a_shock_cannot_be_changed_after_its_check():
    given_fractions = {"a": 0.5}
    shock = Shock(fractions=given_fractions)
    given_fractions["a"] = 7
    assert shock.fractions["a"] == 0.5
    with pytest.raises(TypeError):
        shock.fractions["a"] = 7
