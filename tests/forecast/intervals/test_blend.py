"""The recipe of served measures: falls back to today, follows what mean-reverts, covers what it says."""

from dataclasses import replace

import numpy as np
import pytest

from dexposure_core.forecast.intervals.blend import (
    LOG,
    ODDS,
    PLAIN,
    SOURCES,
    Blend,
    difficulty,
    fit_blend,
    gains,
    level_for,
    needed,
    scale_of,
    scaled,
    sources,
    stretch,
    unscaled,
)  # fmt: skip


def recipe(series, horizon=1, needed_gain=1.0):
    """Fit on every position from 30 on; the drawn futures say what today says, with a spread of one."""
    values = series[:, None]
    scale = np.array([PLAIN])
    said, truth, hard = [], [], []
    for i in range(30, len(series) - horizon):
        past, drawn = values[: i + 1], values[i] + np.array([[-1.0], [1.0]])
        said.append(sources(past, drawn.mean(axis=0), horizon))
        truth.append(values[i + horizon])
        hard.append(difficulty(past))
    return (
        fit_blend(np.stack(said), np.stack(truth), np.stack(hard), scale, horizon, needed_gain, len(said) / horizon),
        np.stack(said),
        np.stack(truth),
    )


def test_sources_by_hand():
    past = np.array([[1.0], [2.0], [6.0]])
    found = dict(zip(SOURCES, sources(past, np.array([9.0]), 2)[:, 0], strict=True))
    # weights 1, 0.7071, 0.5 on 6, 2, 1 → 7.914 / 2.207
    assert found["recent weeks"] == pytest.approx((6 + 2 * 0.5**0.5 + 0.5) / (1.5 + 0.5**0.5))
    assert (found["today"], found["mean of 12"], found["drawn futures"]) == (6.0, 3.0, 9.0)
    assert found["trend of 26"] == 6 + 2 * (6 - 1) / 2


@pytest.mark.parametrize("apart", [1.0, 6.5, 20.0, 64.0, 1e6])
def test_few_misses_are_taken_further_out(apart):
    assert level_for(apart) == pytest.approx(min(1.0, 0.9 * (1 + 1 / apart)))


def test_a_new_miss_is_covered_as_often_as_promised():
    rng, apart = np.random.default_rng(1), 40
    past, new = np.abs(rng.standard_t(3, size=(20_000, apart))), np.abs(rng.standard_t(3, size=20_000))
    covered = (new <= np.quantile(past, level_for(apart), axis=1)).mean()
    plain = (new <= np.quantile(past, 0.9, axis=1)).mean()
    assert plain < 0.89
    assert abs(covered - 0.9) < 0.01


def test_a_fall_is_covered_by_what_only_rose():
    # a market that rose by 0 to 10 % a step, by as much each time as luck would have it, then falls as it rose
    rng = np.random.default_rng(2)
    up = np.cumsum(rng.uniform(0, 0.1, size=300))
    blend, _, _ = recipe(up, horizon=4, needed_gain=np.inf)
    _, low, high = blend.served(up[-52:, None], np.array([[up[-1]]]), 4)
    assert low[0] < up[-1] - 0.2 < up[-1] + 0.2 < high[0]


def test_random_walk_is_served_as_today():
    walk = np.cumsum(np.random.default_rng(0).normal(size=260))
    blend, said, truth = recipe(walk, needed_gain=needed(np.array([0.3, 0.8, 1.1])))
    assert blend.weights[0, 0] == 1.0
    assert blend.main_sources() == ["today"]
    assert gains(said, truth, 1)[0] < 2.3


def test_what_moves_a_measure_most_is_named_however_much_of_today_is_kept():
    blend, _, _ = recipe(np.cumsum(np.random.default_rng(0).normal(size=260)))
    weights = np.zeros((len(SOURCES), 1))
    weights[[0, 2, 5], 0] = 0.6, 0.1, 0.3
    assert replace(blend, weights=weights).main_sources() == ["drawn futures"]


def test_noise_around_a_level_is_served_near_the_level():
    noise = 10 + np.random.default_rng(0).normal(size=260)
    blend, said, truth = recipe(noise)
    assert blend.weights[0, 0] < 0.5
    served = (said[:, :, 0] @ blend.weights[:, 0]) - truth[:, 0]
    assert (served**2).mean() < 0.7 * ((said[:, 0, 0] - truth[:, 0]) ** 2).mean()


