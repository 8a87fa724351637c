"""When to ask: a token bucket that all threads share, and the waits after a refusal.

The bucket is the generic cell rate algorithm: every request moves the theoretical arrival time by 1/rate; a request may
start once that time is less than a burst away. Waits double from one second, with jitter so that clients that were
refused together do not come back together; a wait the service asks for (Retry-After) holds back every thread.
"""

from __future__ import annotations

import datetime as dt
import random
import threading
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final

from dexposure_core.errors import FetchFailed

FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 60.0
PATIENCE: Final = 900.0
"""Seconds a service may ask us to wait; more, and the person should come back later instead."""


@dataclass(kw_only=True)
class Clock:
    """Time, as tests may want to invent it; `stop` wakes every sleeper and makes it leave."""

    stopped: threading.Event = field(default_factory=threading.Event)

    def now(self) -> dt.datetime:
        """Return the time of day in UTC."""
        return dt.datetime.now(dt.UTC)

    def ticks(self) -> float:
        """Return seconds of a clock that never goes back."""
        return time.monotonic()

    def jitter(self) -> float:
        """Return a number from 0 to 1, evenly spread."""
        return random.random()  # noqa: S311 -- spreads requests, guards nothing

    def sleep(self, seconds: float) -> None:
        """Wait.

        Raises:
            FetchFailed: when told to stop meanwhile.
        """
        if self.stopped.wait(max(seconds, 0.0)):
            raise FetchFailed("stopped; run the same command again to go on")

    def stop(self) -> None:
        """Make every present and later sleep end at once."""
        self.stopped.set()


class Pace:
    """A token bucket: at most `rate` requests a second over time, at most `burst` at once."""

    def __init__(self, rate: float, burst: int = 1, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self._gap, self._slack = 1.0 / rate, (burst - 1) / rate
        self._lock = threading.Lock()
        self._due = self._held = -float("inf")

    def take(self) -> None:
        """Wait for the next turn."""
        with self._lock:
            now = self.clock.ticks()
            start = max(now, self._due - self._slack)
            self._due = max(self._due, now) + self._gap
        self.clock.sleep(start - now)
        while (left := self._held - self.clock.ticks()) > 0:
            self.clock.sleep(left)

    def hold(self, seconds: float) -> None:
        """Let nobody ask again within `seconds`: what the service asked of one thread holds for all."""
        with self._lock:
            self._held = max(self._held, self.clock.ticks() + seconds)


def wait_after(tried: int, asked: float | None, clock: Clock) -> float:
    """Return the seconds to wait after the `tried`-th failed attempt.

    Args:
        tried: attempts so far, from 1.
        asked: what the service asked for, None when it did not.
        clock: gives the jitter.
    """
    usual = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (tried - 1)) * (0.5 + 0.5 * clock.jitter())
    return usual if asked is None else asked + 0.1 * usual


def retry_after(text: str | None, clock: Clock) -> float | None:
    """Return the seconds a Retry-After header asks for (a number, or an HTTP date); None when it says nothing."""
    if not text:
        return None
    if text.strip().isdecimal():
        return float(text.strip()[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return max(0.0, (moment - clock.now()).total_seconds())
