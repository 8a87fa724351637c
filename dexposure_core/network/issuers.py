"""Token → issuer: which protocol issues a token, by which method, and how sure that is.

Methods in order (the first that knows wins); each token's method and score are kept:

0. given: the input names the issuer (`override`: a person did; see `overrides`).
1. metadata: the protocol whose metadata names the token (its symbol or its id); see `claims`. Of several claimants the
   LARGEST by TVL wins; the losers are kept as alternatives. A missing value never becomes a token named "nan". A claim
   in another spelling ("sDAI" for "SDAI") comes after the curated table, with score 0.9.
2. curated: `curated_tokens.csv`, the high-value tokens; then family: tokens named after another token and whoever
   wraps, lends or bridges it (aUSDC, PT-…, USDC.e), by the customs of `token_families.csv`; see `families`.
3. bucket: LP, UNKNOWN and OTHER (pairs "A-B") have no single issuer and are dropped, counted as such.
4. similarity: TF-IDF of the token's text against the protocols' text, cosine ≥ θ; see `similarity`.
5. self: the token is its own issuer ("primary market token", for example WETH).

Alternatives are what else was said: the other claimants' ids, other methods' answers as `id (method)`, and the next
best matches by text as `id (cosine)`.

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

from dexposure_core.network.claims import OTHER_SPELLING, claimants
from dexposure_core.network.families import families, family_of
from dexposure_core.network.naming import bucket_of, named
from dexposure_core.network.period import PROTOCOLS, TOKENS
from dexposure_core.network.snapshot import UNKNOWN_SECTOR

DEFAULT_THETA: Final = 0.2
# Answers in the order they are asked, and the method each is reported as.
_METHODS: Final = {
    "given": "given", "claimant": "metadata", "curated": "curated", "folded": "metadata", "family": "family",
    "bucket": "bucket", "similar": "similarity", "own": "self",
}  # fmt: skip
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
    listed = curated() if known is None else known
    table = _asked(tokens, protocols, listed)
    return _decided(_with_own(_with_similarity(table, protocols, theta, listed)))


def answers(token: str, protocols: pl.DataFrame, theta: float = DEFAULT_THETA) -> pl.DataFrame:
    """Return what every method says about one token, in the order they are asked: method, issuer, score.

    Args:
        token: its symbol.
        protocols: as for `map_tokens`.
        theta: least cosine similarity for a match by text.
    """
    from dexposure_core.network.similarity import best_matches

    one = pl.DataFrame({"token": [token], "usd": [0.0]})
    asked = _asked(one, protocols, curated()).with_columns(own=pl.col("token"))
    matched = best_matches(asked["token"], protocols, theta, _coins(curated()))
    row = asked.join(matched, on="token", how="left").row(0, named=True)
    if row["family"] is not None:
        row["family"] = row["family_issuer"] or token
    scores = {"folded": OTHER_SPELLING, "family": row["family_score"], "similar": row["cosine"]}
    said = [(method, row[column], scores.get(column, 1.0)) for column, method in _METHODS.items() if row.get(column)]
    said += [("metadata", other, 1.0) for other in row["losers"] or []]
    return pl.DataFrame(said, schema={"method": pl.String, "issuer": pl.String, "score": pl.Float64}, orient="row")


def _asked(tokens: pl.DataFrame, protocols: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return token, usd, key and the answers of all methods but similarity, one column each."""
    table = tokens.filter(named("token")).unique("token", maintain_order=True)
    table = table.select(
        "token", "usd", key=_key("token"),
        given=_optional(table, "issuer", pl.String), given_kind=_optional(table, "kind", pl.String),
    )  # fmt: skip
    table = table.join(claimants(table, protocols, known), on="token", how="left", maintain_order="left")
    plain = _plain_names(protocols)
    table = _with_family(_with_curated(table, protocols, known, plain), protocols, known, plain)
    return table.with_columns(bucket=bucket_of("token"))


