"""Prices follow the market, their pegs, and break on the days they broke."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from dexposure_core.sources.simulate import World
from dexposure_core.sources.simulate.facts import KNOTS, MONDAYS, load, week

NAMES = {token: i for i, token in enumerate(load().tokens["token"])}


def price(world: World, token: str, day: str) -> float:
    return float(world.prices[NAMES[token], MONDAYS.index(dt.date.fromisoformat(day))])


def test_prices_are_positive_and_finite(world: World) -> None:
    assert np.isfinite(world.prices).all()
    assert (world.prices > 0).all()


def test_known_prices_are_met(world: World) -> None:
    for token, *levels in load().prices.rows():
        for knot, level in zip(KNOTS, levels, strict=True):
            if level and token not in set(load().breaks["token"]):
                assert world.prices[NAMES[token], week(knot)] == pytest.approx(level, rel=0.002), (token, knot)


def test_usdc_week(world: World) -> None:
    assert 0.996 < price(world, "USDC", "2023-03-06") < 1.004
    for token in ("USDC", "DAI", "FRAX"):
        assert 0.96 < price(world, token, "2023-03-13") < 0.99, token
        assert 0.99 < price(world, token, "2023-03-20") < 1.01, token


def test_terra_goes_to_nothing(world: World) -> None:
    for token, left in (("UST", 0.15), ("LUNA", 1e-3), ("aUST", 0.15), ("ANC", 0.1)):
        assert price(world, token, "2022-05-16") < left * price(world, token, "2022-05-02"), token


def test_steth_is_cheaper_than_ether_in_june_2022(world: World) -> None:
    assert 0.92 < price(world, "stETH", "2022-06-20") / price(world, "ETH", "2022-06-20") < 0.95
    assert 0.99 < price(world, "stETH", "2023-08-07") / price(world, "ETH", "2023-08-07") < 1.01


def test_what_follows_a_broken_token_breaks_with_it(world: World) -> None:
    fall = price(world, "bLUNA", "2022-05-16") / price(world, "bLUNA", "2022-05-02")
    assert fall == pytest.approx(price(world, "LUNA", "2022-05-16") / price(world, "LUNA", "2022-05-02"), rel=0.05)


def test_receipts_earn(world: World) -> None:
    # wstETH grows against ether by the staking yield of 3.5 % a year; stETH pays it in number instead
    years = (dt.date(2025, 6, 2) - dt.date(2023, 6, 5)).days / 364
    early, late = (price(world, "wstETH", d) / price(world, "ETH", d) for d in ("2023-06-05", "2025-06-02"))
    assert late / early == pytest.approx(np.exp(0.035 * years), rel=0.02)
