"""What one date says differently in two vintages, row by row, and why.

Every table is matched on its names: rows that came, went or changed their numbers, and the USD that moved,
Σ|after − before|. Amounts are equal when they agree to the cent. For why a number moved see `causes`.

    revision = revision_of(before, after, date)     # two opened vintages
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from dexposure_core.errors import UnknownDate
from dexposure_core.pipeline.changes import PARTS, summary
from dexposure_core.pipeline.revising.causes import measure_causes, tvl_causes
from dexposure_core.pipeline.revising.compare import COMPARED, differing, plain
from dexposure_core.store import TABLES, Store

_COUNTS: Final = ("rows_before", "rows_after", "added", "removed", "changed")


_CENT: Final = 0.005  # USD: a smaller difference is rounding
_CLOSE: Final = 1e-9  # of a number, or of 1


@dataclass(frozen=True, kw_only=True)
class Revision:
    """What one date says differently in two vintages; every table is ordered by the size of the change.

    Args:
        date: a date that both vintages have.
        tables: table, rows_before, rows_after, added, removed, changed (rows), moved_usd (Σ|after − before|).
        exposures: as of `Store.changes`: those that were revised, split by price, quantity, entry, exit and mapping.
        protocols: protocol, name, before_usd, after_usd, change_usd (TVL), moved_usd (Σ|change| of its exposures), and
            the parts of its TVL's change.
        tokens: token, issuer_before, issuer_after, before_usd, after_usd, change_usd (what is held of it).
        measures: basis, measure, before, after, change, and the parts of it (`revision_causes`): those that moved.
    """

    date: dt.date
    tables: pl.DataFrame
    exposures: pl.DataFrame
    protocols: pl.DataFrame
    tokens: pl.DataFrame
    measures: pl.DataFrame

    def causes(self) -> dict[str, dict[str, float]]:
        """Return total_exposure_usd and system_tvl_usd → change and its parts, which sum to it, USD."""
        totals = {"total_exposure_usd": summary(self.exposures), "system_tvl_usd": summary(self.protocols)}
        names = ("change", "mapping", "price", "quantity", "entry", "exit", "unsplit")
        return {name: {n: getattr(whole, f"{n}_usd") for n in names} for name, whole in totals.items()}

    def json(self, limit: int | None = None) -> dict[str, Any]:
        """Return everything as one document of plain values, at most `limit` rows of each table."""
        return {**plain(self, limit), "causes": self.causes()}


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
    differ = {str(name) for name in differing(before, after, date)}
    sides = {name: (before.rows_on(name, date), after.rows_on(name, date)) for name in COMPARED if name in differ}
    rows = [(name, *_counts(name, *sides[name])) for name in sides]
    schema = {"table": pl.String, **dict.fromkeys(_COUNTS, pl.Int64), "moved_usd": pl.Float64}
    return Revision(
        date=date,
        tables=pl.DataFrame(rows, schema=schema, orient="row"),
        exposures=after.revised(before, date).filter(pl.col("change_usd").abs() >= _CENT),
        protocols=_protocols(before, after, date),
        tokens=_tokens(before, after, date),
        measures=measure_causes(before, after, date, _measures(before, after, date)),
    )


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
    gap = _CENT if name.endswith("_usd") else _CLOSE * pl.max_horizontal(old.abs(), pl.lit(1.0))
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
    table = table.filter((pl.col("change_usd").abs() >= _CENT) | (pl.col("moved_usd") >= _CENT))
    table = table.join(tvl_causes(before, after, date), on="protocol", how="left")
    ordered = table.sort(pl.col("change_usd").abs() + pl.col("moved_usd"), "protocol", descending=[True, False])
    return ordered.select(
        "protocol", pl.coalesce("name", "protocol").alias("name"), "before_usd", "after_usd", "change_usd", "moved_usd",
        *PARTS,
    )  # fmt: skip


def _tokens(before: Store, after: Store, date: dt.date) -> pl.DataFrame:
    """Return the tokens whose holdings or issuer were revised, the most USD first."""
    sizes = _sides(before, after, date, "holdings", ("token",), "value_usd", pl.col("counts"))
    for side, store in (("issuer_before", before), ("issuer_after", after)):
        sizes = sizes.join(store.tokens().select("token", pl.col("issuer").alias(side)), on="token", how="left")
    other = pl.col("issuer_before").ne_missing(pl.col("issuer_after"))
    moved = pl.when(other).then(pl.max_horizontal("before_usd", "after_usd")).otherwise(pl.col("change_usd").abs())
    table = sizes.filter(other | (pl.col("change_usd").abs() >= _CENT)).sort(moved, "token", descending=[True, False])
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
