"""What a new vintage takes over from an older one: whole parts as they lie, else the rows of single dates.

A part is taken over when every date of the new vintage that falls into it is kept. Where a part ends depends only on
the rows from its first date on (see `tablefile`), so the result is the same as that of a build from nothing.
Files are shared by hard links; where the disk has none they are copied.
"""

from __future__ import annotations

import bisect
import datetime as dt
import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from dexposure_core.errors import CorruptVintage
from dexposure_core.store.manifest import FileRecord
from dexposure_core.store.sealing import Digest
from dexposure_core.store.tablefile import Part, ended

if TYPE_CHECKING:
    from dexposure_core.store.reader import Reader


@dataclass(frozen=True, kw_only=True)
class Shared:
    """How many files of a build are those of the older vintage: linked, or copied where links are impossible."""

    linked: int
    copied: int


class Inheritance:
    """The older vintage as a build sees it.

    Args:
        base: the older vintage, opened.
        dates: every date of the new vintage.
        kept: those whose rows stay as they are.
    """

    def __init__(self, base: Reader, dates: Collection[dt.date], kept: Collection[dt.date]) -> None:
        self.base = base
        self._kept = frozenset(kept)
        self._anew = sorted(set(dates).difference(kept))
        marks = base.table("digests").filter(pl.col("date").is_not_null())
        self._digests = {str(name): rows for (name,), rows in marks.group_by("table_name")}

    def records(self) -> dict[str, FileRecord]:
        """Return the files of the older vintage by their path in it."""
        return self.base.manifest.files

    def inputs(self, also: Collection[dt.date] = ()) -> list[tuple[dt.date, int, str]]:
        """Return date, rows and fingerprint of what the source gave for every kept date and those in `also`."""
        marks = self._digests.get("inputs")
        if marks is None:
            return []
        rows = marks.select("date", "rows", "digest").iter_rows()
        return [(date, count, digest) for date, count, digest in rows if date in self._kept or date in also]

    def parts(self, table: str) -> dict[dt.date, Part]:
        """Return date → the part that holds its rows in a table, for every date with rows."""
        marks = self._digests.get(table)
        if marks is None:
            return {}
        starts, paths = self.base.part_starts(table), self.base.parquet_paths(table)
        found: dict[int, list[Digest]] = {}
        for date, rows, digest in marks.sort("date").select("date", "rows", "digest").iter_rows():
            place = bisect.bisect_right(starts, date) - 1
            if place < 0:
                raise CorruptVintage(f"{self.base.path}: {table} of {date} has no file; import the data again")
            found.setdefault(place, []).append(Digest(date=date, rows=rows, digest=bytes.fromhex(digest)))
        parts = [Part(path=paths[place], digests=tuple(of), whole=self._whole(of)) for place, of in found.items()]
        return {mark.date: part for part in parts for mark in part.digests if mark.date is not None}

    def _whole(self, marks: list[Digest]) -> bool:
        """Return whether the new vintage has this part too: nothing in it changed, and where it ends neither."""
        first, last = marks[0].date, marks[-1].date
        if first is None or last is None:
            return False
        end = last if ended(mark.rows for mark in marks) else dt.date.max
        place = bisect.bisect_left(self._anew, first)
        return place == len(self._anew) or self._anew[place] > end


def share(file: Path, name: Path) -> bool:
    """Give a file a second name; return whether by a link, False when it had to be copied."""
    try:
        os.link(file, name)
    except OSError:
        shutil.copy2(file, name)
        return False
    return True
