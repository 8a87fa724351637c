"""A briefing on disk: HTML or PDF by the name's ending, written whole or not at all."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Final

from dexposure_core.disk import write_whole
from dexposure_core.errors import BadOption
from dexposure_core.pipeline import chrome
from dexposure_core.pipeline.briefing.facts import Ask, gather
from dexposure_core.pipeline.briefing.page import page
from dexposure_core.progress import Progress, silent
from dexposure_core.store import Store

ENDINGS: Final = (".html", ".pdf")


def briefing(store: Store, ask: Ask, *, progress: Progress = silent, made: dt.datetime | None = None) -> str:
    """Return the briefing of one date as a self-contained HTML page.

    Args:
        store: a vintage, or some of its chains.
        ask: date, basis, horizon and the like.
        progress: told what is being computed.
        made: what its line of time says; None: now.

    Raises:
        UnknownDate, UnknownRule, BadOption: see `facts.gather`.
    """
    return page(gather(store, ask, progress), made or dt.datetime.now(dt.UTC))


def write(store: Store, ask: Ask, out: Path, *, progress: Progress = silent, made: dt.datetime | None = None) -> Path:
    """Write the briefing to `out` (.html or .pdf), which is replaced whole or left as it was; return `out`.

    The same `made` (None: now) gives the same bytes.

    Raises:
        BadOption: for another ending, a folder that is not there, or a place that cannot be written.
        NoPrint: a PDF is asked for and there is no browser to print it with; told before anything is computed.
    """
    check(out)
    made = made or dt.datetime.now(dt.UTC)
    html = briefing(store, ask, progress=progress, made=made)
    content = chrome.pdf(html, made=made) if out.suffix == ".pdf" else html.encode()
    try:
        write_whole(out, content)
    except OSError as error:
        raise BadOption(f"--out {out}: cannot be written ({error.strerror})") from None
    return out


def check(out: Path) -> None:
    """Refuse a place that a briefing cannot be written to, before hours or seconds of work.

    Raises:
        BadOption, NoPrint: as `write`.
    """
    if out.suffix not in ENDINGS:
        raise BadOption(f"--out {out}: the name must end in .html or .pdf")
    if not out.parent.is_dir():
        raise BadOption(f"--out {out}: there is no folder {out.parent}; make it first")
    if out.is_dir():
        raise BadOption(f"--out {out}: is a folder; give the name of a file")
    if not os.access(out.parent, os.W_OK):
        raise BadOption(f"--out {out}: the folder {out.parent} cannot be written to")
    if out.suffix == ".pdf" and chrome.find() is None:
        raise chrome.NoPrint(chrome.MISSING)
