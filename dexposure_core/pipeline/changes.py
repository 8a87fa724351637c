"""What changed since the previous snapshot, summed and ranked: the TVL of every protocol, split by cause.

A holding present on both dates changes by price, q₀(p₁ − p₀), and quantity, p₁(q₁ − q₀); one that appears is an entry,
one that disappears an exit. Where a quantity is missing the split is not known (null) and the change stays whole.
Exposures also change by mapping, when a token has another issuer than before; TVL does not, and its part is 0.

The change of concentration is exact by protocol: ΔHHI = Σ_p (s_p1² − s_p0²), s = share of system TVL.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import polars as pl

from dexposure_core.store import Store

PARTS: Final = ("price_usd", "quantity_usd", "entry_usd", "exit_usd", "mapping_usd")
_HOLDING: Final = ("protocol", "chain", "token")


@dataclass(frozen=True, kw_only=True)
class ChangeSummary:
    """Totals of a table of changes, USD; `unsplit_usd` is what changed without a known cause."""

    before_usd: float
    after_usd: float
    change_usd: float
    price_usd: float
    quantity_usd: float
    entry_usd: float
    exit_usd: float
    mapping_usd: float
    unsplit_usd: float


def summary(changes: pl.DataFrame) -> ChangeSummary:
    """Sum a table of changes (columns before_usd, after_usd, change_usd and PARTS, null = not known)."""
    total = {name: float(changes[name].sum() or 0.0) for name in ("before_usd", "after_usd", "change_usd", *PARTS)}
    rest = total["change_usd"] - sum(total[part] for part in PARTS)
    return ChangeSummary(**total, unsplit_usd=0.0 if abs(rest) < 0.005 else rest)


def tvl_changes(store: Store, date: dt.date, since: dt.date | None = None) -> pl.DataFrame:
    """Return how the TVL of every protocol moved (holdings basis), largest move first.

    Compared with the snapshot before, or with that of `since`.

    Columns: protocol, name, sector, before_usd, after_usd, change_usd, price_usd, quantity_usd, entry_usd, exit_usd,
    mapping_usd (0), share_before, share, hhi_contribution (sums to the change of the TVL HHI). Empty on the first date.
    """
    dates = store.dates("holdings")
    place = dates.index(date)
    start = since or (dates[place - 1] if place else date)
    sizes = store.node_history("holdings", start, date)
    moved = _side(sizes, start, "before_usd").join(
        _side(sizes, date, "after_usd"), on="protocol", how="full", coalesce=True
    )
    moved = moved.with_columns(pl.col("before_usd", "after_usd").fill_null(0.0))
    moved = moved.join(_split(store, start, date), on="protocol", how="left")
    moved = moved.with_columns(change_usd=pl.col("after_usd") - pl.col("before_usd")).with_columns(_shares())
    named = moved.join(store.protocols().select("protocol", "name", "sector"), on="protocol", how="left")
    columns = ["protocol", "name", "sector", "before_usd", "after_usd", "change_usd", *PARTS]
    ordered = named.select(*columns, "share_before", "share", "hhi_contribution").sort(
        pl.col("change_usd").abs(), "protocol", descending=[True, False]
    )
    return ordered if start < date else ordered.clear()


def _shares() -> list[pl.Expr]:
    before = pl.col("before_usd") / pl.col("before_usd").sum()
    after = pl.col("after_usd") / pl.col("after_usd").sum()
    return [before.alias("share_before"), after.alias("share"), (after**2 - before**2).alias("hhi_contribution")]


def _side(sizes: pl.DataFrame, date: dt.date, column: str) -> pl.DataFrame:
    return sizes.filter(pl.col("date") == date).select("protocol", pl.col("tvl_usd").alias(column))


def _split(store: Store, start: dt.date, date: dt.date) -> pl.DataFrame:
    """Return protocol and PARTS from both dates' holdings; price and quantity null where a quantity is missing."""
    return split_by_cause(store.holdings(start), store.holdings(date))


def split_by_cause(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Return protocol and PARTS (mapping 0) of two sides' holdings.

    Price and quantity are null where a holding of both sides lacks a quantity.

    Args:
        before: protocol, chain, token, quantity, value_usd.
        after: the same of the other side.
    """
    old, new = (side.select(*_HOLDING, "quantity", "value_usd") for side in (before, after))
    both = old.join(new, on=_HOLDING, how="full", coalesce=True, suffix="_1")
    v0, v1, q0, q1 = pl.col("value_usd"), pl.col("value_usd_1"), pl.col("quantity"), pl.col("quantity_1")
    kept = pl.when((q0 > 0) & (q1 > 0)).then(v1 / q1 * q0)  # the old quantity at the new price
    stays = v0.is_not_null() & v1.is_not_null()
    known = (~stays | kept.is_not_null()).all()
    return both.group_by("protocol").agg(
        pl.when(known).then((kept - v0).filter(stays).sum()).alias("price_usd"),
        pl.when(known).then((v1 - kept).filter(stays).sum()).alias("quantity_usd"),
        v1.filter(v0.is_null()).sum().alias("entry_usd"),
        (0 - v0.filter(v1.is_null()).sum()).alias("exit_usd"),
        mapping_usd=pl.lit(0.0),
    )
