"""The folder a job works in, and how anyone can tell that its job is dead: nobody holds its lock any more.

A build works in the store (`Scratch`); what is only needed while a program runs lies where the system keeps such files
(`temporary`). Either is removed when its job ends, and after a kill by the next job of its kind.

The kernel lets go of a lock when its process ends, however it ends, also on another host that shares the disk; a
process number would say nothing there, and may be given to somebody else here. Where the disk has no locks, only jobs
of this host whose process is gone are taken for dead.
"""

from __future__ import annotations

import fcntl
import glob
import os
import re
import secrets
import shutil
import socket
import stat
import tempfile
import weakref
from pathlib import Path
from typing import Final

BUILDING: Final = ".building-"
TEMPORARY: Final = "dexposure-job-"
_LOCK: Final = "lock"
_NAME: Final = re.compile(r"(?P<host>.*)-(?P<pid>\d+)-[0-9a-f]+")


class Scratch:
    """A folder `<where>/<prefix><host>-<pid>-<random>` whose lock this process holds until it is removed."""

    def __init__(self, where: Path, prefix: str = BUILDING, mode: int = 0o777) -> None:
        """Make the folder, open to those whom `mode` and the system's mask let in.

        Raises:
            OSError: nothing can be written there.
        """
        while True:  # until no cleaner came between making the folder and locking it
            self.path = where / f"{prefix}{_host()}-{os.getpid()}-{secrets.token_hex(4)}"
            self.path.mkdir(parents=True, mode=mode)
            try:
                self._handle = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT)
            except FileNotFoundError:
                continue
            if _lock(self._handle) is not False and _is_file(self._handle, self.path / _LOCK):
                break
            os.close(self._handle)
        self.remove = weakref.finalize(self, _remove, self.path, self._handle)
        """Remove the folder with all that is left in it, then let go of the lock; once, at the latest at the end."""

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.remove()


def temporary() -> Scratch:
    """Return a folder for what a program needs only while it runs, closed to others, once dead ones are removed.

    Raises:
        OSError: the system's folder for such files (`TMPDIR`) cannot be written.
    """
    where = Path(tempfile.gettempdir())
    remove_stale(where, TEMPORARY)
    return Scratch(where, TEMPORARY, 0o700)


def remove_stale(where: Path, prefix: str = BUILDING) -> None:
    """Remove what dead jobs left; of temporary folders only this user's, for anybody may put some beside them."""
    for path in where.glob(f"{glob.escape(prefix)}*"):
        said = _NAME.fullmatch(path.name.removeprefix(prefix))
        if said is None or (prefix == TEMPORARY and not _own(path)):
            continue
        try:
            handle = os.open(path / _LOCK, os.O_RDWR)
        except OSError:  # no lock yet, or none any more
            if _gone(said):
                shutil.rmtree(path, ignore_errors=True)
            continue
        taken = _lock(handle)
        if taken or (taken is None and _gone(said)):
            shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


def _remove(path: Path, handle: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(handle)


def _own(path: Path) -> bool:
    """Return whether a folder (no link to one) is this user's."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


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


def _gone(said: re.Match[str]) -> bool:
    """Return whether a folder's name tells of a process of this host that is no more."""
    if said["host"] != _host():
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
