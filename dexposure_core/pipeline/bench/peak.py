"""The peak memory of a command together with the processes it starts.

The kernel keeps the peak of each process, but not of several at one time, so they are looked at while they run. Each
counts its share of what it shares with others (PSS). Where the system has no such account (it is Linux's), nothing is
found.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_EVERY_SECONDS: Final = 0.2
_SHARE: Final = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


class Watch:
    """Looks at a process and its descendants until the block ends.

    Attributes:
        peak_mb: the largest sum seen, in MB; 0.0 where nothing was seen.
    """

    def __init__(self, pid: int) -> None:
        self.peak_mb = 0.0
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            self.peak_mb = max(self.peak_mb, memory_mb(self._pid))


def memory_mb(pid: int) -> float:
    """Return what a process and its descendants hold now, in MB; 0.0 where the system does not say."""
    return sum(map(_share_mb, _family(pid)))


def _family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    found, at = [pid], 0
    while at < len(found):
        for task in Path(f"/proc/{found[at]}/task").glob("*/children"):
            found += [int(child) for child in _text(task).split()]
        at += 1
    return found


def _share_mb(pid: int) -> float:
    found = _SHARE.search(_text(Path(f"/proc/{pid}/smaps_rollup")))
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # gone since
        return ""
