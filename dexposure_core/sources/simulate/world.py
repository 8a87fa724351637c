"""The simulated world as a feed of holdings: value = quantity × price, in dollars and cents, Monday by Monday.

The known protocols are held on the known level of the system; whether the crowd behind them is there or not changes
nothing about them. Quantities have 9 binary digits, prices 14 and values at most 14, so products and sums are exact in
floating point: the same world comes out bit for bit wherever it is built.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from dexposure_core.errors import BadOption
from dexposure_core.sources.border import SourceFile
from dexposure_core.sources.feed import of_whole_input
from dexposure_core.sources.simulate.books import Book, Factors, factors, make_books
from dexposure_core.sources.simulate.chance import Floats, short
from dexposure_core.sources.simulate.crowd import with_crowd
from dexposure_core.sources.simulate.facts import (
    FOLDER,
    MONDAYS,
    TABLES,
    WEEKS,
    Facts,
    is_crowd,
    wider,
)
from dexposure_core.sources.simulate.levels import largest_size
from dexposure_core.sources.simulate.pool import make_pool
from dexposure_core.sources.simulate.portfolio import Spread
from dexposure_core.sources.simulate.prices import price_table

DEFAULT_SEED: Final = 20200323
SCALES: Final = {"demo": 1.0, "full": 10.0}
DENSITY, TAIL = 0.62, 0.13  # main lines and picked tokens of a protocol of USD 1 m, embedded world
DENSER, LONGER = 2.0, 1.644  # both grow as scale to this power
FEWEST_TOKENS: Final = 0.024  # share of the real network's small tokens that the embedded world has, too
WIDENING: Final = ((1.0, 10.0), (1.2, 2.7))  # of scale: how late picked tokens come
COPIES: Final = 1.0  # of small lines on further chains, at full scale
CENTS_BELOW: Final = 1000.0  # USD: smaller values are in cents, larger ones in dollars
VALUE_BITS: Final = 14  # binary digits that a value has at most: reports are not more exact, and files are smaller


@dataclass(frozen=True, kw_only=True)
class World:
    """A feed of simulated holdings: the attributes of any feed of holdings, plus `events`, `seed` and `scale`.

    Attributes:
        seed, scale: what it was made from.
        sources: the fact files it was made from.
        frequency: "week".
        dates: the 283 Mondays.
        protocols: protocol, name, category, sector, symbol.
        tokens: token, usd (sum of its values over all weeks), issuer (null for bucket tokens), kind.
        events: the events table of the vintage.
        findings: none.
        lines: protocol, chain, token of every line ever held.
        rows: (L,) row of `prices` of every line.
        prices: (T, WEEKS) USD.
        quantities: (L, WEEKS) token units, 0 where not held.
    """

    seed: int
    scale: float
    sources: tuple[SourceFile, ...]
    dates: list[dt.date]
    protocols: pl.DataFrame
    tokens: pl.DataFrame
    events: pl.DataFrame
    findings: pl.DataFrame
    lines: pl.DataFrame
    rows: npt.NDArray[np.int64]
    prices: Floats
    quantities: npt.NDArray[np.float32]
    frequency: str = "week"

    def load(self, date: dt.date) -> pl.DataFrame:
        """Return the holdings on a Monday: protocol, chain, token, quantity, value_usd; sorted by the first three."""
        week = (date - MONDAYS[0]).days // 7
        value = self.values(week)
        held = np.flatnonzero(value)
        quantity = self.quantities[held, week].astype(np.float64)
        return self.lines[held].with_columns(quantity=pl.Series(quantity), value_usd=pl.Series(value[held]))

    def values(self, week: int) -> Floats:
        """Return (L,) USD of every line in a week, in cents or (larger ones) dollars; 0 where not held."""
        exact = self.quantities[:, week].astype(np.float64) * self.prices[self.rows, week]
        return np.asarray(np.where(exact < CENTS_BELOW, np.rint(exact * 100) / 100, np.rint(short(exact, VALUE_BITS))))

    def periods(self) -> Iterator[tuple[dt.date, pl.DataFrame]]:
        """Yield each Monday with its holdings, ascending."""
        for date in self.dates:
            yield date, self.load(date)


def make_world(facts: Facts, scale: str | float, seed: int) -> World:
    """Build the world: prices, then every protocol's book, then the factor that holds the system on its level.

    Raises:
        BadOption: for a scale that is neither a name of `SCALES` nor a positive number.
    """
    size = scale_of(scale)
    grown = max(0.0, size - 1) / (SCALES["full"] - 1)
    larger = with_crowd(facts, grown, FEWEST_TOKENS + (1 - FEWEST_TOKENS) * grown, seed)
    prices = price_table(larger, seed)
    books = make_books(larger, make_pool(larger), prices, spread_of(facts, size), seed)
    level = factors(larger, [book for book in books if not is_crowd(book.row["protocol"])])
    kept = _largest(books, size)
    lines = _lines(larger, kept)
    rows = np.concatenate([book.lines.token for book in kept])[lines["row"].to_numpy()]
    quantities = _quantities(kept, level, lines["row"].to_numpy())
    return World(
        seed=seed, scale=size, sources=receipts(), dates=list(MONDAYS),
        protocols=larger.protocols.select("protocol", "name", "category", "sector", "symbol"),
        tokens=_tokens(larger, rows, quantities, prices), events=event_table(facts), findings=of_whole_input([]),
        lines=lines.drop("row"), rows=rows, prices=prices, quantities=quantities,
    )  # fmt: skip


def spread_of(facts: Facts, size: float) -> Spread:
    """Return how widely portfolios are spread: the embedded world shows fewer lines of each."""
    grown = max(size, 1.0)
    return Spread(
        density=DENSITY * grown**DENSER, tail=TAIL * grown**LONGER, wider=wider(facts, np.interp(size, *WIDENING)),
        copies=COPIES * (grown - 1) / (SCALES["full"] - 1),
    )  # fmt: skip


def scale_of(scale: str | float) -> float:
    """Return the scale as a number: 1 is the embedded world."""
    if isinstance(scale, str) and scale in SCALES:
        return SCALES[scale]
    try:
        size = float(scale)
    except ValueError:
        size = math.nan
    if not (math.isfinite(size) and size > 0):
        raise BadOption(f"scale '{scale}' does not exist; choose {', '.join(SCALES)} or a number above 0")
    return size


def _largest(books: list[Book], size: float) -> list[Book]:
    """Return the share of books that a scale below 1 keeps: the largest protocols."""
    if size >= 1:
        return books
    ranked = sorted(books, key=lambda book: -largest_size(book.row))
    return ranked[: max(2, round(len(books) * size))]


def _lines(facts: Facts, books: list[Book]) -> pl.DataFrame:
    """Return row, protocol, chain, token of every line, sorted by the last three."""
    names = facts.tokens["token"].to_list()
    return (
        pl.DataFrame(
            {
                "protocol": [book.row["protocol"] for book in books for _ in book.lines.chain],
                "chain": [chain for book in books for chain in book.lines.chain],
                "token": [names[token] for book in books for token in book.lines.token],
            }
        )
        .with_row_index("row")
        .sort("protocol", "chain", "token")
    )


def _quantities(books: list[Book], level: Factors, order: npt.NDArray[np.uint32]) -> npt.NDArray[np.float32]:
    """Return (L, WEEKS) quantities in the order of the lines, each week in one piece of memory."""
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    table = np.empty((len(order), WEEKS), np.float32, order="F")
    start = 0
    for book in books:
        stop = start + len(book.lines.token)
        table[place[start:stop]] = book.quantities(level)
        start = stop
    return table


def _tokens(
    facts: Facts,
    rows: npt.NDArray[np.int64],
    quantities: npt.NDArray[np.float32],
    prices: Floats,
) -> pl.DataFrame:
    """Return token, usd, issuer, kind of the tokens that are ever held."""
    usd = np.zeros(facts.tokens.height)
    for week in range(prices.shape[1]):
        usd += np.bincount(rows, weights=quantities[:, week] * prices[rows, week], minlength=len(usd))
    held = facts.tokens.select("token", pl.Series("usd", np.rint(usd)), "issuer", "kind")
    return held.filter(pl.col("usd") > 0)


def receipts() -> tuple[SourceFile, ...]:
    """Return name, size and sha256 of every fact file."""
    files = {f"{name}.csv": (FOLDER / f"{name}.csv").read_bytes() for name in TABLES}
    return tuple(
        SourceFile(name=name, bytes=len(data), sha256=hashlib.sha256(data).hexdigest()) for name, data in files.items()
    )


def event_table(facts: Facts) -> pl.DataFrame:
    """Return the events table of the vintage; losses in USD."""
    return facts.events.select(
        "date", "happened", "name", "kind", pl.col("protocols").fill_null(""), pl.col("tokens").fill_null(""),
        loss_usd=pl.col("loss_musd") * 1e6,
    ).sort("date", "happened", "name")  # fmt: skip
