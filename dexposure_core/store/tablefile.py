"""One table of a vintage, written as the rows come: bounded memory, sorted by date, fingerprinted on the way.

A table with dates is a folder of parts, `<table>/<first date>.parquet`. A part is closed once it holds at least
`ROWS_PER_PART` rows, its row groups once they hold `ROWS_PER_GROUP`; both hold whole dates only, so that a reader of
one date opens one file and touches one row group. Where a part ends depends on nothing but the rows from its first date
on: equal content gives equal files, however it was appended, and a part that an update does not touch stays as it is.
Rows without a date are a part of their own; a table without rows is one file without rows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from dexposure_core.store import canonical
from dexposure_core.store.schema import Table
from dexposure_core.store.sealing import Digest, digest_of

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

ROWS_PER_GROUP: Final = 65_536
ROWS_PER_PART: Final = 131_072
UNDATED: Final = "undated"
EMPTY: Final = "empty"


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of an older vintage.

    Args:
        path: its file.
        digests: of its dates, ascending.
        whole: whether the new vintage has the very same part.
    """

    path: Path
    digests: tuple[Digest, ...]
    whole: bool

    def rows(self) -> dict[dt.date | None, pl.DataFrame]:
        """Return its rows by date."""
        return dict(canonical.by_date(pl.read_parquet(self.path, glob=False)))


def ended(rows: Iterable[int]) -> bool:
    """Return whether a part of so many rows a date is closed for good, so that a later date starts another one.

    It is when it is large enough and its last row group is too: a smaller last group waits for more dates.
    """
    part = group = 0
    for count in rows:
        part, group = part + count, group + count
        if group >= ROWS_PER_GROUP:
            group = 0
    return part >= ROWS_PER_PART and not group


