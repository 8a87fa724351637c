"""Weeks in this process: a thread for each core.

A few weeks are under way at a time, so memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import polars as pl

from dexposure_core.network.period import Period
from dexposure_core.pipeline.engines.weeks import Weeks
from dexposure_core.pipeline.jobs import in_order, through
from dexposure_core.pipeline.week import Named, Tables, each_after_the_other, sealed, tables_of, week_tables
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


def measured_in_order(periods: Iterable[Callable[[], Named]]) -> Iterator[Tables]:
    """Yield the tables of periods that come with the names of their protocols, dates ascending.

    Args:
        periods: make each period; they are called in order, several at a time.
    """
    workers = processors()
    if workers == 1:
        yield from map(sealed, each_after_the_other(make() for make in periods))
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="week") as pool:

        def jobs() -> Iterator[Callable[[], Tables]]:
            previous: Period | None = None
            for period, names in through(pool, periods, workers):
                yield partial(_sealed, partial(tables_of, period, previous, names))
                previous = period

        yield from through(pool, jobs(), workers)


def _sealed(week: Callable[[], Tables]) -> Tables:
    return sealed(week())
