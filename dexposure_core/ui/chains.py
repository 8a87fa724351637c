"""What the Chains page looks up and says; kept between runs (see `keeping`)."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace
from typing import Final

import polars as pl

from dexposure_core.pipeline.chains import system as pipeline
from dexposure_core.pipeline.chains import ties as chain_ties
from dexposure_core.pipeline.chains.system import Grid
from dexposure_core.ui import text
from dexposure_core.ui.keeping import kept as _kept
from dexposure_core.ui.output.provenance import Provenance
from dexposure_core.ui.resources import store
from dexposure_core.ui.view import View

SHOWN: Final = (
    "chain", "tvl_usd", "share", "change_usd", "protocols", "exposure_usd", "tvl_hhi", "bridge_loss_share",
    "borrowed_usd",
)  # fmt: skip
TABLE_LABELS: Final = {
    "tvl_usd": "TVL, USD m", "share": "Share", "tvl_hhi": "TVL HHI",
    "bridge_loss_share": "Bridge loss, of its TVL",
}  # fmt: skip
TIE_LABELS: Final = {
    "held_usd": "Held, USD m", "main_chain": "Most on", "main_share": "Share there",
    "loss_share": "Lost at once", "issuer_name": "Issuer",
}  # fmt: skip
HOMES: Final = (
    "Row: the chain on which a token is held. Column: where its issuer is at home, which is where the issuer's own "
    "assets are; one with assets on several chains is spread over them by its TVL of that date. Coins and "
    "reserve-backed stablecoins have no assets of their own here and stand apart."
)
BRIDGES: Final = (
    "A token counts here when its issuer is a bridge by category, or its kind is bridged, or wrapped and held "
    "away from the chain that holds most of it (WETH on Ethereum ties nothing). "
    "Lost at once: what its holders lose if it goes to zero, each at most its TVL."
)
FAILURE: Final = (
    "Bridge loss: all bridges fail within the chain's own network (linear DebtRank, all of TVL absorbs); a bridge's "
    "own assets there are part of it. Losses of single chains do not add up: what spreads through another chain is "
    "not in them."
)


@_kept(4, "Adding up the chains of every date …")
def concentration(vintage: str) -> pl.DataFrame:
    """Return the spread of TVL over chains, all dates."""
    return pipeline.concentration(store(vintage))


@_kept(16)
def shares(vintage: str, date: dt.date) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return the shares of the largest chains over time, and their names."""
    return pipeline.shares(store(vintage), date)


@_kept(16)
def chain_matrix(vintage: str, date: dt.date) -> Grid:
    """Return exposure by chain held on and home of the issuer."""
    return pipeline.chain_matrix(store(vintage), date)


@_kept(16)
def sector_matrix(vintage: str, date: dt.date) -> Grid:
    """Return exposure by chain held on and sector of the issuer."""
    return pipeline.sector_matrix(store(vintage), date)


@_kept(16, "Letting the bridges fail on each chain …")
def table(vintage: str, date: dt.date) -> pl.DataFrame:
    """Return every chain of a date."""
    return pipeline.table(store(vintage), date)


@_kept(16)
def ties(vintage: str, date: dt.date) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return what ties chains together: by issuer, by chain, and by chain and token."""
    opened = store(vintage)
    return chain_ties.tie_issuers(opened, date), chain_ties.by_chain(opened, date), chain_ties.ties(opened, date)


def origin(view: View, *, date: bool = True) -> Provenance:
    """Return the provenance of this page's exports: always the holdings basis."""
    return replace(view.provenance(date=date), basis="holdings")


def linked(by_issuer: pl.DataFrame) -> pl.DataFrame:
    """Return the issuers as the screen lists them: id and name as one link, the names of chains after the amounts."""
    return by_issuer.rename({"issuer": "debtor", "issuer_name": "debtor_name"}).select(
        "debtor", "debtor_name", "held_usd", "loss_share", "kind", "creditors", "chains", "main_chain", "main_share"
    )


def answer(history: pl.DataFrame, sizes: pl.DataFrame, homes: Grid, by_issuer: pl.DataFrame, date: dt.date) -> str:
    """Answer: which chains carry the system, and what ties them together?"""
    today = history.filter(pl.col("date") == date).row(0, named=True)
    largest = sizes.row(0, named=True)
    said = (
        f"**{text.markdown(text.short(largest['chain']))}** carries **{text.percent(largest['share'])}** of "
        f"{text.usd(today['tvl_usd'])}, the five largest of {text.count(today['chains'])} chains "
        f"{text.percent(today['top5_share'])} (HHI {text.number(today['hhi'])}). "
    )
    return said + _abroad(homes) + _tied(by_issuer, today["tvl_usd"])


def _abroad(homes: Grid) -> str:
    """Say how much is owed by issuers at home on another chain."""
    located = [(i, j) for i, r in enumerate(homes.rows) for j, c in enumerate(homes.columns) if c != pipeline.NO_HOME]
    at_home = sum(float(homes.cells[i, j]) for i, j in located if homes.rows[i] == homes.columns[j])
    known = sum(float(homes.cells[i, j]) for i, j in located)
    if not known > 0:
        return ""
    return (
        f"{text.percent(known / homes.total)} of all exposure is to issuers with a home; "
        f"**{text.percent(1 - at_home / known)}** of that crosses chains. "
    )


def _tied(by_issuer: pl.DataFrame, tvl: float) -> str:
    if by_issuer.is_empty():
        return "No bridged or wrapped token ties them."
    held = float(by_issuer["held_usd"].sum())
    first = by_issuer.row(0, named=True)
    share = held / tvl if tvl > 0 else math.nan
    return (
        f"Bridged and wrapped tokens tie them: **{text.usd(held)}** held by others, {text.percent(share)} of TVL, "
        f"most issued by {text.markdown(text.short(first['issuer_name'], 40))} ({text.usd(first['held_usd'])})."
    )


def reconciles(homes: Grid, date: dt.date) -> str:
    """Say that both matrices add up to the system's total exposure."""
    return (
        f"Both matrices add up to {text.usd(homes.total)}, all exposure of {date} on the holdings basis: a holding "
        "lies on one chain, so exposures add up over chains. Flows do not (the net of a pair is over all chains at "
        f"once) and are not shown. {len(homes.rows)} rows: the largest chains, the rest together."
    )
