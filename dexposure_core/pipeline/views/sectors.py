"""The spillover matrix as a square table whose rows and columns add up to its total, and its change over time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from dexposure_core.store import Store

Floats = npt.NDArray[np.float64]


def sectors_by_size(store: Store) -> tuple[str, ...]:
    """Return a vintage's sectors, largest exposure over all dates first: the order in which they get colours."""
    cells = store.sector_history("holdings")
    ends = [cells.select(pl.col(end).alias("sector"), "exposure_usd") for end in ("creditor_sector", "debtor_sector")]
    weight = pl.concat(ends).group_by("sector").agg(pl.sum("exposure_usd"))
    known = store.protocols().select("sector").unique().join(weight, on="sector", how="left")
    ordered = known.sort(["exposure_usd", "sector"], descending=[True, False], nulls_last=True)
    return tuple(ordered["sector"].to_list())


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Exposure by creditor sector (row) and debtor sector (column).

    Attributes:
        sectors: (S,) largest in + out first; rows and columns alike.
        cells: (S, S) USD.
        by_creditor, by_debtor: (S,) USD, the sums of rows and of columns; each adds up to `total`.
        total: USD.
    """

    sectors: tuple[str, ...]
    cells: Floats
    by_creditor: Floats
    by_debtor: Floats
    total: float

    @property
    def cross_sector_usd(self) -> float:
        """Return the exposure between different sectors, USD."""
        return float(self.total - np.trace(self.cells))

    def largest_crossing(self) -> tuple[str, str, float]:
        """Return (creditor sector, debtor sector, USD) of the largest cell off the diagonal; ('', '', NaN) if none."""
        crossing = self.cells.copy()
        np.fill_diagonal(crossing, 0.0)
        if not crossing.any():
            return "", "", float("nan")
        row, column = np.unravel_index(int(crossing.argmax()), crossing.shape)
        return self.sectors[int(row)], self.sectors[int(column)], float(crossing[row, column])


def matrix(frame: pl.DataFrame, sectors: Sequence[str] | None = None) -> Matrix:
    """Return the matrix of `creditor_sector, debtor_sector, exposure_usd` rows.

    Args:
        frame: one date's cells; cells left out are 0.
        sectors: the order of rows and columns; by in + out, largest first, when not given. Must hold every sector.
    """
    order = tuple(sectors) if sectors is not None else _by_size(frame)
    place = {sector: i for i, sector in enumerate(order)}
    cells = np.zeros((len(order), len(order)))
    for creditor, debtor, usd in frame.select("creditor_sector", "debtor_sector", "exposure_usd").iter_rows():
        cells[place[creditor], place[debtor]] += usd
    return Matrix(
        sectors=order, cells=cells, by_creditor=cells.sum(axis=1), by_debtor=cells.sum(axis=0), total=float(cells.sum())
    )


def change(after: pl.DataFrame, before: pl.DataFrame) -> tuple[Matrix, Matrix]:
    """Return (now, now − before) in the same order of sectors, sectors of either date included."""
    order = _by_size(pl.concat([after, before.select(after.columns)]))
    now, then = matrix(after, order), matrix(before, order)
    return now, Matrix(
        sectors=order,
        cells=now.cells - then.cells,
        by_creditor=now.by_creditor - then.by_creditor,
        by_debtor=now.by_debtor - then.by_debtor,
        total=now.total - then.total,
    )


def matrix_table(of: Matrix) -> pl.DataFrame:
    """Return the matrix as a table: creditor_sector, one column a debtor sector, total; the last row is the total."""
    rows = [*of.sectors, "Total"]
    columns = {sector: np.append(of.cells[:, i], of.by_debtor[i]) for i, sector in enumerate(of.sectors)}
    return pl.DataFrame(
        {"creditor sector": rows} | {f"{sector}_usd": values for sector, values in columns.items()}
        | {"total_usd": np.append(of.by_creditor, of.total)}
    )  # fmt: skip


def cell_history(history: pl.DataFrame, dates: Sequence[dt.date]) -> pl.DataFrame:
    """Return date, exposure_usd on every date; 0 where the cell is empty.

    Args:
        history: date, exposure_usd (and more) of one cell, empty dates left out.
        dates: the snapshot dates.
    """
    every = pl.DataFrame({"date": list(dates)}, schema={"date": pl.Date})
    sums = history.group_by("date").agg(pl.sum("exposure_usd"))
    return every.join(sums, on="date", how="left", maintain_order="left").with_columns(
        pl.col("exposure_usd").fill_null(0.0)
    )


def _by_size(frame: pl.DataFrame) -> tuple[str, ...]:
    both = pl.concat(
        [
            frame.select(pl.col("creditor_sector").alias("sector"), "exposure_usd"),
            frame.select(pl.col("debtor_sector").alias("sector"), "exposure_usd"),
        ]
    )
    sums = (
        both.group_by("sector").agg(pl.sum("exposure_usd")).sort(["exposure_usd", "sector"], descending=[True, False])
    )
    return tuple(sums["sector"])