def _coins(known: pl.DataFrame) -> set[str]:
    """Return the coins: tokens that are their own issuers, and stablecoins; lower case."""
    own = ~pl.col("issuer").str.contains(r"^\d+$") | pl.col("kind").str.contains("stablecoin")
    return set(known.filter(own)["token"].str.to_lowercase())


def protocols_of(protocols: pl.DataFrame, ids: pl.Series, *, curated_sectors: bool = True) -> pl.DataFrame:
    """Return the protocols table for `ids`: names as given, else those of the curated table, else the id itself.

    Args:
        protocols: protocol, name, category, sector (null allowed).
        ids: every protocol id that occurs.
        curated_sectors: whether the curated table may also say the category and sector, or only the name.
    """
    given = protocols.select(list(PROTOCOLS)).unique("protocol", keep="first", maintain_order=True)
    table = pl.DataFrame({"protocol": ids.unique().sort()}).join(given, on="protocol", how="left")
    table = table.join(_shipped_names(), on="protocol", how="left")
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


@cache
def _shipped_names() -> pl.DataFrame:
    """Return protocol, name_2, category_2, sector_2 of the issuers in the curated tables, one row each."""
    tables = [curated(), families().filter(pl.col("issuer").is_not_null())]
    named_so = {"name_2": "issuer_name", "category_2": "issuer_category", "sector_2": "issuer_sector"}
    return pl.concat(t.select(protocol="issuer", **named_so) for t in tables).unique("protocol", keep="first")


def own_issuers(tokens: pl.DataFrame) -> pl.DataFrame:
    """Return protocol, name, category, sector of the tokens that are their own issuers.

    Args:
        tokens: the tokens table.
    """
    decided = (pl.col("method") == "override") & (pl.col("issuer") == pl.col("token"))
    own = tokens.filter((pl.col("method") == "self") | decided).select(protocol="issuer").unique().sort("protocol")
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


def _with_curated(
    table: pl.DataFrame, protocols: pl.DataFrame, known: pl.DataFrame, plain: pl.DataFrame
) -> pl.DataFrame:
    """Add the curated issuer, by the input's id."""
    here = _as_called_here(known.select("issuer", "issuer_name"), protocols, plain)
    listed = known.join(here, on="issuer", how="left").select("kind", key=_key("token"), curated="here")
    return table.join(listed.unique("key", keep="first"), on="key", how="left", maintain_order="left")


def _with_family(
    table: pl.DataFrame, protocols: pl.DataFrame, known: pl.DataFrame, plain: pl.DataFrame
) -> pl.DataFrame:
    """Add the family a token's name puts it in: its issuer by the input's id (null: its own issuer), kind and score."""
    customs = families()
    here = _as_called_here(customs.select("issuer", "issuer_name"), protocols, plain)
    facts = customs.join(here, on="issuer", how="left").select(
        "family", family_issuer="here", family_kind="kind", family_score="score"
    )
    members = family_of(table["token"], known).join(facts, on="family", how="left")
    return table.join(members.drop("underlying"), on="token", how="left", maintain_order="left")


def _plain_names(protocols: pl.DataFrame) -> pl.DataFrame:
    """Return plain, protocol: who is called so, by id or else by name."""
    ids = protocols.select("protocol", plain_id=_plain("protocol"), plain_name=_plain("name"))
    called = [ids.select("protocol", plain=column) for column in ("plain_id", "plain_name")]
    return pl.concat(called).unique("plain", keep="first", maintain_order=True)


def _as_called_here(listed: pl.DataFrame, protocols: pl.DataFrame, plain: pl.DataFrame) -> pl.DataFrame:
    """Return issuer, here: the id the input gives the protocol of that id or name ("aave-v3"), else the id itself.

    `plain` is the `_plain_names` of the protocols.
    """
    present = protocols.select(issuer="protocol", as_is="protocol").unique("issuer")
    wanted = listed.filter(pl.col("issuer").is_not_null()).unique("issuer", keep="first", maintain_order=True)
    found = wanted.with_columns(plain=_plain("issuer_name")).join(plain, on="plain", how="left")
    found = found.join(present, on="issuer", how="left")
    return found.select("issuer", here=pl.coalesce("as_is", "protocol", "issuer"))


