"""Speed and memory of the data side at any size: the figures it is held to, each beside its target.

The targets are for the real dataset (43.7 million rows in 283 weeks, a published file of 1.1 GB) on two cores. A run at
another size (`scale`) says beside each figure what it comes to at that size, in proportion to the rows or bytes. Every
task runs in a process of its own; its peak is that of this process and those it starts.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from dexposure_core import scratch
from dexposure_core.pipeline.bench.published import Usage, dexposure, timed
from dexposure_core.progress import Progress, silent
from dexposure_core.sources.synthetic_published import write

ROWS: Final = 43.7e6
BYTES: Final = 1.1e9
WEEKS: Final = 283
_FAR: Final = 3.0  # beyond this much smaller a run says little of the full size: weeks and starts cost the same in both
_NODES, _LINKS = 4_350, 29_400  # a published week of average size: 283 of them are 1.1 GB


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a task is held to at full size: seconds and, where it matters, MB."""

    seconds: float | None = None
    peak_mb: float | None = None


def bench_data(*, scale: float = 1.0, engines: bool = True, progress: Progress = silent) -> dict[str, Any]:
    """Return `{"scale", "rows", "published_mb", "figures": [...], "engines": [...]}`.

    A figure: task, size, seconds, cpu_seconds, peak_mb, full_seconds (at full size; None when this run is too far from
    it), target_seconds, target_mb.

    Args:
        scale: 1 is the real dataset's size.
        engines: whether to compare the engines; needs pyspark and Java for Spark, without them it is left out.
        progress: told of every task.
    """
    with scratch.temporary() as folder:
        bench = _Bench(folder, scale, progress)
        bench.holdings()
        bench.published()
        bench.simulate()
        compared = bench.engines() if engines else []
        return {
            "scale": scale, "rows": bench.rows, "published_mb": bench.megabytes, "figures": bench.figures,
            "engines": compared,
        }  # fmt: skip


