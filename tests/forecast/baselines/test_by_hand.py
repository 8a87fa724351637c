"""Every counting baseline on weeks that fit on a page, with the arithmetic beside it."""

import math

import numpy as np
import pytest

from dexposure_core.forecast.baselines.counting import Cells, Curve, along, isotonic
from dexposure_core.forecast.baselines.drift import MARKET, OWN, DriftingSize, DriftingTvl
from dexposure_core.forecast.baselines.hazard import Hazard, cells
from dexposure_core.forecast.baselines.memory import FadingExistence, FadingSize, FadingTvl
from dexposure_core.forecast.baselines.new_pairs import NewPairs
from dexposure_core.forecast.baselines.size_rule import LAST, TYPICAL, SizeRule
from dexposure_core.forecast.baselines.tuning import loss
from dexposure_core.forecast.baselines.view import Case, Truth, View
from dexposure_core.forecast.known import paths
from dexposure_core.forecast.known.candidates import exclusive
from dexposure_core.forecast.known.paths import three_paths
from tests.forecast.worlds import week

TVL = {"A": 100.0, "B": 50.0, "C": 10.0, "D": 5.0}
# D entered in the last week; B>C is gone since the first; A>B doubles every week.
WEEKS = [
    week(0, {"A>B": 8.0, "B>C": 4.0}, {"A": 25.0, "B": 50.0, "C": 10.0}),
    week(1, {"A>B": 16.0}, {"A": 50.0, "B": 50.0, "C": 10.0}),
    week(2, {"A>B": 32.0, "C>A": 2.0}, TVL),
]
# {A, B} was there in weeks 0, 1, 2, once A>B, then B>A twice; {C, A} in week 3 alone
FLOWS = [
    week(0, {"A>B": 8.0}, TVL, "flow"),
    week(1, {"B>A": 5.0}, TVL, "flow"),
    week(2, {"B>A": 6.0}, TVL, "flow"),
    week(3, {"C>A": 7.0}, TVL, "flow"),
]
A, B, C, D = range(4)


def said(values, view):
    """{"A>B": value} of the listed pairs."""
    names = view.past.origin.protocols
    return {f"{names[k // view.size]}>{names[k % view.size]}": v for k, v in zip(view.key, values, strict=True)}


@pytest.fixture
def weeks():
    return View.of(WEEKS, everything=False)


@pytest.fixture
def flows():
    return View.of(FLOWS, everything=False)


def test_ewma_of_existence_by_hand(weeks):
    # half-life 1: weights 1, ½, ¼ of this week and those before, 1.75 together;
    # A>B was there always; B>C two weeks ago: ¼ / 1.75 = 1/7; C>A now: 1 / 1.75 = 4/7
    p = said(FadingExistence().of(weeks, 4, (1.0,)), weeks)
    assert p == pytest.approx({"A>B": 1.0, "B>C": 1 / 7, "C>A": 4 / 7})
    # half-life 0 is persistence, infinity the share of the weeks
    assert said(FadingExistence().of(weeks, 4, (0.0,)), weeks) == {"A>B": 1.0, "B>C": 0.0, "C>A": 1.0}
    assert said(FadingExistence().of(weeks, 4, (math.inf,)), weeks) == pytest.approx(
        {"A>B": 1.0, "B>C": 1 / 3, "C>A": 1 / 3}
    )


def test_ewma_of_flows_remembers_the_pair_and_then_shares_it(flows):
    # half-life 2 of the pair: weights 1, .7071, .5, .3536 (2.5607); {A, B} has the last three: 1.5607 / 2.5607
    # direction over all weeks: A>B (1 + ½) / (1 + 2 + 1), B>A (2 + ½) / 4
    w = [2 ** (-k / 2) for k in range(4)]
    there = (w[1] + w[2] + w[3]) / sum(w)
    p = said(FadingExistence().of(flows, 1, (2.0, math.inf)), flows)
    assert p["A>B"] == pytest.approx(there * 1.5 / 4)
    assert p["B>A"] == pytest.approx(there * 2.5 / 4)
    # {C, A}: 1 of 2.5607; direction (1 + ½) / 2 and ½ / 2
    assert p["C>A"] == pytest.approx(w[0] / sum(w) * 0.75)
    assert p["A>C"] == pytest.approx(w[0] / sum(w) * 0.25)


