"""Weekly token prices, (tokens, weeks) in USD.

Three kinds of token. The market: ETH and BTC follow their known path with a Brownian bridge between the known days.
Floating tokens: log p = beta * market + residual, the residual pinned where the price is known and a random walk with a
downward drift elsewhere. Followers (stablecoins, wrapped, staked, receipts, LP shares): the price of what they follow
to the power beta, times what they earn, times a small deviation. On top of all: the breaks of `facts/breaks.csv`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from dexposure_core.sources.simulate.chance import bridge, generator, short, slow_noise
from dexposure_core.sources.simulate.facts import (
    KNOTS,
    WEEKS,
    Facts,
    broken,
    interpolate,
    week,
)

Floats = npt.NDArray[np.float64]

PRICE_BITS: Final = 14  # one part in 16,000: finer than any peg is kept
MARKET_NOISE: Final = {"ETH": 0.055, "BTC": 0.042}
FLOAT_NOISE: Final = 0.075
FLOAT_DRIFT: Final = -0.006
FADE, FADE_NOISE = (
    -0.02,
    0.06,
)  # weekly drift and noise of a numbered token, which nobody trades much
SLEEP, WAKE = (
    0.016,
    0.3,
)  # chances per week that its price stops moving, and moves again
TAILS: Final = 2.3  # degrees of freedom of its noise
NUMBERED: Final = "SIM"
SMALLEST: Final = -18.0  # log USD
PEG_MEMORY: Final = 0.75  # of a deviation, from week to week
YIELDS: Final = {  # earned per year, in the price
    "receipt": 0.02, "vault": 0.04, "savings": 0.05, "liquid-staking": 0.035, "restaking": 0.03, "fund": 0.04,
    "lp": 0.03,
}  # fmt: skip
REBASING: Final = frozenset(
    {
        "stETH",
        "eETH",
        "BETH",
        "stMATIC",
        "frxETH",
        "aUSDC",
        "aUSDT",
        "aDAI",
        "aWETH",
        "aSTETH",
        "BUIDL",
    }
)
DEVIATION: Final = {
    "stablecoin": 0.001,
    "wrapped": 0.0004,
    "liquid-staking": 0.0015,
    "restaking": 0.002,
    "lp": 0.004,
}


def price_table(facts: Facts, seed: int) -> Floats:
    """Return the price of every token of `facts.tokens` on every Monday, (T, WEEKS) USD, 14 binary digits."""
    market = _market(facts, seed)
    breaks = broken(facts)
    known = {row[0]: np.array(row[1:], dtype=np.float64) for row in facts.prices.rows()}
    paths: dict[str, Floats] = {"USD": np.ones(WEEKS), "EUR": _euro(), **market}
    index = 0.5 * np.log(market["ETH"] / market["ETH"][0]) + 0.5 * np.log(market["BTC"] / market["BTC"][0])
    rows = {row["token"]: row for row in facts.tokens.iter_rows(named=True)}

    def path(token: str) -> Floats:
        if token not in paths:
            row = rows[token]
            own = _follow(row, path(row["follows"]), seed) if row["follows"] else _float(token, known, index, seed)
            paths[token] = own * breaks.get(token, 1.0)
        return paths[token]

    return short(np.array([path(token) for token in rows]), PRICE_BITS)


def _market(facts: Facts, seed: int) -> dict[str, Floats]:
    days = facts.market["day"].to_list()
    at = np.unique([week(day) for day in days])
    shared = generator(seed, "market").standard_normal(WEEKS)
    out = {}
    for token, noise in MARKET_NOISE.items():
        own = generator(seed, "market", token).standard_normal(WEEKS)
        walk = np.cumsum(noise * (0.85 * shared + np.sqrt(1 - 0.85**2) * own))
        known = interpolate(days, facts.market[f"{token.lower()}_usd"].to_numpy())
        out[token] = known * np.exp(bridge(walk, at))
    return out


def _euro() -> Floats:
    return interpolate(list(KNOTS), np.array([1.11, 1.22, 1.16, 1.05, 0.99, 1.07, 1.085, 1.055, 1.155]))


def _float(token: str, known: dict[str, Floats], market: Floats, seed: int) -> Floats:
    chance = generator(seed, "price", token)
    if token.startswith(NUMBERED):
        return _fading(market, chance)
    walk = np.cumsum(FLOAT_NOISE * chance.standard_normal(WEEKS))
    beta = chance.uniform(0.8, 1.3)
    start = chance.normal(-0.5, 1.5)
    levels = known.get(token)
    if levels is None:
        drift = FLOAT_DRIFT * np.arange(WEEKS)
        return np.asarray(np.exp(start + beta * market + drift + walk))
    given = np.flatnonzero(np.isfinite(levels))
    at = np.array([week(KNOTS[k]) for k in given])
    residual = np.log(levels[given]) - beta * market[at]
    return np.asarray(np.exp(beta * market + np.interp(np.arange(WEEKS), at, residual) + bridge(walk, at)))


def _fading(market: Floats, chance: np.random.Generator) -> Floats:
    """Return a price that follows the market little, jumps, stands still at times and fades."""
    steps = FADE + FADE_NOISE * chance.standard_t(TAILS, WEEKS)
    logs = chance.normal(-0.5, 1.5) + chance.uniform(0.6, 1.4) * market + np.cumsum(np.clip(steps, -1.5, 1.5))
    week_of = np.arange(WEEKS)
    spells = np.where(chance.uniform(size=WEEKS) < SLEEP, chance.geometric(WAKE, WEEKS), 0)
    still = np.maximum.accumulate(week_of + spells) > week_of
    weeks = np.maximum.accumulate(np.where(still, 0, week_of))
    return np.asarray(np.exp(np.maximum(logs[weeks], SMALLEST)))


def _follow(row: dict[str, object], base: Floats, seed: int) -> Floats:
    token, kind = str(row["token"]), str(row["kind"])
    first = row["first"]
    earned = 0.0 if token in REBASING else YIELDS.get(kind, 0.0)
    age = np.maximum(0, np.arange(WEEKS) - (week(first) if first else 0)) / 52  # type: ignore[arg-type]
    draws = generator(seed, "price", token).standard_normal(WEEKS)
    noise = DEVIATION.get(kind, 0.0008) * slow_noise(draws, np.sqrt(1 - PEG_MEMORY**2), 1 - PEG_MEMORY)
    beta = float(row["beta"] or 1.0)  # type: ignore[arg-type]
    return np.asarray(base**beta * np.exp(earned * age + noise))
