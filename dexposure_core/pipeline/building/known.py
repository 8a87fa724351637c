"""What a source knows of its protocols and tokens, and what is decided from it: issuers and names.

The listings and stated tables of a vintage keep what the decisions were made from, so that an update can make them
again from the older vintage and what the new input adds, as if both had come in one input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dexposure_core.network.issuers import map_tokens, own_issuers, protocols_of
from dexposure_core.network.naming import named
from dexposure_core.network.period import PROTOCOLS
from dexposure_core.network.snapshot import UNKNOWN_SECTOR
from dexposure_core.store import TABLES

if TYPE_CHECKING:
    from dexposure_core.pipeline.building.overriding import Overriding


def listed(protocols: pl.DataFrame) -> pl.DataFrame:
    """Return the listings table from protocol, name, category, sector and perhaps symbol, tvl_usd; sorted."""
    given = protocols.rename({"tvl_usd": "listed_tvl_usd"}, strict=False)
    return _as_table("listings", given).unique("protocol", keep="first", maintain_order=True).sort("protocol")


def stated(tokens: pl.DataFrame) -> pl.DataFrame:
    """Return the stated table from token and perhaps issuer, kind: rows that say something."""
    table = _as_table("stated", tokens)
    return table.filter(named("token") & (named("issuer") | named("kind"))).unique("token").sort("token")


def overlaid(before: pl.DataFrame, new: pl.DataFrame, key: str) -> pl.DataFrame:
    """Return both tables as one, by key: what the new one knows wins, what only the older one knows stays.

    Args:
        before: the listings or stated table of an older vintage.
        new: the same of the new input.
        key: protocol or token.
    """
    both = before.join(new, on=key, how="full", coalesce=True, suffix="_new")
    columns = [column for column in before.columns if column != key]
    return both.select(
        key, *(pl.coalesce(_telling(column, key), column, f"{column}_new").alias(column) for column in columns)
    ).select(before.columns).sort(key)  # fmt: skip


def issuers(
    sizes: pl.DataFrame, listings: pl.DataFrame, said: pl.DataFrame, theta: float, told: Overriding
) -> pl.DataFrame:
    """Return the tokens table (without its USD).

    Args:
        sizes: token, usd.
        listings: the listings table.
        said: the stated table.
        theta: least similarity for a match by text.
        told: a person's overrides.
    """
    protocols = listings.rename({"listed_tvl_usd": "tvl_usd"})
    tokens = sizes.select("token", "usd").join(said, on="token", how="left", maintain_order="left")
    return told.applied(map_tokens(tokens, protocols, theta=theta), protocols)


def names_of(listings: pl.DataFrame, tokens: pl.DataFrame) -> pl.DataFrame:
    """Return protocol, name, category, sector of everybody who may occur: listed protocols and issuers."""
    ids = pl.concat([listings["protocol"], tokens["issuer"].drop_nulls().alias("protocol")])
    return protocols_of(pl.concat([listings.select(list(PROTOCOLS)), own_issuers(tokens)]), ids)


def _as_table(name: str, given: pl.DataFrame) -> pl.DataFrame:
    columns = TABLES[name].polars
    missing = [pl.lit(None, kind).alias(column) for column, kind in columns.items() if column not in given.columns]
    return given.with_columns(missing).select(pl.col(column).cast(kind) for column, kind in columns.items())


def _telling(column: str, key: str) -> pl.Expr:
    """Return the new value where it says something: a name that is not the id, a sector that is known."""
    new = pl.col(f"{column}_new")
    if column == "name":
        return pl.when(new != pl.col(key)).then(new)
    return pl.when(new != UNKNOWN_SECTOR).then(new) if column in ("category", "sector") else new
