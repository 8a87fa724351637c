"""Which way a flow goes: the sum of both ways stays, nothing else is touched, and what is believed has to be earned."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dexposure_core.forecast.known.candidates import exclusive, mirror_at, mirror_in_any_order
from dexposure_core.forecast.known.features import PAIR_FEATURES
from dexposure_core.forecast.learning.examples import example
from dexposure_core.forecast.learning.fitting import count_table, lean, scale
from dexposure_core.forecast.learning.trusting import said
from dexposure_core.forecast.learning.turning import START, TURNS, USUAL, _lost, choose_turn, turned, usual
from dexposure_core.forecast.net.heads import EXISTENCE, kinds
from dexposure_core.forecast.scoring import sources
from dexposure_core.forecast.weights import network
from tests.forecast.conftest import ABOUT
from tests.forecast.worlds import world

N = 4
PAIRS = [(a, b) for a in range(N) for b in range(a + 1, N)]
KEY = np.array(sorted([a * N + b for a, b in PAIRS] + [b * N + a for a, b in PAIRS]))
BACK = mirror_at(KEY, N)


@st.composite
def markets(draw):
    """Probabilities of both ways of every pair, which way it usually went, which were never seen, and how far to go."""
    p = np.array(draw(st.lists(st.floats(0, 1), min_size=len(KEY), max_size=len(KEY))))
    way, seen = np.zeros(len(KEY)), np.zeros(len(KEY), dtype=bool)
    for i, j in enumerate(BACK):
        if i < j:
            way[i] = draw(st.floats(-5, 5))
            way[j], seen[i] = -way[i], draw(st.booleans())
            seen[j] = seen[i]
    turn = np.array([0.0, draw(st.sampled_from(TURNS))])
    return exclusive(np.stack([p, p], axis=1), BACK), np.where(seen, way, np.nan), turn


@settings(deadline=None, max_examples=60)
@given(markets())
def test_only_the_direction_of_pairs_seen_before_is_said_anew(market):
    probability, way, turn = market
    said_anew = turned(probability, BACK, way, turn)
    assert np.array_equal(said_anew[:, 0], probability[:, 0])  # a horizon without a turn stays as it is
    assert np.array_equal(said_anew[np.isnan(way)], probability[np.isnan(way)])
    assert said_anew + said_anew[BACK] == pytest.approx(probability + probability[BACK], abs=1e-8)
    assert (said_anew >= 0).all()
    assert (said_anew <= 1 + 1e-8).all()


def test_the_odds_of_a_direction_by_hand():
    # 0.6 and 0.2 sum to 0.8; odds 3 ^ turn · 4 ^ USUAL decide how it is shared
    probability = np.array([[0.6], [0.2]])
    found = turned(probability, np.array([1, 0]), np.log([4.0, 0.25]), np.array([0.5]))
    odds = 3**0.5 * 4**USUAL
    assert found[:, 0] == pytest.approx([0.8 * odds / (1 + odds), 0.8 / (1 + odds)])


@pytest.fixture
def flows():
    history = world(weeks=60, n=15, basis="flow")
    return [
        example(history[: k + 1], [history[k + 1], history[k + 4]], ABOUT["sectors"], None) for k in range(30, 55)
    ]  # fmt: skip


def test_the_usual_way_is_the_other_ways_opposite_and_nothing_for_pairs_never_seen(flows):
    e = flows[-1]
    n = len(e.input["node"])
    way, ends = usual(e.cell, e.input["pair"]), e.input["ends"].numpy()
    key = ends[0] * n + ends[1]
    back = mirror_in_any_order(key, n)
    never = (kinds(e.cell) == EXISTENCE.index("never")).numpy()
    assert never.any()
    assert np.isnan(way[never]).all()
    assert way[~never] == pytest.approx(-way[back][~never], abs=1e-5)
    share = e.input["pair"][:, PAIR_FEATURES.index("share_52")].numpy()
    assert (way[~never] > 0).tolist() == (share > share[back])[~never].tolist()  # the way it went more often


def test_a_flow_whose_other_way_was_thinned_counts_for_those_left_out(flows):
    """Where the other ways of all pairs but one count for next to nothing, the loss is that one's own, by hand."""
    e, net = flows[-1], network({**ABOUT, "bases": ["flow"]})
    lean(net, "flow")
    n, ends = len(e.input["node"]), e.input["ends"].numpy()
    way, back = usual(e.cell, e.input["pair"]), mirror_in_any_order(ends[0] * n + ends[1], n)
    one = int(np.flatnonzero((e.exists[:, 0].numpy() > 0) & np.isfinite(way))[3])
    e = replace(e, count=torch.full_like(e.count, 1e-12).index_fill(0, torch.tensor(int(back[one])), 1.0))
    with torch.inference_mode():
        correction = said(net, [e])[0][1]
        p = torch.sigmoid(net.memory(e.cell, e.input["pair"]))[:, 0].double().numpy()
        lost = _lost(net, e, correction)[:, 0].tolist()
    odds = np.log(p[one] / p[back[one]])
    assert lost == pytest.approx([np.logaddexp(0, -(turn * odds + USUAL * way[one])) for turn in TURNS], abs=1e-6)


@pytest.mark.parametrize(("knows", "expected"), [(True, 1.0), (False, START)])
def test_a_direction_is_believed_further_only_where_validation_weeks_say_so(flows, knows, expected):
    """A network that knows which way flows will go is believed whole; one that draws lots is not."""
    net = network({**ABOUT, "bases": ["flow"]})
    scale(net, flows)
    count_table(net, flows, flows)
    net.table.zero_()  # memory says one half of everything
    lean(net, "flow")
    rng = torch.Generator().manual_seed(0)
    told = []
    for e, (state, exists, *rest) in zip(flows, said(net, flows), strict=True):
        lots = torch.where(torch.rand(exists.shape, generator=rng) < 0.5, 3.0, -3.0)
        told.append((state, torch.where(e.exists > 0, 3.0, -3.0) if knows else lots, *rest))
    choose_turn(net, flows, told, (1, 4))
    assert net.turn.tolist() == pytest.approx([expected] * 2) or (not knows and max(net.turn.tolist()) <= START)
    assert sources(net, 0)["pairs seen before"].startswith(f"hazard table (directions {net.turn[0]:.0%})")


def test_holdings_have_no_direction_to_choose(flows):
    net = network(ABOUT)
    lean(net, "holdings")
    choose_turn(net, flows, said(net, flows), (1, 4))
    assert not net.turn.any()
