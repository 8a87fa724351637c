"""How long jobs tell a person how far they are, without knowing who is watching.

A job calls `progress(done, total, label)`; the command line draws a bar, tests and libraries pass nothing.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called by long jobs; `total` is 0 when it is not known."""

    def __call__(self, done: int, total: int, label: str) -> None:
        """Report that `done` of `total` units are finished; `label` says of what."""


def silent(done: int, total: int, label: str) -> None:
    """Ignore progress (the default everywhere below the command line)."""
