"""What was revised between two vintages, and by how much.

Dates are compared by the fingerprints that each vintage keeps of its tables, so finding what differs is quick; only
dates that were revised are read. Of a revised date every table is matched row by row on its names: rows that came, went
or changed their numbers, and the USD that moved, Σ|after − before|. Amounts are equal when they agree to the cent.

    comparison = compare(before, after)     # two opened vintages: dates, issuers, choices
    revision = revision_of(before, after, date)     # one date: tables, protocols, tokens, measures
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields
from typing import Any, Final

import polars as pl

from dexposure_core.errors import UnknownDate
from dexposure_core.store import TABLES, Store

COMPARED: Final = tuple(
    name for name, table in TABLES.items() if table.dated and name not in ("findings", "events")
)  # fmt: skip
"""Tables whose difference makes a date revised."""

_TOTALS: Final = ("system_tvl_usd", "total_exposure_usd")
_CLOSE: Final = 1e-9  # of a number, or of 1


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
        return _plain(self)


@dataclass(frozen=True, kw_only=True)
class Revision:
    """What one date says differently in two vintages; every table is ordered by the size of the change.

    Args:
        date: a date that both vintages have.
        tables: table, rows_before, rows_after, added, removed, changed (rows), moved_usd (Σ|after − before|).
        protocols: protocol, name, before_usd, after_usd, change_usd (TVL), moved_usd (Σ|change| of its exposures).
        tokens: token, issuer_before, issuer_after, before_usd, after_usd, change_usd (what is held of it).
        measures: basis, measure, before, after, change: those that moved.
    """

    date: dt.date
    tables: pl.DataFrame
    protocols: pl.DataFrame
    tokens: pl.DataFrame
    measures: pl.DataFrame

    def json(self, limit: int | None = None) -> dict[str, Any]:
        """Return everything as one document of plain values, at most `limit` rows of each table."""
        return _plain(self, limit)


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


def revision_of(before: Store, after: Store, date: dt.date) -> Revision:
    """Return what one date says differently in two vintages.

    Raises:
        UnknownDate: one of them has no snapshot on that date.
    """
    for store in (before, after):
        if date not in store.dates():
            raise UnknownDate(
                f"No snapshot on {date} in vintage {store.vintage}; `dexposure compare` lists what is new"
            )
    differ = {str(name) for name in _differing(before, after, date)}
    sides = {name: (before.rows_on(name, date), after.rows_on(name, date)) for name in COMPARED if name in differ}
    rows = [(name, *_counts(name, *sides[name])) for name in sides]
    schema = {"table": pl.String, **dict.fromkeys(_COUNTS, pl.Int64), "moved_usd": pl.Float64}
    return Revision(
        date=date,
        tables=pl.DataFrame(rows, schema=schema, orient="row"),
        protocols=_protocols(before, after, date),
        tokens=_tokens(before, after, date),
        measures=_measures(before, after, date),
    )


_COUNTS: Final = ("rows_before", "rows_after", "added", "removed", "changed")


def _marks(store: Store) -> pl.DataFrame:
    found = store.digests().filter(pl.col("table_name").is_in(COMPARED), pl.col("date").is_not_null())
    return found.rename({"table_name": "table"})


def _differing(before: Store, after: Store, date: dt.date) -> pl.Series:
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


def _counts(table: str, old: pl.DataFrame, new: pl.DataFrame) -> tuple[int, int, int, int, int, float | None]:
    """Return rows before and after, rows added, removed and changed, and the USD moved (None: no amounts)."""
    columns = [column for column in TABLES[table].columns if column.name != "date"]
    keys = [column.name for column in columns if column.type == "VARCHAR"]
    values = [column.name for column in columns if column.type != "VARCHAR"]
    amount = next((name for name in values if name.endswith("_usd")), None)
    both = old.with_columns(a=1).join(new.with_columns(b=1), on=keys, how="full", coalesce=True, suffix="_after")
    came, went = both["a"].is_null(), both["b"].is_null()
    differs = pl.any_horizontal(_differs(name, old.schema[name]) for name in values)
    changed = both.filter(~(came | went)).filter(differs).height
    moved = None
    if amount is not None:
        moved = float(both.select((_or_zero(f"{amount}_after") - _or_zero(amount)).abs().sum()).item())
    return old.height, new.height, int(came.sum()), int(went.sum()), changed, moved


def _differs(name: str, kind: pl.DataType) -> pl.Expr:
    """Return whether a value differs beyond rounding: amounts by half a cent, other numbers relatively."""
    old, new = pl.col(name), pl.col(f"{name}_after")
    if kind != pl.Float64:
        return old.ne_missing(new)
    gap = 0.005 if name.endswith("_usd") else _CLOSE * pl.max_horizontal(old.abs(), pl.lit(1.0))
    return (old.is_null() != new.is_null()) | ((old - new).abs() > gap).fill_null(value=False)


def _or_zero(name: str) -> pl.Expr:
    return pl.col(name).fill_null(0.0)


def _protocols(before: Store, after: Store, date: dt.date) -> pl.DataFrame:
    """Return the protocols whose TVL or exposures were revised, the most USD first."""
    sizes = _sides(before, after, date, "nodes", ("protocol",), "tvl_usd", pl.col("basis") == "holdings")
    pairs = _sides(before, after, date, "exposures", ("creditor", "debtor"), "exposure_usd", pl.lit(value=True))
    ends = [pairs.select(protocol=end, moved_usd=pl.col("change_usd").abs()) for end in ("creditor", "debtor")]
    moved = pl.concat(ends).group_by("protocol").agg(pl.sum("moved_usd"))
    both = sizes.join(moved, on="protocol", how="full", coalesce=True).with_columns(pl.col(pl.Float64).fill_null(0.0))
    names = pl.concat([after.protocols(), before.protocols()]).unique("protocol", keep="first", maintain_order=True)
    table = both.join(names.select("protocol", "name"), on="protocol", how="left")
    table = table.filter((pl.col("change_usd").abs() >= 0.005) | (pl.col("moved_usd") >= 0.005))
    ordered = table.sort(pl.col("change_usd").abs() + pl.col("moved_usd"), "protocol", descending=[True, False])
    return ordered.select(
        "protocol", pl.coalesce("name", "protocol").alias("name"), "before_usd", "after_usd", "change_usd", "moved_usd"
    )


def _tokens(before: Store, after: Store, date: dt.date) -> pl.DataFrame:
    """Return the tokens whose holdings or issuer were revised, the most USD first."""
    sizes = _sides(before, after, date, "holdings", ("token",), "value_usd", pl.col("counts"))
    for side, store in (("issuer_before", before), ("issuer_after", after)):
        sizes = sizes.join(store.tokens().select("token", pl.col("issuer").alias(side)), on="token", how="left")
    other = pl.col("issuer_before").ne_missing(pl.col("issuer_after"))
    moved = pl.when(other).then(pl.max_horizontal("before_usd", "after_usd")).otherwise(pl.col("change_usd").abs())
    table = sizes.filter(other | (pl.col("change_usd").abs() >= 0.005)).sort(moved, "token", descending=[True, False])
    return table.select("token", "issuer_before", "issuer_after", "before_usd", "after_usd", "change_usd")


def _sides(
    before: Store, after: Store, date: dt.date, table: str, keys: tuple[str, ...], amount: str, kept: pl.Expr
) -> pl.DataFrame:
    """Return keys, before_usd, after_usd, change_usd: an amount summed by key on either side, 0 where there is none."""
    old, new = (
        store.rows_on(table, date).filter(kept).group_by(keys).agg(pl.sum(amount).alias(name))
        for store, name in ((before, "before_usd"), (after, "after_usd"))
    )
    both = old.join(new, on=list(keys), how="full", coalesce=True).with_columns(pl.col(pl.Float64).fill_null(0.0))
    return both.with_columns(change_usd=pl.col("after_usd") - pl.col("before_usd"))


def _measures(before: Store, after: Store, date: dt.date) -> pl.DataFrame:
    """Return the measures that moved, the largest relative change first, those that came or went at the top."""
    old, new = (store.rows_on("measures", date) for store in (before, after))
    both = old.join(new, on=["basis", "measure"], how="full", coalesce=True, suffix="_after")
    moved = both.filter(_differs("value", pl.Float64()))
    change = (pl.col("after") - pl.col("before")).alias("change")
    table = moved.rename({"value": "before", "value_after": "after"}).with_columns(change)
    size = pl.col("change").abs() / pl.max_horizontal(pl.col("before").abs(), pl.col("after").abs())
    return table.sort(size, "basis", "measure", descending=[True, False, False], nulls_last=False)


def _plain(record: Comparison | Revision, limit: int | None = None) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, pl.DataFrame):
            value = (value if limit is None else value.head(limit)).to_dicts()
        document[field.name] = value
    return document
