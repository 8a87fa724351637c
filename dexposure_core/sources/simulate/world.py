"""The simulated world: prices × quantities of every holding, week by week.

quantity(t) = size(t) · weight · noise(t) / reference price(t), held where present; value = quantity × price, in whole
dollars. The reference price follows the market slowly (half-life of ten weeks), which is what rebalancing does: within
weeks a holding moves with its price, over months with its protocol.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from dexposure_core.sources.border import SourceFile
from dexposure_core.sources.simulate import facts as facts_module
from dexposure_core.sources.simulate.chance import Floats, generator, short, words
from dexposure_core.sources.simulate.facts import FOLDER, MONDAYS, TABLES, WEEKS, Facts, week
from dexposure_core.sources.simulate.levels import (
    ANCHOR_EXCHANGE,
    alive,
    known_sizes,
    scale_path,
    shock_path,
    slow_noise,
    system_factors,
)
from dexposure_core.sources.simulate.portfolio import Lines, Pool, choose_lines, token_weeks
from dexposure_core.sources.simulate.prices import price_paths

DEFAULT_SEED: Final = 20200323
SCALES: Final = {"demo": 1.0, "full": 14.0}
QUANTITY_BITS: Final = 11
SMALLEST_USD: Final = 1000.0
LINE_NOISE: Final = 0.09  # weekly, of one line's quantity; more for small lines
HALF_LIFE: Final = 10.0
WAKE: Final = 1 - 0.5 ** (1 / HALF_LIFE)


@dataclass(frozen=True, kw_only=True)
class World:
    """A feed of simulated holdings; the same attributes as any feed of holdings, plus `events`.

    Attributes:
        seed, scale: what it was made from.
        sources: the fact files it was made from.
        frequency: "week".
        dates: the 283 Mondays.
        protocols: protocol, name, category, sector, symbol.
        tokens: token, usd (sum of its values over all weeks), issuer (null for bucket tokens), kind.
        events: the events table of the vintage.
        findings: none.
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
    token_rows: npt.NDArray[np.int64]
    prices: Floats
    quantities: npt.NDArray[np.float32]
    frequency: str = "week"

    def load(self, date: dt.date) -> pl.DataFrame:
        """Return the holdings on a Monday: protocol, chain, token, quantity, value_usd; sorted by the first three."""
        t = (date - MONDAYS[0]).days // 7
        quantity = self.quantities[:, t].astype(np.float64)
        value = np.rint(quantity * self.prices[self.token_rows, t])
        held = np.flatnonzero(value >= SMALLEST_USD)
        return self.lines[held].with_columns(quantity=pl.Series(quantity[held]), value_usd=pl.Series(value[held]))

    def periods(self) -> Iterator[tuple[dt.date, pl.DataFrame]]:
        """Yield each Monday with its holdings, ascending."""
        for date in self.dates:
            yield date, self.load(date)


def make_world(scale: str | float, seed: int) -> World:
    """Build the world: prices, then every protocol's lines, then the factor that holds the system on its level."""
    size = SCALES[scale] if isinstance(scale, str) else float(scale)
    facts = facts_module.load()
    paths = price_paths(facts, seed)
    tokens = facts.tokens
    prices = np.array([paths[token] for token in tokens["token"]])
    pool = _pool(facts, prices)
    books = _books(facts, pool, prices, size, seed)
    factors = _factors(facts, books)
    parts = [book.quantities(factors[k]) for book, k in books]
    return _assemble(facts, books, parts, prices, size, seed)


@dataclass(frozen=True, kw_only=True)
class Book:
    """One protocol's lines with their noise: everything but the system's factor.

    Attributes:
        row: the protocol's facts.
        lines: what it holds.
        units: (L, WEEKS) quantities before the factor.
        tvl: (WEEKS,) USD before the factor.
    """

    row: dict[str, Any]
    lines: Lines
    units: npt.NDArray[np.float32]
    tvl: Floats

    def quantities(self, factor: Floats) -> npt.NDArray[np.float32]:
        """Return (L, WEEKS) quantities in token units, 11 binary digits."""
        return short(self.units * factor, QUANTITY_BITS).astype(np.float32)


def _pool(facts: Facts, prices: Floats) -> Pool:
    tokens = facts.tokens
    held = facts.protocols["holds"].drop_nulls().str.split("|").explode().value_counts()
    counts = dict(held.iter_rows())
    chains_of = dict(facts.protocols.select("protocol", "chains").iter_rows())
    appeal, chains, first, last = [], [], [], []
    for row in tokens.iter_rows(named=True):
        count = counts.get(row["token"], 0)
        appeal.append(np.log(count + 0.3) if row["kind"] not in ("bucket", "nft") else -np.inf)
        home = chains_of.get(row["issuer"]) or ""
        chains.append(frozenset() if count >= 8 else frozenset(home.split("|")) if home else frozenset())
        start, end = token_weeks(row["first"], row["last"])
        first.append(start)
        last.append(end)
    names = tokens["token"].to_list()
    return Pool(
        names={name: i for i, name in enumerate(names)}, words=words(names), kinds=tokens["kind"].to_numpy().astype(str),
        appeal=np.array(appeal), chains=chains, first=np.array(first), last=np.array(last),
    )  # fmt: skip


