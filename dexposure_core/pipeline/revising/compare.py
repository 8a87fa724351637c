"""What was revised between two vintages, and by how much.

Dates are compared by the fingerprints that each vintage keeps of its tables, so finding what differs is quick; only
dates that were revised are read. Of a revised date every table is matched row by row on its names: rows that came, went
or changed their numbers, and the USD that moved, Σ|after − before|. Amounts are equal when they agree to the cent.

    comparison = compare(before, after)     # two opened vintages: dates, issuers, choices; one date: see `revision`
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields
from typing import Any, Final

import polars as pl

from dexposure_core.store import TABLES, Store

COMPARED: Final = tuple(
    name for name, table in TABLES.items() if table.dated and name not in ("findings", "events")
)  # fmt: skip
"""Tables whose difference makes a date revised."""

_TOTALS: Final = ("system_tvl_usd", "total_exposure_usd")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How a vintage differs from another one.

    Args:
        before: id of the older vintage.
        after: id of the newer vintage.
        same: how many dates both have with equal tables.
        dates: date, status (added, removed, revised), tables (how many differ), system_tvl_usd and total_exposure_usd
            (holdings basis) as before_usd, after_usd and exposure_before_usd, exposure_after_usd; null where not there.
        tables: date, table, rows_before, rows_after of every table that differs on a date that both have.
        issuers: token, issuer_before, method_before, issuer_after, method_after, usd (what is held of it over all
            snapshots, in the newer vintage where it has it): tokens that came, went or changed, largest first.
        protocols: protocol, change (added, removed, renamed), before, after: names, sectors and categories.
        choices: parameter, before, after of the build's parameters that differ.
    """

    before: str
    after: str
    same: int
    dates: pl.DataFrame
    tables: pl.DataFrame
    issuers: pl.DataFrame
    protocols: pl.DataFrame
    choices: pl.DataFrame

    def of(self, status: str) -> list[dt.date]:
        """Return the dates that were added, removed or revised."""
        return self.dates.filter(pl.col("status") == status)["date"].to_list()

    def json(self) -> dict[str, Any]:
        """Return everything as one document of plain values."""
        return plain(self)


def compare(before: Store, after: Store) -> Comparison:
    """Return what differs between two opened vintages, from fingerprints and the tables without dates."""
    marks = _marks(before).join(_marks(after), on=["table", "date"], how="full", coalesce=True, suffix="_after")
    mine, theirs = before.dates(), after.dates()
    both = sorted(set(mine) & set(theirs))
    differ = marks.filter(
        pl.col("date").is_in(both), pl.col("digest").ne_missing(pl.col("digest_after"))
    ).select(
        "date", "table", rows_before=pl.col("rows").fill_null(0), rows_after=pl.col("rows_after").fill_null(0)
    ).sort("date", "table")  # fmt: skip
    dates = _dates(before, after, differ)
    return Comparison(
        before=before.vintage, after=after.vintage, same=len(both) - differ["date"].n_unique(), dates=dates,
        tables=differ, issuers=_issuers(before, after), protocols=_renamed(before, after),
        choices=_choices(before, after),
    )  # fmt: skip


def _marks(store: Store) -> pl.DataFrame:
    found = store.digests().filter(pl.col("table_name").is_in(COMPARED), pl.col("date").is_not_null())
    return found.rename({"table_name": "table"})


def differing(before: Store, after: Store, date: dt.date) -> pl.Series:
    """Return the names of the tables that differ on a date, from their fingerprints."""
    mine, theirs = (_marks(store).filter(pl.col("date") == date) for store in (before, after))
    both = mine.join(theirs, on="table", how="full", coalesce=True, suffix="_after")
    return both.filter(pl.col("digest").ne_missing(pl.col("digest_after")))["table"]


def _dates(before: Store, after: Store, differ: pl.DataFrame) -> pl.DataFrame:
    """Return every date that is not the same in both, with its totals on either side."""
    old, new = (
        store.measure_table("holdings", _known(store, _TOTALS)).with_columns(there=pl.lit(value=True))
        for store in (before, after)
    )
    both = old.join(new, on="date", how="full", coalesce=True, suffix="_after")
    counts = differ.group_by("date").agg(tables=pl.len().cast(pl.Int64))
    status = (
        pl.when(pl.col("there").is_null()).then(pl.lit("added"))
        .when(pl.col("there_after").is_null()).then(pl.lit("removed")).otherwise(pl.lit("revised"))
    )  # fmt: skip
    changed = both.join(counts, on="date", how="left").filter(
        pl.col("there").is_null() | pl.col("there_after").is_null() | pl.col("tables").is_not_null()
    )
    amounts = {
        "before_usd": "system_tvl_usd", "after_usd": "system_tvl_usd_after",
        "exposure_before_usd": "total_exposure_usd", "exposure_after_usd": "total_exposure_usd_after",
    }  # fmt: skip
    have = [
        pl.col(c).alias(n) if c in changed.columns else pl.lit(None, pl.Float64).alias(n) for n, c in amounts.items()
    ]
    return changed.select("date", status.alias("status"), pl.col("tables").fill_null(0), *have).sort("date")


def _known(store: Store, names: tuple[str, ...]) -> list[str]:
    present = set(store.table("measures")["measure"].unique())
    return [name for name in names if name in present]


def _issuers(before: Store, after: Store) -> pl.DataFrame:
    """Return the tokens whose issuer or method differs, or that only one of the vintages has."""
    old, new = (store.tokens().select("token", "issuer", "method", "usd_cents") for store in (before, after))
    both = old.join(new, on="token", how="full", coalesce=True, suffix="_after")
    moved = both.filter(
        pl.col("issuer").ne_missing(pl.col("issuer_after")) | pl.col("method").ne_missing(pl.col("method_after"))
    )
    return moved.select(
        "token", issuer_before="issuer", method_before="method", issuer_after="issuer_after",
        method_after="method_after", usd=pl.coalesce("usd_cents_after", "usd_cents") / 100,
    ).sort("usd", "token", descending=[True, False])  # fmt: skip


def _renamed(before: Store, after: Store) -> pl.DataFrame:
    """Return the protocols that only one vintage has, or that it calls or classifies otherwise."""
    text = pl.concat_str("name", "sector", "category", separator=" / ")
    old, new = (store.protocols().select("protocol", before=text) for store in (before, after))
    both = old.join(new.rename({"before": "after"}), on="protocol", how="full", coalesce=True)
    change = (
        pl.when(pl.col("before").is_null()).then(pl.lit("added"))
        .when(pl.col("after").is_null()).then(pl.lit("removed")).otherwise(pl.lit("renamed"))
    )  # fmt: skip
    moved = both.filter(pl.col("before").ne_missing(pl.col("after")))
    return moved.select("protocol", change.alias("change"), "before", "after").sort("change", "protocol")


def _choices(before: Store, after: Store) -> pl.DataFrame:
    """Return the parameters of the builds that differ, as text; null where one has none."""
    old, new = ({**s.manifest.parameters, "built_by": s.manifest.built_by} for s in (before, after))
    names = sorted({name for name in {*old, *new} if old.get(name) != new.get(name)})
    rows = [(name, *(None if side.get(name) is None else str(side[name]) for side in (old, new))) for name in names]
    return pl.DataFrame(rows, schema=dict.fromkeys(("parameter", "before", "after"), pl.String), orient="row")


def plain(record: Any, limit: int | None = None) -> dict[str, Any]:
    """Return a record's frames and values as one document, at most `limit` rows of each frame."""
    document: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, pl.DataFrame):
            value = (value if limit is None else value.head(limit)).to_dicts()
        document[field.name] = value
    return document
