"""Which tokens a person should look at: those whose issuer is doubtful, by the USD that hangs on it.

A token's issuer is doubtful when it rests on text alone, when several protocols claim the token, when two methods
disagree, or when only another spelling was claimed. An override settles it. USD at stake is what all protocols hold of
the token, averaged over the snapshots of the vintage.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from dexposure_core import settings
from dexposure_core.errors import BadOption, UnknownToken, suggest
from dexposure_core.network.issuers import answers
from dexposure_core.network.overrides import METHOD
from dexposure_core.network.similarity import words
from dexposure_core.pipeline.export import safe_csv
from dexposure_core.store import Store

_NOTE: Final = r" \([^()]*\)$"  # what follows the id of an alternative: a method or a cosine


class Doubt(NamedTuple):
    """Why an issuer is doubtful: a name, and what it means."""

    name: str
    help: str


WEAK: Final = Doubt("weak text match", "only the text of the names agrees, and below the review threshold")
RIVALS: Final = Doubt("text match with rivals", "only the text agrees, and with several protocols: 3 in 10 were right")
TEXT: Final = Doubt("text match", "only the text of the names agrees, with this one protocol: 17 in 20 were right")
CLAIMS: Final = Doubt("several claimants", "several protocols claim the token; the largest was taken")
CONFLICT: Final = Doubt("methods disagree", "another method names another issuer")
SPELLING: Final = Doubt("other spelling", "a protocol claims the symbol in other upper and lower case")
AMBIGUOUS: Final = Doubt("issuer ambiguous", "the links that carry the token do not tell which end issues it")
UNKNOWN: Final = Doubt("nothing known", "no method knows the token; it counts as its own issuer")
DOUBTS: Final = (WEAK, RIVALS, TEXT, CONFLICT, CLAIMS, SPELLING, AMBIGUOUS, UNKNOWN)

_REASONS: Final = {
    METHOD: "a person decided it",
    "given": "the input names the issuer",
    "metadata": "the protocol's metadata names the token",
    "curated": "listed among the high-value tokens",
    "family": "named after another token, as this issuer names its tokens",
    "composition": "the one end that the links carrying it share",
    "bucket": "a share of a pool, a pair or an unnamed contract: no single issuer",
    "self": "no protocol is known to issue it: its own issuer",
}


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """How the USD of a vintage found its issuers.

    Args:
        methods: method, tokens, usd (mapped, average over the snapshots), share (of all mapped USD); largest first.
        doubtful_share: share of the tokens' USD whose issuer is doubtful and not yet decided by a person; NaN when
            there is none.
        doubtful_tokens: how many tokens that are.
        overridden: how many tokens a person decided.
    """

    methods: pl.DataFrame
    doubtful_share: float
    doubtful_tokens: int
    overridden: int


def review(store: Store, limit: int | None = 50, *, everything: bool = False) -> pl.DataFrame:
    """Return the tokens whose issuer is doubtful, those with the most USD at stake first.

    Args:
        store: an opened vintage.
        limit: how many rows at most; None for all.
        everything: also tokens that nothing is known about (their own issuers).

    Returns:
        token, usd (average over the snapshots), share (of all tokens' USD), issuer, issuer_name, method, score, doubt,
        reason, alternatives (`id name (note)`, separated by ';').
    """
    table = _doubted(store)
    chosen = table.filter(pl.col("doubt").is_not_null() & (pl.lit(everything) | (pl.col("doubt") != UNKNOWN.name)))
    chosen = chosen.sort("usd", "token", descending=[True, False], nulls_last=True)
    return _told(chosen if limit is None else chosen.head(limit), _names(store))


def mapped(store: Store) -> Mapped:
    """Return the share of the mapped USD by method, and how much of it is doubtful."""
    table = _doubted(store)
    coverage = store.coverage().filter(pl.col("side") == "mapped")
    dates = max(1, len(store.dates()))
    used = coverage.group_by(method="reason").agg(usd=pl.col("usd_cents").sum() / (100 * dates))
    counts = table.group_by("method").agg(tokens=pl.len().cast(pl.Int64))
    methods = counts.join(used, on="method", how="full", coalesce=True).with_columns(
        pl.col("tokens").fill_null(0), pl.col("usd").fill_null(0.0)
    )
    whole = float(methods["usd"].sum())
    share = pl.col("usd") / (whole or None)
    doubtful = table.filter(pl.col("doubt").is_not_null() & (pl.col("doubt") != UNKNOWN.name))
    everything = float(table["usd"].sum())
    return Mapped(
        methods=methods.with_columns(share=share).sort("usd", "method", descending=[True, False]),
        doubtful_share=float(doubtful["usd"].sum()) / everything if everything else float("nan"),
        doubtful_tokens=doubtful.height,
        overridden=table.filter(pl.col("method") == METHOD).height,
    )


def sizes(store: Store) -> pl.DataFrame:
    """Return token, usd: what all protocols hold of it, on all chains, averaged over the snapshots of the vintage."""
    dates = max(1, len(store.dates()))
    return store.tokens().select("token", usd=pl.col("usd_cents") / (100 * dates))


def known_protocols(store: Store) -> pl.DataFrame:
    """Return protocol, name, category, sector, symbol, tvl_usd of every protocol listed by the source or occurring."""
    listed = store.table("listings").with_columns(pl.coalesce("name", "protocol").alias("name"))
    every = pl.concat([listed, store.protocols().select(listed.columns)]).unique("protocol", keep="first")
    return every.rename({"listed_tvl_usd": "tvl_usd"}).sort("protocol")


def listing(store: Store, *, method: str | None = None, limit: int | None = None) -> pl.DataFrame:
    """Return every token (or those of one method), largest first: the columns of `review`, doubt null where none."""
    table = _doubted(store).sort("usd", "token", descending=[True, False], nulls_last=True)
    chosen = table if method is None else table.filter(pl.col("method") == method)
    return _told(chosen if limit is None else chosen.head(limit), _names(store))


def shown(store: Store, symbol: str) -> tuple[dict[str, Any], pl.DataFrame]:
    """Return one token's row of `listing`, and what every method says of it: method, issuer, name, score.

    Raises:
        UnknownToken: no such token in the vintage; names the nearest.
    """
    tokens = store.tokens()["token"]
    same = [t for t in tokens if t == symbol] or [t for t in tokens if t.lower() == symbol.lower()]
    if not same:
        raise UnknownToken(f"No token '{symbol[:80]}' in vintage {store.vintage}{suggest(symbol[:80], tokens)}")
    names = _names(store)
    row = _told(_doubted(store).filter(pl.col("token") == same[0]), names).row(0, named=True)
    itself = (pl.col("protocol") == same[0]) & ~pl.col("protocol").is_in(store.table("listings")["protocol"].implode())
    said = answers(same[0], known_protocols(store).filter(~itself), settings.load().theta)
    named = [names.get(issuer, issuer) for issuer in said["issuer"]]
    return row, said.insert_column(2, pl.Series("name", named, pl.String))


def write_review(store: Store, out: Path, limit: int | None = None, *, everything: bool = False) -> int:
    """Write the review list as an override file to edit, and return how many tokens it lists.

    Columns token, issuer (the present one), note and decided are what `sources.overrides` reads; nothing counts until
    decided says yes. The others help to decide.

    Raises:
        BadOption: when the name does not end in .csv or its folder does not exist.
    """
    if out.suffix != ".csv":
        raise BadOption(f"--out {out}: the name must end in .csv")
    if not out.parent.is_dir():
        raise BadOption(f"--out {out}: there is no folder {out.parent}; make it first")
    table = review(store, limit, everything=everything)
    empty = pl.lit("")
    rows = table.select(
        "token", "issuer", empty.alias("note"), empty.alias("decided"), "issuer_name", "method",
        pl.col("score").round(3), "doubt", "reason", pl.col("usd").round(0), "alternatives",
    )  # fmt: skip
    part = out.with_name(f".{out.name}.part")
    part.write_text(safe_csv(rows), "utf-8")
    os.replace(part, out)  # noqa: PTH105  atomic on the same folder
    return rows.height


def reason_of(row: dict[str, Any], names: dict[str, str]) -> str:
    """Return in one sentence why a token has its issuer.

    Args:
        row: token, issuer, method, score, alternatives of the tokens table.
        names: protocol → name.
    """
    if row["method"] == "similarity":
        name = names.get(row["issuer"], row["issuer"])
        shared = [word for word in words(row["token"]) if word in words(name)]
        return f"shares '{' '.join(dict.fromkeys(shared))}' with the name {name}, cosine {row['score']:.2f}"
    others = sum(" (" not in part for part in row["alternatives"].split(";") if part)
    if row["method"] == "metadata" and row["score"] < 1:
        return "the protocol's metadata names the token in another spelling"
    if row["method"] == "metadata" and others:
        return f"the largest of {others + 1} protocols whose metadata name it"
    return _REASONS.get(str(row["method"]), str(row["method"]))


def _doubted(store: Store) -> pl.DataFrame:
    """Return the tokens table with usd, share and doubt (null: none)."""
    table = store.tokens().join(sizes(store), on="token", how="left", maintain_order="left")
    whole = float(table["usd"].sum())
    return table.with_columns(share=pl.col("usd") / (whole or None), doubt=_doubt(settings.load().review))


def _doubt(threshold: float) -> pl.Expr:
    method, others = pl.col("method"), pl.col("alternatives")
    text = method == "similarity"
    conflict = others.str.contains(r" \((?:metadata|curated|family)\)")
    return (
        pl.when(method == METHOD).then(None)
        .when(text & (pl.col("score") < threshold)).then(pl.lit(WEAK.name))
        .when(text & (others != "")).then(pl.lit(RIVALS.name))
        .when(text).then(pl.lit(TEXT.name))
        .when((method == "composition") & pl.col("issuer").is_null()).then(pl.lit(AMBIGUOUS.name))
        .when(conflict).then(pl.lit(CONFLICT.name))
        .when((method == "metadata") & (pl.col("score") < 1)).then(pl.lit(SPELLING.name))
        .when((method == "metadata") & (others != "")).then(pl.lit(CLAIMS.name))
        .when(method == "self").then(pl.lit(UNKNOWN.name))
    )  # fmt: skip


def _names(store: Store) -> dict[str, str]:
    return dict(known_protocols(store).select("protocol", "name").iter_rows())


def _told(rows: pl.DataFrame, names: dict[str, str]) -> pl.DataFrame:
    """Add what a person reads: the issuer's name, the reason, the alternatives by name."""
    told = [
        (names.get(row["issuer"], row["issuer"]), reason_of(row, names), _by_name(row["alternatives"], names))
        for row in rows.iter_rows(named=True)
    ]
    schema = {"issuer_name": pl.String, "reason": pl.String, "alternatives": pl.String}
    columns = ["token", "usd", "share", "issuer", "issuer_name", "method", "score", "doubt", "reason", "alternatives"]
    return pl.concat(
        [rows.drop("alternatives"), pl.DataFrame(told, schema=schema, orient="row")], how="horizontal"
    ).select(columns)


def _by_name(alternatives: str, names: dict[str, str]) -> str:
    parts = []
    for part in filter(None, alternatives.split(";")):
        protocol = re.sub(_NOTE, "", part)
        note = part[len(protocol) :]
        name = names.get(protocol, protocol)
        parts.append(f"{protocol} {name}{note}" if name != protocol else part)
    return "; ".join(parts)
