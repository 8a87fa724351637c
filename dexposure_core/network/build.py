"""From holdings to the two networks of one snapshot.

Holdings basis (a stock): `E_pq = Σ_{σ: M(σ)=q} v_pσ`, p ≠ q: what p loses if q's tokens go to zero
(DeXposure-FM, arXiv 2602.03981, eq. 1). Flow basis (a change): see `flows`. Every dollar of the input is
accounted for in `coverage`.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import polars as pl

from dexposure_core.network.chains import chain_kept
from dexposure_core.network.coverage import coverage_of, unusable
from dexposure_core.network.flows import net_flows
from dexposure_core.network.period import (
    EXPOSURE_TOKENS,
    EXPOSURES,
    FINDINGS,
    FLOWS,
    HOLDINGS,
    ISSUERS,
    NODES,
    Balances,
    Period,
    finding,
    findings_frame,
    snapshot_of,
)  # fmt: skip
from dexposure_core.network.sums import group_starts, sort_by, sum_by, total

__all__ = ["Period", "balances", "from_holdings", "snapshot_of"]

_HOLDING: Final = tuple(HOLDINGS)
_KEY: Final = ("protocol", "chain", "token")


def from_holdings(
    date: dt.date,
    holdings: pl.DataFrame,
    previous: pl.DataFrame | None,
    tokens: pl.DataFrame,
    *,
    chains: str = "default",
) -> Period:
    """Return the tables of one snapshot date.

    Args:
        date: the snapshot date.
        holdings: protocol, chain, token, quantity (null allowed), value_usd at the end of the period, any order.
        previous: the same at the previous snapshot (the `holdings` of its period); None on the first date.
        tokens: token, issuer (null = dropped), method: one row per token.
        chains: "default" leaves out chains named "…borrowed", "borrowed" keeps only those, "all" keeps all,
            names separated by commas keep those chains (see `chains`).
    """
    fates = _fates(holdings, tokens, chains)
    kept = _one_row_per_holding(fates.filter(pl.col("counts")).select(_HOLDING))
    opening = None if previous is None else _countable(previous, chains)
    by_token, exposures = exposures_of(fates)
    flows = pl.DataFrame(schema=FLOWS)
    if opening is not None:
        flows = net_flows(_linked(kept, tokens), _linked(opening, tokens))
    return Period(
        date=date,
        holdings=kept.cast(HOLDINGS),
        exposures=exposures.cast(EXPOSURES),
        exposure_tokens=by_token.cast(EXPOSURE_TOKENS),
        flows=flows.cast(FLOWS),
        nodes=nodes_of(_sizes(kept), exposures, None if opening is None else _sizes(opening), flows),
        coverage=coverage_of(fates),
        findings=_findings(fates).cast(FINDINGS),
        issuers=pl.DataFrame(schema=ISSUERS),
    )


def balances(holdings: pl.DataFrame, chains: str = "default") -> Balances:
    """Return what the next period needs of this one's holdings.

    Args:
        holdings: protocol, chain, token, quantity, value_usd, any order.
        chains: which chains count; see `from_holdings`.
    """
    kept = _countable(holdings, chains)
    sizes = _sizes(kept).select(pl.lit("holdings").alias("basis"), "protocol", "tvl_usd")
    return Balances(holdings=kept.cast(HOLDINGS), nodes=sizes.cast(NODES))


def exposures_of(fates: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the exposures per token and per pair.

    Args:
        fates: protocol, token, issuer, value_usd, dropped (null = makes an exposure); one row per holding.
    """
    mapped = fates.filter(pl.col("dropped").is_null())
    renamed = mapped.select("token", creditor="protocol", debtor="issuer", exposure_usd="value_usd")
    by_token = sum_by(renamed, ("creditor", "debtor", "token"), ("exposure_usd",))
    return by_token, sum_by(by_token, ("creditor", "debtor"), ("exposure_usd",))


def nodes_of(
    closing: pl.DataFrame, exposures: pl.DataFrame, opening: pl.DataFrame | None, flows: pl.DataFrame
) -> pl.DataFrame:
    """Return the nodes of both bases: every protocol with a size and every end of an exposure or flow (size 0).

    Args:
        closing: protocol, tvl_usd at the snapshot (holdings basis).
        exposures: creditor, debtor, exposure_usd.
        opening: protocol, tvl_usd at the period's first observation (flow basis); None when there is no flow basis.
        flows: creditor, debtor, flow_usd.
    """
    parts = [_with_ends("holdings", closing, exposures)]
    if opening is not None:
        parts.append(_with_ends("flow", opening, flows))
    return pl.concat(parts)


