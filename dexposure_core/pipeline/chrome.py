"""The Chrome or Chromium of this machine, started for one job and ended after it: it prints a page as PDF.

It runs as the leader of its own group of processes, so that one that hangs costs `timeout` seconds and nothing else.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from dexposure_core.errors import DexposureError

TIMEOUT: Final = 60.0
MISSING: Final = (
    "PDF needs a Chrome or Chromium on this machine: install one, name it in BROWSER_PATH, or take HTML and print that"
)
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_DATES: Final = re.compile(rb"(/(?:Creation|Mod)Date \(D:)\d{14}[+-]\d\d'\d\d'\)")
_NODES: Final = re.compile(rb"\(node(\d{8})\)")
_OFFLINE: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--no-pdf-header-footer",
)  # fmt: skip


class NoPrint(DexposureError, RuntimeError):
    """There is no browser on this machine to print with, or it did not print."""


def find() -> str | None:
    """Return the path of a Chrome or Chromium on this machine (BROWSER_PATH first), None when there is none."""
    named = os.environ.get("BROWSER_PATH")
    return named if named and Path(named).is_file() else next(filter(None, map(shutil.which, _NAMES)), None)


def pdf(page: str, *, made: dt.datetime | None = None, timeout: float = TIMEOUT) -> bytes:
    """Return a self-contained HTML page as PDF.

    Args:
        page: the document.
        made: what the PDF says of when it was made, UTC, so that one page gives the same bytes again; None: now.
        timeout: seconds after which the browser is given up.

    Raises:
        NoPrint: there is no browser, or it did not print in time.
    """
    browser = find()
    if browser is None:
        raise NoPrint(MISSING)
    with tempfile.TemporaryDirectory() as folder:
        source, printed = Path(folder, "page.html"), Path(folder, "page.pdf")
        source.write_text(page, encoding="utf-8")
        profile = f"--user-data-dir={folder}/profile"
        run([browser, *_OFFLINE, profile, f"--print-to-pdf={printed}", source.as_uri()], os.environ, timeout)
        content = printed.read_bytes() if printed.is_file() else b""
    if not content.startswith(b"%PDF"):
        raise NoPrint(f"{browser} printed no PDF within {timeout:.0f} s; take HTML and print it from a browser")
    return content if made is None else numbered(dated(content, made))


def dated(content: bytes, made: dt.datetime) -> bytes:
    """Return a PDF with other dates of making and changing, of the same length: its table of offsets stays right."""
    day = made.strftime("%Y%m%d%H%M%S+00'00'").encode()
    return _DATES.sub(lambda found: found[1] + day + b")", content)


def numbered(content: bytes) -> bytes:
    """Return a PDF with its marked elements numbered from 1, in the order they had, of the same length.

    The browser numbers them by what else it happened to make before, which differs from time to time.
    """
    place = {node: at for at, node in enumerate(sorted(set(_NODES.findall(content))), 1)}
    return _NODES.sub(lambda found: b"(node%08d)" % place[found[1]], content)


def run(command: Sequence[str], environment: Mapping[str, str], timeout: float) -> bool:
    """Run a program in a group of processes of its own and end the whole group; return whether it ended by itself."""
    process = subprocess.Popen(  # noqa: S603  a browser of this machine, or our own interpreter and script
        command, env=dict(environment), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        return False
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return True
