"""The chains of one date in one document: sizes, concentration, both matrices, bridges and wrapped tokens."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import polars as pl

from dexposure_core.pipeline.chains import system as chains
from dexposure_core.pipeline.chains import ties as chain_ties
from dexposure_core.store import Store


def chain_report(store: Store, date: dt.date, *, limit: int = 12) -> dict[str, Any]:
    """Return the document of `dexposure chains`; NaN as None.

    Args:
        store: a vintage.
        date: a snapshot date.
        limit: chains named in the matrices; the rest are summed.

    Raises:
        UnknownDate: no snapshot on that date.
    """
    history = chains.concentration(store)
    today = history.filter(pl.col("date") == date).drop("date").row(0, named=True)
    by_chain, by_sector = chains.chain_matrix(store, date, limit), chains.sector_matrix(store, date, limit)
    return {
        "vintage": store.vintage,
        "date": date.isoformat(),
        "basis": "holdings",
        "concentration": _plain([today])[0],
        "chains": _plain(chains.table(store, date).to_dicts()),
        "chain_matrix": _grid(by_chain),
        "sector_matrix": _grid(by_sector),
        "total_exposure_usd": by_chain.total,
        "ties": _plain(chain_ties.tie_issuers(store, date).to_dicts()),
        "ties_by_chain": _plain(chain_ties.by_chain(store, date).to_dicts()),
        "history": _plain(history.with_columns(pl.col("date").cast(pl.String)).to_dicts()),
    }


def _grid(of: chains.Grid) -> dict[str, Any]:
    return {"held_on": list(of.rows), "columns": list(of.columns), "cells_usd": of.cells.tolist()}


def _plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()} for row in rows]
