"""Each measure on networks small enough to work out on paper."""

import math

import numpy as np
import pytest

from dexposure_core.errors import BadOption, UnknownMeasure
from dexposure_core.measures import (
    MEASURES,
    find_measure,
    gini,
    hhi,
    measure_all,
    pagerank,
    sector_exposure,
    spillover_concentration,
    systemic_importance,
    top_share,
)
from tests.networks import network

# A holds 40 of C and 20 of B, B holds 30 of C. A and B are in sector X, C in Y. TVL 50, 30, 20 = 100. Exposure 90.
HOLDS = [("a", "c", 40), ("a", "b", 20), ("b", "c", 30)]
SMALL = network({"a": 50, "b": 30, "c": 20}, HOLDS, {"a": "X", "b": "X", "c": "Y"})
EXPECTED = {
    "protocol_count": 3,
    "exposure_count": 3,
    "system_tvl_usd": 100,
    "total_exposure_usd": 90,
    "tvl_hhi": 0.25 + 0.09 + 0.04,
    "tvl_top10_share": 1,
    "tvl_gini": 2 * (1 * 20 + 2 * 30 + 3 * 50) / (3 * 100) - 4 / 3,
    "exposure_hhi": (16 + 4 + 9) / 81,
    "exposure_top10_share": 1,
    "exposure_gini": 2 * (1 * 20 + 2 * 30 + 3 * 40) / (3 * 90) - 4 / 3,
    "debtor_hhi": (70**2 + 20**2) / 90**2,
    "debtor_top10_share": 1,
    "density": 3 / 6,
    "mean_in_degree": 1,
    "max_in_degree": 2,
    "degree_gini": 0,  # total degrees 2, 2, 2
    "degree_entropy": 0,
    "degree_assortativity": -0.5,  # out-degrees of creditors 2 2 1, in-degrees of debtors 2 1 2
    # C fails: A loses 40 of its 50, B its 30; B fails: A loses 20; nobody holds A
    "mean_default_loss": (0.70 + 0.20 + 0) / 3,
    "max_default_loss": 0.70,
    "spillover_index": 1,  # one cell off the diagonal: X holds 70 of Y
    "cross_sector_usd": 70,
    "cross_sector_ratio": 70 / 90,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_measure_of_three_protocols(name):
    assert find_measure(name).of(SMALL) == pytest.approx(EXPECTED[name], abs=1e-12)


def test_every_measure_is_worked_out_here_or_against_the_score_below():
    assert {m.name for m in MEASURES} - set(EXPECTED) == {"mean_sis", "max_sis", "sis_gini"}


def test_score_of_three_protocols():
    # With the rank r of a protocol nobody holds: a = r, b = r (1 + 0.85/3), c = r (1 + 0.85·2/3 + 0.85·(1 + 0.85/3));
    # the walker leaves A to C twice as often as to B, and B always to C.
    b = 1 + 0.85 / 3
    c = 1 + 0.85 * 2 / 3 + 0.85 * b
    table = systemic_importance(SMALL)
    assert table["pagerank"].to_list() == pytest.approx([1 / c, b / c, 1], rel=1e-9)
    assert table["tail_exposure"].to_list() == [1, 1, 0]
    logs = [math.log(51), math.log(31), math.log(21)]
    assert table["log_tvl"].to_list() == pytest.approx([x / logs[0] for x in logs])
    by_hand = [(1 / c + 1 + 1) / 3, (b / c + 1 + logs[1] / logs[0]) / 3, (1 + 0 + logs[2] / logs[0]) / 3]
    assert table["sis"].to_list() == pytest.approx(by_hand, rel=1e-9)
    assert table["default_loss"].to_list() == pytest.approx([0, 0.2, 0.7])


def test_weights_of_the_score():
    only_rank = systemic_importance(SMALL, alpha=1, beta=0, gamma=0)
    assert only_rank["sis"].to_list() == only_rank["pagerank"].to_list()


def test_tail_is_the_share_of_the_five_largest_exposures():
    # seven exposures 1..7: the five largest are 3..7 = 25 of 28
    star = network({"hub": 9, **{f"d{i}": 1 for i in range(1, 8)}}, [("hub", f"d{i}", i) for i in range(1, 8)])
    assert systemic_importance(star)["tail_exposure"][0] == pytest.approx(25 / 28)


def test_a_creditor_cannot_lose_more_than_it_has():
    # A has 5 and holds 40 of C: C's default costs A 5 of a system of 25
    assert systemic_importance(network({"a": 5, "c": 20}, [("a", "c", 40)]))["default_loss"].to_list() == [0, 0.2]


def test_pagerank_follows_exposure_from_creditor_to_debtor():
    rank = pagerank(network({"a": 1, "b": 1}, [("a", "b", 1)]))
    assert rank[1] > rank[0]
    assert rank.sum() == pytest.approx(1)


def test_the_ten_largest_are_ten_not_ten_per_cent():
    assert top_share(np.ones(40)) == pytest.approx(10 / 40)
    assert top_share([5, 3, 2], count=2) == pytest.approx(0.8)


def test_gini_of_tvl_leaves_zeros_out_and_gini_of_degree_keeps_them():
    # TVL 10, 10 and two zeros: equal among those that have any. Degrees 1, 1, 0, 0: half hold all.
    lopsided = network({"a": 10, "b": 10, "c": 0, "d": 0}, [("a", "b", 1)])
    measures = measure_all(lopsided)
    assert measures["tvl_gini"] == 0
    assert measures["degree_gini"] == pytest.approx(0.5)


def test_the_unknown_sector_counts_as_a_sector():
    partly = network({"a": 1, "b": 1}, [("a", "b", 7)], {"a": "X"})
    assert measure_all(partly)["cross_sector_usd"] == 7


def test_sector_matrix_keeps_the_diagonal_and_sums_to_total_exposure():
    table = sector_exposure(SMALL)
    assert table.rows() == [("X", "X", 20.0), ("X", "Y", 70.0)]
    assert spillover_concentration(table) == spillover_concentration(SMALL) == 1


EMPTY = network({}, [])
UNCONNECTED = network({"a": 0, "b": 0}, [])


@pytest.mark.parametrize("snapshot", [EMPTY, UNCONNECTED], ids=["no protocols", "no TVL and no exposures"])
def test_what_nothing_has_is_not_defined_rather_than_zero(snapshot):
    measures = measure_all(snapshot)
    sums = {"protocol_count", "exposure_count", "system_tvl_usd", "total_exposure_usd", "cross_sector_usd"}
    sums |= {"density", "mean_in_degree", "max_in_degree", "degree_entropy"} if len(snapshot.protocols) else set()
    assert {name for name, value in measures.items() if not math.isnan(value)} == sums
    assert systemic_importance(snapshot).height == len(snapshot.protocols)
    assert sector_exposure(snapshot).is_empty()
    assert math.isnan(spillover_concentration(snapshot))


def test_one_protocol_has_no_density():
    assert math.isnan(measure_all(network({"a": 5}, []))["density"])


@pytest.mark.parametrize("spread", [hhi, top_share, gini])
def test_concentration_of_nothing_is_not_defined(spread):
    assert math.isnan(spread([]))
    assert math.isnan(spread([0.0, 0.0]))


@pytest.mark.parametrize("bad", [[1, -1], [math.nan], [math.inf, 1]])
@pytest.mark.parametrize("spread", [hhi, top_share, gini])
def test_concentration_refuses_what_is_not_an_amount(spread, bad):
    with pytest.raises(BadOption, match=r"amounts\["):
        spread(bad)


def test_amounts_near_the_largest_float_do_not_overflow():
    assert hhi([1e308, 1e308]) == pytest.approx(0.5)


@pytest.mark.parametrize(("name", "value"), [("alpha", -1), ("beta", math.nan), ("gamma", math.inf), ("damping", 1.0)])
def test_the_score_refuses_senseless_weights(name, value):
    with pytest.raises(BadOption, match=name):
        systemic_importance(SMALL, **{name: value})


def test_a_mistyped_measure_is_told_the_closest_one():
    with pytest.raises(UnknownMeasure, match="did you mean 'tvl_hhi'"):
        find_measure("tvl_hhl")
