"""A world in which nothing can be foreseen but that things stay as they are: the null world of the evaluation.

Log prices and log quantities are random walks whose weekly steps are independent over time: no momentum, no mean
reversion, no drift; a market step is shared by all tokens, so that exposures still move together. A holding line ends
and comes back with constant chances, and protocols enter and leave with constant chances, whatever their age and size:
the best forecast of a size is today's, and of a birth or death the rate at which they happen. Most of what a protocol
holds is one token that it never sells (cash, issued by the first protocol), so that lines which come and go do not pull
its TVL back to a mean. A forecaster that claims more than memory here is fooled by its own evaluation.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from dexposure_core.errors import BadOption
from dexposure_core.sources.border import SourceFile
from dexposure_core.sources.feed import of_whole_input
from dexposure_core.sources.simulate.chance import Floats, generator, short
from dexposure_core.sources.simulate.facts import MONDAYS, WEEKS, Facts
from dexposure_core.sources.simulate.prices import PRICE_BITS
from dexposure_core.sources.simulate.world import World, event_table

SECTORS: Final = ("Lending", "DEX", "Yield", "Liquid Staking", "Stablecoins", "Derivatives", "Bridge", "Other")
QUANTITY_BITS: Final = 9
FEWEST: Final = 12
LINE, CASH = 10.0, 16.0  # mean log quantity of a line, and of a protocol's cash


@dataclass(frozen=True, kw_only=True)
class Rates:
    """The world's constants, per week.

    Attributes:
        protocols, weeks: how many.
        lines: holding lines that a protocol may have.
        market, token, quantity: standard deviations of a step of log price (shared, own) and of log quantity.
        ends, starts: chances that a line ends, and that it comes back.
        enters, leaves: chance that an absent protocol enters, and that a present one leaves for good.
    """

    protocols: int = 160
    weeks: int = 180
    lines: int = 12
    market: float = 0.05
    token: float = 0.06
    quantity: float = 0.08
    ends: float = 0.03
    starts: float = 0.03
    enters: float = 0.02
    leaves: float = 0.001


def make_independent(facts: Facts, seed: int, rates: Rates | None = None) -> World:
    """Build the null world; `facts` give it the dates of real events only, which do nothing here.

    Raises:
        BadOption: when it would have fewer than 12 protocols or weeks, or more weeks than the calendar.
    """
    rates = rates or Rates()
    if min(rates.protocols, rates.weeks) < FEWEST or rates.weeks > WEEKS:
        raise BadOption(f"a null world has at least {FEWEST} protocols and {FEWEST} to {WEEKS} weeks")
    ids = [f"null-{i + 1:03d}" for i in range(rates.protocols)]
    issued = [f"NULL{i + 1:03d}" for i in range(rates.protocols)]
    rng = generator(seed, "independent")
    owner, token = _lines(rng, rates)
    alive = _lives(rng, rates)
    cash = token == _cash(owner)
    held = (_on(rng, rates, len(owner)) | cash[:, None]) & alive[owner] & alive[token]
    steps = rng.standard_normal((len(owner), rates.weeks)) * rates.quantity
    level = rng.normal(np.where(cash, CASH, LINE), np.where(cash, 1.0, 1.5))
    size = np.exp(level[:, None] + np.cumsum(steps, axis=1))
    quantities = np.where(held, short(size, QUANTITY_BITS), 0.0).astype(np.float32)
    prices = _prices(rng, rates)
    sectors = [SECTORS[i % len(SECTORS)] for i in range(rates.protocols)]
    lines = pl.DataFrame({
        "protocol": [ids[i] for i in owner], "chain": ["Ethereum"] * len(owner), "token": [issued[i] for i in token],
    })  # fmt: skip
    usd = np.bincount(token, (quantities * prices[token]).sum(axis=1), len(issued))
    return World(
        seed=seed, scale=rates.protocols, sources=(_receipt(rates, seed),), dates=list(MONDAYS[: rates.weeks]),
        protocols=pl.DataFrame({
            "protocol": ids, "name": [f"Null {i + 1:03d}" for i in range(rates.protocols)], "category": sectors,
            "sector": sectors, "symbol": issued,
        }),
        tokens=pl.DataFrame({
            "token": issued, "usd": np.rint(usd), "issuer": ids, "kind": ["governance"] * len(ids)
        }).filter(pl.col("usd") > 0),
        events=event_table(facts).clear(), findings=of_whole_input([]), lines=lines,
        rows=token.astype(np.int64), prices=prices, quantities=quantities,
    )  # fmt: skip


def _lines(rng: np.random.Generator, rates: Rates) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return owner and token (L,) of every line that may ever be held, sorted; nobody holds its own token."""
    n = rates.protocols
    popular = np.exp(rng.normal(0.0, 1.3, n))
    owner = np.repeat(np.arange(n), rates.lines)
    token = rng.choice(n, size=n * rates.lines, p=popular / popular.sum())
    everyone = np.arange(n)
    pairs = np.unique(np.concatenate([owner * n + token, everyone * n + _cash(everyone)]))
    pairs = pairs[pairs // n != pairs % n]
    return pairs // n, pairs % n


def _cash(owner: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the token that each owner holds as cash: the first protocol's, and the first one the second's."""
    return np.where(owner == 0, 1, 0)


def _lives(rng: np.random.Generator, rates: Rates) -> npt.NDArray[np.bool_]:
    """Return (N, weeks) which protocols are there: half from the start, the others enter at a constant rate."""
    n = rates.protocols
    start = np.where(rng.random(n) < 0.5, 0, rng.geometric(rates.enters, n))
    end = start + rng.geometric(rates.leaves, n)
    start[:2], end[:2] = 0, rates.weeks  # the two whose tokens are cash
    weeks = np.arange(rates.weeks)
    return np.asarray((weeks >= start[:, None]) & (weeks < end[:, None]))


def _on(rng: np.random.Generator, rates: Rates, count: int) -> npt.NDArray[np.bool_]:
    """Return (L, weeks) which lines are held: two states, constant chances, from their long-run mix."""
    chance = rng.random((count, rates.weeks))
    on = np.empty((count, rates.weeks), dtype=bool)
    on[:, 0] = chance[:, 0] < rates.starts / (rates.starts + rates.ends)
    for week in range(1, rates.weeks):
        on[:, week] = np.where(on[:, week - 1], chance[:, week] >= rates.ends, chance[:, week] < rates.starts)
    return on


def _prices(rng: np.random.Generator, rates: Rates) -> Floats:
    market = rng.standard_normal(rates.weeks) * rates.market
    own = rng.standard_normal((rates.protocols, rates.weeks)) * rates.token
    return short(np.exp(np.cumsum(market + own, axis=1)), PRICE_BITS)


def _receipt(rates: Rates, seed: int) -> SourceFile:
    text = json.dumps({"seed": seed, **vars(rates)}, sort_keys=True).encode()
    return SourceFile(name="independent world", bytes=len(text), sha256=hashlib.sha256(text).hexdigest())
