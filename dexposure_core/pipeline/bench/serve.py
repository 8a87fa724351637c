"""The dashboard under load: many visitors at a time on a real `dexposure serve`, on this machine only.

The server and the visitors are processes of their own and share the machine's cores, so the times are those of a
machine that also drives its own load. A time is from the click to the page's last message: server and wire, no browser.
"""

from __future__ import annotations

import json
import math
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from dexposure_core import scratch
from dexposure_core.errors import DexposureError
from dexposure_core.pipeline.bench.peak import memory_mb
from dexposure_core.pipeline.serving import answers
from dexposure_core.progress import Progress, silent
from dexposure_core.store import open_store

MEDIAN_TARGET: Final = 1.5
P95_TARGET: Final = 4.0
_START_SECONDS: Final = 120.0
_SLACK_SECONDS: Final = 150.0  # a click that began in time may take so long
_PROTOCOLS: Final = 200


class ServeFailed(DexposureError, RuntimeError):
    """The dashboard under test did not start, or stopped by itself."""


def bench_serve(
    store: Path, *, sessions: int = 25, seconds: float = 60.0, pause: float = 5.0, most: int = 100_000, seed: int = 1,
    progress: Progress = silent,
) -> dict[str, Any]:  # fmt: skip
    """Start a dashboard on a store, let visitors click, stop it; return what they saw.

    Args:
        store: folder of vintages.
        sessions: visitors at a time.
        seconds: how long they click.
        pause: seconds between a page and the next click, on average.
        most: clicks of all together after which they stop, whatever the time.
        seed: of their choices.
        progress: told the seconds gone.

    Returns:
        {"sessions", "seconds", "pause", "processor_s", "clicks", "failed", "errors": [...], "median_s", "p95_s",
        "max_s", "megabytes", "memory_mb": {"start", "warm", "end", "peak"},
        "pages": [{"page", "clicks", "median_s", "p95_s", "max_s"}], "median_target_s", "p95_target_s"};
        `warm` is after a third of the time, when caches have filled.

    Raises:
        ServeFailed: when the dashboard does not start or stops by itself.
    """
    with _served(store) as (url, server):
        start = memory_mb(server.pid)
        visitors = _visitors(url, store, sessions, seconds, pause, most, seed)
        begun = _processor_s(server.pid)
        memory, told = _watch(server, visitors, seconds, progress)
        worked = _processor_s(server.pid) - begun
    clicks = [json.loads(line) for line in told.splitlines()]
    return {
        "sessions": sessions, "seconds": seconds, "pause": pause, **_figures(clicks),
        "processor_s": worked,
        "megabytes": sum(c["bytes"] for c in clicks) / 1e6,
        "errors": sorted({f"{c['page']}: {c['error']}" for c in clicks if c["error"]}),
        "failed": sum(bool(c["error"]) for c in clicks),
        "memory_mb": {"start": start, "warm": memory[len(memory) // 3], "end": memory[-1], "peak": max(memory)},
        "pages": [
            {"page": page, **_figures([c for c in clicks if c["page"] == page])}
            for page in sorted({c["page"] for c in clicks})
        ],
        "median_target_s": MEDIAN_TARGET, "p95_target_s": P95_TARGET,
    }  # fmt: skip


def _figures(clicks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    taken = sorted(c["seconds"] for c in clicks if not c["error"])
    at = taken[min(len(taken) - 1, math.ceil(0.95 * len(taken)) - 1)] if taken else None
    return {
        "clicks": len(clicks), "median_s": statistics.median(taken) if taken else None, "p95_s": at,
        "max_s": taken[-1] if taken else None,
    }  # fmt: skip


def _watch(
    server: subprocess.Popen[bytes], visitors: subprocess.Popen[str], seconds: float, progress: Progress
) -> tuple[list[float], str]:
    """Look at the server's memory every second until the visitors are done; return it, and what they wrote."""
    begun, memory = time.monotonic(), [memory_mb(server.pid)]
    while True:
        try:
            told, _ = visitors.communicate(timeout=1.0)
        except subprocess.TimeoutExpired:
            gone = time.monotonic() - begun
            progress(min(int(gone), int(seconds)), int(seconds), "visitors click")
            memory.append(memory_mb(server.pid))
            if server.poll() is not None or gone > seconds + _SLACK_SECONDS:
                visitors.kill()
                visitors.communicate()
                raise ServeFailed("the dashboard stopped under load, or its visitors never came to an end") from None
        else:
            return [*memory, memory_mb(server.pid)], told


def _visitors(url: str, store: Path, *asked: float) -> subprocess.Popen[str]:
    """Start the visitors; `asked` is what `ui.load` takes after the address, in its order."""
    opened = open_store(store)
    last = opened.dates(opened.bases()[0])[-1]
    network = opened.snapshot(last, opened.bases()[0])
    largest = sorted(zip(network.tvl_usd, network.protocols, strict=True), reverse=True)[:_PROTOCOLS]
    offered = {"dates": [str(d) for d in opened.dates(opened.bases()[-1])], "protocols": [str(p) for _, p in largest]}
    command = [sys.executable, "-m", "dexposure_core.ui.load", url, *map(str, asked)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603  our own
    if process.stdin is not None:
        process.stdin.write(json.dumps(offered))
        process.stdin.close()
        process.stdin = None
    return process


def _processor_s(pid: int) -> float:
    """Return the processor seconds that a process has used, all its threads together; NaN where nobody says."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return math.nan
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _served(store: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Yield the address and the process of a fresh dashboard on a free port, with nothing forecast yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-c", "from dexposure_core.cli import main; main()", "--quiet", "--store", str(store), "serve",
        "--host", "127.0.0.1", "--port", str(port), "--no-browser", "--log", "/dev/null",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    cache = scratch.temporary()
    process = subprocess.Popen(  # noqa: S603  our own
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=os.environ | {"DEXPOSURE_CACHE_DIR": str(cache.path)},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not answers(url, 5.0)["ok"]:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServeFailed("the dashboard did not start; say `dexposure serve` to see why")
            time.sleep(0.2)
        yield url, process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        cache.remove()