def test_a_wild_year_does_not_drown_what_holds_in_all():
    # nearly all of the squared error, and of what is gained, lies in one block of eight: the mean gain says little
    noise = np.random.default_rng(3).normal(size=270)
    noise[240:] *= 20.0
    blend, said, truth = recipe(10 + noise, needed_gain=2.3)
    assert gains(said, truth, 1)[0] < 2.3
    assert blend.weights[0, 0] < 0.5
    walk, _, _ = recipe(np.cumsum(noise), needed_gain=2.3)
    assert walk.weights[0, 0] == 1.0


@pytest.mark.parametrize("seed", range(6))
def test_a_source_that_only_repeats_today_takes_no_weight(seed):
    # the drawn futures say today but for rounding: the means around which the series turns are still found
    blend, _, _ = recipe(10 + np.random.default_rng(seed).normal(size=270))
    assert blend.weights[SOURCES.index("drawn futures"), 0] == 0.0
    assert blend.weights[0, 0] < 0.3


def test_intervals_cover_what_they_say():
    rng = np.random.default_rng(1)
    walk = np.cumsum(rng.normal(size=700))
    blend, _, _ = recipe(walk[:400], needed_gain=2.3)
    inside = []
    for i in range(430, 699):
        drawn = walk[i] + np.array([[-1.0], [1.0]])
        _, low, high = blend.served(walk[i - 51 : i + 1, None], drawn, 1)
        inside.append(low[0] <= walk[i + 1] <= high[0])
    assert 0.82 <= np.mean(inside) <= 0.97


def test_logarithms_keep_a_positive_measure_positive():
    blend = Blend(
        scale=np.array([LOG]), weights=np.eye(len(SOURCES))[:, :1], half=np.array([9.0]),
        usual=np.array([1.0]), count=np.array([10.0]),
    )  # fmt: skip
    value, low, high = blend.served(np.array([[5.0]]), np.array([[4.0], [6.0]]), 1)
    assert value[0] == pytest.approx(5.0)
    assert 0 < low[0] < 5 < high[0]


def test_undefined_stays_undefined():
    blend, _, _ = recipe(np.cumsum(np.random.default_rng(0).normal(size=100)))
    value, low, high = blend.served(np.array([[np.nan]]), np.array([[1.0]]), 1)
    assert np.isnan([value[0], low[0], high[0]]).all()


def test_scale_and_stretch():
    values = np.array([[0.1, 1.0, 0.0, np.nan], [0.5, 2.0, 3.0, np.nan]])
    scale = scale_of(values)
    assert scale.tolist() == [ODDS, LOG, PLAIN, PLAIN]
    assert unscaled(scaled(values, scale), scale) == pytest.approx(values, nan_ok=True)
    assert scaled(values, scale)[1, 0] == pytest.approx(0.0)  # even odds
    assert np.isnan(scaled(np.array([0.0, 1.0]), np.array([LOG, ODDS]))[0])
    assert np.isnan(scaled(np.array([0.0, 1.0]), np.array([LOG, ODDS]))[1])
    assert stretch(np.array([100.0, 0.0, 1.0]), np.array([1.0, 1.0, 1.0])).tolist() == [2.5, 1.0, 1.0]
    assert difficulty(np.array([[0.0], [2.0], [4.0]]))[0] == pytest.approx(2.0)
    assert difficulty(np.array([[5.0], [5.0]]))[0] == 1.0  # what does not move has no scale of its own


def test_a_share_stays_between_nothing_and_all():
    blend = Blend(
        scale=np.array([ODDS]), weights=np.eye(len(SOURCES))[:, :1], half=np.array([5.0]),
        usual=np.array([1.0]), count=np.array([10.0]),
    )  # fmt: skip
    value, low, high = blend.served(np.array([[0.8]]), np.array([[0.7], [0.9]]), 1)
    assert value[0] == pytest.approx(0.8)
    assert 0 < low[0] < 0.8 < high[0] < 1


def test_the_further_ahead_the_more_a_recipe_leans_on_today():
    rng = np.random.default_rng(3)
    said = np.concatenate([np.zeros((60, 1, 1)), rng.normal(size=(60, len(SOURCES) - 1, 1))], axis=1)
    truth = said[:, -1] * 0.8 + rng.normal(size=(60, 1))
    moved = [
        1 - fit_blend(said, truth, np.ones((60, 1)), np.array([PLAIN]), h, 0.0, 60).weights[0, 0] for h in (1, 4, 12)
    ]
    assert moved[0] > moved[1] > moved[2] > 0.3