def test_ewma_of_sizes_counts_from_when_the_pair_was_last_seen(weeks, flows):
    # half-life 1: A>B weights 1, ½, ¼ on 32, 16, 8; B>C has one size only
    size = said(FadingSize().of(weeks, 1, (1.0,)), weeks)
    assert size["A>B"] == pytest.approx((np.log1p(32) + np.log1p(16) / 2 + np.log1p(8) / 4) / 1.75)
    assert size["B>C"] == pytest.approx(np.log1p(4))
    # flows: either way, last seen a week ago: 6, 5, 8 with weights 1, ½, ¼
    size = said(FadingSize().of(flows, 1, (1.0,)), flows)
    mean = (np.log1p(6) + np.log1p(5) / 2 + np.log1p(8) / 4) / 1.75
    assert [size["A>B"], size["B>A"]] == pytest.approx([mean, mean])
    assert said(FadingSize().of(flows, 1, (0.0,)), flows)["A>B"] == pytest.approx(np.log1p(6))


def test_a_pair_never_seen_has_its_creditors_typical_size():
    view = View.of([week(0, {"A>B": 3.0, "A>C": 15.0, "B>C": 7.0}, TVL)], everything=True)
    size = said(FadingSize().of(view, 1, (0.0,)), view)
    # D holds nothing: the mean over all of log1p 3, 15, 7 = log 4, 16, 8, that is log 8 (2, 4 and 3 times log 2)
    assert size["D>C"] == pytest.approx(math.log(8))
    assert size["C>B"] == pytest.approx(math.log(8))
    assert size["B>C"] == pytest.approx(math.log(8))
    view = View.of(
        [
            week(0, {"A>B": 3.0, "A>C": 15.0, "B>C": 7.0}, {**TVL, "E": 1.0}),
            week(1, {"A>B": 3.0, "D>E": 1.0}, {**TVL, "E": 1.0}),
        ],
        everything=True,
    )
    assert said(FadingSize().of(view, 1, (0.0,)), view)["A>E"] == pytest.approx(math.log(4))


def test_ewma_of_tvl_by_hand(weeks):
    # A: 100, 50, 25 with weights 1, ½, ¼; D has one value only
    tvl = FadingTvl().of(weeks, 1, (1.0,))
    assert tvl[A] == pytest.approx((np.log1p(100) + np.log1p(50) / 2 + np.log1p(25) / 4) / 1.75)
    assert np.expm1(tvl[[B, D]]) == pytest.approx([50.0, 5.0])


def test_drift_goes_on_as_the_pair_went(weeks):
    # A>B: from 8 to 32 in two weeks, log(33/9)/2 a week; half of it for 4 weeks
    step = math.log(33 / 9) / 2
    size = said(DriftingSize().of(weeks, 4, (OWN, 4.0, 0.5)), weeks)
    assert size["A>B"] == pytest.approx(math.log(33) + 0.5 * 4 * step)
    assert size["B>C"] == pytest.approx(math.log(5))  # gone: no trend
    assert size["C>A"] == pytest.approx(math.log(3))  # seen once: no trend
    # over one week only the last step counts: log(33/17)
    size = said(DriftingSize().of(weeks, 4, (OWN, 1.0, 1.0)), weeks)
    assert size["A>B"] == pytest.approx(math.log(33) + 4 * math.log(33 / 17))
    # the market: A>B is the only pair there now and two weeks ago
    size = said(DriftingSize().of(weeks, 1, (MARKET, 2.0, 1.0)), weeks)
    assert size["C>A"] == pytest.approx(math.log(3) + step)
    assert said(DriftingSize().of(weeks, 4, (OWN, 1.0, 0.0)), weeks)["A>B"] == pytest.approx(math.log(33))


