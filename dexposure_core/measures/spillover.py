"""Where exposure crosses sectors.

    S_ij = Σ exposure of creditors in sector i to debtors in sector j
    spillover index = HHI of the cells S_ij, i ≠ j          (DeXposure-FM, arXiv 2602.03981, eq. 21)
    cross-sector ratio = Σ_{i≠j} S_ij / Σ S_ij

The sector 'Unknown' is a sector like any other: leaving it out would hide exposure. A system without cross-sector
exposure has no spillover index (NaN), which is not the same as a perfectly spread one.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from dexposure_core.measures.concentration import hhi
from dexposure_core.measures.totals import totals
from dexposure_core.network.snapshot import Floats, Snapshot


def sector_matrix(snapshot: Snapshot) -> tuple[list[str], Floats]:
    """Return the S sectors in alphabetical order and the (S, S) exposure in USD, row = creditor's sector."""
    sectors = sorted(set(snapshot.sectors))
    place = {sector: i for i, sector in enumerate(sectors)}
    codes = np.fromiter(map(place.__getitem__, snapshot.sectors), dtype=np.int64, count=len(snapshot.sectors))
    cells = codes[snapshot.creditor] * len(sectors) + codes[snapshot.debtor]
    flat = totals(cells, snapshot.exposure_usd, len(sectors) ** 2)
    return sectors, flat.reshape(len(sectors), len(sectors))


def sector_frame(sectors: list[str], cells: Floats) -> pl.DataFrame:
    """Return the cells > 0 of an (S, S) matrix as creditor_sector, debtor_sector, exposure_usd, sorted by sectors."""
    rows, columns = np.nonzero(cells)
    return pl.DataFrame(
        {
            "creditor_sector": pl.Series([sectors[i] for i in rows], dtype=pl.String),
            "debtor_sector": pl.Series([sectors[j] for j in columns], dtype=pl.String),
            "exposure_usd": cells[rows, columns].astype(np.float64),
        }
    )


def sector_exposure(snapshot: Snapshot) -> pl.DataFrame:
    """Return creditor_sector, debtor_sector, exposure_usd: every cell > 0, the diagonal included."""
    return sector_frame(*sector_matrix(snapshot))


def spillover_concentration(of: Snapshot | pl.DataFrame) -> float:
    """Return the HHI of the off-diagonal cells of a snapshot or of a `sector_exposure` frame; NaN if there are none."""
    frame = sector_exposure(of) if isinstance(of, Snapshot) else of
    return hhi(frame.filter(pl.col("creditor_sector") != pl.col("debtor_sector"))["exposure_usd"].to_numpy())


def off_diagonal(cells: Floats) -> Floats:
    """Return the cells of an (S, S) matrix that are not on its diagonal, flat."""
    return cells[~np.eye(len(cells), dtype=bool)]


def cross_sector_ratio(cells: Floats) -> float:
    """Return the off-diagonal share of an (S, S) matrix, 0 to 1; NaN when it is empty."""
    total = float(cells.sum())
    return min(1.0, float(off_diagonal(cells).sum()) / total) if total > 0 else math.nan
