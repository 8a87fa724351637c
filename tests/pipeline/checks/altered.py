"""The embedded world with errors planted in its last weeks: what a check says of it is a matter of counting.

Each kind of error is planted in a dozen holdings or protocols picked at random among those of 5 m USD and more.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace

import numpy as np
import polars as pl

from dexposure_core import open_store
from dexposure_core.network.health_flags import ERROR, WARNING
from dexposure_core.pipeline.checks.catalogue import CHECKS
from dexposure_core.pipeline.checks.findings import collapse
from dexposure_core.pipeline.checks.material import Material

WEEKS = 60
PLANTED = 12
LARGE = 5e6
RAN = ("units", "jumps", "missing", "stale", "symbols")
KEY = ["protocol", "chain", "token"]


@cache
def world() -> tuple[tuple[dt.date, ...], pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Dates, holdings (with date), tokens and protocols of the last weeks of the embedded dataset."""
    store = open_store()
    dates = store.dates()[-WEEKS:]
    rows = pl.concat([store.holdings(day).with_columns(date=pl.lit(day)) for day in dates])
    return tuple(dates), rows, store.tokens(), store.protocols()


class Altered:
    """A store of other holdings: what the checks ask of one, nothing else."""

    def __init__(self, holdings: pl.DataFrame, tokens: pl.DataFrame | None = None) -> None:
        self._tokens = world()[2] if tokens is None else tokens
        self._protocols = world()[3]
        self._dates = sorted(holdings["date"].unique())
        self._by_date = holdings.partition_by("date", as_dict=True, include_key=False)
        self._nodes = holdings.group_by("date", "protocol").agg(tvl_usd=pl.sum("value_usd"))
        self.manifest = SimpleNamespace(
            rows={"holdings": holdings.height}, frequency="week", parameters={}, dates=SimpleNamespace(last=None)
        )

    def dates(self, basis: str = "holdings") -> list[dt.date]:
        return list(self._dates)

    def bases(self) -> tuple[str, ...]:
        return ("holdings",)

    def each(self) -> Iterator[tuple[dt.date, pl.DataFrame]]:
        for day in self._dates:
            yield day, self._by_date[(day,)]

    def node_history(self, basis: str) -> pl.DataFrame:
        return self._nodes

    def tokens(self) -> pl.DataFrame:
        return self._tokens

    def protocols(self) -> pl.DataFrame:
        return self._protocols


@dataclass(frozen=True)
class AlteredMaterial(Material):
    """The material of such a store: its holdings are in memory, not in files."""

    def holdings(self, start: dt.date) -> Iterator[tuple[dt.date, pl.DataFrame]]:
        return ((day, rows) for day, rows in self.store.each() if day >= start)  # type: ignore[attr-defined]


def report(holdings: pl.DataFrame, checks: Sequence[str] = RAN) -> pl.DataFrame:
    """Warnings and errors of some checks on these holdings."""
    material = AlteredMaterial(Altered(holdings))  # type: ignore[arg-type]
    watches = {c.name: c.watch(material) for c in CHECKS if c.name in checks and c.watch}
    for week in material.weeks():
        for watch in watches.values():
            watch.see(week)
    found = [watch.findings().with_columns(check=pl.lit(name)) for name, watch in watches.items()]
    told = collapse(pl.concat(found), {})
    return told.filter(pl.col("severity").is_in([ERROR, WARNING]))


@dataclass(frozen=True)
class Plant:
    """One planted error: the protocol, its token and the dates it spoils."""

    protocol: str
    token: str
    first: dt.date
    last: dt.date


Spoil = Callable[[pl.DataFrame, np.random.Generator], tuple[pl.DataFrame, list[Plant]]]


def _picks(rows: pl.DataFrame, chance: np.random.Generator, *, priced: bool = True) -> list[dict[str, object]]:
    """A dozen holdings of a date in the middle, of different protocols, that are there the weeks before and after."""
    dates = world()[0]
    middle = [dates[i] for i in chance.integers(20, WEEKS - 16, PLANTED)]
    taken: set[object] = set()
    picks = []
    holders = rows.group_by("date", "token").agg(holders=pl.len())
    for day in middle:
        now = rows.filter(pl.col("date") == day, pl.col("value_usd") >= LARGE).join(holders, on=["date", "token"])
        now = now.filter(pl.col("holders") >= 4) if priced else now
        now = now.filter(~pl.col("protocol").is_in(list(taken))).sort(KEY)
        pick = now.row(int(chance.integers(now.height)), named=True)
        taken.add(pick["protocol"])
        picks.append(pick)
    return picks


