"""Chance belongs to names: what is added changes nothing of what was there."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dexposure_core.sources.simulate.chance import bridge, generator, gumbel, short, words

NAMES = ["WETH", "USDC", "stETH", "CRV", "UNKNOWN"]


def test_a_generator_is_made_by_seed_purpose_and_name() -> None:
    draws = {key: generator(*key).uniform() for key in [(1, "p", "a"), (1, "p", "b"), (1, "q", "a"), (2, "p", "a")]}
    assert len(set(draws.values())) == 4
    assert generator(1, "p", "a").uniform() == draws[1, "p", "a"]


def test_names_are_not_run_together() -> None:
    assert generator(1, "ab", "c").uniform() != generator(1, "a", "bc").uniform()


def test_one_more_token_changes_no_noise_of_the_others() -> None:
    before = gumbel(7, "Curve", words(NAMES))
    after = gumbel(7, "Curve", words(["PEPE", *NAMES]))
    assert after[1:].tolist() == before.tolist()
    assert gumbel(7, "Aave", words(NAMES)).tolist() != before.tolist()


def test_gumbel_noise_is_gumbel() -> None:
    noise = gumbel(3, "x", words([str(i) for i in range(20_000)]))
    assert abs(noise.mean() - 0.5772) < 0.03  # Euler's constant
    assert abs(noise.var() - np.pi**2 / 6) < 0.06


def test_short_keeps_so_many_binary_digits() -> None:
    # 1000 = 0b1111101000 has 7 digits that count; 1001 needs 10: with 9, even ones stay
    assert short(np.array([1000.0, 1002.0, 0.0]), 9).tolist() == [1000.0, 1002.0, 0.0]
    assert short(np.array([1001.0]), 9)[0] in (1000.0, 1002.0)


@given(st.floats(1e-12, 1e15), st.integers(2, 30))
def test_short_is_near_and_exact_in_products(value: float, bits: int) -> None:
    near = float(short(np.array([value]), bits)[0])
    assert abs(near - value) <= value * 2.0**-bits
    assert float(short(np.array([near]), bits)[0]) == near


def test_a_bridge_is_zero_where_it_is_held_and_free_after() -> None:
    # walk 0 1 2 5 6, held at weeks 0 and 2: less its line 0 1 2, then less the last held value
    assert bridge(np.array([0.0, 2.0, 2.0, 5.0, 6.0]), np.array([0, 2])).tolist() == [0.0, 1.0, 0.0, 3.0, 4.0]
