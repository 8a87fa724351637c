"""What counts as a name: missing values written as text, and the buckets of tokens without a single issuer."""

from __future__ import annotations

from typing import Final

import polars as pl

# The published dataset's buckets: liquidity-pool shares, unnamed contracts, pairs "A-B".
BUCKETS: Final = ("LP", "UNKNOWN", "OTHER")
# What a missing name becomes when a table is written carelessly ("nan" was once a top-10 protocol).
NO_NAMES: Final = ("", "-", "nan", "NaN", "None", "null", "<NA>")


def named(column: str) -> pl.Expr:
    """Return whether a column names something; a missing value written as text ("nan") does not."""
    return pl.col(column).is_not_null() & ~pl.col(column).is_in(NO_NAMES)


def bucket_of(column: str) -> pl.Expr:
    """Return the bucket a token's name puts it in, or null: LP, UNKNOWN, OTHER (pairs "A-B")."""
    token = pl.col(column)
    lp = token.str.contains(r"(?i)^LP$|(^|[-_ /.])[a-z]{0,2}LP[-_ /.]|[-_ /.][a-z]{0,2}LP($|[-_ /.\d])")
    unknown = token.str.contains(r"(?i)^UNKNOWN($|[ (:_-])")
    pair = token.str.contains(r"(?i)^OTHER$|[^\s-]-[^\s-]")
    return pl.when(lp).then(pl.lit("LP")).when(unknown).then(pl.lit("UNKNOWN")).when(pair).then(pl.lit("OTHER"))
