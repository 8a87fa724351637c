"""Our token → issuer mapping beside the released one: agreement by method, and every disagreement explained.

Two answers agree when the ids are equal (or, where the input uses other ids, the protocols' names), or when both put
the token into the same bucket. Agreement is counted per token and weighted: by the USD held of the token in a vintage,
by USD given in a file, or by the mapping's own `frequency` (rows of the dataset that hold the token).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from dexposure_core import settings
from dexposure_core.network.issuers import map_tokens
from dexposure_core.network.naming import NO_NAMES, bucket_of
from dexposure_core.pipeline.tokens.causes import CAUSES, cause_of
from dexposure_core.pipeline.tokens.doubtful import known_protocols, sizes
from dexposure_core.store import Store

if TYPE_CHECKING:
    from dexposure_core.sources.published_map import PublishedMap

_EXAMPLES: Final = 5
_COLUMNS: Final = (
    "token", "bucket", "theirs", "their_name", "ours", "our_name", "method", "score", "weight", "same", "cause",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two mappings side by side.

    Args:
        what: whose tokens were compared.
        weight: what the weights are: "USD" or "frequency".
        tokens: token, bucket, theirs, their_name, ours, our_name, method, score, weight, same, cause of common tokens.
        only_ours: how many of our tokens the mapping does not list.
        only_theirs: how many of its tokens we do not have.
    """

    what: str
    weight: str
    tokens: pl.DataFrame
    only_ours: int
    only_theirs: int

    def agreement(self, by: str | None = None) -> pl.DataFrame:
        """Return `by` (a column; 'all' without one), tokens, same, share, weight, weighted share of agreement."""
        table = self.tokens if by is not None else self.tokens.with_columns(all=pl.lit("all"))
        whole = pl.col("weight").sum()
        return (
            table.group_by(by or "all")
            .agg(
                tokens=pl.len().cast(pl.Int64), same=pl.col("same").sum().cast(pl.Int64), share=pl.col("same").mean(),
                weight=whole, weighted=pl.col("weight").filter("same").sum() / pl.when(whole > 0).then(whole),
            )
            .sort("weight", by or "all", descending=[True, False])
        )  # fmt: skip

    def confusion(self) -> pl.DataFrame:
        """Return bucket (theirs), method (ours), tokens, same, weight, largest weight first."""
        cells = self.tokens.group_by("bucket", "method").agg(
            tokens=pl.len().cast(pl.Int64), same=pl.col("same").sum().cast(pl.Int64), weight=pl.col("weight").sum()
        )
        return cells.sort("weight", "bucket", "method", descending=[True, False, False])

    def causes(self) -> pl.DataFrame:
        """Return cause, help, right, tokens, weight, share (of all weight), examples; in the order of the rules."""
        different = self.tokens.filter(~pl.col("same")).sort("weight", "token", descending=[True, False])
        named = pl.when(pl.col("token") == "").then(pl.lit('""')).otherwise("token")
        told = pl.concat_str(named, pl.lit(": "), pl.coalesce("their_name", "theirs", pl.lit("nobody")),
                             pl.lit(" / "), pl.coalesce("our_name", "ours", pl.lit("nobody")))  # fmt: skip
        found = different.group_by("cause", maintain_order=True).agg(
            tokens=pl.len().cast(pl.Int64), weight=pl.col("weight").sum(), examples=told.head(_EXAMPLES)
        )
        rules = pl.DataFrame([c[:3] for c in CAUSES], schema=["cause", "help", "right"], orient="row")
        whole = float(self.tokens["weight"].sum())
        joined = rules.join(found, on="cause", how="inner", maintain_order="left")
        return joined.with_columns(share=pl.col("weight") / (whole or None))

    def document(self) -> dict[str, Any]:
        """Return the JSON document of the command."""
        return {
            "what": self.what, "weight_is": self.weight, "common": self.tokens.height, "only_ours": self.only_ours,
            "only_theirs": self.only_theirs, **self.agreement().drop("all").to_dicts()[0],
            "methods": self.agreement("method").to_dicts(), "buckets": self.agreement("bucket").to_dicts(),
            "confusion": self.confusion().to_dicts(), "disagreements": self.causes().to_dicts(),
        }  # fmt: skip


def compare_vintage(store: Store, folder: str | Path) -> Comparison:
    """Return a vintage's mapping beside the released one in `folder`, weighted by the vintage's USD."""
    from dexposure_core.sources.published_map import read_map

    ours = store.tokens().join(sizes(store), on="token", how="left")
    return compare(ours, known_protocols(store), read_map(folder), what=f"vintage {store.vintage}", weight="USD")


def compare_list(
    folder: str | Path, *, meta: str | Path | None = None, symbols: bool = False, weights: str | Path | None = None
) -> Comparison:
    """Map the released list of tokens by our own steps, given its protocols, and put both answers side by side.

    Args:
        folder: the mapping folder.
        meta: CSV with id and category, the fine categories.
        symbols: whether the protocols are given the symbols of rev_map.json as their metadata. Each symbol names one
            protocol there, so the metadata step can only repeat it; the other steps are measured as they would run.
        weights: CSV with token and usd; without it tokens weigh by `frequency`.
    """
    from dexposure_core.sources.published_map import read_map

    theirs = read_map(folder)
    sized = theirs.tokens.select("token", usd=pl.col("frequency").cast(pl.Float64))
    protocols = _protocols(theirs, meta, symbols=symbols)
    ours = map_tokens(sized, protocols, theta=settings.load().theta)
    usd = sized if weights is None else _weights(weights)
    ours = ours.join(usd, on="token", how="left")
    given = "with symbols" if symbols else "names only"
    return compare(
        ours, protocols, theirs, what=f"the released list, {given}", weight="frequency" if weights is None else "USD"
    )


