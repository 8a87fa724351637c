"""Who computes now: at most `PLACES` page runs at a time, first come, first served; the others wait.

Python lets one thread compute at a time. Twenty-five runs that share it all end late, and pass it on thousands of times
a second; one after the other the first ends after its own time and the last no later than before.

A run asks for a place when it begins, before it holds anything, and never again. When it comes to wait for something
that is not its own work (a forecast from the worker process, what another run is computing) it gives its place up for
good and goes on without one. So whoever waits for a place holds no lock of Streamlit's caches, and whoever holds such
a lock never waits for a place: they cannot wait for each other. Nobody waits for ever: a run that has held its place
for `LEASE` seconds no longer counts, and one that has waited for `PATIENCE` seconds goes on without a place.

Fragments, if there are any one day, run without the frame and so without a place: they are a small part of a page, and
the reader is looking at it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

import streamlit as st

PLACES: Final = 2
LEASE: Final = 3.0
PATIENCE: Final = 15.0
_LOOK: Final = 0.25  # seconds between looks at whether the visitor still wants the page


@dataclass(eq=False)
class _Ticket:
    called: threading.Event = field(default_factory=threading.Event)
    since: float = 0.0


class Turns:
    """A number of places and the queue for them; safe to use from many threads."""

    def __init__(self, places: int, *, lease: float = LEASE, patience: float = PATIENCE) -> None:
        self._places, self._lease, self._patience = places, lease, patience
        self._lock = threading.Lock()
        self._queue: deque[_Ticket] = deque()
        self._held: set[_Ticket] = set()

    def take(self, ticket: _Ticket, wanted: Callable[[], object]) -> None:
        """Wait until the ticket holds a place, or for `patience` seconds.

        Args:
            ticket: a new one; hand it to `give_up` whatever happens here.
            wanted: called now and then while waiting; what it raises ends the wait.
        """
        until = time.monotonic() + self._patience
        with self._lock:
            self._queue.append(ticket)
            self._call()
        while not ticket.called.wait(min(_LOOK, max(0.0, until - time.monotonic()))):
            if time.monotonic() >= until:
                return
            wanted()
            with self._lock:
                self._call()  # somebody's lease may have ended

    def give_up(self, ticket: _Ticket) -> None:
        """Give up the ticket's place, or its place in the queue; the next one is called."""
        with self._lock:
            self._held.discard(ticket)
            if ticket in self._queue:
                self._queue.remove(ticket)
            self._call()

    def _call(self) -> None:
        now = time.monotonic()
        self._held = {ticket for ticket in self._held if now - ticket.since < self._lease}
        while self._queue and len(self._held) < self._places:
            ticket = self._queue.popleft()
            ticket.since = now
            self._held.add(ticket)
            ticket.called.set()


_TURNS: Final = Turns(PLACES)
_MINE: ContextVar[_Ticket | None] = ContextVar("turn", default=None)


@contextlib.contextmanager
def turn() -> Iterator[float]:
    """Hold a place while the block runs, waiting for one first; yields the seconds waited.

    A visitor who clicks elsewhere or leaves while waiting ends the run there and then.
    """
    begun, ticket = time.monotonic(), _Ticket()
    mark = _MINE.set(ticket)
    try:
        _TURNS.take(ticket, _wanted)
        _wanted()  # the request may have come just before the turn did
        yield time.monotonic() - begun
    finally:
        _MINE.reset(mark)
        _TURNS.give_up(ticket)


def _wanted() -> None:
    """Raise Streamlit's request to stop, or to run again, if there is one: it does so when the state is read."""
    st.session_state.get("_turn")


def leave() -> None:
    """Give this run's place up for good: it will wait for something that is not its own work."""
    if ticket := _MINE.get():
        _TURNS.give_up(ticket)
