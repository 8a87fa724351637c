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


def test_lines_end_at_the_same_rate_whatever_their_age(null: simulate.World) -> None:
    held = null.quantities > 0
    age = np.zeros(held.shape, dtype=int)
    for week in range(1, held.shape[1]):
        age[:, week] = np.where(held[:, week], age[:, week - 1] + 1, 0)
    young, old = (age[:, :-1] >= 1) & (age[:, :-1] < 10), age[:, :-1] >= 10
    gone = ~held[:, 1:]
    assert gone[young].mean() == pytest.approx(gone[old].mean(), abs=0.006)


def test_protocols_and_issuers_hold_nothing_of_their_own(null: simulate.World) -> None:
    owner = null.lines.join(null.tokens.select("token", "issuer"), on="token", how="left")
    assert (owner["protocol"] != owner["issuer"].fill_null("")).all()


def test_a_world_that_is_too_small_is_refused() -> None:
    with pytest.raises(BadOption, match="at least 12 protocols"):
        simulate.independent_world(rates=Rates(protocols=3))
