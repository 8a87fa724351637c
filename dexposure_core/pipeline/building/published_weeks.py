"""The weeks of a published file, made by several processes, a block of successive weeks at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from dexposure_core.network.issuers import protocols_of
from dexposure_core.network.published import from_published
from dexposure_core.pipeline.building.week import Named, Tables, sealed, tables_of
from dexposure_core.pipeline.processes import Workers
from dexposure_core.settings import processors

if TYPE_CHECKING:
    from dexposure_core.sources.published import PublishedFeed

_BLOCK: Final = 5
"""Weeks: more would wait in memory for the blocks before, fewer would make the week before a block twice too often."""
_WORTH_A_PROCESS: Final = 50e6
"""Bytes: less is made by the time another process has started."""

_Block = Sequence[dt.date]


def workers_for(path: str | Path) -> Workers:
    """Return the processes that a published file of its size is worth; they get ready while its dates are searched."""
    with suppress(OSError):  # not there: whoever reads it says so
        return Workers(min(processors(), max(1, int(Path(path).stat().st_size / _WORTH_A_PROCESS))), __name__)
    return Workers(1)


def published_weeks(feed: PublishedFeed, overrides: pl.DataFrame, workers: Workers) -> Iterator[Tables]:
    """Return the tables of every week of a feed, dates ascending.

    Args:
        feed: what is read.
        overrides: token, issuer (null: nobody) of tokens whose issuer a person decided.
        workers: who makes them (see `workers_for`), entered by the caller.
    """
    size = _BLOCK if workers.count > 1 else len(feed.dates)
    # Each block begins with the week before it: its first week is checked against the balances there.
    blocks = [feed.dates[max(0, at - 1) : at + size] for at in range(0, len(feed.dates), size)]
    return workers.spread(_Weeks(feed.portable(), overrides), blocks)


@dataclass(frozen=True)
class _Weeks:
    """Makes the weeks of a block."""

    feed: PublishedFeed
    overrides: pl.DataFrame

    def __call__(self, block: _Block) -> Iterator[Tables]:
        """Yield the sealed tables of a block's weeks after its first, and of that where it is the first of all."""
        first = block[0] == self.feed.dates[0]
        previous = None if first else from_published(self.feed.load_nodes(block[0]), overrides=self.overrides)
        for date in block if first else block[1:]:
            period, names = self._named(date)
            yield sealed(tables_of(period, previous, names))
            previous = period

    def _named(self, date: dt.date) -> Named:
        week = self.feed.load(date)
        period = from_published(week, self.feed.tokens, self.overrides)
        return period, protocols_of(week.protocols, period.nodes["protocol"].unique(), curated_sectors=False)
