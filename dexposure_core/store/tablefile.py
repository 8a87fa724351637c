"""One Parquet file of a vintage, written as the rows come: bounded memory, sorted by date, fingerprinted on the way.

Rows are held back until at least `ROWS_PER_GROUP` of whole dates are there, so that a row group never cuts a date
and a reader of one date touches one group. Dates that come out of order are put in order when the file is closed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from dexposure_core.store import canonical
from dexposure_core.store.schema import Table

if TYPE_CHECKING:
    import pyarrow.parquet as pq

ROWS_PER_GROUP: Final = 65_536


class TableFile:
    """Writer of one table: `append` frames, then `close` once; `rows` counts what was appended."""

    def __init__(self, table: Table, folder: Path, *, level: int, fingerprint: bool) -> None:
        self.table = table
        self.path = folder / f"{table.name}.parquet"
        self.rows = 0
        self._level = level
        self._fingerprint = fingerprint
        self._held: list[pl.DataFrame] = []
        self._held_rows = 0
        self._held_last = dt.date.min
        self._written_last: dt.date | None = None
        self._ordered = True
        self._digests: list[tuple[dt.date | None, bytes]] = []
        self._parquet: pq.ParquetWriter | None = None  # opened by the first rows, which decide its encodings

    def append(self, frame: pl.DataFrame) -> None:
        """Add rows; a date's rows may come in several frames.

        Raises:
            ValueError: the frame is not of this table's schema.
        """
        frame = self.table.check(frame)
        if frame.is_empty():
            return
        if self.table.dated:
            self._make_room(frame["date"])
        self._held.append(frame)
        self._held_rows += len(frame)
        self.rows += len(frame)

    def close(self) -> bytes:
        """Write what is held back, put dates in order, and return the table's fingerprint.

        Raises:
            RuntimeError: the file does not hold as many rows as were appended.
        """
        import pyarrow.parquet as pq

        self._finish()
        if not self._ordered:
            self._reorder()
        written = pq.read_metadata(self.path).num_rows
        if written != self.rows:
            raise RuntimeError(f"{self.path}: {written} rows on disk, {self.rows} appended")
        return canonical.table_digest(self.table, self._digests)

    def abort(self) -> None:
        """Close the file without caring for what it holds."""
        if self._parquet is not None:
            self._parquet.close()

    def _finish(self) -> None:
        """Write the rest and close; a table without rows is a file without rows."""
        self._flush()
        if self._parquet is None:
            self._write(self.table.empty(), ())
        self.abort()
        self._parquet = None

    def _make_room(self, dates: pl.Series) -> None:
        """Flush whole dates before new ones are held; note when a date comes after it was written."""
        first, last = _span(dates)
        if self._held_rows >= ROWS_PER_GROUP and first > self._held_last:
            self._flush()
        if self._written_last is not None and first <= self._written_last:
            self._ordered = False
        self._held_last = max(self._held_last, last)

    def _flush(self) -> None:
        if not self._held:
            return
        frame = canonical.canonical(pl.concat(self._held))
        self._held, self._held_rows = [], 0
        if not self.table.dated:
            self._write(frame, [(None, frame)])
            return
        group: list[tuple[dt.date | None, pl.DataFrame]] = []
        for part in canonical.by_date(frame):
            group.append(part)
            if sum(len(rows) for _, rows in group) >= ROWS_PER_GROUP:
                self._write(pl.concat([rows for _, rows in group]), group)
                group = []
        if group:
            self._write(pl.concat([rows for _, rows in group]), group)
        self._written_last = self._held_last

    def _write(self, frame: pl.DataFrame, parts: Iterable[tuple[dt.date | None, pl.DataFrame]]) -> None:
        """Write one row group and fingerprint its dates."""
        rows = frame.to_arrow().cast(self.table.arrow)
        if self._parquet is None:
            from dexposure_core.store.encoding import open_parquet

            self._parquet = open_parquet(self.path, rows, level=self._level)
        self._parquet.write_table(rows, row_group_size=max(1, len(frame)))
        if self._fingerprint:
            self._digests.extend((date, canonical.digest(rows)) for date, rows in parts)

    def _reorder(self) -> None:
        """Write the file again date by date; the slow way, for sources that do not keep to time."""
        shuffled = self.path.with_suffix(".shuffled")
        self.path.rename(shuffled)
        source = pl.scan_parquet(shuffled, glob=False)
        dates = source.select("date").unique().sort("date", nulls_last=False).collect()["date"]
        self._digests, self._ordered, self._written_last = [], True, None
        for date in dates:
            self._held.append(source.filter(pl.col("date").eq_missing(date)).collect())
            self._held_rows += len(self._held[-1])
            if self._held_rows >= ROWS_PER_GROUP:
                self._flush()
        self._finish()
        shuffled.unlink()


def _span(dates: pl.Series) -> tuple[dt.date, dt.date]:
    """Return first and last date of a column, a null counting as before every date."""
    low, high = dates.min(), dates.max()
    first = low if isinstance(low, dt.date) and not dates.null_count() else dt.date.min
    return first, high if isinstance(high, dt.date) else dt.date.min
