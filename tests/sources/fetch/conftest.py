"""A service, and a clock that does not wait."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator

import pytest

from dexposure_core.sources.fetch.pace import Clock
from tests.sources.fetch.server import Service


class Invented(Clock):
    """A clock that jumps instead of sleeping; `slept` are the waits."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []
        self.time, self._lock = 1_000.0, threading.Lock()
        self.day = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)

    def now(self) -> dt.datetime:
        return self.day + dt.timedelta(seconds=self.time - 1_000.0)

    def ticks(self) -> float:
        return self.time

    def jitter(self) -> float:
        return 1.0

    def sleep(self, seconds: float) -> None:
        with self._lock:
            if seconds > 0:
                self.slept.append(seconds)
                self.time += seconds
        super().sleep(0.0)


@pytest.fixture
def clock() -> Invented:
    return Invented()


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service()
    yield running
    running.close()


@pytest.fixture
def another() -> Iterator[Service]:
    running = Service()
    yield running
    running.close()


@pytest.fixture
def calls() -> Callable[..., None]:
    """A progress reporter that keeps what it was told in its attribute `told`."""

    def report(done: int, total: int, label: str) -> None:
        report.told.append((done, total, label))  # type: ignore[attr-defined]

    report.told = []  # type: ignore[attr-defined]
    return report