class _Bench:
    """One run: a folder of inputs and stores, and the figures so far."""

    def __init__(self, folder: Path, scale: float, progress: Progress) -> None:
        self.folder, self.scale, self._progress = folder, scale, progress
        self.figures: list[dict[str, Any]] = []
        self.rows, self.megabytes = 0, 0.0
        self.store = folder / "store"

    def holdings(self) -> None:
        """Holdings to networks, to a vintage, one week more, every measure, single reads, a forecast."""
        _, made = self._step("generating holdings", "world", "full" if self.scale == 1 else f"{self.scale:g}")
        self.rows, grow = made["rows"], ROWS / made["rows"]
        size = f"{self.rows / 1e6:.2f} M rows"
        usage, _ = self._step("networks", "networks", folder=self.folder)
        self._figure("holdings to both networks", size, usage, grow, Target(seconds=60, peak_mb=5_000))
        usage = self._cli("vintage", "import", "holdings", f"{self.folder}/holdings.parquet", *self._names())
        self._figure("the same, measured, stressed and written", size, usage, grow, Target())
        self._new_week("one new week of average size, once it is read", self._early())
        self._new_week("the last and largest week, once it is read", self.folder)
        usage, found = self._step("measures", "measures", folder=self.store)
        weeks = WEEKS / max(1, made["weeks"])
        self._figure("all measures of all weeks", f"{made['weeks']} weeks", usage, weeks, Target(seconds=60))
        usage, found = self._step("reads", "reads", folder=self.store)
        read = Usage(seconds=found["median"], cpu_seconds=usage.cpu_seconds, peak_mb=usage.peak_mb)
        self._figure("a date's snapshot, median", f"{found['reads']} reads", read, 1.0, Target(seconds=0.03))
        usage, found = self._step("forecast", "cold_forecast", folder=self.store)
        size = f"{found['protocols']:,} protocols, {found['exposures']:,} exposures"
        self._figure(
            "a forecast of all horizons, cold, all pairs", size, usage, 1.0, Target(seconds=6, peak_mb=3_000)
        )  # fmt: skip

    def _early(self) -> Path:
        """Build the vintage that the first week of average size is added to; return its folder."""
        into = self.folder / "early"
        self._step("the weeks before one of average size", "early", str(self.folder), folder=into)
        self._cli("vintage", "import", "holdings", f"{into}/holdings.parquet", *self._names(), store=into / "store")
        return into

    def _new_week(self, task: str, folder: Path) -> None:
        usage, found = self._step("one new week", "new_week", str(folder), folder=folder / "store")
        week = Usage(seconds=found["seconds"], cpu_seconds=usage.cpu_seconds, peak_mb=usage.peak_mb)
        self._figure(task, f"{found['rows']:,} rows", week, 1.0, Target(seconds=1))

    def published(self) -> None:
        """A published file to a vintage."""
        file, weeks = self.folder / "published.json", max(2, round(WEEKS * self.scale))
        self._progress(0, 0, "generating a published file")
        write(file, weeks=weeks, nodes=_NODES, links=_LINKS, seed=1)
        self.megabytes = file.stat().st_size / 1e6
        usage = self._cli("published", "import", "published", str(file), store=self.folder / "published")
        grow, target = BYTES / file.stat().st_size, Target(seconds=45, peak_mb=500)
        self._figure("published JSON to a vintage", f"{self.megabytes:.0f} MB", usage, grow, target)

    def simulate(self) -> None:
        """The simulated world, generated and built."""
        scale = "full" if self.scale == 1 else f"{self.scale:g}"
        usage = self._cli("simulate", "simulate", "--scale", scale, store=self.folder / "simulated")
        target = Target(seconds=300, peak_mb=6_000)
        self._figure("simulate, with its vintage", f"{self.rows / 1e6:.2f} M rows", usage, ROWS / self.rows, target)

    def engines(self) -> list[dict[str, Any]]:
        """Rebuild the vintage of the world on every engine that is there; return engine, seconds, per_million."""
        from dexposure_core.errors import EngineMissing
        from dexposure_core.pipeline.engines import ENGINES, find_engine

        found = []
        for engine in ENGINES:
            try:
                find_engine(engine)
            except EngineMissing:
                continue
            usage = self._cli(f"engine {engine}", "build", "--chains", "all", "--engine", engine, store=self.store)
            found.append({
                "engine": engine, "seconds": usage.seconds, "rows": self.rows,
                "seconds_per_million": usage.seconds / self.rows * 1e6, "peak_mb": usage.peak_mb,
            })  # fmt: skip
        return found

    def _names(self) -> tuple[str, ...]:
        return "--protocols", f"{self.folder}/protocols.csv", "--tokens", f"{self.folder}/tokens.csv"

    def _cli(self, label: str, *arguments: str, store: Path | None = None) -> Usage:
        self._progress(len(self.figures), 0, label)
        return dexposure("--quiet", "--store", str(store or self.store), *arguments)

    def _step(self, label: str, step: str, *given: str, folder: Path | None = None) -> tuple[Usage, dict[str, Any]]:
        """Run a step of `steps` in a process of its own; return what it took and what it counted."""
        self._progress(len(self.figures), 0, label)
        out = self.folder / f"{step}.json"
        paths = [*given, str(folder or self.folder), str(out)]
        usage = timed([sys.executable, "-m", "dexposure_core.pipeline.bench.steps", step, *paths])
        return usage, msgspec.json.decode(out.read_bytes())

    def _figure(self, task: str, size: str, usage: Usage, grow: float, target: Target) -> None:
        self.figures.append({
            "task": task, "size": size, "seconds": usage.seconds, "cpu_seconds": usage.cpu_seconds,
            "peak_mb": usage.peak_mb, "full_seconds": usage.seconds * grow if grow <= _FAR else None,
            "target_seconds": target.seconds, "target_mb": target.peak_mb,
        })  # fmt: skip
