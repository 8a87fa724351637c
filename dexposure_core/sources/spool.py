"""A table on its way from file order to date order, on disk: rows are dealt into one Parquet file per month.

43.7 million rows do not fit in memory and need not be sorted as a whole: every later step looks at one date. The files
live in a temporary folder that disappears with the spool.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl

from dexposure_core import scratch

_ENOUGH: Final = 200_000
"""Rows worth a write: many small batches (one protocol each) must not become as many row groups."""


class Spool:
    """Append batches in any order, `settle` each month once, then `load` single dates.

    Every batch needs a column `period` (the snapshot date a row belongs to).
    """

    def __init__(self) -> None:
        self._folder = scratch.temporary()
        self._writers: dict[tuple[int, int], Any] = {}
        self._files: dict[tuple[int, int], Path] = {}
        self._waiting: list[pl.DataFrame] = []
        self.dates: list[dt.date] = []

    def append(self, frame: pl.DataFrame) -> None:
        """Add rows; all batches have the same columns and types."""
        self._waiting.append(frame)
        if sum(map(len, self._waiting)) >= _ENOUGH:
            self._deal()

    def _deal(self) -> None:
        import pyarrow.parquet as pq

        frame = pl.concat(self._waiting)
        self._waiting.clear()
        for (year, month), part in _by_month(frame):
            table = part.to_arrow()
            if (year, month) not in self._writers:
                path = self._folder.path / f"{year:04}-{month:02}.parquet"
                self._files[year, month] = path
                self._writers[year, month] = pq.ParquetWriter(path, table.schema, compression="lz4")
            self._writers[year, month].write_table(table)

    def settle(self, once: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        """Close the files, pass every month's rows through `once` and note the dates that remain, ascending."""
        if self._waiting:
            self._deal()
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()
        for _, path in sorted(self._files.items()):
            frame = once(pl.read_parquet(path, glob=False)).sort("period", maintain_order=True)
            frame.write_parquet(path, compression="lz4", row_group_size=20_000)
            self.dates += frame["period"].unique().sort().to_list()

    def load(self, date: dt.date) -> pl.DataFrame:
        """Return the settled rows of one date, without `period`."""
        scan = pl.scan_parquet(self._files[date.year, date.month], glob=False)
        return scan.filter(pl.col("period") == date).drop("period").collect()


def _by_month(frame: pl.DataFrame) -> Iterator[tuple[tuple[int, int], pl.DataFrame]]:
    """Yield ((year, month), rows), avoiding a regrouping of rows that already lie together."""
    first = frame["period"].dt.month_start()
    if first.is_sorted():
        start = 0
        for length, month in first.rle().struct.unnest().iter_rows():
            yield (month.year, month.month), frame.slice(start, length)
            start += length
        return
    parts = frame.with_columns(first.alias("month")).partition_by("month", as_dict=True, include_key=False)
    yield from (((month.year, month.month), part) for (month,), part in parts.items())