def compare(ours: pl.DataFrame, protocols: pl.DataFrame, theirs: PublishedMap, *, what: str, weight: str) -> Comparison:
    """Put a tokens table beside the released mapping.

    Args:
        ours: token, issuer, method, score, kind, usd (null: weighs nothing).
        protocols: protocol, name: what our issuers are called.
        theirs: the released mapping.
        what: whose tokens these are.
        weight: what `usd` is.
    """
    listed = _listed(theirs)
    nobody = listed.filter(pl.col("token").is_in(NO_NAMES))
    bucket = pl.when(pl.col("method") == "bucket").then(pl.coalesce(bucket_of("token"), pl.lit("OTHER")))
    answer = pl.coalesce("issuer", bucket)
    mine = ours.select("token", "method", "score", "kind", weight=pl.col("usd").fill_null(0.0), ours=answer)
    table = listed.rename({"issuer": "theirs"}).join(mine, on="token", how="left")
    table = table.filter(pl.col("method").is_not_null() | pl.col("token").is_in(nobody["token"].implode()))
    table = _named(table, protocols, theirs).with_columns(
        pl.col("method").fill_null("no token"), pl.col("weight").fill_null(0.0)
    )
    ids = pl.col("ours").str.to_lowercase() == pl.col("theirs").str.to_lowercase()
    names = _plain("our_name") == _plain("their_name")
    same = (ids | (names & (_plain("our_name") != ""))).fill_null(value=False)
    table = table.with_columns(same=same).with_columns(cause=pl.when(~pl.col("same")).then(cause_of()))
    columns = [
        "token",
        "bucket",
        "theirs",
        "their_name",
        "ours",
        "our_name",
        "method",
        "score",
        "weight",
        "same",
        "cause",
    ]
    return Comparison(
        what=what, weight=weight, tokens=table.select(columns).sort("token"),
        only_ours=ours.join(theirs.tokens, on="token", how="anti").height,
        only_theirs=listed.join(ours, on="token", how="anti").height - nobody.height,
    )  # fmt: skip


def _listed(theirs: PublishedMap) -> pl.DataFrame:
    """Return the tokens of the mapping and the missing values it names as symbols."""
    nameless = theirs.symbols.filter(pl.col("symbol").is_in(NO_NAMES))
    extra = nameless.rename({"symbol": "token"}).with_columns(bucket=pl.lit("MAP"), frequency=pl.lit(0, pl.Int64))
    extra = extra.select(theirs.tokens.columns).cast(theirs.tokens.schema)
    return pl.concat([theirs.tokens, extra]).unique("token", keep="first", maintain_order=True)


def _named(table: pl.DataFrame, protocols: pl.DataFrame, theirs: PublishedMap) -> pl.DataFrame:
    """Add names and ranks of both answers, and whether theirs knows an issuer of the token in another spelling."""
    info = theirs.protocols
    table = table.join(info.select(theirs="protocol", their_name="name", their_rank="rank"), on="theirs", how="left")
    known = protocols.select(ours="protocol", our_name="name").unique("ours", keep="first")
    table = table.join(known, on="ours", how="left")
    ranks = info.select("rank", plain=_plain("name")).unique("plain", keep="first")
    table = table.with_columns(plain=_plain("our_name")).join(ranks, on="plain", how="left")
    issued = theirs.tokens.filter(pl.col("issuer").str.to_lowercase() != pl.col("token").str.to_lowercase())
    claims = pl.concat([theirs.symbols.select("symbol"), issued.select(symbol="token")])
    spelled = claims.select(key=pl.col("symbol").str.to_lowercase(), other_spelling=pl.lit(value=True)).unique()
    table = table.with_columns(key=pl.col("token").str.to_lowercase()).join(spelled, on="key", how="left")
    return table.rename({"rank": "our_rank"}).with_columns(pl.col("other_spelling").fill_null(value=False))


def _protocols(theirs: PublishedMap, meta: str | Path | None, *, symbols: bool) -> pl.DataFrame:
    """Return the mapping's protocols as an input would name them; the order of the list stands in for TVL."""
    table = theirs.protocols.select("protocol", "name", "sector", tvl_usd=(pl.len() - pl.col("rank")).cast(pl.Float64))
    fine = pl.DataFrame(schema={"protocol": pl.String, "category": pl.String})
    if meta is not None:
        from dexposure_core.sources.tabular import Column, read_small

        fine = read_small(meta, [Column(name="id"), Column(name="category")])[1].select("category", protocol="id")
    table = table.join(fine.unique("protocol", keep="first"), on="protocol", how="left", maintain_order="left")
    if symbols:
        claims = theirs.symbols.select("symbol", protocol="issuer").unique(
            "protocol", keep="first", maintain_order=True
        )
        table = table.join(claims, on="protocol", how="left", maintain_order="left")
    return table


def _weights(path: str | Path) -> pl.DataFrame:
    from dexposure_core.sources.columns import Rows, amounts
    from dexposure_core.sources.tabular import Column, read_small

    table, frame = read_small(path, [Column(name="token"), Column(name="usd")], filled="token")
    usd = amounts(frame["usd"], "usd", Rows(table.path, 2, table.word))
    return frame.select("token", usd=usd).group_by("token").agg(pl.col("usd").sum())


def _plain(column: str) -> pl.Expr:
    return pl.col(column).str.to_lowercase().str.replace_all(r"[^a-z0-9]", "")
