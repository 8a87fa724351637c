"""Writing so that a kill at any moment leaves the old file or the new one, and one fetch at a time in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dexposure_core.disk import lock, write_whole
from dexposure_core.errors import BadInput, FetchFailed
from dexposure_core.sources.border import one_line

_LOCK: Final = ".lock"


def write(path: Path, content: bytes) -> None:
    """Put a file in place whole: written beside, flushed to the disk, renamed.

    Raises:
        BadInput: when the folder cannot be written.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        raise BadInput(_unwritable(path, error)) from None


def make(folder: Path) -> Path:
    """Create a folder where there is none.

    Raises:
        BadInput: when that is not possible.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(_unwritable(folder, error)) from None
    return folder


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; the system lets go of it however the process ends.

    Raises:
        FetchFailed: when another process holds it.
        BadInput: when the folder cannot be written.
    """
    try:
        handle = os.open(make(folder) / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise BadInput(_unwritable(folder, error)) from None
    try:
        lock(handle, wait=False)
    except OSError:
        os.close(handle)
        raise FetchFailed(
            one_line(f"{folder}: another fetch is at work here; wait for it or name another --raw")
        ) from None
    try:
        yield
    finally:
        os.close(handle)


def _unwritable(path: Path, error: OSError) -> str:
    reason = (error.strerror or "cannot be written").lower()
    return one_line(f"{path}: {reason}; check its permissions and the space on its disk, or name another --raw")
