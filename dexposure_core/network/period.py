"""The tables of one snapshot date, and the network they describe.

A period is what every way of building a network returns (from holdings, from the published file, from
edges): the rows of `store/schema.sql` for one date, without the date column. `snapshot_of` turns it into the
immutable `Snapshot` that measures and contagion rules take.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import polars as pl

from dexposure_core.network.book import places
from dexposure_core.network.snapshot import UNKNOWN_SECTOR, Basis, Snapshot

HOLDINGS: Final = pl.Schema({
    "protocol": pl.String, "chain": pl.String, "token": pl.String, "quantity": pl.Float64, "value_usd": pl.Float64,
})  # fmt: skip
HELD: Final = pl.Schema({**HOLDINGS, "counts": pl.Boolean()})
EXPOSURES: Final = pl.Schema({"creditor": pl.String, "debtor": pl.String, "exposure_usd": pl.Float64})
EXPOSURE_TOKENS: Final = pl.Schema({
    "creditor": pl.String, "debtor": pl.String, "token": pl.String, "exposure_usd": pl.Float64,
})  # fmt: skip
FLOWS: Final = pl.Schema({
    "creditor": pl.String, "debtor": pl.String,
    "flow_usd": pl.Float64, "price_usd": pl.Float64, "quantity_usd": pl.Float64,
})  # fmt: skip
NODES: Final = pl.Schema({"basis": pl.String, "protocol": pl.String, "tvl_usd": pl.Float64})
COVERAGE: Final = pl.Schema({"side": pl.String, "reason": pl.String, "rows": pl.Int64, "usd_cents": pl.Int64})
FINDINGS: Final = pl.Schema({
    "severity": pl.String, "finding": pl.String, "place": pl.String,
    "rows": pl.Int64, "usd": pl.Float64, "action": pl.String,
})  # fmt: skip
CHAINS: Final = pl.Schema({
    "chain": pl.String, "counts": pl.Boolean, "protocols": pl.Int64, "rows": pl.Int64, "tvl_usd": pl.Float64,
})  # fmt: skip
ISSUERS: Final = pl.Schema({"token": pl.String, "issuer": pl.String, "method": pl.String, "score": pl.Float64})
PROTOCOLS: Final = pl.Schema({"protocol": pl.String, "name": pl.String, "category": pl.String, "sector": pl.String})
TOKENS: Final = pl.Schema({
    "token": pl.String, "issuer": pl.String, "method": pl.String,
    "score": pl.Float64, "kind": pl.String, "alternatives": pl.String,
})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Balances:
    """What a period must know of the one before it: who held what, and how large that made them.

    Args:
        holdings: positive balances on every chain; `counts` says whether the chain is one of the network's.
        nodes: size of every protocol: basis, protocol, tvl_usd; at least the holdings basis.
    """

    holdings: pl.DataFrame
    nodes: pl.DataFrame


@dataclass(frozen=True, kw_only=True)
class Period(Balances):
    """One snapshot date's tables, columns as in `schema.sql` without the date; each sorted by its key.

    Args:
        date: the snapshot date.
        holdings: positive balances on every chain; `counts` says whether the chain is one of the network's.
        exposures: holdings basis, one row per ordered pair.
        exposure_tokens: which tokens make each exposure.
        flows: flow basis, change since the previous snapshot; empty on the first.
        nodes: size of every protocol, for both bases.
        coverage: where every cent of the input went.
        findings: what was odd and what was done about it.
        issuers: (token, issuer, method, score) decided on this date; empty when the token map was given.
    """

    date: dt.date
    exposures: pl.DataFrame
    exposure_tokens: pl.DataFrame
    flows: pl.DataFrame
    coverage: pl.DataFrame
    findings: pl.DataFrame
    issuers: pl.DataFrame


def finding(
    severity: str, name: str, *, place: str, rows: int, action: str, usd: float | None = None
) -> dict[str, object]:
    """Return one row of the findings table (without its date); usd None when the amount is not known."""
    return {"severity": severity, "finding": name, "place": place, "rows": rows, "usd": usd, "action": action}


def findings_frame(rows: list[dict[str, object]]) -> pl.DataFrame:
    """Return findings as a frame with the schema of the table, also when there are none."""
    return pl.DataFrame(rows, schema=FINDINGS, orient="row")


def snapshot_of(period: Period, basis: Basis, protocols: pl.DataFrame) -> Snapshot:
    """Return the network of one period on one basis.

    Args:
        period: the date's tables.
        basis: "holdings" or "flow".
        protocols: protocol, name, category, sector; ids it lacks are shown by their id, sector 'Unknown'.
    """
    nodes = period.nodes.filter(pl.col("basis") == basis).sort("protocol")
    known = nodes.join(protocols, on="protocol", how="left", maintain_order="left")
    links = period.exposures if basis == "holdings" else period.flows.rename({"flow_usd": "exposure_usd"})
    unknown = pl.lit(UNKNOWN_SECTOR)
    return Snapshot(
        date=period.date,
        basis=basis,
        protocols=known["protocol"].to_numpy(),
        names=known.select(pl.coalesce("name", "protocol")).to_series().to_numpy(),
        sectors=known.select(pl.coalesce("sector", unknown)).to_series().to_numpy(),
        categories=known.select(pl.coalesce("category", "sector", unknown)).to_series().to_numpy(),
        tvl_usd=known["tvl_usd"].to_numpy(),
        creditor=places(links["creditor"], nodes["protocol"]),
        debtor=places(links["debtor"], nodes["protocol"]),
        exposure_usd=links["exposure_usd"].to_numpy(),
    )