def _is(pick: dict[str, object], *, dates: Sequence[dt.date]) -> pl.Expr:
    same = [pl.col(name) == pick[name] for name in KEY]
    return pl.all_horizontal(*same, pl.col("date").is_in(list(dates)))


def _plant(pick: dict[str, object], dates: Sequence[dt.date]) -> Plant:
    return Plant(str(pick["protocol"]), str(pick["token"]), dates[0], dates[-1])


def _from(day: object, weeks: int) -> list[dt.date]:
    dates = world()[0]
    start = dates.index(day)  # type: ignore[arg-type]
    return list(dates[start : start + weeks])


def decimals(rows: pl.DataFrame, chance: np.random.Generator) -> tuple[pl.DataFrame, list[Plant]]:
    """The value is a power of ten too large or too small for three weeks; the quantity is right."""
    plants = []
    for pick in _picks(rows, chance):
        power = int(chance.choice([-3, -2, -1, 1, 2, 3]))
        spoiled = _from(pick["date"], 3)
        value = pl.when(_is(pick, dates=spoiled)).then(pl.col("value_usd") * 10.0**power).otherwise("value_usd")
        rows = rows.with_columns(value_usd=value)
        plants.append(_plant(pick, spoiled))
    return rows, plants


def quantity_units(rows: pl.DataFrame, chance: np.random.Generator) -> tuple[pl.DataFrame, list[Plant]]:
    """Quantity and value are a power of ten too large for one week: the price looks right."""
    plants = []
    for pick in _picks(rows, chance):
        spoiled = _from(pick["date"], 1)
        factor = 10.0 ** int(chance.choice([1, 2, 3]))
        here = _is(pick, dates=spoiled)
        rows = rows.with_columns(
            pl.when(here).then(pl.col(name) * factor).otherwise(name).alias(name) for name in ("quantity", "value_usd")
        )
        plants.append(_plant(pick, spoiled))
    return rows, plants


def other_price(rows: pl.DataFrame, chance: np.random.Generator) -> tuple[pl.DataFrame, list[Plant]]:
    """The quantity is multiplied by the price of another large token for three weeks."""
    plants = []
    for pick in _picks(rows, chance):
        spoiled = _from(pick["date"], 3)
        now = rows.filter(pl.col("date") == pick["date"], pl.col("quantity") > 0)
        prices = now.group_by("token").agg(
            price=(pl.col("value_usd") / pl.col("quantity")).median(), usd=pl.sum("value_usd")
        )
        mine = float(pick["value_usd"]) / float(pick["quantity"])  # type: ignore[arg-type]
        ratio = pl.col("price") / mine
        wrong = prices.sort("usd", "token", descending=True).head(20).filter((ratio > 6) | (ratio < 1 / 6))
        price = wrong["price"][int(chance.integers(wrong.height))]
        value = pl.when(_is(pick, dates=spoiled)).then(pl.col("quantity") * price).otherwise("value_usd")
        rows = rows.with_columns(value_usd=value)
        plants.append(_plant(pick, spoiled))
    return rows, plants


def supply(rows: pl.DataFrame, chance: np.random.Generator) -> tuple[pl.DataFrame, list[Plant]]:
    """Three times what all hold of a token together is booked at one protocol, from a week on, priced rightly."""
    plants = []
    for pick in _picks(rows, chance):
        spoiled = _from(pick["date"], WEEKS)
        mine = float(pick["value_usd"]) / float(pick["quantity"])  # type: ignore[arg-type]
        same = rows.filter(pl.col("date") == pick["date"], pl.col("token") == pick["token"])
        whole = 3.0 * float(same["quantity"].sum())
        here = _is(pick, dates=spoiled)
        rows = rows.with_columns(
            quantity=pl.when(here).then(whole).otherwise("quantity"),
            value_usd=pl.when(here).then(whole * mine).otherwise("value_usd"),
        )
        plants.append(_plant(pick, spoiled))
    return rows, plants


def precise(rows: pl.DataFrame) -> pl.DataFrame:
    """The same holdings with amounts as precise as those of a chain: the embedded ones have four digits."""
    chance = np.random.default_rng(0).uniform(0.999, 1.001, rows.height)
    return rows.with_columns(
        (pl.col(name) * pl.Series(chance)).round(6 if name == "quantity" else 2) for name in ("quantity", "value_usd")
    )


