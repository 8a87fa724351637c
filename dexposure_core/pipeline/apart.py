"""A long job on several things at a time, one process for each, that still tells how far it is.

For what holds Python's lock most of the time, such as training one network per basis. The results are those of doing
one after the other, bit by bit: the jobs know nothing of each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Generic, TypeVar

from dexposure_core.pipeline.allocator import keep_freed
from dexposure_core.pipeline.processes import spread
from dexposure_core.progress import Progress, silent

Given = TypeVar("Given")
Result = TypeVar("Result")


def apart(
    work: Callable[[Given, Progress], Result], parts: Sequence[Given], workers: int, progress: Progress = silent
) -> list[Result]:
    """Return `work(part, progress)` of every part, in order, in as many processes as there are workers and parts.

    Args:
        work: told a part and whom to tell how far it is; it, its parts and its results can be pickled.
        parts: what there is to do.
        workers: how many at a time; 1: in this process.
        progress: told what the first unfinished part tells, then at once what the next has told so far.

    Raises:
        WorkerLost: a process was killed.
    """
    if min(workers, len(parts)) < 2:
        return [work(part, progress) for part in parts]
    results: list[Result] = []
    with closing(spread(_Telling(work), parts, workers)) as answers:  # a caller that gives up takes them down
        for answer in answers:
            if isinstance(answer, _Said):
                progress(answer.done, answer.total, answer.label)
            else:
                results.append(answer.result)
    return results


@dataclass(frozen=True)
class _Said:
    done: int
    total: int
    label: str


@dataclass(frozen=True)
class _Done(Generic[Result]):
    result: Result


@dataclass(frozen=True)
class _Telling(Generic[Given, Result]):
    """Does the work on a part and yields what it tells on the way, then its result."""

    work: Callable[[Given, Progress], Result]

    def __call__(self, part: Given) -> Iterator[_Said | _Done[Result]]:
        said: SimpleQueue[_Said | _Done[Result] | BaseException] = SimpleQueue()

        def do() -> None:
            try:
                said.put(_Done(self.work(part, lambda *at: said.put(_Said(*at)))))
            except BaseException as error:  # noqa: BLE001  raised where the part was asked for
                said.put(error)

        keep_freed()  # for the thread, so before it starts
        # A daemon: when the program that asked is gone, telling it fails and the process ends in the midst of it.
        threading.Thread(target=do, daemon=True).start()
        while True:
            told = said.get()
            if isinstance(told, BaseException):
                raise told
            yield told
            if isinstance(told, _Done):
                return
