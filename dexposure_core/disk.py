"""Files that a kill leaves whole, and one writer at a time: what everything that writes into a shared folder uses.

Errors are the system's own (OSError): the caller knows what the file is for, and says what to do.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import Final

TEMPORARY: Final = ".tmp-"


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in place whole: written beside, flushed to the disk, renamed. What failed leaves nothing behind.

    Raises:
        OSError: when it cannot be written; the old file is then as before.
    """
    beside = path.with_name(f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with beside.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
        settle(path.parent)
    except BaseException:  # an interruption, too
        beside.unlink(missing_ok=True)
        raise


def settle(path: Path) -> None:
    """Flush a file, or a folder's names, to the disk; Windows cannot do the latter and needs not."""
    if sys.platform == "win32" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def lock(handle: int, *, wait: bool) -> None:
    """Hold an open file alone; the system lets go of it when the file is closed, however the process ends.

    Raises:
        OSError: when another process holds it (with `wait` on Windows: for ten seconds).
    """
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
