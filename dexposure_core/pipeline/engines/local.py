"""Weeks in this process: a thread for each core, because polars and numpy do their work without Python's lock.

A few weeks are under way at a time, so memory does not grow with their number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import polars as pl

from dexposure_core.network.period import Period
from dexposure_core.pipeline.engines.weeks import Weeks
from dexposure_core.pipeline.week import Named, Tables, each_after_the_other, sealed, tables_of, week_tables
from dexposure_core.settings import processors

_Result = TypeVar("_Result")


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
            for period, names in _through(pool, periods, workers):
                yield partial(_sealed, partial(tables_of, period, previous, names))
                previous = period

        yield from _through(pool, jobs(), workers)


def _sealed(week: Callable[[], Tables]) -> Tables:
    return sealed(week())


def in_order(jobs: Iterable[Callable[[], _Result]], workers: int) -> Iterator[_Result]:
    """Yield the results of jobs in their order, `workers` of them under way at a time and as many done ahead."""
    if workers == 1:
        yield from (job() for job in jobs)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="week") as pool:
        yield from _through(pool, jobs, workers)


def _through(pool: ThreadPoolExecutor, jobs: Iterable[Callable[[], _Result]], ahead: int) -> Iterator[_Result]:
    """Yield the results of jobs in their order, `ahead` of them given to the pool beyond the one waited for."""
    waiting: deque[Future[_Result]] = deque()
    try:
        for job in jobs:
            waiting.append(pool.submit(job))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
