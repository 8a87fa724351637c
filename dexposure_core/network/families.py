"""Tokens named after a token and whoever wraps, lends or bridges it: aUSDC, cDAI, yvWBTC, PT-…, axlUSDC, USDC.e.

`token_families.csv` lists the naming customs: a pattern (a regular expression for the whole symbol, without regard to
case) whose group is the underlying token, what that underlying must be, and the issuer. A custom of single letters is
tried only on the markets of that protocol ("listed"), others only before a token the curated table knows, so that AVAX
is no receipt of "VAX". Without issuer the family says what the token is (a bridged or wrapped coin), and that it is its
own issuer: which bridge stands behind "USDC.e" the symbol does not tell.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import polars as pl

# What the underlying must be: anything; any curated token; a coin that is its own issuer; a chain's own coin.
_NATIVE: Final = ("native coin", "exchange coin")
_ANYTHING: Final = ("any", "listed")
_SHORTEST: Final = 3  # "CER" is no bridged "R"


@cache
def families() -> pl.DataFrame:
    """Return the customs, in the order they are tried: pattern, underlying, issuer (null: none), names, kind, score."""
    table = pl.read_csv(Path(__file__).with_name("token_families.csv"), infer_schema=False)
    return table.with_columns(pl.col("score").cast(pl.Float64), family=pl.int_range(pl.len()).cast(pl.Int64))


def family_of(tokens: pl.Series, known: pl.DataFrame) -> pl.DataFrame:
    """Return the family of each token that has one.

    Args:
        tokens: symbols.
        known: the curated table: token, issuer, kind.

    Returns:
        token, family (row of `families`), underlying (the token inside the name, upper case; '' where it has none).
    """
    rows = tokens.alias("token").to_frame().with_columns(text=pl.col("token").str.to_uppercase())
    found = [_members(rows, row, known) for row in families().iter_rows(named=True)]
    return pl.concat(found).unique("token", keep="first", maintain_order=True)


def _members(rows: pl.DataFrame, row: dict[str, object], known: pl.DataFrame) -> pl.DataFrame:
    inside = pl.col("text").str.extract(f"^(?:{row['pattern']})$", 1)
    allowed = _allowed(str(row["underlying"]), known)
    members = rows.select("token", underlying=inside).filter(pl.col("underlying").is_not_null())
    if allowed is not None:
        members = members.filter(pl.col("underlying").is_in(allowed.implode()))
    return members.select("token", family=pl.lit(row["family"], pl.Int64), underlying="underlying")


def _allowed(underlying: str, known: pl.DataFrame) -> pl.Series | None:
    """Return the names the underlying may have, in upper case; None when any will do."""
    if underlying in _ANYTHING:
        return None
    choice = {
        "known": pl.lit(value=True),
        "coin": ~pl.col("issuer").str.contains(r"^\d+$") | pl.col("kind").str.contains("stablecoin"),
        "native": pl.col("kind").is_in(_NATIVE),
    }[underlying]
    long = pl.col("token").str.len_chars() >= _SHORTEST
    return known.filter(choice, long | (underlying == "native"))["token"].str.to_uppercase()