def _with_ends(basis: str, sizes: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    ends = pl.concat([links.select(protocol="creditor"), links.select(protocol="debtor")]).unique()
    issuing = ends.join(sizes, on="protocol", how="anti").with_columns(tvl_usd=pl.lit(0.0))
    both = pl.concat([sizes.select("protocol", "tvl_usd"), issuing]).sort("protocol")
    return both.select(pl.lit(basis).alias("basis"), "protocol", "tvl_usd").cast(NODES)


def _fates(holdings: pl.DataFrame, tokens: pl.DataFrame, chains: str) -> pl.DataFrame:
    """Add to every holding its issuer, method, whether it counts towards TVL, and why it makes no exposure."""
    mapped = holdings.join(tokens.select("token", "issuer", "method"), on="token", how="left", maintain_order="left")
    other = pl.lit("borrowed" if chains == "default" else "other chain")
    elsewhere = pl.when(~chain_kept(chains)).then(other)
    lost = pl.coalesce(elsewhere, unusable())
    issuer = pl.col("issuer")
    reason = (
        pl.when(issuer.is_null() & (pl.col("method") == "bucket")).then(pl.lit("bucket"))
        .when(issuer.is_null()).then(pl.lit("no issuer"))
        .when(issuer == pl.col("protocol")).then(pl.lit("self-holding"))
    )  # fmt: skip
    return mapped.with_columns(
        pl.col("quantity").fill_nan(None), counts=lost.is_null(), dropped=pl.coalesce(lost, reason)
    )


def _countable(holdings: pl.DataFrame, chains: str) -> pl.DataFrame:
    kept = holdings.select(_HOLDING).filter(chain_kept(chains), unusable().is_null())
    kept = kept.with_columns(pl.col("quantity").fill_nan(None))
    return _one_row_per_holding(kept)


def _one_row_per_holding(kept: pl.DataFrame) -> pl.DataFrame:
    """Sort by (protocol, chain, token) and add up rows of one holding; a missing quantity makes the sum unknown."""
    if kept.is_empty():
        return kept
    ordered = sort_by(kept, _KEY, ("value_usd", "quantity"))
    starts = group_starts(ordered, _KEY)
    if len(starts) == ordered.height:
        return ordered
    missing = pl.col("quantity").is_null()
    values = sum_by(ordered, _KEY, ("value_usd",))
    unknown = ordered.filter(missing).select(_KEY).unique().with_columns(unknown=pl.lit(value=True))
    filled = ordered.with_columns(pl.col("quantity").fill_null(0.0))
    quantities = sum_by(filled, _KEY, ("quantity",)).join(unknown, on=_KEY, how="left", maintain_order="left")
    known = pl.when(pl.col("unknown").is_null()).then("quantity")
    return values.with_columns(quantities.select(known.alias("quantity"))).select(_HOLDING)


def _linked(kept: pl.DataFrame, tokens: pl.DataFrame) -> pl.DataFrame:
    """Return holdings as exposures to their issuer, one row per holding; without issuer or self-held: none."""
    return (
        kept.join(tokens.select("token", "issuer"), on="token", how="inner")
        .filter(pl.col("issuer") != pl.col("protocol"))
        .select("chain", "token", "quantity", "value_usd", creditor="protocol", debtor="issuer")
    )


def _sizes(kept: pl.DataFrame) -> pl.DataFrame:
    return sum_by(kept, ("protocol",), ("value_usd",)).rename({"value_usd": "tvl_usd"})


def _findings(fates: pl.DataFrame) -> pl.DataFrame:
    """Report amounts that are none, and negative ones, by name and size."""
    bad = fates.filter(pl.col("dropped").is_in(["not an amount", "non-positive"]))
    if bad.is_empty():
        return findings_frame([])
    rows = []
    for (reason,), part in bad.group_by("dropped"):
        where = part.sort(*_KEY).row(0, named=True)
        place = f"protocol {where['protocol']}, token {where['token']}" + (" and others" if part.height > 1 else "")
        usd = total(part["value_usd"].fill_nan(None)) if reason == "non-positive" else None
        severity = "warning" if reason == "not an amount" or (usd or 0) < 0 else "info"
        rows.append(finding(severity, f"{reason} value", place=place, rows=part.height, usd=usd, action="dropped"))
    return findings_frame(sorted(rows, key=lambda row: str(row["finding"])))
