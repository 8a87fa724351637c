"""Jobs done several at a time by threads, their results taken in order.

Threads are enough, because polars and numpy do their work without Python's lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

_Result = TypeVar("_Result")


def in_order(jobs: Iterable[Callable[[], _Result]], workers: int) -> Iterator[_Result]:
    """Yield the results of jobs in their order, `workers` of them under way at a time and as many done ahead."""
    if workers == 1:
        yield from (job() for job in jobs)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="week") as pool:
        yield from through(pool, jobs, workers)


def through(pool: ThreadPoolExecutor, jobs: Iterable[Callable[[], _Result]], ahead: int) -> Iterator[_Result]:
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


def share(workers: int, *jobs: Callable[[], Any]) -> list[Any]:
    """Return the results of jobs of different kinds, `workers` of them done at a time; the longest are best first."""
    return list(in_order(jobs, workers))
