"""Who issues a token, told by the links that carry it.

Every published link joins a holder of token σ with the issuer of σ. Hence, over all links of one date that carry σ:

1. the issuer is an end of every one of them: with two links or more, usually one end alone is common to all;
2. of the ends still possible, it is the one that does not hold σ (a link with exactly one holding end votes);
3. of those still possible, an end named like the token ("USDT"), then the one the mapping files name;
4. otherwise the mapping files decide, and without them the token's issuer is ambiguous.
"""

from __future__ import annotations

import polars as pl

_SCHEMA = pl.Schema(
    {"token": pl.String, "issuer": pl.String, "method": pl.String, "score": pl.Float64, "carried": pl.Boolean}
)


def link_issuers(held: pl.DataFrame, carried: pl.DataFrame, hints: pl.DataFrame) -> pl.DataFrame:
    """Return the issuer of every token that is held or carried.

    Args:
        held: protocol, token of the holdings.
        carried: creditor, debtor, token: which link carries which token.
        hints: token, hint: the issuer the mapping files name.

    Returns:
        token, issuer (null when not known), method ('composition' from links, 'metadata' from the mapping), score
        (share of the token's links that touch the issuer; 1 for the mapping) and whether any link carries it.
    """
    ends = _candidates(held, carried)
    told = _decide(ends, hints)
    everything = pl.concat([held.select("token"), carried.select("token")]).unique()
    table = everything.join(told, on="token", how="left").join(hints, on="token", how="left")
    by_link = pl.col("end").is_not_null()
    return (
        table.join(carried.select("token").unique().with_columns(carried=pl.lit(value=True)), on="token", how="left")
        .select(
            "token",
            issuer=pl.coalesce("end", "hint"),
            method=pl.when(by_link).then(pl.lit("composition")).when(pl.col("hint").is_not_null())
            .then(pl.lit("metadata")),
            score=pl.when(by_link).then("share").when(pl.col("hint").is_not_null()).then(1.0),
            carried=pl.col("carried").fill_null(value=False),
        )
        .sort("token").cast(_SCHEMA)
    )  # fmt: skip


def _candidates(held: pl.DataFrame, carried: pl.DataFrame) -> pl.DataFrame:
    """Return token, end, share of the token's links that touch this end, and its votes (the other end holds)."""
    holders = held.select("protocol", "token").unique().with_columns(holds=pl.lit(value=True))
    links = carried.select("creditor", "debtor", "token").filter(pl.col("creditor") != pl.col("debtor"))
    known = links.join(holders, left_on=["creditor", "token"], right_on=["protocol", "token"], how="left").join(
        holders, left_on=["debtor", "token"], right_on=["protocol", "token"], how="left", suffix="_2"
    )
    first, second = pl.col("holds").is_not_null(), pl.col("holds_2").is_not_null()
    sides = pl.concat([
        known.select("token", end="creditor", vote=second & ~first),
        known.select("token", end="debtor", vote=first & ~second),
    ])  # fmt: skip
    per_end = sides.group_by("token", "end").agg(touched=pl.len(), votes=pl.col("vote").sum())
    links_of = links.group_by("token").agg(links=pl.len())
    return per_end.join(links_of, on="token").with_columns(share=pl.col("touched") / pl.col("links"))


def _decide(ends: pl.DataFrame, hints: pl.DataFrame) -> pl.DataFrame:
    """Narrow each token's candidate ends rule by rule; return token, end, share where exactly one is left."""
    marked = ends.join(hints, on="token", how="left").with_columns(
        common=pl.col("share") == 1.0,
        voted=pl.col("votes") > 0,
        namesake=pl.col("end").str.to_lowercase() == pl.col("token").str.to_lowercase(),
        mapped=(pl.col("end") == pl.col("hint")).fill_null(value=False),
    )
    left = marked
    for rule in ("common", "voted", "namesake", "mapped"):
        passes = pl.col(rule)
        # A rule that nobody passes tells nothing about that token.
        left = left.filter(passes | ~passes.any().over("token"))
    alone = left.filter(pl.len().over("token") == 1)
    return alone.select("token", "end", "share")
