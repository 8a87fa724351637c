"""The null world has no memory but its level: its steps are independent, its lives and lines of constant chance."""

from __future__ import annotations

import numpy as np
import pytest

from dexposure_core.errors import BadOption
from dexposure_core.sources import simulate
from dexposure_core.sources.simulate import Rates


@pytest.fixture(scope="module")
def null() -> simulate.World:
    return simulate.independent_world(seed=5)


def test_the_same_seed_gives_the_same_world(null: simulate.World) -> None:
    again = simulate.independent_world(seed=5)
    assert again.quantities.tobytes() == null.quantities.tobytes()
    assert simulate.independent_world(seed=6).quantities.tobytes() != null.quantities.tobytes()


def test_steps_of_prices_do_not_depend_on_the_step_before(null: simulate.World) -> None:
    steps = np.diff(np.log(null.prices), axis=1)
    steps -= steps.mean()
    assert abs((steps[:, 1:] * steps[:, :-1]).mean() / (steps**2).mean()) < 0.1


def test_steps_of_quantities_do_not_depend_on_the_step_before(null: simulate.World) -> None:
    log = np.log(np.where(null.quantities > 0, null.quantities, np.nan))
    steps = np.diff(log, axis=1)
    product = steps[:, 1:] * steps[:, :-1]
    assert abs(np.nanmean(product) / np.nanmean(steps**2)) < 0.02


def issuers(null: simulate.World) -> np.ndarray:
    lines = null.lines.join(null.tokens.select("token", "issuer"), on="token", how="left", maintain_order="left")
    return lines["issuer"].to_numpy()


def test_lines_end_at_the_same_rate_whatever_their_age(null: simulate.World) -> None:
    held = null.quantities[~np.isin(issuers(null), ["null-001", "null-002"])] > 0  # cash never ends
    age = np.zeros(held.shape, dtype=int)
    for week in range(1, held.shape[1]):
        age[:, week] = np.where(held[:, week], age[:, week - 1] + 1, 0)
    young, old = (age[:, :-1] >= 1) & (age[:, :-1] < 10), age[:, :-1] >= 10
    gone = ~held[:, 1:]
    assert gone[young].mean() == pytest.approx(gone[old].mean(), abs=0.006)


def test_the_size_of_a_protocol_does_not_revert(null: simulate.World) -> None:
    owner = null.lines["protocol"].to_numpy()
    ids, row = np.unique(owner, return_inverse=True)
    tvl = np.zeros((len(ids), null.quantities.shape[1]))
    np.add.at(tvl, row, null.quantities * null.prices[null.rows])
    log = np.log(np.where(tvl > 0, tvl, np.nan))
    moved, then = log[:, 12:-12] - log[:, :-24], log[:, 24:] - log[:, 12:-12]
    fine = np.isfinite(moved) & np.isfinite(then)
    count = np.maximum(fine.sum(axis=0), 1)
    apart = [np.where(fine, x - np.where(fine, x, 0.0).sum(axis=0) / count, 0.0) for x in (moved, then)]
    assert abs((apart[0] * apart[1]).sum() / (apart[0] ** 2).sum()) < 0.1


def test_a_world_that_is_too_small_is_refused() -> None:
    with pytest.raises(BadOption, match="at least 12 protocols"):
        simulate.independent_world(rates=Rates(protocols=3))
