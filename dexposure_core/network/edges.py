"""A network given directly as exposures: banks, countries, or any table of creditor, debtor and amount.

Nothing is known of tokens or quantities: every exposure is treated as one holding of the debtor's only token.
Flows are the signed changes of exposures since the previous snapshot; the price/quantity split of a
continuing exposure is not defined.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from dexposure_core.network.book import Book, Texts, places, sorted_texts
from dexposure_core.network.build import nodes_of
from dexposure_core.network.coverage import coverage_of, unusable
from dexposure_core.network.flows import net_flows
from dexposure_core.network.period import (
    EXPOSURE_TOKENS,
    EXPOSURES,
    FLOWS,
    HELD,
    ISSUERS,
    Period,
    finding,
    findings_frame,
)  # fmt: skip
from dexposure_core.network.sums import sum_by


def from_edges(
    date: dt.date,
    edges: pl.DataFrame,
    nodes: pl.DataFrame | None,
    previous_edges: pl.DataFrame | None,
    *,
    previous_nodes: pl.DataFrame | None = None,
) -> Period:
    """Return the tables of one date of an exposure network.

    Args:
        date: the snapshot date.
        edges: creditor, debtor, exposure_usd; parallel rows are summed.
        nodes: protocol, tvl_usd on this date; None makes a protocol's size the sum of its exposures as creditor.
        previous_edges: `edges` of the previous snapshot (its period's `exposures` will do); None on the first date.
        previous_nodes: `nodes` of the previous snapshot.
    """
    fates = _fates(edges)
    exposures = _exposures(fates)
    opening, flows = None, pl.DataFrame(schema=FLOWS)
    if previous_edges is not None:
        before = _exposures(_fates(previous_edges))
        opening = _sizes(before, previous_nodes)
        flows = _flows(exposures, before)
    return Period(
        date=date,
        holdings=pl.DataFrame(schema=HELD),
        exposures=exposures.cast(EXPOSURES),
        exposure_tokens=exposures.select("creditor", "debtor", pl.lit("").alias("token"), "exposure_usd").cast(
            EXPOSURE_TOKENS
        ),
        flows=flows.cast(FLOWS),
        nodes=nodes_of(_sizes(exposures, nodes), exposures, opening, flows),
        coverage=coverage_of(fates),
        findings=_findings(fates, exposures, nodes, first=previous_edges is None),
        issuers=pl.DataFrame(schema=ISSUERS),
    )


def _fates(edges: pl.DataFrame) -> pl.DataFrame:
    loop = pl.when(pl.col("creditor") == pl.col("debtor")).then(pl.lit("self-holding"))
    reason = pl.coalesce(unusable("exposure_usd"), loop)
    return edges.select(
        "creditor", "debtor", value_usd="exposure_usd", dropped=reason, method=pl.lit("given")
    )  # fmt: skip


def _exposures(fates: pl.DataFrame) -> pl.DataFrame:
    kept = fates.filter(pl.col("dropped").is_null())
    return sum_by(kept, ("creditor", "debtor"), ("value_usd",)).rename({"value_usd": "exposure_usd"})


def _flows(now: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Return the net flow of every pair, each exposure taken as one holding of the debtor's only token."""
    ids = sorted_texts(*(frame[end] for frame in (now, before) for end in ("creditor", "debtor")))
    texts = Texts(protocols=ids, chains=pl.Series([""]), tokens=ids)
    return net_flows(_book(now, texts), _book(before, texts), np.arange(len(ids)), texts)


def _book(exposures: pl.DataFrame, texts: Texts) -> Book:
    count = exposures.height
    return Book(
        protocol=places(exposures["creditor"], texts.protocols),
        chain=np.zeros(count, dtype=np.int64),
        token=places(exposures["debtor"], texts.tokens),
        quantity=np.full(count, np.nan),
        value_usd=exposures["exposure_usd"].to_numpy(),
    )


def _sizes(exposures: pl.DataFrame, nodes: pl.DataFrame | None) -> pl.DataFrame:
    """Return protocol, tvl_usd >= 0: as given, or the sum of each creditor's exposures."""
    if nodes is not None:
        size = pl.col("tvl_usd")
        fine = size.is_finite().fill_null(value=False) & (size >= 0)
        given = nodes.select("protocol", tvl_usd=pl.when(fine).then(size).otherwise(0.0))
        return sum_by(given, ("protocol",), ("tvl_usd",))
    lent = exposures.select(protocol="creditor", tvl_usd="exposure_usd")
    return sum_by(lent, ("protocol",), ("tvl_usd",))


def _findings(fates: pl.DataFrame, exposures: pl.DataFrame, nodes: pl.DataFrame | None, *, first: bool) -> pl.DataFrame:
    rows = []
    for reason in ("non-positive", "not an amount", "self-holding"):
        part = fates.filter(pl.col("dropped") == reason)
        if part.height:
            rows.append(finding("info" if reason == "self-holding" else "warning", f"{reason} exposure",
                                place="edges", rows=part.height, action="dropped"))  # fmt: skip
    if nodes is None:
        action = "size of a protocol = sum of its exposures as creditor"
        note = finding("info", "no node sizes", place="nodes", rows=0, action=action)
        return findings_frame([*rows, note] if first else rows)
    ends = pl.concat([exposures.select(protocol="creditor"), exposures.select(protocol="debtor")]).unique()
    sizeless = ends.join(nodes, on="protocol", how="anti").height
    if sizeless:
        rows.append(finding("warning", "protocol without size", place="nodes", rows=sizeless, action="size 0"))
    return findings_frame(rows)