def _with_similarity(table: pl.DataFrame, protocols: pl.DataFrame, theta: float, known: pl.DataFrame) -> pl.DataFrame:
    """Add the best match by text for tokens that nothing else knows."""
    answers = ("given", "claimant", "curated", "folded", "family", "bucket")
    open_ = table.filter(pl.all_horizontal(pl.col(answers).is_null()))
    if open_.is_empty():
        none = pl.lit(None, pl.String)
        return table.with_columns(similar=none, cosine=pl.lit(None, pl.Float64), runners_up=none)
    from dexposure_core.network.similarity import best_matches

    found = best_matches(open_["token"], protocols, theta, _coins(known))
    return table.join(found, on="token", how="left", maintain_order="left")


def _with_own(table: pl.DataFrame) -> pl.DataFrame:
    """Add the token's own id: of spellings that differ only in case, the one with the most USD."""
    own = (
        table.sort("usd", "token", descending=[True, False], nulls_last=True)
        .group_by("key", maintain_order=True).agg(own=pl.col("token").first())
    )  # fmt: skip
    return table.join(own, on="key", how="left", maintain_order="left")


def _decided(table: pl.DataFrame) -> pl.DataFrame:
    """Choose the first method that knows each token, and keep what the others said."""
    alone = pl.col("bucket").is_null()
    table = table.with_columns(
        own=pl.when(alone | pl.col("family").is_not_null()).then("own"), similar=pl.when(alone).then("similar"),
    ).with_columns(
        family=pl.when(pl.col("family").is_not_null()).then(pl.coalesce("family_issuer", "own")),
    )  # fmt: skip
    step = pl.coalesce([pl.when(pl.col(column).is_not_null()).then(pl.lit(column)) for column in _METHODS])
    table = table.with_columns(step=step, issuer=pl.coalesce(list(_METHODS)))
    table = table.with_columns(
        method=pl.col("step").replace_strict(_METHODS),
        issuer=pl.when(pl.col("step") != "bucket").then("issuer"),
        score=pl.when(pl.col("step") == "similar").then("cosine")
        .when(pl.col("step") == "family").then("family_score")
        .when(pl.col("step") == "folded").then(pl.lit(OTHER_SPELLING)).otherwise(1.0),
        kind=pl.coalesce("given_kind", "kind", "family_kind", pl.concat_str("bucket", pl.lit(" bucket")),
                         pl.lit("unknown")),
        alternatives=_alternatives(),
    )  # fmt: skip
    return table.select(pl.col(name).cast(dtype) for name, dtype in TOKENS.items()).sort("token")


def _alternatives() -> pl.Expr:
    """Return what else was said about a token; nothing where the input itself names the issuer."""

    def differing(column: str) -> pl.Expr:
        other = (pl.col("step") != column) & (pl.col(column) != pl.col("issuer"))
        return pl.concat_list(pl.when(other).then(pl.concat_str(column, pl.lit(f" ({_METHODS[column]})"))))

    rivals = [
        pl.when(pl.col("step") == "claimant").then("losers").when(pl.col("step") == "folded").then("folded_losers"),
        *(differing(column) for column in ("curated", "folded")),
        pl.when(pl.col("step") == "folded").then(differing("family")),  # "alUSD" is no "LUSD" once the table knows it
        pl.when(pl.col("step") == "similar").then(pl.col("runners_up").str.split(";")),
    ]
    nothing = pl.lit([], pl.List(pl.String))
    said = pl.concat_list([rival.fill_null(nothing) for rival in rivals])
    text = said.list.drop_nulls().list.eval(pl.element().filter(pl.element() != "")).list.join(";")
    return pl.when(pl.col("step") == "given").then(pl.lit("")).otherwise(text)
