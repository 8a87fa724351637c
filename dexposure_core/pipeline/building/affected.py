"""Which dates of a vintage an update must compute anew.

A date's tables follow from its rows, the rows of the snapshot before it, who issues the tokens among both, the sectors
of the protocols in it, and the choices and code of the build. A date is kept when none of these changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable

import polars as pl

from dexposure_core import __version__
from dexposure_core.network.build import held
from dexposure_core.network.coverage import unusable
from dexposure_core.network.period import HOLDINGS
from dexposure_core.store import Store, inputs_of


def inputs(store: Store) -> dict[dt.date, str]:
    """Return date → fingerprint of what the source gave for it, as the vintage keeps it."""
    marks = store.digests().filter(pl.col("table_name") == "inputs")
    return dict(marks.select("date", "digest").iter_rows())


def fingerprint(date: dt.date, rows: pl.DataFrame, chains: str) -> str:
    """Return the fingerprint that a build of these rows (protocol, chain, token, quantity, value_usd) would keep."""
    odd = rows.select(list(HOLDINGS)).filter(unusable().is_not_null())
    return inputs_of(held(rows, chains).with_columns(date=pl.lit(date, pl.Date)), odd, rows.height)


def same_code(store: Store) -> bool:
    """Return whether the vintage was built by this version of the product."""
    return store.manifest.built_by.endswith(f" {__version__}")


def previous_of(dates: Iterable[dt.date]) -> dict[dt.date, dt.date | None]:
    """Return date → the snapshot before it."""
    ordered = sorted(dates)
    return dict(zip(ordered, [None, *ordered], strict=False))


def affected(
    store: Store,
    dates: Collection[dt.date],
    replaced: Collection[dt.date],
    issuers: pl.DataFrame,
    names: pl.DataFrame,
) -> set[dt.date]:
    """Return the vintage's dates that must be computed anew although their own rows stay.

    Args:
        store: the older vintage.
        dates: every date of the new vintage.
        replaced: those whose rows are new or changed.
        issuers: the tokens table of the new vintage.
        names: protocol, name, category, sector of the new vintage.
    """
    mine = [date for date in dates if date not in replaced]
    if not same_code(store):
        return set(mine)  # other code may compute other numbers from the same rows
    before, now = previous_of(store.dates()), previous_of(dates)
    holding = _dates_with(store, "holdings", "token", _other_issuers(store, issuers))
    sectors = _dates_with(store, "nodes", "protocol", _other_sectors(store, names))
    return {
        date
        for date in mine
        if now[date] != before[date]
        or now[date] in replaced
        or date in holding
        or now[date] in holding
        or date in sectors
    }


def _other_issuers(store: Store, issuers: pl.DataFrame) -> list[str]:
    """Return the tokens of the older vintage that now have another issuer or method."""
    both = store.tokens().join(issuers, on="token", how="inner", suffix="_new")
    other = pl.col("issuer").ne_missing(pl.col("issuer_new")) | (pl.col("method") != pl.col("method_new"))
    return both.filter(other)["token"].to_list()


def _other_sectors(store: Store, names: pl.DataFrame) -> list[str]:
    """Return the protocols of the older vintage that are now classified otherwise."""
    both = store.protocols().join(names, on="protocol", how="inner", suffix="_new")
    other = (pl.col("sector") != pl.col("sector_new")) | (pl.col("category") != pl.col("category_new"))
    return both.filter(other)["protocol"].to_list()


def _dates_with(store: Store, table: str, column: str, names: list[str]) -> set[dt.date]:
    """Return the dates on which a table has one of the names."""
    if not names:
        return set()
    rows = pl.scan_parquet(store.parquet_paths(table), glob=False).filter(pl.col(column).is_in(names))
    return set(rows.select("date").unique().collect()["date"])
