"""Findings of the whole-history checks: one row each, collapsed over dates, small ones folded, worst first.

A check reports every date on which something is wrong. A reader wants every thing that is wrong once: rows of one
check, finding and place that lie within a quarter of each other become one (the date of the largest USD, the first, the
last, and how many), and findings that are worth a
note only (severity info) become one line per kind that counts them and names the largest.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final

import polars as pl

from dexposure_core.network.health_flags import INFO, worst_first
from dexposure_core.pipeline.numbers import LEAST_WRITTEN

FINDING: Final = pl.Schema({
    "severity": pl.String, "finding": pl.String, "date": pl.Date, "protocol": pl.String, "chain": pl.String,
    "token": pl.String, "rows": pl.Int64, "usd": pl.Float64, "text": pl.String, "action": pl.String,
})  # fmt: skip
REPORT: Final = pl.Schema({
    "check": pl.String, "severity": pl.String, "finding": pl.String, "date": pl.Date, "first": pl.Date,
    "last": pl.Date, "dates": pl.Int64, "protocol": pl.String, "chain": pl.String, "token": pl.String, "rows": pl.Int64,
    "usd": pl.Float64, "text": pl.String, "action": pl.String,
})  # fmt: skip
KEPT: Final = "kept as given"
_PLACE: Final = ("check", "finding", "protocol", "chain", "token")
_NAMED: Final = 3
EPISODE: Final = dt.timedelta(days=92)


def percent(column: str) -> pl.Expr:
    """Return a column of shares 0..1 as text, as `numbers.percent` writes one: `44.6 %`, `<0.01 %`."""
    share = pl.col(column)
    written = pl.format("{} %", (100 * share).round_sig_figs(3))
    small = pl.when(share == 0).then(pl.lit("0 %")).when(share < LEAST_WRITTEN).then(pl.lit("<0.01 %"))
    return small.otherwise(written)


def findings(frame: pl.DataFrame | None = None, *, action: str = KEPT) -> pl.DataFrame:
    """Return a frame with every column of FINDING; what `frame` lacks is null (the action: `action`), None is empty."""
    if frame is None:
        return pl.DataFrame(schema=FINDING)
    given = frame if "action" in frame.columns else frame.with_columns(action=pl.lit(action))
    missing = [pl.lit(None, kind).alias(name) for name, kind in FINDING.items() if name not in given.columns]
    return given.with_columns(missing).select(list(FINDING)).cast(FINDING)


def collapse(found: pl.DataFrame, names: Mapping[str, str]) -> pl.DataFrame:
    """Return REPORT rows, worst first, from FINDING rows with their `check`: one per thing that is wrong.

    `date`, `usd`, `text` and `action` are those of the worst date; `first`, `last` and `dates` say how long it lasted.
    `names` are those of the protocols, by id.
    """
    apart = (pl.col("date") - pl.col("date").shift(1).over(_PLACE)) > EPISODE
    told = found.sort("date", nulls_last=True).with_columns(
        episode=apart.fill_null(value=False).cast(pl.Int64).cum_sum().over(_PLACE)
    )
    ordered = told.sort([*worst_first(), "date"], nulls_last=True)
    things = ordered.group_by([*_PLACE, "episode"], maintain_order=True).agg(
        pl.col("severity", "usd", "text", "action", "date").first(), first=pl.col("date").min(),
        last=pl.col("date").max(), dates=pl.col("date").n_unique(), rows=pl.col("rows").max(),
    )  # fmt: skip
    rows = things.select(list(REPORT)).cast(REPORT)
    minor = pl.col("severity") == INFO
    whole = pl.concat([rows.filter(~minor), _folded(rows.filter(minor), names)])
    return whole.sort([*worst_first(), *_PLACE, "date"], nulls_last=True)


def _folded(minor: pl.DataFrame, names: Mapping[str, str]) -> pl.DataFrame:
    """Return one line per check and finding for what is only worth a note; few ones stay as they are."""
    kind = ("check", "finding")
    several = minor.filter(pl.len().over(kind) > _NAMED)
    few = minor.filter(pl.len().over(kind) <= _NAMED)
    protocol = pl.col("protocol")
    named = protocol.replace_strict(dict(names), default=protocol, return_dtype=pl.String)
    who = pl.coalesce(named, "token", "chain", pl.col("date").cast(pl.String))
    lines = several.group_by(kind, maintain_order=True).agg(
        pl.col("severity", "action", "date").first(), pl.col("first").min(), pl.col("last").max(),
        dates=pl.col("dates").max(), rows=pl.len().cast(pl.Int64), usd=pl.sum("usd"),
        text=pl.format("{} of these, the largest: {}", pl.len(), who.head(_NAMED).str.join(", ")),
    )  # fmt: skip
    empty = [pl.lit(None, pl.String).alias(name) for name in ("protocol", "chain", "token")]
    return pl.concat([few, lines.with_columns(empty).select(list(REPORT)).cast(REPORT)])


def per_date(found: pl.DataFrame) -> pl.DataFrame:
    """Return check, severity, date, findings, usd: findings per check and date, before collapsing."""
    dated = found.drop_nulls("date")
    return (
        dated.group_by("check", "severity", "date")
        .agg(findings=pl.len().cast(pl.Int64), usd=pl.sum("usd"))
        .sort("date", "check", "severity")
    )