def test_drift_of_tvl_by_hand(weeks):
    # A: from 25 to 100 in two weeks; B and C stand still; D is new, so it has no trend of its own
    own = DriftingTvl().of(weeks, 4, (OWN, 2.0, 0.5))
    assert own[A] == pytest.approx(math.log(101) + 0.5 * 4 * math.log(101 / 26) / 2)
    assert np.expm1(own[[B, C, D]]) == pytest.approx([50.0, 10.0, 5.0])
    # the market's median step of A, B and C is 0
    assert np.expm1(DriftingTvl().of(weeks, 4, (MARKET, 2.0, 1.0))) == pytest.approx(list(TVL.values()))


def test_cells_lean_on_the_cell_around_them():
    # outer code 0: 3 of 4 existed, code 1: 0 of 6; within 0 the inner codes have 2 of 2 and 1 of 2
    table = Cells.empty((2, 2)).with_pairs(
        (np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1]), np.array([0, 0, 1, 1, 0, 0, 0, 0, 0, 0])),
        np.array([True, True, True, False, *[False] * 6]),
    )
    everywhere = 3.5 / 11
    outer = [(3 + 2 * everywhere) / (4 + 2), (0 + 2 * everywhere) / (6 + 2)]
    assert table.rates(1, 2.0) == pytest.approx(outer)
    inner = [[(2 + 2 * outer[0]) / (2 + 2), (1 + 2 * outer[0]) / (2 + 2)], [(2 * outer[1]) / (6 + 2), outer[1]]]
    assert table.rates(2, 2.0) == pytest.approx(np.array(inner))  # an empty cell says what the one around it says


def test_hazard_codes_by_hand():
    view = View.of(WEEKS, everything=True)
    state, time, share, size = (said(codes, view) for codes in cells(view))
    # A>B now, first seen 2 weeks ago: ages 2-3 are class 2; in 3 of 3 weeks: class 5; 32 USD: class 0
    assert [x["A>B"] for x in (state, time, share, size)] == [0, 2, 5, 0]
    # B>C seen, not now, gap 2: class 2; 1 of 3 weeks, .33: class 2
    assert [x["B>C"] for x in (state, time, share, size)] == [2, 2, 2, 0]
    # B>A never, but the other way, now: gap 0 of that
    assert [x["B>A"] for x in (state, time, share, size)] == [3, 0, 0, 0]
    # D>B never seen; D is known for 0 weeks
    assert [x["D>B"] for x in (state, time, share)] == [4, 0, 0]


def test_hazard_codes_of_flows_look_both_ways():
    view = View.of(FLOWS, everything=True)
    state, time, share, _ = (said(codes, view) for codes in cells(view))
    # C>A now, A>C now the other way, both of age 0
    assert [state["C>A"], state["A>C"], time["C>A"], time["A>C"]] == [0, 1, 0, 0]
    # {A, B} was last there a week ago, whichever way: gap 1 is class 1; A>B in 1 of 4 weeks (.25, class 1), either
    # way in 3 of 4 (.75, class 3): 1·6 + 3; B>A in 2 of 4 (.5, class 2): 2·6 + 3
    assert [state["A>B"], state["B>A"], time["A>B"], time["B>A"]] == [2, 2, 1, 1]
    assert [share["A>B"], share["B>A"]] == [9, 15]


def learnt(part, history, goal):
    """The part after counting one origin, the last of `history`, whose target is `goal`."""
    view = View.of(history, everything=True)
    case = Case(view=view, truth={1: Truth.of(view, goal)})
    return part.learn(lambda: iter([case]), lambda: iter([]), (1,)), view


def test_the_hazard_of_a_week_by_hand():
    goal = week(3, {"A>B": 1.0, "B>C": 1.0}, TVL)
    hazard, view = learnt(Hazard(), WEEKS, goal)
    p = said(hazard.of(view, 1, (1.0, 2.0)), view)
    # candidates: 12 ordered pairs of 4, of which D>C, A>D, B>D, C>D, ... are offered only if D or C is held
    everywhere = (2 + 0.5) / (len(view.key) + 1)
    # state "now": A>B stays, C>A dies: 1 of 2; state "seen": B>C comes back, 1 of 1
    assert p["A>B"] == p["C>A"] == pytest.approx((1 + 2 * everywhere) / (2 + 2))
    assert p["B>C"] == pytest.approx((1 + 2 * everywhere) / (1 + 2))


