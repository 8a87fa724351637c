"""The published weekly network, and the holdings basis rebuilt from it.

Flows are taken as published. Exposures are rebuilt from the compositions of the nodes (who holds which token)
once the issuer of each token is known, and that the links tell: a link carries token σ because one of its ends
holds σ and the other issues it. So the issuer is an end of every link that carries σ, and the end that does not
hold it; see `link_issuers`. What the file gets wrong (null ids, self-loops, parallel links, sizes that are
negative, zero or NaN, nodes that only occur in links) is dropped or mended, and counted in the findings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dexposure_core.network.build import exposures_of
from dexposure_core.network.coverage import coverage_of, unusable
from dexposure_core.network.link_issuers import link_issuers
from dexposure_core.network.naming import BUCKETS, bucket_of, named
from dexposure_core.network.overrides import METHOD, apply_overrides
from dexposure_core.network.period import (
    EXPOSURE_TOKENS,
    EXPOSURES,
    FINDINGS,
    FLOWS,
    HELD,
    ISSUERS,
    NODES,
    Period,
    finding,
    findings_frame,
)  # fmt: skip
from dexposure_core.network.sums import sum_by, total

if TYPE_CHECKING:
    from dexposure_core.network.published import PublishedWeek

Finding = dict[str, object]


def from_published(week: PublishedWeek, tokens: pl.DataFrame | None, overrides: pl.DataFrame | None = None) -> Period:
    """Return the tables of one published week.

    Args:
        week: the week as read, defects included.
        tokens: token, issuer for tokens whose issuer the links do not tell (from the mapping files), or None.
        overrides: token, issuer (null: nobody) of tokens whose issuer a person decided, or None.
    """
    found: list[Finding] = []
    flows = _flows(week.links, found)
    nodes = _nodes(week.nodes, flows, found)
    held = _holdings(week.node_tokens, found)
    carried = week.link_tokens.filter(named("creditor") & named("debtor") & named("token"))
    issuers = link_issuers(held.filter(pl.col("dropped").is_null()), carried, _hints(tokens))
    issuers = apply_overrides(issuers, overrides)
    fates = _fates(held, issuers)
    kept = fates.filter(pl.col("counts"))
    by_token, exposures = exposures_of(fates)
    holdings = sum_by(kept, ("protocol", "chain", "token"), ("value_usd",))
    return Period(
        date=week.date,
        holdings=holdings.with_columns(quantity=pl.lit(None, pl.Float64), counts=pl.lit(value=True))
        .select(list(HELD))
        .cast(HELD),
        exposures=exposures.cast(EXPOSURES),
        exposure_tokens=by_token.cast(EXPOSURE_TOKENS),
        flows=flows.cast(FLOWS),
        nodes=_both_bases(nodes, exposures),
        coverage=coverage_of(fates),
        findings=pl.concat([week.findings.cast(FINDINGS), findings_frame(found)]),
        issuers=_issuers(issuers),
    )


def _flows(links: pl.DataFrame, found: list[Finding]) -> pl.DataFrame:
    """Return the links as flows: named ends, no loops, positive sizes, parallel links summed."""
    identified = links.filter(named("creditor") & named("debtor"))
    _note(found, links, identified, "link without an id", "size_usd", "dropped", "warning")
    apart = identified.filter(pl.col("creditor") != pl.col("debtor"))
    _note(found, identified, apart, "self-loop", "size_usd", "dropped", "info")
    sized = apart.filter(unusable("size_usd").is_null())
    _note(found, apart, sized, "link size not positive", "size_usd", "dropped", "info")
    summed = sum_by(sized, ("creditor", "debtor"), ("size_usd",))
    if parallel := sized.height - summed.height:
        found.append(finding("warning", "parallel links", place="links", rows=parallel, action="summed"))
    split = pl.lit(None, pl.Float64)
    return summed.rename({"size_usd": "flow_usd"}).with_columns(price_usd=split, quantity_usd=split)


def _note(
    found: list[Finding], before: pl.DataFrame, after: pl.DataFrame, name: str, amount: str, action: str, severity: str
) -> None:
    """Report the rows that a step left out, with their USD."""
    lost = before.height - after.height
    if not lost:
        return
    usd = _usd(before[amount]) - _usd(after[amount])
    found.append(finding(severity, name, place="links" if amount == "size_usd" else "nodes",
                         rows=lost, usd=usd, action=action))  # fmt: skip


def _usd(amounts: pl.Series) -> float:
    return total(amounts.filter(amounts.is_finite().fill_null(value=False)))


def _nodes(nodes: pl.DataFrame, flows: pl.DataFrame, found: list[Finding]) -> pl.DataFrame:
    """Return protocol, tvl_usd: named, one row each, sizes not below 0, and every end of a link."""
    listed = nodes.filter(named("protocol"))
    if lost := nodes.height - listed.height:
        found.append(finding("warning", "node without an id", place="nodes", rows=lost,
                             usd=_usd(nodes["size_usd"]) - _usd(listed["size_usd"]), action="dropped"))  # fmt: skip
    size = pl.col("size_usd")
    fine = size.is_finite().fill_null(value=False) & (size >= 0)
    if wrong := listed.filter(~fine).height:
        found.append(finding("warning", "node size negative or missing", place="nodes", rows=wrong,
                             usd=_usd(listed.filter(~fine)["size_usd"]), action="taken as 0"))  # fmt: skip
    sizes = sum_by(
        listed.select("protocol", tvl_usd=pl.when(fine).then(size).otherwise(0.0)), ("protocol",), ("tvl_usd",)
    )
    if twice := listed.height - sizes.height:
        found.append(finding("warning", "node listed twice", place="nodes", rows=twice, action="sizes summed"))
    ends = pl.concat([flows.select(protocol="creditor"), flows.select(protocol="debtor")]).unique()
    new = ends.join(sizes, on="protocol", how="anti").with_columns(tvl_usd=pl.lit(0.0))
    if new.height:
        found.append(finding("info", "node only in links", place="nodes", rows=new.height, action="added, size 0"))
    if buckets := sizes.filter(pl.col("protocol").is_in(BUCKETS)).height:
        found.append(finding("info", "bucket node", place="nodes", rows=buckets, action="kept in the flow basis only"))
    return pl.concat([sizes, new]).sort("protocol")


def _both_bases(nodes: pl.DataFrame, exposures: pl.DataFrame) -> pl.DataFrame:
    """Return published sizes for both bases; a node of size 0 without exposures is no part of the holdings basis."""
    ends = pl.concat([exposures.select(protocol="creditor"), exposures.select(protocol="debtor")]).unique()
    sized = nodes.filter(~pl.col("protocol").is_in(BUCKETS) & (pl.col("tvl_usd") > 0))
    rest = ends.join(sized, on="protocol", how="anti").with_columns(tvl_usd=pl.lit(0.0))
    stock = pl.concat([sized, rest]).sort("protocol")
    parts = [table.select(pl.lit(basis).alias("basis"), "protocol", "tvl_usd")
             for basis, table in (("holdings", stock), ("flow", nodes))]  # fmt: skip
    return pl.concat(parts).cast(NODES)


def _holdings(rows: pl.DataFrame, found: list[Finding]) -> pl.DataFrame:
    """Return the compositions as holdings with the reason why a row cannot be one."""
    nameless = pl.when(~named("protocol")).then(pl.lit("no holder")).when(~named("token")).then(pl.lit("no issuer"))
    held = rows.select("protocol", "token", "value_usd", chain=pl.lit(""), dropped=pl.coalesce(nameless, unusable()))
    for reason, name in (("no holder", "holder without an id"), ("no issuer", "token without a name"),
                         ("not an amount", "value not a number"), ("non-positive", "value not positive")):  # fmt: skip
        part = held.filter(pl.col("dropped") == reason)
        if part.height:
            usd = _usd(part["value_usd"])
            odd = reason != "non-positive" or usd < 0
            found.append(finding("warning" if odd else "info", name, place="node compositions",
                                 rows=part.height, usd=usd, action="dropped"))  # fmt: skip
    return held


def _hints(tokens: pl.DataFrame | None) -> pl.DataFrame:
    """Return the mapping's token → issuer without missing values in disguise."""
    if tokens is None:
        return pl.DataFrame(schema={"token": pl.String, "hint": pl.String})
    known = tokens.filter(named("token") & named("issuer"))
    return known.select("token", hint="issuer").unique("token", keep="first", maintain_order=True)


