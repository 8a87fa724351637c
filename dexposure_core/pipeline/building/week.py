"""One week's tables: networks, measures, importance, sectors, coverage and findings, from its rows and the week before.

This is the one definition of what a build computes. It is pure and can be pickled, so that every engine (this process,
other processes, Spark, an update of some weeks) calls the same function and equal rows give equal tables.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

import polars as pl

from dexposure_core.jobs import in_order, share
from dexposure_core.measures import Facts, measure_facts, sector_frame
from dexposure_core.network.build import with_opening
from dexposure_core.network.coverage import cents, chains_of, unusable
from dexposure_core.network.health import check_period
from dexposure_core.network.period import FINDINGS, HOLDINGS, PROTOCOLS, Balances, Period, snapshot_of
from dexposure_core.network.snapshot import BASES, Basis, Snapshot
from dexposure_core.store import seal
from dexposure_core.stress import standard_losses

Tables = dict[str, pl.DataFrame]
Named = tuple[Period, pl.DataFrame]

NAMES: Final = "names"
ISSUERS: Final = "issuers"
SIZES: Final = "token sizes"
UNUSABLE: Final = "unusable"
SEALS: Final = "seals"
COLLECTED: Final = (NAMES, ISSUERS, SIZES, UNUSABLE, SEALS)
"""Entries of a week's tables that are no dated tables: what the whole build gathers into `protocols` and `tokens`."""

_SUMMED: Final = ("exposures", "exposure_tokens", "flows", "nodes")
_PERIOD_TABLES: Final = ("holdings", "exposures", "exposure_tokens", "flows", "nodes", "coverage")


def week_tables(
    date: dt.date,
    holdings: pl.DataFrame,
    previous: pl.DataFrame | None,
    tokens: pl.DataFrame,
    names: pl.DataFrame,
    *,
    chains: str = "default",
    workers: int = 1,
) -> Tables:
    """Return the rows of every dated table of one week, and the names of its protocols.

    Args:
        date: the snapshot date.
        holdings: protocol, chain, token, quantity, value_usd at the snapshot, any order.
        previous: the same at the previous snapshot (its rows, or the `holdings` made of them); None on the first date.
        tokens: the tokens table: token, issuer, method.
        names: protocol, name, category, sector.
        chains: which chains count; see `network.build.from_holdings`.
        workers: how many threads share the work of this week.
    """
    period, before = with_opening(date, holdings, previous, tokens, chains=chains, workers=workers)
    odd = holdings.select(list(HOLDINGS)).filter(unusable().is_not_null())
    return {**tables_of(period, before, names, workers=workers), UNUSABLE: odd}


def tables_of(period: Period, previous: Balances | None, names: pl.DataFrame, *, workers: int = 1) -> Tables:
    """Return the rows of every dated table (table name → rows, date included), and the names of its protocols.

    Args:
        period: the week's networks, from whatever source.
        previous: balances at the previous snapshot, for the health checks; None on the first date.
        names: protocol, name, category, sector; ids it lacks are named by themselves.
        workers: how many threads share the work.
    """
    period = settled(period)
    tables: Tables = {table: _dated(getattr(period, table), period.date) for table in _PERIOD_TABLES}
    scores: list[Callable[[], Tables]] = [partial(_scored, period, basis, names) for basis in BASES]
    checked, held, *scored = share(workers, partial(_checked, period, previous), partial(_held, period), *scores)
    for table in ("measures", "importance", "sector_exposures"):
        parts = [part[table] for part in scored if part]
        if parts:
            tables[table] = pl.concat(parts)
    return {**tables, **checked, **held, NAMES: _names(period.nodes, names), ISSUERS: period.issuers}


def sealed(week: Tables, *, workers: int = 1) -> Tables:
    """Return a week's tables as they will be stored, with their fingerprints (SEALS: table, digest).

    An engine seals where it computes, so that writing is all that is left to do one week after the other.
    """
    names = sorted(set(week).difference(COLLECTED), key=lambda table: -week[table].height)  # the longest first
    ready = dict(zip(names, in_order([partial(seal, name, week[name]) for name in names], workers), strict=True))
    marks = {"table": names, "digest": [digest for _, digest in ready.values()]}
    seals = pl.DataFrame(marks, schema={"table": pl.String, "digest": pl.Binary})
    return {**week, **{name: rows for name, (rows, _) in ready.items()}, SEALS: seals}


