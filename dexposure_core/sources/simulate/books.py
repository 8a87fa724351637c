"""One protocol's book: its lines, their quantities week by week, and the TVL that follows.

    quantity(t) = size(t) · weight · noise(t) / reference price(t),   where the line is held

The reference price follows the market slowly (half-life of ten weeks) and ignores breaks. That is what rebalancing
does: within weeks a holding moves with its price, over months with its protocol; and who holds a token that breaks
keeps the number, not the value. Small lines lie still for weeks, large ones move every week.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from dexposure_core.sources.simulate.chance import Floats, generator, short, slow_noise
from dexposure_core.sources.simulate.crowd import idle_from
from dexposure_core.sources.simulate.facts import WEEKS, Facts, broken, growth, is_crowd
from dexposure_core.sources.simulate.levels import (
    ANCHOR_EXCHANGE,
    alive,
    calm,
    known_sizes,
    largest_size,
    scale_path,
    shock_path,
    system_factors,
)
from dexposure_core.sources.simulate.pool import Pool
from dexposure_core.sources.simulate.portfolio import Lines, Spread, choose_lines

QUANTITY_BITS: Final = 9
LINE_NOISE: Final = 0.055  # weekly, of the growth of a protocol's quantity of one token
MOMENTUM, RETURNING = 0.6, 0.88  # of growth and of the level, per week
OWN_NOISE: Final = 0.03  # weekly, of one line's quantity
SMALL_LINE, SMALL_NOISE = (
    0.03,
    1.6,
)  # of a portfolio: smaller lines move seldom, and then more
DUST: Final = 0.001
CRUMBS: Final = 0.03  # share of a portfolio
MOVES: Final = (
    1.0,
    0.3,
    0.06,
)  # chance that a large line, a small one, dust moves in a week
WAKE: Final = 1 - 0.5 ** (1 / 10)  # weekly step of the reference price

Factors = dict[str, Floats]
"""The system's factor (WEEKS,) by group of protocols: "protocols", "exchanges", and none for the anchor exchange."""


@dataclass(frozen=True, kw_only=True)
class Book:
    """One protocol's lines with their noise: everything but the system's factor.

    Attributes:
        row: the protocol's facts.
        group: which of the system's factors it takes.
        lines: what it holds.
        units: (L, WEEKS) quantities before the factor; 0 where not held.
        moves: (L, WEEKS) the week whose quantity a line has.
        tvl: (WEEKS,) USD before the factor.
    """

    row: dict[str, Any]
    group: str
    lines: Lines
    units: npt.NDArray[np.float32]
    moves: npt.NDArray[np.int16]
    tvl: Floats

    def quantities(self, factors: Factors) -> npt.NDArray[np.float32]:
        """Return (L, WEEKS) quantities in token units, 9 binary digits; 0 where not held."""
        full = short(self.units * factors.get(self.group, np.ones(WEEKS)), QUANTITY_BITS)
        settled = np.take_along_axis(full, self.moves.astype(np.int64), axis=1)
        return np.where(self.units > 0, settled, 0).astype(np.float32)


def make_books(facts: Facts, pool: Pool, prices: Floats, spread: Spread, seed: int) -> list[Book]:
    """Return the book of every protocol that ever enters the data.

    Args:
        facts: the fact tables.
        pool: the tokens.
        prices: (T, WEEKS) USD.
        spread: how widely portfolios are spread.
        seed: of the world.
    """
    reference = reference_prices(prices, facts, pool)
    hits, sizes = shock_path(facts), _sizes(facts)
    nodes = growth(facts, "nodes")
    books = []
    for row in facts.protocols.filter(pl.col("holds").is_not_null()).iter_rows(named=True):
        row["sizes"] = sizes.get(row["protocol"], [])
        life = alive(row, nodes, seed)
        if not known_sizes(row, life)[0]:
            continue
        lines = choose_lines(row, pool, life, largest_size(row), spread, seed)
        per_usd = _per_usd(row, lines, reference, seed)
        worth = (per_usd * prices[lines.token])[lines.counts].sum(axis=0) * _settled(lines)
        scale = scale_path(row, life, worth, hits.get(row["protocol"]), seed)
        units = (per_usd * scale).astype(np.float32)
        moves = _moves(row, lines, units > 0, life[0], seed)
        books.append(
            Book(
                row=row,
                group=_group(row),
                lines=lines,
                units=units,
                moves=moves,
                tvl=worth * scale,
            )
        )
    return books


