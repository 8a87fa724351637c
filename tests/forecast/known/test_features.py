"""What the model sees, by hand: protocols, pairs, cells and paths."""

import numpy as np
import pytest

from dexposure_core.forecast.known.features import EDGE_FEATURES, PAIR_FEATURES, Origin, never
from dexposure_core.forecast.known.node_features import LAGS, NODE_FEATURES, WEEK_FEATURES
from dexposure_core.forecast.known.pair_cells import NEVER, SHAPE, never_cells
from dexposure_core.forecast.known.pair_memory import FADES, pair_memory, sizes
from dexposure_core.forecast.known.window import window
from tests.forecast.worlds import relabelled, week, world

A, B, C = range(3)


def columns(given, names):
    return {name: given[:, k] for k, name in enumerate(names)}


def test_protocols_bring_their_trend_their_turnover_and_which_way_they_pull():
    # A held B in weeks 0 to 2 and lets go; C comes to hold A in the last week; TVL of A: 10, 10, 10, 40
    weeks = [week(k, {"A>B": 4.0}, {"A": 10.0, "B": 5.0, "C": 1.0}) for k in range(3)]
    weeks.append(week(3, {"C>A": 2.0}, {"A": 40.0, "B": 5.0, "C": 1.0}))
    node = columns(Origin(window(weeks)).node, NODE_FEATURES)
    assert node["tvl_step_1"][A] == pytest.approx(np.log(41 / 11))
    # log TVL now less the mean of the four: ¾ of the step
    assert node["tvl_gap_4"][A] == pytest.approx(0.75 * np.log(41 / 11))
    assert node["tvl_gap_12"][B] == 0.0
    assert node["out_deaths"].tolist() == pytest.approx([np.log(2), 0, 0])  # A > B went
    assert node["in_births"].tolist() == pytest.approx([np.log(2), 0, 0])  # C > A came
    # over four snapshots A gave three exposures and took one
    assert node["pull_4"][A] == pytest.approx((3 - 1) / 4)
    assert node["pull_1"].tolist() == [-1, 0, 1]


def test_weeks_are_seen_one_by_one_and_what_was_not_there_is_zero():
    weeks = [week(0, {}, {"A": 10.0}), week(1, {"A>B": 4.0}, {"A": 20.0, "B": 5.0})]
    seen = Origin(window(weeks)).weeks
    assert seen.shape == (2, len(LAGS), len(WEEK_FEATURES))
    now, before = (columns(seen[:, k], WEEK_FEATURES) for k in (0, 1))
    assert now["there"].tolist() == [1, 1]
    assert before["there"].tolist() == [1, 0]
    assert before["tvl_gap"].tolist() == pytest.approx([np.log(11 / 21), 0])
    assert not seen[:, 2:].any()


def test_pairs_bring_gaps_spells_and_on_flows_their_net():
    # A>B in weeks 0, 1, 3 of 4: one gap, two spells; B>A in week 2
    flows = [{"A>B": 6.0}, {"A>B": 6.0}, {"B>A": 4.0}, {"A>B": 8.0}]
    past = window([week(k, f, {"A": 9.0, "B": 9.0}, "flow") for k, f in enumerate(flows)])
    pair = columns(Origin(past).features(np.array([A * 2 + B])).pair, PAIR_FEATURES)
    assert pair["spells"][0] == pytest.approx(np.log(2))
    assert pair["gaps"][0] == pytest.approx(np.log(2))
    assert [pair[f"lag_{k}"][0] for k in (1, 2, 3)] == [0, 1, 1]
    assert pair["reverse_lag_1"][0] == 1
    # 20 one way and 4 the other
    assert pair["net_4"][0] == pytest.approx((20 - 4) / 24, rel=1e-5)
    assert pair["share_of_creditor"][0] == pytest.approx(0.0)  # all that A gives now goes to B


def test_sizes_pool_both_directions_of_a_flow_and_fade():
    flows = [{"A>B": 6.0}, {"B>A": 2.0}]
    past = window([week(k, f, {"A": 9.0, "B": 9.0}, "flow") for k, f in enumerate(flows)])
    found = sizes(past)
    assert found.key.tolist() == [A * 2 + B]
    last, mean = found.mean[0, 0], found.mean[0, len(FADES) - 1]
    assert last == pytest.approx(np.log1p(2.0))
    assert mean == pytest.approx((np.log1p(2.0) + np.log1p(6.0)) / 2)
    # half-life 1: weights 1 and ½
    assert found.mean[0, FADES.index(1.0)] == pytest.approx((np.log1p(2.0) + 0.5 * np.log1p(6.0)) / 1.5)


def test_pairs_never_seen_are_told_apart_by_paths_and_holders():
    told = never_cells(np.array([0.0, 3.0]), np.array([0.0, 5.0]))
    assert told[0].tolist() == [NEVER, NEVER]
    assert told[1].tolist() == [0, 0]
    assert told[2][0] == 0
    assert told[2][1] > 0
    assert told[3].tolist() == [0, 3]  # 5 holders: beyond 1, 2 and 4
    assert all((t >= 0).all() and (t < size).all() for t, size in zip(told, SHAPE, strict=True))


def test_exposures_bring_features_in_the_order_of_the_snapshot():
    history = world(weeks=20, n=12)
    origin, shuffled = history[-1], relabelled(history[-1], np.arange(12))
    first, second = (
        Origin(window([*history[:-1], s])).features(np.zeros(0, dtype=np.int64)) for s in (origin, shuffled)
    )
    assert first.edge.shape == (len(origin.exposure_usd), len(EDGE_FEATURES))
    by_key = [np.argsort(s.creditor * 12 + s.debtor) for s in (origin, shuffled)]
    assert np.array_equal(first.edge[by_key[0]], second.edge[by_key[1]])


def test_cells_of_pairs_never_seen_are_recognised():
    history = world(weeks=10, n=8)
    past = window(history)
    key = np.arange(64)[np.arange(64) // 8 != np.arange(64) % 8]
    given = Origin(past).features(key)
    seen = set(pair_memory(past).key.tolist())
    either = [int(k) in seen or (int(k) % 8 * 8 + int(k) // 8) in seen for k in key]
    assert never(given).tolist() == [not e for e in either]
