"""The weeks of a published file, made by several processes, a block of successive weeks at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from dexposure_core.network.issuers import protocols_of
from dexposure_core.network.published import from_published
from dexposure_core.pipeline.processes import spread
from dexposure_core.pipeline.week import Named, Tables, sealed, tables_of
from dexposure_core.settings import processors

if TYPE_CHECKING:
    from dexposure_core.sources.published import PublishedFeed

_BLOCK: Final = 5
"""Weeks: more would wait in memory for the blocks before, fewer would make the week before a block twice too often."""
_WORTH_A_PROCESS: Final = 50e6
"""Bytes: less is made by the time another process has started."""

_Block = Sequence[dt.date]


def published_weeks(feed: PublishedFeed, overrides: pl.DataFrame) -> Iterator[Tables]:
    """Return the tables of every week of a feed, dates ascending.

    Args:
        feed: what is read.
        overrides: token, issuer (null: nobody) of tokens whose issuer a person decided.
    """
    workers = min(processors(), max(1, int(feed.bytes / _WORTH_A_PROCESS)))
    size = _BLOCK if workers > 1 else len(feed.dates)
    # Each block begins with the week before it: its first week is checked against the balances there.
    blocks = [feed.dates[max(0, at - 1) : at + size] for at in range(0, len(feed.dates), size)]
    return spread(_Weeks(feed.portable(), overrides), blocks, workers)


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
