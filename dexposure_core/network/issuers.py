"""Token → issuer: which protocol issues a token, by which method, and how sure that is.

Methods in order (the first that knows wins); each token's method and score are kept:

0. given: the input names the issuer.
1. metadata: the protocol whose metadata names the token (its symbol or its id). Of several claimants the LARGEST
   by TVL wins; the losers are kept as alternatives. A missing value never becomes a token named "nan".
2. curated: `curated_tokens.csv`, the high-value tokens.
3. bucket: LP, UNKNOWN and OTHER (pairs "A-B") have no single issuer and are dropped, counted as such.
4. similarity: TF-IDF of the token's text against the protocols' text, cosine ≥ θ; see `similarity`.
5. self: the token is its own issuer ("primary market token", for example WETH).

`curated_tokens.csv` has the columns token (symbol, matched without regard to case), issuer (DefiLlama number, or the
upper-case symbol of a token that is its own issuer), issuer_name, issuer_category, issuer_sector, kind (what the
token is) and pass_through (how a loss of the issuer's assets reaches the token: native, wrapped, receipt,
liquid-staking, reserve-stablecoin, overcollateralised-stablecoin, algorithmic-stablecoin or governance).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import polars as pl

from dexposure_core.network.naming import bucket_of, named
from dexposure_core.network.period import PROTOCOLS, TOKENS
from dexposure_core.network.snapshot import UNKNOWN_SECTOR

DEFAULT_THETA: Final = 0.2
# Sector of tokens that are their own issuers, as in the curated table.
PRIMARY_MARKET: Final = "Primary Market Tokens"


@cache
def curated() -> pl.DataFrame:
    """Return the curated table; columns as described above, all text."""
    table = Path(__file__).with_name("curated_tokens.csv")
    return pl.read_csv(table, infer_schema=False)


def map_tokens(
    tokens: pl.DataFrame, protocols: pl.DataFrame, known: pl.DataFrame | None = None, theta: float = DEFAULT_THETA
) -> pl.DataFrame:
    """Return the issuer of every token (the tokens table of the vintage), sorted by token.

    Args:
        tokens: token, usd (its size in the input; decides which spelling names a token that is its own issuer), and
            optionally issuer (given; null where not) and kind.
        protocols: protocol, name, category, sector, and optionally symbol and tvl_usd.
        known: the curated table; None means the shipped one.
        theta: least cosine similarity for a match by text.
    """
    table = tokens.filter(named("token")).unique("token", maintain_order=True)
    table = table.select(
        "token", "usd", key=_key("token"),
        given=_optional(table, "issuer", pl.String), given_kind=_optional(table, "kind", pl.String),
    )  # fmt: skip
    table = _with_metadata(table, protocols)
    table = _with_curated(table, protocols, curated() if known is None else known)
    table = table.with_columns(bucket=bucket_of("token"))
    table = _with_similarity(table, protocols, theta)
    return _decided(_with_own(table))


def protocols_of(protocols: pl.DataFrame, ids: pl.Series, *, curated_sectors: bool = True) -> pl.DataFrame:
    """Return the protocols table for `ids`: names as given, else those of the curated table, else the id itself.

    Args:
        protocols: protocol, name, category, sector (null allowed).
        ids: every protocol id that occurs.
        curated_sectors: whether the curated table may also say the category and sector, or only the name.
    """
    shipped = curated().select(
        protocol="issuer", name_2="issuer_name", category_2="issuer_category", sector_2="issuer_sector"
    )
    given = protocols.select(list(PROTOCOLS)).unique("protocol", keep="first", maintain_order=True)
    table = pl.DataFrame({"protocol": ids.unique().sort()}).join(given, on="protocol", how="left")
    table = table.join(shipped.unique("protocol", keep="first"), on="protocol", how="left")
    unknown = pl.lit(UNKNOWN_SECTOR)
    if not curated_sectors:
        table = table.with_columns(category_2=unknown, sector_2=unknown)

    real_name = pl.when(named("name") & (pl.col("name") != pl.col("protocol"))).then("name")

    def known_or_null(column: str) -> pl.Expr:
        return pl.when(named(column) & (pl.col(column) != UNKNOWN_SECTOR)).then(column)

    return table.select(
        "protocol",
        name=pl.coalesce(real_name, "name_2", "protocol"),
        category=pl.coalesce(known_or_null("category"), known_or_null("sector"), "category_2", unknown),
        sector=pl.coalesce(known_or_null("sector"), "sector_2", unknown),
    ).sort("protocol")


def own_issuers(tokens: pl.DataFrame) -> pl.DataFrame:
    """Return protocol, name, category, sector of the tokens that are their own issuers.

    Args:
        tokens: the tokens table.
    """
    own = tokens.filter(pl.col("method") == "self").select(protocol="issuer").unique().sort("protocol")
    return own.with_columns(
        name=pl.col("protocol"), category=pl.lit("Primary Market Token"), sector=pl.lit(PRIMARY_MARKET)
    ).cast(PROTOCOLS)


def _key(column: str) -> pl.Expr:
    return pl.col(column).str.to_lowercase()


def _plain(column: str) -> pl.Expr:
    """Return a name as lower-case letters and digits, so that "Aave V3" equals "aave-v3"."""
    return pl.col(column).str.to_lowercase().str.replace_all(r"[^a-z0-9]", "")


def _optional(frame: pl.DataFrame, column: str, dtype: type[pl.DataType]) -> pl.Expr:
    """Return a column, or nulls where the frame has none; names that are missing values become null."""
    if column not in frame.columns:
        return pl.lit(None, dtype)
    return pl.when(named(column)).then(column) if dtype is pl.String else pl.col(column).cast(dtype)


def _with_metadata(table: pl.DataFrame, protocols: pl.DataFrame) -> pl.DataFrame:
    """Add the claimants of each token: protocols with that symbol or (when it is no number) that id."""
    facts = protocols.select(
        "protocol", symbol=_optional(protocols, "symbol", pl.String), tvl=_optional(protocols, "tvl_usd", pl.Float64)
    )
    by_symbol = facts.filter(pl.col("symbol").is_not_null()).select("protocol", "tvl", key=_key("symbol"))
    by_id = facts.filter(~pl.col("protocol").str.contains(r"^\d+$")).select("protocol", "tvl", key=_key("protocol"))
    claims = (
        pl.concat([by_id, by_symbol])
        .group_by("key", "protocol").agg(pl.col("tvl").max())
        .join(curated().select(key=_key("token"), protocol="issuer", listed=pl.lit(value=True)),
              on=["key", "protocol"], how="left")
        .sort("tvl", "listed", "protocol", descending=[True, False, False], nulls_last=True)
        .group_by("key", maintain_order=True)
        .agg(claimant=pl.col("protocol").first(), losers=pl.col("protocol").slice(1))
    )  # fmt: skip
    return table.join(claims, on="key", how="left", maintain_order="left")


def _with_curated(table: pl.DataFrame, protocols: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Add the curated issuer; when the input calls that issuer by another id ("aave-v3"), by the input's id."""
    ids = protocols.select("protocol", plain_id=_plain("protocol"), plain_name=_plain("name"))
    here = pl.concat(
        [ids.select("protocol", plain="plain_id"), ids.select("protocol", plain="plain_name")]
    ).unique("plain", keep="first", maintain_order=True)  # fmt: skip
    same = known.select(key=_key("token"), listed="issuer", kind="kind", plain=_plain("issuer_name")).join(
        here, on="plain", how="left"
    )
    present = protocols.select(listed="protocol", as_is="protocol").unique("listed")
    issuer = pl.coalesce("as_is", "protocol", "listed")
    listed = same.join(present, on="listed", how="left").select("key", "kind", curated=issuer)
    return table.join(listed.unique("key", keep="first"), on="key", how="left", maintain_order="left")