def twins(rows: pl.DataFrame, chance: np.random.Generator) -> tuple[pl.DataFrame, list[Plant]]:
    """A protocol's holding is booked, to the cent, at a second protocol too, from a week on."""
    plants = []
    for pick in _picks(rows.filter(pl.col("value_usd") >= 20 * LARGE), chance, priced=False):
        spoiled = _from(pick["date"], WEEKS)
        copied = rows.filter(_is(pick, dates=spoiled))
        now = rows.filter(pl.col("date") == pick["date"], pl.col("token") != pick["token"])
        other = now["protocol"].unique().sort().to_list()
        second = str(other[int(chance.integers(len(other)))])
        rest = rows.filter(~_is(pick | {"protocol": second}, dates=spoiled))
        rows = pl.concat([rest, copied.with_columns(protocol=pl.lit(second))])
        plants.append(Plant(second, str(pick["token"]), spoiled[0], spoiled[-1]))
    return rows, plants


def frozen(rows: pl.DataFrame, chance: np.random.Generator) -> tuple[pl.DataFrame, list[Plant]]:
    """The value stays what it was, to the cent, for fourteen weeks, while the quantity is kept up."""
    plants = []
    kinds = world()[2].filter(pl.col("kind").is_in(["native", "wrapped", "governance", "liquid-staking"]))
    moving = rows.join(kinds.select("token"), on="token", how="semi")
    for pick in _picks(moving, chance):
        spoiled = _from(pick["date"], 14)
        rows = rows.with_columns(
            value_usd=pl.when(_is(pick, dates=spoiled)).then(pl.lit(pick["value_usd"])).otherwise("value_usd")
        )
        plants.append(_plant(pick, spoiled))
    return rows, plants


def dropped(rows: pl.DataFrame, chance: np.random.Generator) -> tuple[pl.DataFrame, list[Plant]]:
    """A protocol is absent for one to three weeks."""
    plants = []
    for pick in _picks(rows, chance):
        spoiled = _from(pick["date"], int(chance.integers(1, 4)))
        rows = rows.filter(~((pl.col("protocol") == pick["protocol"]) & pl.col("date").is_in(spoiled)))
        plants.append(_plant(pick, [*spoiled, _from(spoiled[-1], 2)[-1]]))
    return rows, plants


def homonym(rows: pl.DataFrame, chance: np.random.Generator) -> tuple[pl.DataFrame, list[Plant]]:
    """Another token, priced differently, takes a token's symbol from a week on."""
    plants = []
    dates = world()[0]
    now = rows.filter(pl.col("date") == dates[30], pl.col("quantity") > 0)
    prices = now.group_by("token").agg(
        price=(pl.col("value_usd") / pl.col("quantity")).median(), usd=pl.sum("value_usd"), holders=pl.len()
    )  # fmt: skip
    some = prices.filter((pl.col("holders").is_between(4, 20)) & (pl.col("usd") > 2 * LARGE)).sort("token")
    order = chance.permutation(some.height)
    pairs = [
        (some.row(int(a), named=True), some.row(int(b), named=True))
        for a, b in zip(order[::2], order[1::2], strict=False)
    ]
    pairs = [(a, b) for a, b in pairs if max(a["price"], b["price"]) > 6 * min(a["price"], b["price"])][:PLANTED]
    for a, b in pairs:
        here = (pl.col("token") == b["token"]) & pl.col("date").is_in(dates[30:])
        rows = rows.with_columns(token=pl.when(here).then(pl.lit(a["token"])).otherwise("token"))
        plants.append(Plant("", str(a["token"]), dates[30], dates[-1]))
    return rows.group_by("date", *KEY, "issuer").agg(pl.sum("quantity", "value_usd")), plants


KINDS: dict[str, Spoil] = {
    f.__name__: f for f in (decimals, quantity_units, other_price, supply, twins, frozen, dropped, homonym)
}


def detected(plant: Plant, found: pl.DataFrame) -> bool:
    """Whether a finding names the protocol (or the token) within a week of the dates it was spoiled on."""
    slack = dt.timedelta(days=7)
    token = pl.col("token") == plant.token
    named = (pl.col("protocol") == plant.protocol) | (token & (pl.col("protocol").is_null() | (plant.protocol == "")))
    when = (pl.col("last").is_null()) | (
        (pl.col("last") >= plant.first - slack) & (pl.col("first") <= plant.last + slack)
    )
    return not found.filter(named & when).is_empty()


def news(found: pl.DataFrame, before: pl.DataFrame, plants: Sequence[Plant]) -> pl.DataFrame:
    """The findings that were not there before and concern none of the spoiled protocols or tokens: false alarms."""
    place = ["check", "finding", "protocol", "chain", "token"]
    new = found.join(before.select([*place, "first"]), on=[*place, "first"], how="anti", nulls_equal=True)
    protocols, tokens = [p.protocol for p in plants], [p.token for p in plants]
    return new.filter(
        ~pl.col("protocol").is_in(protocols).fill_null(False), ~pl.col("token").is_in(tokens).fill_null(False)
    )