def _fates(held: pl.DataFrame, issuers: pl.DataFrame) -> pl.DataFrame:
    issuer = pl.col("issuer")
    lost = (
        pl.when(issuer.is_null() & (pl.col("method") == METHOD)).then(pl.lit("no issuer"))
        .when(issuer.is_in(BUCKETS) | (issuer.is_null() & bucket_of("token").is_not_null())).then(pl.lit("bucket"))
        .when(issuer.is_null() & pl.col("carried")).then(pl.lit("issuer ambiguous"))
        .when(issuer.is_null()).then(pl.lit("no issuer"))
    )  # fmt: skip
    told = issuers.with_columns(lost=lost)  # once a token, not once a holding
    mapped = held.join(told, on="token", how="left", maintain_order="left")
    itself = pl.when(issuer == pl.col("protocol")).then(pl.lit("self-holding"))
    unknown = pl.when(issuer.is_null()).then(pl.lit("no issuer"))  # a token without a name is in no mapping
    reason = pl.coalesce("lost", unknown, itself)
    # A nameless token still is money its holder has; only rows without holder or amount do not count.
    counts = pl.col("dropped").is_null()
    return mapped.with_columns(counts=counts, dropped=pl.coalesce("dropped", reason))


def _issuers(issuers: pl.DataFrame) -> pl.DataFrame:
    """Return token, issuer (null: bucket or not known), method, score (0: not known)."""
    bucket = pl.col("issuer").is_in(BUCKETS) | (pl.col("issuer").is_null() & bucket_of("token").is_not_null())
    bucket = bucket.fill_null(value=False) & pl.col("method").ne_missing(METHOD)
    return issuers.select(
        "token",
        issuer=pl.when(~bucket).then("issuer"),
        method=pl.when(bucket).then(pl.lit("bucket")).otherwise(pl.coalesce("method", pl.lit("composition"))),
        score=pl.when(bucket).then(1.0).otherwise(pl.col("score").fill_null(0.0)),
    ).cast(ISSUERS)
