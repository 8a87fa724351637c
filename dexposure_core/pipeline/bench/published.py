"""Speed and memory of the whole product on a published-shape file of the real size.

Every task runs as a process of its own, as a user would run it, so that imports and start-up count; the
peak is that of the process and those it starts. The reference point is the paper's command line on one date of a
file of this size: 9.0 s and 1.18 GB (measured once on 2 cores, so read the ratio, not the seconds).
"""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dexposure_core import scratch
from dexposure_core.errors import DexposureError
from dexposure_core.pipeline.bench.peak import Watch
from dexposure_core.progress import Progress, silent
from dexposure_core.sources.synthetic_published import write
from dexposure_core.store import open_store

PAPER_TOOL_SECONDS: Final = 9.0


class BenchFailed(DexposureError, RuntimeError):
    """A timed command did not succeed."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a command took: wall and processor seconds, and its peak memory in MB."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


def timed(command: Sequence[str]) -> Usage:
    """Run a command to its end.

    The peak is the process's own or, where it starts others, theirs together. On Linux a process starts with the peak
    of the one that started it (here about 130 MB), so a small peak is an upper bound.

    Raises:
        BenchFailed: when the command exits with another status than 0.
    """
    start = time.perf_counter()
    with tempfile.TemporaryFile() as complaint:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=complaint)  # noqa: S603  our own command
        with Watch(process.pid) as watch:
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        if process.returncode:
            complaint.seek(0)
            last = complaint.read().decode("utf-8", "replace").strip().splitlines()[-1:]
            raise BenchFailed(f"{' '.join(command[-6:])}: exit {process.returncode}: {' '.join(last)}")
    return Usage(
        seconds=seconds, cpu_seconds=usage.ru_utime + usage.ru_stime, peak_mb=max(watch.peak_mb, usage.ru_maxrss / 1024)
    )


def dexposure(*arguments: str) -> Usage:
    """Run `dexposure ARGUMENTS` in a process of its own (see `timed`)."""
    return timed([sys.executable, "-c", "from dexposure_core.cli import main; main()", *arguments])


def bench(
    *, weeks: int = 8, nodes: int = 10_500, links: int = 73_500, repeat: int = 3, progress: Progress = silent
) -> dict[str, Any]:
    """Return the figures of import, report and warm reads as `{"file_mb", "rows": [...]}`."""
    with scratch.temporary() as folder:
        file = folder / "published.json"
        progress(0, 3 * repeat, "generating")
        write(file, weeks=weeks, nodes=nodes, links=links, seed=1)
        rows: list[dict[str, Any]] = []
        runs: list[Usage] = []
        for i in range(repeat):
            progress(i, 3 * repeat, "import, build and measure")
            runs.append(dexposure("--quiet", "--store", f"{folder}/store-{i}", "import", "published", str(file)))
        rows.append(_row("import, build and measure", runs, None))
        runs = []
        for i in range(repeat):
            progress(repeat + i, 3 * repeat, "report")
            runs.append(dexposure("--store", f"{folder}/store-0", "report", "--json"))
        rows.append(_row("one date: all measures and three scenarios", runs, PAPER_TOOL_SECONDS))
        progress(2 * repeat, 3 * repeat, "warm reads")
        rows += _warm_reads(folder / "store-0", repeat)
        return {"file_mb": file.stat().st_size / 1e6, "rows": rows}


def _warm_reads(path: Path, repeat: int) -> list[dict[str, Any]]:
    store = open_store(path)
    last = store.dates("flow")[-1]
    tasks: dict[str, Callable[[], object]] = {
        "warm: open the store, read one snapshot": lambda: open_store(path).snapshot(last, "flow"),
        "warm: measures of all dates": lambda: store.history("tvl_hhi", "flow"),
        "warm: importance of one date": lambda: store.importance(last, "flow"),
    }
    rows = []
    for name, task in tasks.items():
        task()
        runs = []
        for _ in range(max(5, repeat)):
            start = time.perf_counter()
            task()
            runs.append(Usage(seconds=time.perf_counter() - start, cpu_seconds=math.nan, peak_mb=math.nan))
        rows.append(_row(name, runs, None))
    return rows


def _row(task: str, runs: Sequence[Usage], paper_seconds: float | None) -> dict[str, Any]:
    seconds = statistics.median(run.seconds for run in runs)
    peak = max(run.peak_mb for run in runs)
    return {
        "task": task, "seconds": seconds, "peak_mb": None if math.isnan(peak) else peak,
        "versus_paper_tool": None if paper_seconds is None else paper_seconds / seconds,
    }  # fmt: skip