class TableFile:
    """Writer of one table: `append` frames or `keep` dates of an older vintage, in order of date; then `close` once.

    Attributes:
        rows: how many rows it holds.
        paths: the finished files.
        shared: those of them that are files of the older vintage → whether linked (else copied).
        digests: one per date, in order of date once closed.
    """

    def __init__(self, table: Table, folder: Path, *, level: int, older: Mapping[dt.date, Part] | None = None) -> None:
        self.table = table
        self.rows = 0
        self.paths: list[Path] = []
        self.shared: dict[Path, bool] = {}
        self.digests: list[Digest] = []
        self._folder = folder / table.name if table.dated else folder
        self._older = older or {}
        self._level = level
        self._held: list[pl.DataFrame] = []
        self._held_rows = 0
        self._held_sorted = True
        self._held_last = dt.date.min
        self._undated: list[pl.DataFrame] = []
        self._written_last: dt.date | None = None
        self._ordered = True
        self._part_rows = 0
        self._written: dict[Path, int] = {}
        self._known: dict[dt.date | None, Digest] = {}  # of dates whose rows came sealed
        self._open: tuple[Path, dict[dt.date | None, pl.DataFrame]] | None = None  # the part being taken over by date
        self._parquet: pq.ParquetWriter | None = None  # opened by the first rows, which decide its encodings

    def append(self, frame: pl.DataFrame, digest: bytes | None = None) -> None:
        """Add rows; a date's rows may come in several frames.

        Args:
            frame: the rows.
            digest: their fingerprint where they are sealed (see `sealing`).

        Raises:
            ValueError: the frame is not of this table's schema.
        """
        if digest is not None:
            self._append_sealed(frame, digest)
            return
        frame = self.table.check(frame)
        self.rows += len(frame)
        if self.table.dated and frame["date"].null_count():
            self._undated.append(frame.filter(pl.col("date").is_null()))
            frame = frame.filter(pl.col("date").is_not_null())
        if frame.is_empty():
            return
        if self.table.dated:
            self._make_room(*_span(frame["date"]))
        self._hold(frame, in_order=False)

    def keep(self, date: dt.date, share: Callable[[Path, Path], bool]) -> None:
        """Take over a date's rows from the older vintage: with its whole part where that stays as it is.

        Args:
            date: later than every date so far.
            share: makes the second path the same file as the first; returns whether by a link.
        """
        part = self._older.get(date)
        if part is None or (self._written_last is not None and date <= self._written_last):
            return
        if self._held_rows >= ROWS_PER_GROUP:
            self._drain(everything=False)
        if not part.whole or date != part.digests[0].date or self._held or self._parquet is not None:
            if self._open is None or self._open[0] != part.path:
                self._open = part.path, part.rows()
            self._append_sealed(self._open[1][date], next(m.digest for m in part.digests if m.date == date))
            return
        self._folder.mkdir(exist_ok=True)
        path = self._folder / part.path.name
        self.shared[path] = share(part.path, path)
        self.paths.append(path)
        self.rows += sum(mark.rows for mark in part.digests)
        self.digests.extend(part.digests)
        self._written_last = self._held_last = part.digests[-1].date or date

    def close(self) -> bytes:
        """Write what is held back, put dates in order, and return the table's fingerprint.

        Raises:
            RuntimeError: the files do not hold as many rows as were appended.
        """
        import pyarrow.parquet as pq

        self._finish()
        if not self._ordered:
            self._reorder()
        self._write_undated()
        if not self.paths:
            self._write_group(EMPTY if self.table.dated else self.table.name, self.table.empty(), ())
            self._close_part()
        for path in self.paths:
            if path not in self.shared and pq.read_metadata(path).num_rows != self._written[path]:
                raise RuntimeError(f"{path}: not the {self._written[path]} rows that were written")
        if sum(mark.rows for mark in self.digests) != self.rows:
            raise RuntimeError(f"{self.table.name}: not the {self.rows} rows that were appended")
        self.digests.sort(key=lambda d: d.date or dt.date.min)
        return canonical.table_digest(self.table, ((d.date, d.digest) for d in self.digests))

    def abort(self) -> None:
        """Close the file without caring for what it holds."""
        if self._parquet is not None:
            self._parquet.close()

    def _append_sealed(self, rows: pl.DataFrame, digest: bytes) -> None:
        """Add the rows of one date, sorted and of this table's schema, with their fingerprint."""
        if rows.is_empty():
            return
        date = rows["date"][0]
        self.rows += len(rows)
        if new := self._make_room(date, date):
            self._known[date] = Digest(date=date, rows=len(rows), digest=digest)
        self._hold(rows, in_order=new)

    def _hold(self, frame: pl.DataFrame, *, in_order: bool) -> None:
        """Hold rows back; `in_order`: they are sorted, and of one date later than any so far."""
        self._held_sorted = self._held_sorted and in_order
        self._held.append(frame)
        self._held_rows += len(frame)

    def _finish(self) -> None:
        self._drain(everything=True)
        self._close_part()

    def _make_room(self, first: dt.date, last: dt.date) -> bool:
        """Write whole dates before those from first to last are held; return whether these are later than any so far.

        Note when a date comes after it was written.
        """
        new = first > self._held_last
        if new and self._held_rows >= ROWS_PER_GROUP:
            self._drain(everything=False)
        if not new:  # rows were added to these dates, or will be
            self._known = {date: mark for date, mark in self._known.items() if not (date and first <= date <= last)}
        if self._written_last is not None and first <= self._written_last:
            self._ordered = False
        self._held_last = max(self._held_last, last)
        return new

    def _drain(self, *, everything: bool) -> None:
        """Write the row groups that are full, or everything."""
        if not self._held:
            return
        held, in_order = self._held, self._held_sorted
        self._held, self._held_rows, self._held_sorted = [], 0, True
        if not self.table.dated:
            frame = canonical.canonical(pl.concat(held))
            self._write_group(self.table.name, frame, [(None, frame)])
            self._close_part()
            return
        ordered = held if in_order else [canonical.canonical(pl.concat(held))]
        group: list[tuple[dt.date | None, pl.DataFrame]] = []
        size = 0
        for date, rows in (each for frame in ordered for each in canonical.by_date(frame)):
            group.append((date, rows))
            size += len(rows)
            if size >= ROWS_PER_GROUP:
                self._write_dates(group)
                group, size = [], 0
        if group and everything:
            self._write_dates(group)
        elif group:
            self._held = [pl.concat([rows for _, rows in group])]
            self._held_rows = len(self._held[0])

    def _write_dates(self, group: list[tuple[dt.date | None, pl.DataFrame]]) -> None:
        """Write whole dates as one row group, and end the part when it is large enough."""
        self._write_group(str(group[0][0]), pl.concat([rows for _, rows in group]), group)
        self._written_last = group[-1][0]
        if self._part_rows >= ROWS_PER_PART:
            self._close_part()

    def _write_group(
        self, name: str, frame: pl.DataFrame, parts: Iterable[tuple[dt.date | None, pl.DataFrame]]
    ) -> None:
        """Write one row group, in a new part of that name where none is open, and fingerprint its dates."""
        rows = self._arrow(frame)
        if self._parquet is None:
            from dexposure_core.store.encoding import open_parquet

            self._folder.mkdir(exist_ok=True)
            path = self._folder / f"{name}.parquet"
            # Late rows of a date that begins a part already get a place beside it, until all is put in order.
            self.paths.append(path.with_stem(f"{name}-{len(self.paths)}") if path in self._written else path)
            self._parquet = open_parquet(self.paths[-1], rows, level=self._level)
        self._parquet.write_table(rows, row_group_size=max(1, len(frame)))
        self._part_rows += len(frame)
        self._written[self.paths[-1]] = self._part_rows
        self.digests.extend(self._known.get(date) or digest_of(date, rows) for date, rows in parts)

    def _arrow(self, frame: pl.DataFrame) -> pa.Table:
        """Return rows as the file takes them, one column after the other: each is converted by way of a larger one."""
        import pyarrow as pa

        schema = self.table.arrow
        columns = [frame[name].to_arrow().cast(schema.field(name).type) for name in schema.names]
        return pa.Table.from_arrays(columns, schema=schema)

    def _close_part(self) -> None:
        self.abort()
        self._parquet, self._part_rows = None, 0

    def _write_undated(self) -> None:
        if self._undated:
            frame = canonical.canonical(pl.concat(self._undated))
            self._write_group(UNDATED, frame, [(None, frame)])
            self._close_part()

    def _reorder(self) -> None:
        """Write the parts again date by date; the slow way, for sources that do not keep to time."""
        shuffled = self._folder.with_suffix(".shuffled")
        self._folder.rename(shuffled)
        source = pl.scan_parquet([shuffled / path.name for path in self.paths], glob=False)
        dates = source.select("date").unique().sort("date").collect()["date"]
        self.paths, self.digests, self._ordered, self._written_last = [], [], True, None
        self.shared, self._written, self._held_last = {}, {}, dt.date.min
        for date in dates:
            self._make_room(date, date)
            self._hold(source.filter(pl.col("date") == date).collect(), in_order=False)
        self._finish()
        for path in shuffled.iterdir():
            path.unlink()
        shuffled.rmdir()


def _span(dates: pl.Series) -> tuple[dt.date, dt.date]:
    first, last = dates.min(), dates.max()
    if not (isinstance(first, dt.date) and isinstance(last, dt.date)):
        raise TypeError(f"column {dates.name}: not dates")
    return first, last
