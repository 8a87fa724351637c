"""Who issues a token, told by the links that carry it.

Every published link joins a holder of token σ with the issuer of σ. Hence, over all links of one date that carry σ:

1. the issuer is an end of every one of them: with two links or more, usually one end alone is common to all;
2. of the ends still possible, it is the one that does not hold σ (a link with exactly one holding end votes);
3. of those still possible, an end named like the token ("USDT"), then the one the mapping files name;
4. otherwise the mapping files decide, and without them the token's issuer is ambiguous.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from dexposure_core.network.book import add_up, places, sorted_texts
from dexposure_core.network.snapshot import Indices

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
    """Return the ends that may be a token's issuer: those common to all its links, or all of them if none is.

    Columns: token, end, share of the token's links that touch this end, and its votes (the other end holds).
    """
    links = carried.filter(pl.col("creditor") != pl.col("debtor"))
    ids = sorted_texts(held["protocol"], links["creditor"], links["debtor"])
    tokens = sorted_texts(held["token"], links["token"])
    ends = [places(links[side], ids) for side in ("creditor", "debtor")]
    token = places(links["token"], tokens)
    holding = np.sort(places(held["token"], tokens) * len(ids) + places(held["protocol"], ids))
    holds = [_among(token * len(ids) + end, holding) for end in ends]
    key = np.concatenate([token * len(ids) + end for end in ends])
    vote = np.concatenate([holds[1] & ~holds[0], holds[0] & ~holds[1]]).astype(np.float64)
    first, (touched, votes) = add_up(key, (np.ones(len(key)), vote))
    of = key[first] // max(1, len(ids))
    share = touched / np.bincount(token, minlength=len(tokens))[of]
    common = share == 1.0
    # A rule that nobody passes tells nothing about that token.
    left = common | ~(np.bincount(of, weights=common, minlength=len(tokens)) > 0)[of]
    return pl.DataFrame({
        "token": tokens.gather(of[left]),
        "end": ids.gather(key[first][left] % max(1, len(ids))),
        "share": share[left],
        "votes": votes[left],
    })  # fmt: skip


def _among(keys: Indices, known: Indices) -> npt.NDArray[np.bool_]:
    """Return whether each key is one of the sorted known ones."""
    if not len(known):
        return np.zeros(len(keys), dtype=bool)
    found: npt.NDArray[np.bool_] = known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys
    return found


def _decide(ends: pl.DataFrame, hints: pl.DataFrame) -> pl.DataFrame:
    """Narrow each token's candidate ends rule by rule; return token, end, share where exactly one is left."""
    left = ends.join(hints, on="token", how="left").with_columns(
        voted=pl.col("votes") > 0,
        namesake=pl.col("end").str.to_lowercase() == pl.col("token").str.to_lowercase(),
        mapped=(pl.col("end") == pl.col("hint")).fill_null(value=False),
    )
    for rule in ("voted", "namesake", "mapped"):
        passes = pl.col(rule)
        left = left.filter(passes | ~passes.any().over("token"))
    return left.filter(pl.len().over("token") == 1).select("token", "end", "share")