def test_the_size_rule_by_hand():
    tvl = dict.fromkeys("ABCDE", 1.0)
    past = [week(0, {"A>B": 1e6, "B>C": 1e6, "C>D": 1e6, "D>E": 10.0, "E>A": 10.0}, tvl)]
    goal = week(1, {"A>B": 1.0, "B>C": 1.0, "D>E": 1.0}, tvl)
    view = View.of(past, everything=False)
    case = Case(view=view, truth={1: Truth.of(view, goal)})
    rule = SizeRule().learn(lambda: iter([case]), lambda: iter([]), (1,))
    # cut at 50 % of the pairs: between 10 USD and a million; 1 of 2 small ones stay, 2 of 3 large ones
    p = said(rule.of(view, 1, (LAST, 0.5)), view)
    assert p["D>E"] == p["E>A"] == pytest.approx((1 + 0.5) / (2 + 1))
    assert p["A>B"] == p["C>D"] == pytest.approx((2 + 0.5) / (3 + 1))
    # typical: A>B in both weeks known, C>D in one of two: half its log size
    later = View.of([*past, week(1, {"A>B": 1e6}, tvl)], everything=False)
    from dexposure_core.forecast.baselines.size_rule import measured

    size = said(measured(later, TYPICAL), later)
    assert size["A>B"] == pytest.approx(np.log1p(1e6))
    assert size["C>D"] == pytest.approx(np.log1p(1e6) / 2)


def test_three_paths_by_hand():
    # A and B both hold X; B and C both hold Y; B holds Q. A→X←B→Q and A→X←B→Y are paths, C→Y←B→Q and C→Y←B→X too
    a, _, c, x, y, q = range(6)
    tvl = dict.fromkeys("ABCXYQ", 1.0)
    origin = week(0, {"A>X": 1.0, "B>X": 1.0, "B>Y": 1.0, "C>Y": 1.0, "B>Q": 1.0}, tvl)
    found = three_paths(origin, np.array([a, a, c, c, q]), np.array([y, q, x, q, a]))
    assert found.tolist() == [1, 1, 1, 1, 0]
    # a second shared debtor doubles the paths: A holds Y too, so A→X←B→Q and A→Y←B→Q
    origin = week(0, {"A>X": 1.0, "A>Y": 1.0, "B>X": 1.0, "B>Y": 1.0, "B>Q": 1.0}, tvl)
    assert three_paths(origin, np.array([a]), np.array([q])).tolist() == [2]


