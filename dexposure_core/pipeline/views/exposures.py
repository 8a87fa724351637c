"""The exposures of one date as a table with names, sectors and shares, and the few numbers that sum them up."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from dexposure_core.network import Snapshot

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class NetworkFacts:
    """A network in a handful of numbers; shares are NaN without exposures, names then ''."""

    protocols: int
    exposures: int
    total_usd: float
    top10_share: float
    largest_usd: float
    largest_creditor: str
    largest_debtor: str
    main_debtor: str
    main_debtor_share: float


def exposure_table(snapshot: Snapshot, rows: Indices | None = None) -> pl.DataFrame:
    """Return creditor, creditor_name, creditor_sector, debtor, …, exposure_usd, share; largest first.

    Args:
        snapshot: the network.
        rows: (M,) which exposures; all when not given. `share` is of all exposure in either case.
    """
    order = np.arange(len(snapshot.exposure_usd)) if rows is None else rows
    order = order[np.argsort(-snapshot.exposure_usd[order], kind="stable")]
    total = float(snapshot.exposure_usd.sum())
    ends = {"creditor": snapshot.creditor[order], "debtor": snapshot.debtor[order]}
    columns: dict[str, pl.Series] = {}
    for end, at in ends.items():
        columns[end] = pl.Series(snapshot.protocols[at], dtype=pl.String)
        columns[f"{end}_name"] = pl.Series(snapshot.names[at], dtype=pl.String)
        columns[f"{end}_sector"] = pl.Series(snapshot.sectors[at], dtype=pl.String)
    amounts = snapshot.exposure_usd[order]
    return pl.DataFrame(
        columns | {"exposure_usd": pl.Series(amounts), "share": pl.Series(amounts / (total or math.nan))}
    )


def network_facts(snapshot: Snapshot) -> NetworkFacts:
    """Return the numbers of the sentence over a network."""
    amounts = snapshot.exposure_usd
    total = float(amounts.sum())
    if not len(amounts):
        return NetworkFacts(
            protocols=len(snapshot.protocols), exposures=0, total_usd=0.0, top10_share=math.nan, largest_usd=math.nan,
            largest_creditor="", largest_debtor="", main_debtor="", main_debtor_share=math.nan,
        )  # fmt: skip
    largest = int(amounts.argmax())
    owed = np.bincount(snapshot.debtor, amounts, minlength=len(snapshot.protocols))
    main = int(owed.argmax())
    return NetworkFacts(
        protocols=len(snapshot.protocols),
        exposures=len(amounts),
        total_usd=total,
        top10_share=float(np.sort(amounts)[-10:].sum()) / total,
        largest_usd=float(amounts[largest]),
        largest_creditor=str(snapshot.names[snapshot.creditor[largest]]),
        largest_debtor=str(snapshot.names[snapshot.debtor[largest]]),
        main_debtor=str(snapshot.names[main]),
        main_debtor_share=float(owed[main]) / total,
    )
