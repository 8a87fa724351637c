"""Why another mapping names another issuer: the systematic causes, as a table of rules asked in order.

Theirs is the released mapping (`sources.published_map`), ours a tokens table. A rule sees one row per token on which
the two differ; the first that holds explains it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import polars as pl

from dexposure_core.network.naming import BUCKETS, NO_NAMES

# A protocol's name without its version: "Compound V3" and "Compound V1" are one family.
_VERSION: Final = r"(?i)[ .-]*v\d+$"
_WORD: Final = r"(?i)([a-z0-9]{3,})"
_SUFFIX: Final = r"^.+\.[A-Za-z]{1,5}$"


class Cause(NamedTuple):
    """One systematic cause: name, what happens, who is right, and the rule that recognises it."""

    name: str
    help: str
    right: str
    rule: pl.Expr


def _family(column: str) -> pl.Expr:
    return pl.col(column).str.replace(_VERSION, "").str.to_lowercase()


def _first_word(column: str) -> pl.Expr:
    return pl.col(column).str.extract(_WORD).str.to_lowercase()


_BY_SYMBOL: Final = pl.col("bucket") == "MAP"
_OWN: Final = pl.col("theirs").str.to_lowercase() == pl.col("token").str.to_lowercase()
_OURS_OWN: Final = pl.col("ours").str.to_lowercase() == pl.col("token").str.to_lowercase()
_SMALLER: Final = pl.col("their_rank") > pl.col("our_rank")
_THEIR_BUCKET: Final = pl.col("theirs").is_in(BUCKETS)
_OUR_BUCKET: Final = pl.col("ours").is_in(BUCKETS)
_SHARE: Final = pl.col("kind").str.contains("LP|principal|vault|receipt")
_KNOWN: Final = pl.col("method").is_in(["given", "override", "metadata", "curated", "composition"])

CAUSES: Final[tuple[Cause, ...]] = (
    Cause(
        "missing value as a token",
        'an empty name was written as "nan" and became a token with an issuer',
        "ours: what has no name is no token",
        pl.col("token").is_in(NO_NAMES),
    ),
    Cause(
        "stale version",
        "several versions of a protocol claim the symbol and the last one read, a smaller one, wins",
        "ours: the largest version",
        _BY_SYMBOL & _SMALLER & (_family("their_name") == _family("our_name")),
    ),
    Cause(
        "smallest claimant, same family",
        "a smaller protocol of the same family claims the symbol and wins (AAVE to Aave Arc)",
        "ours: the largest of the family",
        _BY_SYMBOL & _SMALLER & (_first_word("their_name") == _first_word("our_name")),
    ),
    Cause(
        "text against symbol",
        "our input holds no symbols here, so the names were compared; another protocol claims this symbol",
        "theirs mostly: with symbols in the input the metadata step settles it",
        _BY_SYMBOL & (pl.col("method") == "similarity"),
    ),
    Cause(
        "smallest claimant, namesake",
        "a smaller protocol of another name claims the symbol and wins",
        "ours: the protocol known to issue the token",
        _BY_SYMBOL & _SMALLER & _KNOWN,
    ),
    Cause(
        "coin given to a protocol",
        "a chain's own coin, or a wrapper of it, is given to a foundation, bridge or namesake",
        "ours: a native coin is nobody's liability and counts as its own issuer",
        ~_OWN & ~_THEIR_BUCKET & pl.col("kind").is_in(["native coin", "wrapped coin", "exchange coin"]),
    ),
    Cause(
        "chain suffix",
        "one bridged token (DAI.e) is given to the issuer of the original, its siblings (USDC.e) to themselves",
        "ours: the bridge stands between; where the symbol does not tell which, it is its own issuer",
        pl.col("token").str.contains(_SUFFIX) & ~_OWN & ~_THEIR_BUCKET,
    ),
    Cause(
        "symbol not in our input",
        "their list of symbols names a protocol that our input does not claim the token for",
        "theirs, as far as the symbol is no namesake: our input lacks symbols",
        _BY_SYMBOL & _OURS_OWN,
    ),
    Cause(
        "spelling",
        "theirs knows an issuer in another spelling (sDAI, STETH) and, letter by letter, misses this one (SDAI, stETH)",
        "ours",
        _OWN & pl.col("other_spelling") & ~_OURS_OWN,
    ),
    Cause(
        "receipt or bridged token as its own issuer",
        "a deposit receipt, vault share, staking or bridged token (AMUSDC, AXLUSDC) stands for itself",
        "ours: whoever wraps it owes the underlying",
        _OWN & (pl.col("method") == "family"),
    ),
    Cause(
        "issued token as its own issuer",
        "a token whose issuer is well known (FRAX, MIM, gOHM) stands for itself",
        "ours, as far as the issuer is a protocol in the data",
        _OWN & _KNOWN & ~_OUR_BUCKET,
    ),
    Cause(
        "text match",
        "no protocol claims the symbol; ours takes the protocol of a similar name, theirs the token itself",
        "open: these are on the review list, with their cosine",
        _OWN & (pl.col("method") == "similarity"),
    ),
    Cause(
        "LP inside a symbol",
        "any symbol with the letters LP in it is a pool share (ALPHA.E, AXLPEPE)",
        "ours",
        (pl.col("theirs") == "LP") & ~_OUR_BUCKET & ~_SHARE,
    ),
    Cause(
        "pool share in a bucket",
        "every symbol with LP or a hyphen goes into a bucket, also shares whose issuer the name tells (PT-…, …-f)",
        "ours: Pendle, Curve and the like owe the underlying",
        _THEIR_BUCKET & ~_OUR_BUCKET & pl.col("method").is_in(["family", "curated", "metadata"]),
    ),
    Cause(
        "other bucket",
        "both drop the token, into different buckets, or only one calls it a pair or a pool share",
        "open: no exposure either way unless ours names an issuer",
        _THEIR_BUCKET | _OUR_BUCKET,
    ),
    Cause("other", "none of the above", "open", pl.lit(value=True)),
)


def cause_of() -> pl.Expr:
    """Return the name of the first cause whose rule holds."""
    return pl.coalesce([pl.when(cause.rule.fill_null(value=False)).then(pl.lit(cause.name)) for cause in CAUSES])