def _scored(period: Period, basis: Basis, names: pl.DataFrame) -> Tables:
    return measured(snapshot_of(period, basis, names))


def _checked(period: Period, previous: Balances | None) -> Tables:
    findings = pl.concat([period.findings.cast(FINDINGS), check_period(period, previous)])
    return {"findings": _dated(findings, period.date)}


def _held(period: Period) -> Tables:
    held = chains_of(period.holdings)
    chains = _dated(_in_cents(held) if _whole_cents(period.holdings) else held, period.date)
    return {"chains": chains, SIZES: token_cents(period.holdings)}


def token_cents(holdings: pl.DataFrame) -> pl.DataFrame:
    """Return token, usd_cents: what is held of every token, in whole cents, so that weeks add up exactly."""
    return holdings.group_by("token").agg(cents().sum().alias("usd_cents"))


def each_after_the_other(periods: Iterable[Named]) -> Iterator[Tables]:
    """Yield the tables of periods that come with the names of their protocols, dates ascending."""
    previous: Period | None = None
    for period, names in periods:
        yield tables_of(period, previous, names)
        previous = period


def settled(period: Period) -> Period:
    """Return a period as it is stored: where all values are whole cents, so are all sums, without noise below."""
    if not _whole_cents(period.holdings.filter("counts")):
        return period
    summed: Any = {table: _in_cents(getattr(period, table)) for table in _SUMMED}
    return replace(period, **summed)


def _whole_cents(holdings: pl.DataFrame) -> bool:
    """Return whether every value is a whole number of cents, so that every sum of them is one too."""
    values = holdings["value_usd"]
    return not values.is_empty() and bool((values == values.round(2)).all())


def _in_cents(frame: pl.DataFrame) -> pl.DataFrame:
    """Drop floating-point noise below a cent from sums; split flows to whole cents, parts still summing to the flow."""
    amounts = [name for name in frame.columns if name.endswith("_usd") and name not in ("price_usd", "quantity_usd")]
    rounded = frame.with_columns(_without_noise(pl.col(name)).alias(name) for name in amounts)
    if "price_usd" not in frame.columns:
        return rounded
    rounded = rounded.with_columns(pl.col("price_usd").round(2) + 0.0)
    return rounded.with_columns(quantity_usd=_without_noise(pl.col("flow_usd") - pl.col("price_usd")) + 0.0)


def _without_noise(amount: pl.Expr) -> pl.Expr:
    """Round to the cent what is a whole cent but for the noise of summing; leave every other amount as it is."""
    cent = amount.round(2)
    noise = pl.max_horizontal(pl.lit(1e-6), amount.abs() * 1e-14)
    return pl.when(((amount - cent).abs() <= noise) & (cent != 0)).then(cent).otherwise(amount)


def _dated(frame: pl.DataFrame, date: dt.date) -> pl.DataFrame:
    return frame.with_columns(date=pl.lit(date, pl.Date))


def measured(snapshot: Snapshot) -> Tables:
    """Return the rows of one network in measures, importance and sector_exposures; {} when it has no protocols."""
    if not len(snapshot.protocols):
        return {}
    facts = Facts(snapshot)
    values = measure_facts(facts) | standard_losses(snapshot)
    pairs = {"measure": list(values), "value": list(values.values())}
    table = pl.DataFrame(pairs, schema={"measure": pl.String, "value": pl.Float64})
    # Kept to 24 bits (a relative 6e-8): more than any PageRank is good for, at half the bytes.
    scores = facts.importance.with_columns(pl.col(pl.Float64).cast(pl.Float32).cast(pl.Float64))
    return {
        "measures": _keyed(table, snapshot),
        "importance": _keyed(scores, snapshot),
        "sector_exposures": _keyed(sector_frame(*facts.sectors), snapshot),
    }


def _keyed(frame: pl.DataFrame, snapshot: Snapshot) -> pl.DataFrame:
    return frame.with_columns(date=pl.lit(snapshot.date, pl.Date), basis=pl.lit(snapshot.basis))


def _names(nodes: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Return protocol, name, category, sector of every protocol of the week."""
    ids = nodes.select("protocol").unique()
    known = ids.join(names.select(list(PROTOCOLS)), on="protocol", how="left")
    unknown = pl.lit("Unknown")
    return known.select(
        "protocol",
        pl.coalesce("name", "protocol").alias("name"),
        *(pl.coalesce(column, unknown).alias(column) for column in ("category", "sector")),
    ).sort("protocol")
