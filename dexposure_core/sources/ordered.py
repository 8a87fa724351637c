"""A Parquet table in date order is read where it lies: some whole periods at a time, by several threads, no copy.

Whether it is in order is known beforehand from the statistics of its row groups: the dates of one never reach behind
those of the one before. (Rows within a row group may lie in any order.) Every other table goes through `spool`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeVar

import polars as pl

from dexposure_core.sources.columns import Rows
from dexposure_core.sources.feed import Frequency, period_end
from dexposure_core.sources.tabular import Table

if TYPE_CHECKING:
    import pyarrow.parquet as pq

ENOUGH: Final = 400_000
"""Rows worth a part: large enough to use the processor well, small enough for a few of them in memory."""
LARGEST_GROUP: Final = 4_000_000
"""Rows of the largest row group that may be read once for each part it touches."""

Periods = tuple[dt.date, ...]
Group = tuple[dt.date, dt.date, int]  # first period, last period and rows of a row group
_Result = TypeVar("_Result")


class Ordered:
    """A Parquet table in date order.

    Attributes:
        parts: successive periods worth reading together, in date order; every period with rows is in exactly one.
    """

    def __init__(self, table: Table, frequency: Frequency, groups: Sequence[Group]) -> None:
        self._table, self._frequency, self._groups = table, frequency, groups
        counted = table.scan().select(self._period()).group_by("period").len().sort("period").collect()
        self.parts = _parts(counted.rows())

    def read(self, periods: Sequence[dt.date]) -> tuple[Rows, pl.DataFrame]:
        """Return the rows of some successive periods as they stand in the file, `line` and `period` beside them."""
        first, end = _touched(self._groups, periods[0], periods[-1])
        lines = pl.int_range(first + 1, first + 1 + pl.len(), dtype=pl.Int64).alias("line")
        lazy = self._table.scan().slice(first, end - first).with_columns(lines, self._period())
        frame = lazy.filter(pl.col("period").is_between(periods[0], periods[-1])).collect()
        return Rows(self._table.path, first + 1, self._table.word, frame["line"]), frame

    def each(self, work: Callable[[Periods], _Result], threads: int) -> Iterator[_Result]:
        """Yield the result of `work` for every part, in order; `threads` of them are done at a time."""
        with ThreadPoolExecutor(threads, thread_name_prefix="read") as pool:
            running = [pool.submit(work, part) for part in self.parts]
            try:
                for future in running:
                    yield future.result()
            finally:
                for future in running:
                    future.cancel()

    def _period(self) -> pl.Expr:
        return period_end(self._frequency, pl.col("date")).alias("period")


def ordered(table: Table, frequency: Frequency) -> Ordered | None:
    """Return the table as parts, or None where it is not known to lie in date order."""
    import pyarrow.parquet as pq

    if not table.parquet or "date" not in table.names:
        return None
    spans = _spans(pq.read_metadata(table.path), table.names["date"])
    if not spans or max(rows for *_, rows in spans) > LARGEST_GROUP:
        return None
    if any(after[0] < before[1] for before, after in pairwise(spans)):
        return None
    columns = ["first", "last", "rows"]
    ends = [period_end(frequency, pl.col(column)).alias(column) for column in columns[:2]]
    return Ordered(table, frequency, pl.DataFrame(spans, schema=columns, orient="row").select(*ends, "rows").rows())


def _spans(metadata: pq.FileMetaData, date: str) -> list[Group] | None:
    """Return first date, last date and rows of every row group; None where a date is missing or is no plain date."""
    groups = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = [group.column(i) for i in range(group.num_columns)]
        found: Any = next((c.statistics for c in columns if c.path_in_schema == date), None)
        if found is None or not found.has_min_max or found.null_count or type(found.min) is not dt.date:
            return None
        if group.num_rows:
            groups.append((found.min, found.max, group.num_rows))
    return groups


def _parts(counted: Sequence[tuple[dt.date, int]]) -> list[Periods]:
    """Cut periods, given with their number of rows, into parts of about `ENOUGH` rows."""
    parts: list[Periods] = []
    waiting: list[dt.date] = []
    rows = 0
    for date, count in counted:
        waiting.append(date)
        rows += count
        if rows >= ENOUGH:
            parts.append(tuple(waiting))
            waiting, rows = [], 0
    return [*parts, tuple(waiting)] if waiting else parts


def _touched(groups: Sequence[Group], first: dt.date, last: dt.date) -> tuple[int, int]:
    """Return the first row and the end of the row groups that may hold rows of the periods from `first` to `last`."""
    row, start, end = 0, -1, 0
    for low, high, rows in groups:
        if low <= last and high >= first:
            start, end = (row if start < 0 else start), row + rows
        row += rows
    return start, end