def factors(facts: Facts, books: list[Book]) -> Factors:
    """Return the factors that hold the known protocols among the books on the system's level."""
    return system_factors(
        facts,
        protocols=np.sum([book.tvl for book in books if book.group == "protocols"], axis=0),
        exchanges=np.sum([book.tvl for book in books if book.group == "exchanges"], axis=0),
        anchor=np.sum([book.tvl for book in books if book.group == "anchor"], axis=0),
    )


def reference_prices(prices: Floats, facts: Facts, pool: Pool) -> Floats:
    """Return (T, WEEKS) slow prices: an exponential average of the log price without the token's breaks."""
    from scipy.signal import lfilter

    logs = np.log(prices)
    for token, ratio in broken(facts).items():
        logs[pool.names[token]] -= np.log(ratio)
    slow, _ = lfilter([WAKE], [1.0, WAKE - 1.0], logs, axis=1, zi=(1 - WAKE) * logs[:, :1])
    return np.asarray(np.exp(slow))


def _group(row: dict[str, Any]) -> str:
    if row["category"] != "CEX":
        return "protocols"
    return "anchor" if row["protocol"] == ANCHOR_EXCHANGE else "exchanges"


def _sizes(facts: Facts) -> dict[str, list[tuple[dt.date, float]]]:
    sizes: dict[str, list[tuple[dt.date, float]]] = {}
    for protocol, day, musd in facts.sizes.iter_rows():
        sizes.setdefault(protocol, []).append((day, musd))
    return sizes


def _settled(lines: Lines) -> npt.NDArray[np.bool_]:
    """Return (WEEKS,) whether more than crumbs of the portfolio is held: only then does its value tell its size."""
    held = (lines.present * lines.weight[:, None])[lines.counts].sum(axis=0)
    return np.asarray(held > CRUMBS * held.max(initial=0.0))


def _per_usd(row: dict[str, Any], lines: Lines, reference: Floats, seed: int) -> Floats:
    """Return (L, WEEKS) quantities per USD of the protocol's size.

    What the protocol does with a token it does on every chain; a smaller part of the noise is the line's own. The
    noise shifts weight between lines: it leaves the whole as it is.
    """
    chance = generator(seed, "noise", row["protocol"])
    tokens, place = np.unique(lines.token, return_inverse=True)
    shared = swing(chance.standard_normal((len(tokens), WEEKS)), LINE_NOISE)[place]
    own = slow_noise(chance.standard_normal((len(place), WEEKS), dtype=np.float32), OWN_NOISE)
    small = lines.weight < SMALL_LINE
    noise = (shared + own) * np.where(small, SMALL_NOISE, calm(largest_size(row)))[:, None]
    share = lines.present * lines.weight[:, None] * np.exp(noise)
    whole = share[lines.counts].sum(axis=0) / (lines.present * lines.weight[:, None])[lines.counts].sum(axis=0).clip(
        1e-12
    )
    return np.asarray(share / whole.clip(1e-12) / reference[lines.token])


def swing(draws: Floats, size: float) -> Floats:
    """Return noise with momentum along the last axis: growth persists for weeks, the level returns over half a year."""
    from scipy.signal import lfilter

    return np.asarray(lfilter([size], [1.0, -(MOMENTUM + RETURNING), MOMENTUM * RETURNING], draws, axis=-1))


def _moves(
    row: dict[str, Any],
    lines: Lines,
    held: npt.NDArray[np.bool_],
    first: int,
    seed: int,
) -> npt.NDArray[np.int16]:
    """Return (L, WEEKS) the last week in which a line's quantity changed; in an idle protocol none does."""
    often = np.select([lines.weight > SMALL_LINE, lines.weight > DUST], MOVES[:2], MOVES[2])
    moved = generator(seed, "moves", row["protocol"]).uniform(size=held.shape) < often[:, None]
    if is_crowd(row["protocol"]):
        moved[:, idle_from(row["protocol"], first, seed) + 1 :] = False
    entered = held & ~np.roll(held, 1, axis=1)
    weeks = np.where(moved | entered, np.arange(WEEKS, dtype=np.int16), 0)
    return np.asarray(np.maximum.accumulate(weeks, axis=1), dtype=np.int16)