def _with_similarity(table: pl.DataFrame, protocols: pl.DataFrame, theta: float) -> pl.DataFrame:
    """Add the best match by text for tokens that nothing else knows."""
    open_ = table.filter(
        pl.col("given").is_null() & pl.col("claimant").is_null() & pl.col("curated").is_null()
        & pl.col("bucket").is_null()
    )  # fmt: skip
    if open_.is_empty():
        none = pl.lit(None, pl.String)
        return table.with_columns(similar=none, cosine=pl.lit(None, pl.Float64), runners_up=none)
    from dexposure_core.network.similarity import best_matches

    return table.join(best_matches(open_["token"], protocols, theta), on="token", how="left", maintain_order="left")


def _with_own(table: pl.DataFrame) -> pl.DataFrame:
    """Add the token's own id: of spellings that differ only in case, the one with the most USD."""
    own = (
        table.sort("usd", "token", descending=[True, False], nulls_last=True)
        .group_by("key", maintain_order=True).agg(own=pl.col("token").first())
    )  # fmt: skip
    return table.join(own, on="key", how="left", maintain_order="left")


def _decided(table: pl.DataFrame) -> pl.DataFrame:
    """Choose the first method that knows each token."""
    order = (("given", "given"), ("metadata", "claimant"), ("curated", "curated"), ("bucket", "bucket"),
             ("similarity", "similar"), ("self", "own"))  # fmt: skip
    method = pl.coalesce([pl.when(pl.col(c).is_not_null()).then(pl.lit(name)) for name, c in order])
    table = table.with_columns(method=method)
    issuer = pl.coalesce("given", "claimant", "curated", pl.when(pl.col("bucket").is_null()).then("similar"),
                         pl.when(pl.col("bucket").is_null()).then("own"))  # fmt: skip
    others = (
        pl.when(pl.col("method") == "metadata").then(pl.col("losers").list.join(";"))
        .when(pl.col("method") == "similarity").then("runners_up")
        .otherwise(pl.lit(""))
    )  # fmt: skip
    score = pl.when(pl.col("method") == "similarity").then("cosine").otherwise(1.0)
    kind = pl.coalesce("given_kind", "kind", pl.concat_str("bucket", pl.lit(" bucket")), pl.lit("unknown"))
    return table.select("token", issuer=issuer, method="method", score=score, kind=kind, alternatives=others).select(
        pl.col(name).cast(dtype) for name, dtype in TOKENS.items()
    ).sort("token")  # fmt: skip
