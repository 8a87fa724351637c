"""Forecasts made in a process of their own, for a server of many visitors.

A forecast is seconds of numbers; in the server's process every page would wait for it at Python's lock, and torch would
stay in its memory for good. Measured on two busy cores: torch's threads, waiting for each other, took 9 processor
seconds for what one thread does in 2. So one worker with one thread makes one forecast after the other, and whoever
only looks at pages does not notice: where cores are scarce pages go first, because they are many and short.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from dexposure_core.errors import DexposureError
from dexposure_core.network import Basis
from dexposure_core.pipeline.allocator import give_back, keep_freed
from dexposure_core.pipeline.forecasting.forecast import forecast
from dexposure_core.pipeline.forecasting.result import ForecastResult
from dexposure_core.pipeline.processes import Worker, WorkerLost
from dexposure_core.store import Store, open_store

MODESTY: Final = 5  # of 20: a third of what a page's thread gets on a core that both want


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One forecast: of which vintage (its folder), from which date and so on, as in `forecast.forecast`."""

    folder: Path
    origin: dt.date
    basis: Basis
    horizon: int
    forecaster: str


def made(asked: Asked) -> Iterator[ForecastResult]:
    """Yield the forecast, from the cache or fresh; what the worker does."""
    _settle()
    store = _opened(asked.folder)
    yield forecast(store, asked.origin, asked.basis, asked.horizon, asked.forecaster)
    give_back()  # all of it that is free, while nobody asks for the next one


@lru_cache(maxsize=1)
def _settle() -> None:
    """Let pages go first, and keep memory from one step of a forecast to the next; once a process.

    A worker's usual way, blocks of 1 MB given back at once, had a full-size forecast fetch 5 GB from the system: 2 of
    its 10 processor seconds.
    """
    keep_freed()
    with suppress(AttributeError, OSError):  # not every system has it, or allows it
        os.nice(MODESTY)


@lru_cache(maxsize=2)
def _opened(folder: Path) -> Store:
    return open_store(folder.parent, folder.name)


class ForecastProcess:
    """The process, started at the first forecast and again after it was lost; safe to use from many threads."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._open = ExitStack()
        self._worker: Worker | None = None
        self._settings: dict[str, str] = {}
        self._made: set[str] = set()

    def knows(self, forecaster: str) -> bool:
        """Return whether it has made a forecast of this forecaster: its libraries are loaded."""
        return forecaster in self._made

    def forecast(self, asked: Asked) -> ForecastResult:
        """Return the forecast; waits for those that were asked for before.

        Raises:
            WorkerLost: the process was killed; the next forecast starts another.
            DexposureError: whatever `pipeline.forecasting.forecast.forecast` refuses.
        """
        with self._turn:
            try:
                found: list[ForecastResult] = list(self._ready().results(asked))
            except DexposureError as error:
                if isinstance(error, WorkerLost):
                    self.close()
                raise
            except BaseException:  # nobody knows how much of the answer was read
                self.close()
                raise
        self._made.add(asked.forecaster)
        return found[0]

    def close(self) -> None:
        """End the process, if it runs."""
        self._worker = None
        self._made.clear()
        self._open.close()

    def _ready(self) -> Worker:
        now = {name: value for name, value in os.environ.items() if name.startswith("DEXPOSURE_")}
        if self._worker is not None and now != self._settings:
            self.close()
        if self._worker is None:
            self._settings = now
            self._worker = self._open.enter_context(Worker())
            self._worker.take(made)
        return self._worker
