"""When to ask: turns, waits and what a service may ask for, on a clock that does not wait."""

from __future__ import annotations

import datetime as dt
import threading
import time

import pytest

from dexposure_core.errors import FetchFailed
from dexposure_core.sources.fetch.pace import Clock, Pace, retry_after, wait_after
from tests.sources.fetch.conftest import Invented


def test_turns_come_at_the_rate(clock: Invented) -> None:
    pace, starts = Pace(4.0, clock=clock), []
    for _ in range(5):
        pace.take()
        starts.append(clock.time - 1000.0)
    assert starts == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])


def test_a_burst_comes_at_once_and_is_saved_up_while_nothing_is_asked(clock: Invented) -> None:
    pace = Pace(2.0, burst=3, clock=clock)
    for _ in range(3):
        pace.take()
    assert clock.time == 1000.0
    pace.take()
    assert clock.time == pytest.approx(1000.5)
    clock.time += 60.0
    for _ in range(3):
        pace.take()
    assert clock.time == pytest.approx(1060.5)  # three, not more, were saved up


def test_a_hold_keeps_everybody_back(clock: Invented) -> None:
    pace = Pace(1000.0, clock=clock)
    pace.take()
    pace.hold(30.0)
    pace.take()
    assert clock.time >= 1030.0


def test_waits_double_with_jitter_up_to_a_minute(clock: Invented) -> None:
    assert [wait_after(tried, None, clock) for tried in (1, 2, 3, 6, 7, 50)] == [1, 2, 4, 32, 60, 60]
    clock.jitter = lambda: 0.0  # type: ignore[method-assign]
    assert wait_after(3, None, clock) == 2.0  # never less than half
    assert wait_after(3, 10.0, clock) == pytest.approx(10.2)  # never less than asked


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120.0), (" 0 ", 0.0), (None, None), ("", None), ("soon", None), ("-5", None), ("1e9", None),
     ("Mon, 02 Mar 2026 12:01:30 GMT", 90.0), ("Mon, 02 Mar 2026 11:00:00 GMT", 0.0),
     ("Mon, 02 Mar 2026 13:01:30 +0100", 90.0), ("9" * 400, 999_999_999.0)],
)  # fmt: skip
def test_retry_after(text: str | None, seconds: float | None, clock: Invented) -> None:
    assert retry_after(text, clock) == seconds  # the clock says 2026-03-02 12:00:00


def test_the_real_clock_waits_and_can_be_stopped() -> None:
    clock = Clock()
    before = time.monotonic()
    clock.sleep(0.01)
    assert time.monotonic() - before >= 0.01
    assert 0.0 <= clock.jitter() <= 1.0
    assert abs(clock.now() - dt.datetime.now(dt.UTC)) < dt.timedelta(seconds=5)
    threading.Timer(0.02, clock.stop).start()
    with pytest.raises(FetchFailed, match="stopped; run the same command again"):
        clock.sleep(60.0)
    with pytest.raises(FetchFailed, match="stopped"):
        Pace(1.0, clock=clock).take()
