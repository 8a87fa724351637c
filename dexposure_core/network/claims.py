"""Which protocols claim a token: those whose metadata name it.

A protocol names its token by its symbol, or by its id when that is no number. Several may claim one symbol (every
version of a protocol does): the LARGEST by TVL wins, the others are kept. The released code lets the last one it reads
win, which is the smallest. Symbols that differ only in case are different tokens ("USDs" is not "USDS"), so a claim in
another spelling counts only where no protocol claims the exact one, and less.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from dexposure_core.network.naming import named

# How sure a claim in another spelling is: most uppercase lists mean the same token, a few another.
OTHER_SPELLING: Final = 0.9


def claimants(tokens: pl.DataFrame, protocols: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return who claims each token.

    Args:
        tokens: token.
        protocols: protocol, and optionally symbol and tvl_usd (nulls allowed).
        known: the curated table; breaks ties where sizes are not known.

    Returns:
        token, claimant, losers (list of protocols) for claims of the exact symbol; folded, folded_losers likewise for
        claims in another spelling. Null where there is none.
    """
    claims = _claims(protocols, known)
    exact = _ranked(tokens.join(claims, left_on="token", right_on="symbol"))
    keyed = tokens.with_columns(key=pl.col("token").str.to_lowercase())
    other = keyed.join(claims.with_columns(key=pl.col("symbol").str.to_lowercase()), on="key")
    folded = _ranked(other.filter(pl.col("symbol") != pl.col("token")))
    folded = folded.rename({"claimant": "folded", "losers": "folded_losers"})
    table = tokens.select("token").join(exact, on="token", how="left", maintain_order="left")
    return table.join(folded, on="token", how="left", maintain_order="left")


def _claims(protocols: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return protocol, symbol, tvl, listed (whether the curated table agrees)."""
    size = pl.col("tvl_usd").cast(pl.Float64) if "tvl_usd" in protocols.columns else pl.lit(None, pl.Float64)
    facts = protocols.with_columns(tvl=size)
    parts = [facts.filter(~pl.col("protocol").str.contains(r"^\d+$")).select("protocol", "tvl", symbol="protocol")]
    if "symbol" in protocols.columns:
        parts.append(facts.filter(named("symbol")).select("protocol", "tvl", "symbol"))
    agreed = known.select(key=pl.col("token").str.to_lowercase(), protocol="issuer", listed=pl.lit(value=True))
    claims = pl.concat(parts).group_by("protocol", "symbol").agg(pl.col("tvl").max())
    claims = claims.with_columns(key=pl.col("symbol").str.to_lowercase())
    return claims.join(agreed.unique(["key", "protocol"]), on=["key", "protocol"], how="left").drop("key")


def _ranked(claims: pl.DataFrame) -> pl.DataFrame:
    return (
        claims.sort("tvl", "listed", "protocol", descending=[True, False, False], nulls_last=True)
        .group_by("token", maintain_order=True)
        .agg(claimant=pl.col("protocol").first(), losers=pl.col("protocol").unique(maintain_order=True).slice(1))
    )
