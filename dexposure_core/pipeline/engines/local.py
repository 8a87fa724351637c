"""Weeks in this process: a thread for each core.

A few weeks are under way at a time, so memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import polars as pl

from dexposure_core.jobs import in_order
from dexposure_core.pipeline.building.week import Tables, sealed, week_tables
from dexposure_core.pipeline.engines.weeks import Weeks
from dexposure_core.settings import processors


def run(weeks: Weeks) -> Iterator[Tables]:
    """Yield the tables of every week, dates ascending."""
    return in_order(_jobs(weeks), processors())


def _jobs(weeks: Weeks) -> Iterator[Callable[[], Tables]]:
    previous: pl.DataFrame | None = None
    for date, holdings in weeks.rows():
        week = partial(week_tables, date, holdings, previous, weeks.tokens, weeks.names, chains=weeks.chains)
        yield partial(_sealed, week)
        previous = holdings


def _sealed(week: Callable[[], Tables]) -> Tables:
    return sealed(week())