def _books(facts: Facts, pool: Pool, prices: Floats, size: float, seed: int) -> list[tuple[Book, int]]:
    """Return every protocol's book and which factor it takes: 0 all, 1 exchanges, 2 none (the anchor exchange)."""
    reference = _reference(prices, facts, pool)
    hits = shock_path(facts)
    books = []
    for row in facts.protocols.iter_rows(named=True):
        weeks, sizes = known_sizes(row)
        if not weeks or not row["holds"]:
            continue
        lines = choose_lines(row, pool, alive(row), max(sizes), size**0.5, seed)
        kind = 0 if row["category"] != "CEX" else 2 if row["protocol"] == ANCHOR_EXCHANGE else 1
        books.append((_book(row, lines, prices, reference, hits.get(row["protocol"]), seed), kind))
    return books


def _reference(prices: Floats, facts: Facts, pool: Pool) -> Floats:
    """Return (T, WEEKS) slow prices: an exponential average of the log price, frozen before a token's end and free of breaks."""
    from scipy.signal import lfilter

    logs = np.log(prices)
    for token, rows in facts.breaks.group_by("token", maintain_order=True):
        i = pool.names[str(token[0])]
        ratio = facts_module.interpolate(rows["day"].to_list(), rows["ratio"].to_numpy())
        logs[i] -= np.log(ratio)
    slow, _ = lfilter([WAKE], [1.0, WAKE - 1.0], logs, axis=1, zi=(1 - WAKE) * logs[:, :1])
    return np.exp(slow)  # type: ignore[no-any-return]


def _book(row: dict[str, Any], lines: Lines, prices: Floats, reference: Floats, hits: Floats | None, seed: int) -> Book:
    chance = generator(seed, "noise", row["protocol"])
    draws = chance.standard_normal((len(lines.token), WEEKS))
    noise = slow_noise(draws, LINE_NOISE) * np.where(lines.weight < 0.05, 1.6, 1.0)[:, None]
    units = lines.present * lines.weight[:, None] * np.exp(noise) / reference[lines.token]
    worth = (units * prices[lines.token])[lines.counts].sum(axis=0)
    scale = scale_path(row, worth, hits, seed)
    return Book(row=row, lines=lines, units=(units * scale).astype(np.float32), tvl=worth * scale)


def _factors(facts: Facts, books: list[tuple[Book, int]]) -> Floats:
    values = np.array([book.tvl for book, _ in books])
    kinds = np.array([kind for _, kind in books])
    factors = system_factors(facts, values, kinds > 0, int(np.flatnonzero(kinds == 2)[0]))
    return np.vstack([factors, np.ones(WEEKS)])


def _assemble(
    facts: Facts,
    books: list[tuple[Book, int]],
    parts: list[npt.NDArray[np.float32]],
    prices: Floats,
    size: float,
    seed: int,
) -> World:
    names = facts.tokens["token"].to_list()
    lines = (
        pl.DataFrame(
            {
                "protocol": [b.row["protocol"] for b, _ in books for _ in b.lines.chain],
                "chain": [chain for b, _ in books for chain in b.lines.chain],
                "token": [names[t] for b, _ in books for t in b.lines.token],
            }
        )
        .with_row_index("row")
        .sort("protocol", "chain", "token")
    )
    order = lines["row"].to_numpy()
    rows = np.concatenate([b.lines.token for b, _ in books])[order]
    quantities = np.concatenate(parts)[order]
    lines = lines.drop("row")
    usd = np.zeros(len(names))
    for t in range(WEEKS):
        np.add.at(usd, rows, quantities[:, t] * prices[rows, t])
    tokens = facts.tokens.select("token", pl.Series("usd", np.rint(usd)), pl.col("issuer"), "kind").filter(
        pl.col("usd") > 0
    )
    return World(
        seed=seed, scale=size, sources=sources(), dates=list(MONDAYS),
        protocols=facts.protocols.select("protocol", "name", "category", "sector", "symbol"),
        tokens=tokens, events=events(facts), findings=no_findings(), lines=lines, token_rows=rows, prices=prices,
        quantities=quantities,
    )  # fmt: skip


def sources() -> tuple[SourceFile, ...]:
    """Return a receipt of every fact file."""
    receipts = []
    for name in TABLES:
        data = (FOLDER / f"{name}.csv").read_bytes()
        receipts.append(SourceFile(name=f"{name}.csv", bytes=len(data), sha256=hashlib.sha256(data).hexdigest()))
    return tuple(receipts)


def events(facts: Facts) -> pl.DataFrame:
    """Return the events table; losses in USD."""
    return facts.events.select(
        "date", "happened", "name", "kind", pl.col("protocols").fill_null(""), pl.col("tokens").fill_null(""),
        loss_usd=pl.col("loss_musd") * 1e6,
    ).sort("date", "happened")  # fmt: skip


def no_findings() -> pl.DataFrame:
    """Return an empty findings frame: a simulated input has no defects to report."""
    from dexposure_core.sources.feed import of_whole_input

    return of_whole_input([])


__all__ = ["DEFAULT_SEED", "SCALES", "World", "make_world", "week"]