@pytest.mark.parametrize("whole", [0, paths.WHOLE, 1000], ids=["rows", "as it comes", "pairs"])
def test_three_paths_are_the_power_of_the_matrix_however_they_are_counted(whole, monkeypatch):
    """Whole rows for creditors asked for much, pair by pair for the rest; each in several blocks."""
    monkeypatch.setattr(paths, "WHOLE", whole)
    rng = np.random.default_rng(0)
    n = 600
    matrix = (rng.random((n, n)) < 0.011).astype(float)
    np.fill_diagonal(matrix, 0.0)
    matrix[0, 1:] = 1  # one that holds everything
    key = np.flatnonzero(matrix)
    ids = [f"p{i}" for i in range(n)]
    origin = week(0, {f"p{k // n}>p{k % n}": 1.0 for k in key}, dict.fromkeys(ids, 1.0))
    asked = np.concatenate([rng.integers(0, n * n, 3000), np.arange(n)])
    cube = matrix @ matrix.T @ matrix
    assert np.array_equal(three_paths(origin, asked // n, asked % n), cube[asked // n, asked % n])


def test_in_degree_counts_creditors_of_all_of_the_sector_and_gained():
    sectors = ["DEX", "DEX", "Lending", "Lending"]
    view = View.of(
        [
            week(0, {"A>B": 1.0}, TVL, sectors=sectors),
            week(1, {"A>B": 1.0, "C>B": 1.0, "D>B": 1.0}, TVL, sectors=sectors),
        ],
        everything=True,
    )
    part = NewPairs(score="in-degree")
    overall, sector, gained = (said(part.scores(view, v), view) for v in (0.0, 1.0, 2.0))
    # B has 3 creditors, one of them (A) in the sector of A and two in that of C and D; two were gained
    assert overall["A>B"] == pytest.approx(4 * math.log(4))
    assert [sector["A>B"], sector["C>B"]] == pytest.approx([4 * math.log(2), 4 * math.log(3)])
    assert gained["A>B"] == pytest.approx(4 * math.log(3))


def test_a_score_becomes_a_probability_that_rises_with_it():
    # ten pairs of score 0, none born; ten of score 1, one born; ten of score 2, three born
    curve = Curve.empty()
    for score, born in ((0.0, 0), (1.0, 1), (2.0, 3)):
        curve = curve.with_pairs(np.full(10, score), np.arange(10) < born)
    at, rate = curve.rising(4)
    assert at.tolist() == [0.0, 1.0, 2.0]
    assert rate == pytest.approx([0.5 / 11, 1.5 / 11, 3.5 / 11])
    # halfway between two groups, halfway between their probabilities; level beyond
    assert along((at, rate), np.array([0.5, 1.0, 9.0])) == pytest.approx([1 / 11, 1.5 / 11, 3.5 / 11])


def test_isotonic_pools_what_falls():
    # 1, 3, 2, 4 with equal weights: 3 and 2 become 2½; with weights 1 and 3 (3 + 3·2) / 4 = 2¼
    assert isotonic(np.array([1.0, 3.0, 2.0, 4.0]), np.ones(4)) == pytest.approx([1.0, 2.5, 2.5, 4.0])
    assert isotonic(np.array([3.0, 2.0]), np.array([1.0, 3.0])) == pytest.approx([2.25, 2.25])


def test_new_pairs_have_their_score_and_all_others_the_table():
    goal = week(3, {"A>B": 1.0, "D>B": 1.0}, TVL)
    part, view = learnt(NewPairs(score="in-degree"), WEEKS, goal)
    table = learnt(Hazard(), WEEKS, goal)[0]
    setting = (0.0, 5.0, 4.0, 10.0)
    p, seen = said(part.of(view, 1, setting), view), said(table.of(view, 1, (4.0, 10.0)), view)
    for pair in ("A>B", "B>C", "C>A", "B>A"):
        assert p[pair] == seen[pair]
    # never seen: the debtors A and B have one creditor each; D>A, D>B (born) and C>B share that score: 1 of all of it
    new = [k for k in p if k in {"D>A", "D>B"}]
    assert len({round(p[k], 12) for k in new}) == 1


def test_the_losses_that_settings_are_chosen_by():
    truth = Truth(
        exists=np.array([True, False]), log_usd=np.array([2.0, 0.0]), log_tvl=np.array([1.0, 5.0]),
        known=np.array([True, False]),
    )  # fmt: skip
    assert loss("existence", np.array([0.8, 0.4]), truth) == pytest.approx(-math.log(0.8) - math.log(0.6))
    assert loss("existence", np.array([0.0, 1.0]), truth) == pytest.approx(-2 * math.log(1e-4))  # never infinite
    assert loss("size", np.array([2.5, 9.0]), truth) == pytest.approx(0.5)
    assert loss("tvl", np.array([0.5, 9.0]), truth) == pytest.approx(0.5)


def test_two_directions_that_sum_to_more_than_one_are_scaled(flows):
    p = said(exclusive(np.where(flows.key == A * 4 + B, 0.9, 0.6), flows.mirror), flows)
    assert p["A>B"] == pytest.approx(0.9 / 1.5)
    assert p["B>A"] == pytest.approx(0.6 / 1.5)
