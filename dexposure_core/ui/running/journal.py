"""One JSON line per page run, for the operator: what was shown, how long it took, how it ended.

`DEXPOSURE_LOG` says where to: a file, or `-` for standard error. A line holds time, level, event, page, milliseconds,
how many of them went by before its turn came, vintage, basis and outcome, and the error's class, message and places in
the code when there was one. It never holds an address, a session, what a visitor typed, or a value of the link other
than vintage and basis: in messages, whatever stands in quotes (errors quote what they were given), values of the link,
web addresses and secrets are left out.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import json
import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import streamlit as st
from streamlit.runtime.scriptrunner import RerunException, StopException

from dexposure_core.settings import load

_ROOT: Final = Path(__file__).resolve().parents[3]
_LEFT_OUT: Final = "‹…›"
_TOLD: Final = "_in_journal"  # set on an exception whose line has been written
_PRIVATE: Final = re.compile(
    r"""'.*'|".*"|“.*”|`.*`"""  # greedy: a quoted value may hold quotes itself
    r"|\b[a-z][a-z0-9+.-]*://\S+"
    r"|\b(?:bearer|basic)\s+\S+"
    r"|\b\S*(?:token|secret|password|passwd|api_?key|authorization|cookie)\S*\s*[=:]\s*(?:(?:bearer|basic)\s+)?\S+",
    re.IGNORECASE | re.DOTALL,
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_LONGEST: Final = 300
_PLACES: Final = 8


@dataclass(kw_only=True)
class _Run:
    page: str
    started: float = field(default_factory=time.perf_counter)
    vintage: str | None = None
    basis: str | None = None
    waited: float = 0.0
    outcome: str = "ok"
    error: BaseException | None = None


_RUN: ContextVar[_Run | None] = ContextVar("page run", default=None)


@contextlib.contextmanager
def page_run(page: str) -> Iterator[None]:
    """Write the line of a page run when the block ends; every exception passes through.

    Outcomes: ok; partial (a part of the page could not be made); refused (no data, or not readable); stopped; rerun
    (another click, or another page, took its place); failed.
    """
    _tell_of_callbacks()
    run = _Run(page=page)
    mark = _RUN.set(run)
    try:
        yield
    except RerunException:
        run.outcome = "rerun"
        raise
    except StopException:
        run.outcome = "stopped" if run.error is None else "refused"
        raise
    except Exception as error:
        run.outcome, run.error = "failed", error
        raise
    finally:
        _RUN.reset(mark)
        _end(run)


def shows(vintage: str, basis: str) -> None:
    """Note what the page of this run shows."""
    if run := _RUN.get():
        run.vintage, run.basis = vintage, basis


def waits(seconds: float) -> None:
    """Note how long this run waited for its turn; its milliseconds hold that too."""
    if run := _RUN.get():
        run.waited = seconds


def meets(error: Exception) -> None:
    """Note an error that the page shows in words instead of failing."""
    if run := _RUN.get():
        run.outcome, run.error = "partial", error


def harmless(message: str, private: tuple[str, ...] = ()) -> str:
    """Return an error's message on one line, without what may be private (see the module), at most 300 long.

    Args:
        message: as the error has it.
        private: texts to leave out wherever they stand, such as the link's values; those under 3 letters stay.
    """
    for value in sorted({v for v in private if len(v) > 2}, key=len, reverse=True):
        message = message.replace(value, _LEFT_OUT)
    told = _PRIVATE.sub(_LEFT_OUT, message).replace(str(Path.home()), "~")
    told = " ".join(_CONTROL.sub(" ", told).split())
    return told if len(told) <= _LONGEST else told[: _LONGEST - 1] + "…"


def _end(run: _Run) -> None:
    level = {"failed": "error", "refused": "warning", "partial": "warning"}.get(run.outcome, "info")
    took = round(1000 * (time.perf_counter() - run.started), 1)
    waited = round(1000 * run.waited, 1)
    seen = {
        "page": run.page,
        "ms": took,
        "waited_ms": waited,
        "vintage": run.vintage,
        "basis": run.basis,
        "outcome": run.outcome,
    }
    _write(level, "page", seen | _about(run.error))


def _about(error: BaseException | None) -> dict[str, Any]:
    if error is None:
        return {}
    with contextlib.suppress(AttributeError):  # some exceptions take no attributes
        setattr(error, _TOLD, True)
    return {"error": type(error).__name__, "message": harmless(str(error), _typed()), "at": _places(error)}


def _typed() -> tuple[str, ...]:
    """Return the texts of this session that came from a visitor."""
    from dexposure_core.ui import controls

    return tuple(map(str, [*st.query_params.to_dict().values(), *controls.parameters().values()]))


def _places(error: BaseException) -> list[str]:
    """Return where the error passed through our own code, innermost last, as `file:line`."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [(Path(f.filename), f.lineno) for f in frames if Path(f.filename).is_relative_to(_ROOT)]
    return [f"{path.relative_to(_ROOT).as_posix()}:{line}" for path, line in ours if ".venv" not in path.parts][
        -_PLACES:
    ]


def _write(level: str, event: str, told: dict[str, Any]) -> None:
    now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = json.dumps({"time": now, "level": level, "event": event, **told}, ensure_ascii=False) + "\n"
    with contextlib.suppress(OSError, ValueError):  # a full disk or a closed stream must not take the dashboard down
        place = load().log
        if place == "-":
            sys.stderr.write(line)
            sys.stderr.flush()
            return
        # opened for each line, so that the file may be moved away by log rotation at any time; one write is one line
        file = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)


class _Callbacks(logging.Filter):
    """Turns Streamlit's own record of an uncaught error into a line of ours: its traceback may hold what was typed."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return True
        if not getattr(error, _TOLD, False):
            _write("error", "error", _about(error))
        return False


@functools.cache
def _tell_of_callbacks() -> None:
    """Watch, once a process, for errors outside page runs: in callbacks, before the page."""
    logging.getLogger("streamlit.error_util").addFilter(_Callbacks())
