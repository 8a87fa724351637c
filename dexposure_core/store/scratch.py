"""The folder a build works in, and how anyone can tell that its build is dead: nobody holds its lock any more.

The kernel lets go of a lock when its process ends, however it ends, also on another host that shares the disk; a
process number would say nothing there, and may be given to somebody else here. Where the disk has no locks, only builds
of this host whose process is gone are taken for dead.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import socket
from pathlib import Path
from typing import Final

PREFIX: Final = ".building-"
_LOCK: Final = "lock"
_NAME: Final = re.compile(re.escape(PREFIX) + r"(?P<host>.*)-(?P<pid>\d+)-[0-9a-f]+")


class Scratch:
    """A folder `<store>/.building-<host>-<pid>-<random>` whose lock this process holds until it is removed."""

    def __init__(self, store: Path) -> None:
        """Make the folder.

        Raises:
            OSError: the store cannot be written.
        """
        while True:  # until no cleaner came between making the folder and locking it
            self.path = store / f"{PREFIX}{_host()}-{os.getpid()}-{secrets.token_hex(4)}"
            self.path.mkdir(parents=True)
            try:
                self._handle = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT)
            except FileNotFoundError:
                continue
            if _lock(self._handle) is not False and _is_file(self._handle, self.path / _LOCK):
                return
            os.close(self._handle)

    def remove(self) -> None:
        """Remove the folder with all that is left in it, then let go of the lock."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._handle)


def remove_stale(store: Path) -> None:
    """Remove what dead builds left in a store."""
    for path in store.glob(f"{PREFIX}*"):
        try:
            handle = os.open(path / _LOCK, os.O_RDWR)
        except OSError:  # no lock yet, or none any more
            if _gone(path):
                shutil.rmtree(path, ignore_errors=True)
            continue
        taken = _lock(handle)
        if taken or (taken is None and _gone(path)):
            shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


def _lock(handle: int) -> bool | None:
    """Take a lock without waiting; None where the disk has no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_file(handle: int, path: Path) -> bool:
    """Return whether an open file still is the one of that name."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _gone(path: Path) -> bool:
    """Return whether the folder's name tells of a process of this host that is no more."""
    said = _NAME.fullmatch(path.name)
    if said is None or said["host"] != _host():
        return False
    try:
        os.kill(int(said["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname()) or "host"
