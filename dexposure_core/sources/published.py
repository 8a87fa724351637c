"""The published DeXposure JSON: one week at a time, ascending, in bounded memory.

    {"data": {date: {"nodes": [{"id", "size", "composition"}],
                     "links": [{"source", "target", "size", "composition"}]}}}

A link is the net flow of a week between two protocols (the `flow` basis); compositions give USD per token. The real
files hold null ids, parallel links, self-loops and amounts that are negative or NaN: a `PublishedWeek` carries them as
they are, and building the network counts each one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import polars as pl

from dexposure_core.network.published import PublishedWeek
from dexposure_core.progress import Progress, silent
from dexposure_core.sources.border import SourceFile, refuse
from dexposure_core.sources.published_index import PublishedIndex, index, without_nan
from dexposure_core.sources.published_names import Names
from dexposure_core.sources.published_week import DECODER, NODES_DECODER, RawNodes, RawWeek, tidy

__all__ = ["Names", "PublishedFeed", "read"]

_Raw = TypeVar("_Raw", bound=RawNodes)


class PublishedFeed(Iterator[PublishedWeek]):
    """Iterates the weeks of one file in date order, one in memory at a time.

    Attributes:
        sources: receipts of the files read.
        dates: all dates of the file, ascending, known before the first week is decoded.
        names: names, sectors and token issuers from the metadata and mapping given.
    """

    def __init__(self, found: PublishedIndex, names: Names, progress: Progress = silent) -> None:
        self._index, self._progress = found, progress
        self._next = 0
        self.names = names
        self.sources: tuple[SourceFile, ...] = (found.source, *names.sources)
        self.dates: list[dt.date] = list(found.spans)

    @property
    def protocols(self) -> pl.DataFrame:
        """Return the named protocols: protocol, name, category, sector."""
        return self.names.protocols

    @property
    def tokens(self) -> pl.DataFrame | None:
        """Return the mapping's issuers: token, issuer; None without a mapping."""
        return self.names.tokens

    def __len__(self) -> int:
        return len(self.dates)

    def load(self, date: dt.date) -> PublishedWeek:
        """Return the week of one of `dates`; several threads may call this at a time.

        Raises:
            BadInput: if its content has the wrong type.
        """
        return tidy(self._index.named, date, _decode(self._index, date, DECODER), self.names)

    def load_nodes(self, date: dt.date) -> PublishedWeek:
        """Return the week as if it had no links, which takes a third of the time: who held what, and how large it was.

        Raises:
            BadInput: if the nodes have the wrong type; its links are not looked at.
        """
        raw = RawWeek(nodes=_decode(self._index, date, NODES_DECODER).nodes, links=[])
        return tidy(self._index.named, date, raw, self.names)

    def portable(self) -> PublishedFeed:
        """Return a feed that can be pickled; it reads the weeks as long as this one is there."""
        return PublishedFeed(self._index.portable(), self.names)

    @property
    def bytes(self) -> int:
        """Return the size of all weeks in the file."""
        return sum(stop - start for start, stop in self._index.spans.values())

    def __next__(self) -> PublishedWeek:
        if self._next >= len(self.dates):
            raise StopIteration
        date = self.dates[self._next]
        week = self.load(date)
        self._next += 1
        self._progress(self._next, len(self.dates), f"week {date}")
        return week


def read(
    path: str | Path,
    meta: str | Path | None = None,
    mapping: str | Path | None = None,
    *,
    progress: Progress = silent,
) -> PublishedFeed:
    """Open a published file; the result iterates its weeks (`PublishedWeek`) in date order.

    Args:
        path: the JSON file, of any size.
        meta: `meta_df.csv` (id, name, category).
        mapping: the folder with id_to_info.json, rev_map.json and token_to_protocol.json.
        progress: told of every week.

    Raises:
        BadInput: at once if the file is missing, empty, truncated, not JSON, of another shape, or names a date twice or
            an impossible one; while iterating if a week's content has the wrong type.
    """
    names = Names(meta, mapping)
    return PublishedFeed(index(path, progress), names, progress)


def _decode(found: PublishedIndex, date: dt.date, decoder: msgspec.json.Decoder[_Raw]) -> _Raw:
    text = without_nan(found.chunk(date))
    place, remedy = f"date {date}, after byte {found.spans[date][0]}", "correct it or download the file again"
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        refuse(found.named, f"date {date}", f"wrong shape: {error}", remedy)
    except msgspec.DecodeError as error:
        refuse(found.named, place, f"not valid JSON or truncated ({error})", remedy)
    except UnicodeDecodeError as error:
        refuse(found.named, place, f"not valid UTF-8 ({error.reason})", "save the file with UTF-8 encoding")
