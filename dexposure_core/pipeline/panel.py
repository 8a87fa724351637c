"""Change over time twice: on whatever protocols there were, and on those that were there all along.

A system grows when protocols enter the data, not only when they grow. On the constant panel a rise is a rise: it has
the protocols that hold something in every snapshot of the window, or in none of those (they only issue). An issuer
whose own holdings begin to be known within the window has entered, though it was in the network before.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import numpy as np
import polars as pl

from dexposure_core.errors import BadOption
from dexposure_core.measures import gini, hhi, top_share
from dexposure_core.network.snapshot import Floats, Snapshot
from dexposure_core.store import Store

COLUMNS: Final = ("protocol_count", "system_tvl_usd", "tvl_hhi", "tvl_top10_share", "tvl_gini")
PANEL_COLUMNS: Final = tuple(f"panel_{name}" for name in COLUMNS)


def panel(
    store: Store, basis: str = "holdings", start: dt.date | None = None, end: dt.date | None = None
) -> pl.DataFrame:
    """Return TVL and its concentration at every snapshot of a window, raw and on the constant panel.

    Columns: date, then protocol_count, system_tvl_usd, tvl_hhi, tvl_top10_share, tvl_gini (definitions as in
    `MEASURES`), and the same with the prefix `panel_`. NaN where not defined.

    Args:
        store: where the snapshots are.
        basis: holdings or flow.
        start: first date, included; None: the first there is.
        end: last date, included; None: the last there is.

    Raises:
        BadOption: no such basis, or start after end.
    """
    if start is not None and end is not None and start > end:
        raise BadOption(f"The window starts on {start}, after its end {end}; swap them")
    return panel_of(store.node_history(basis, start, end))


def panel_of(nodes: pl.DataFrame) -> pl.DataFrame:
    """Return `panel` of rows date, protocol, tvl_usd (one per protocol and date)."""
    seen = constant(nodes)
    ordered = nodes.sort("date").with_columns(stays=pl.col("protocol").is_in(seen.implode()))
    rows = []
    for (date,), group in ordered.group_by("date", maintain_order=True):
        tvl, stays = group["tvl_usd"].to_numpy(), group["stays"].to_numpy()
        rows.append((date, *_describe(tvl), *_describe(tvl[stays])))
    schema = pl.Schema({"date": pl.Date()}) | dict.fromkeys((*COLUMNS, *PANEL_COLUMNS), pl.Float64())
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.col("protocol_count", "panel_protocol_count").cast(pl.Int64)
    )


def constant(nodes: pl.DataFrame) -> pl.Series:
    """Return the protocols of the constant panel: present on every date, and holding something on all or on none.

    Args:
        nodes: date, protocol, tvl_usd (one row per protocol and date) of the whole window.
    """
    dates = nodes["date"].n_unique()
    holds = pl.col("tvl_usd") > 0
    always = nodes.group_by("protocol").agg(pl.len().alias("seen"), alike=holds.all() | ~holds.any())
    return always.filter(pl.col("seen") == dates, pl.col("alike"))["protocol"]


def _describe(tvl: Floats) -> tuple[float, ...]:
    return float(tvl.size), float(np.sum(tvl)), hhi(tvl), top_share(tvl), gini(tvl[tvl > 0])


def among(snapshot: Snapshot, protocols: set[str]) -> Snapshot:
    """Return the network of some of its protocols: those and the exposures among them."""
    kept = np.array([p in protocols for p in snapshot.protocols], dtype=bool)
    place = np.cumsum(kept) - 1
    inside = kept[snapshot.creditor] & kept[snapshot.debtor]
    return Snapshot(
        date=snapshot.date, basis=snapshot.basis, protocols=snapshot.protocols[kept], names=snapshot.names[kept],
        sectors=snapshot.sectors[kept], categories=snapshot.categories[kept], tvl_usd=snapshot.tvl_usd[kept],
        creditor=place[snapshot.creditor[inside]], debtor=place[snapshot.debtor[inside]],
        exposure_usd=snapshot.exposure_usd[inside],
    )  # fmt: skip


def known_part(origin: Snapshot, target: Snapshot) -> Snapshot:
    """Return `target` without what entered the data since `origin`.

    Entered have protocols that were not there, and those that only issued then and hold something now.
    Protocols that left are not put back: a forecast may be held to what became of those it knew.
    """
    held = dict(zip(origin.protocols.tolist(), (origin.tvl_usd > 0).tolist(), strict=True))
    holds = zip(target.protocols.tolist(), (target.tvl_usd > 0).tolist(), strict=True)
    return among(target, {p for p, now in holds if p in held and (held[p] or not now)})
