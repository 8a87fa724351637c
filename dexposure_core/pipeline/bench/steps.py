"""The timed steps of `bench data`, each run in a process of its own: `python -m dexposure_core.pipeline.bench.steps`.

A step is named by its first argument, takes paths as the others, and writes what it counted as JSON to the last one.
"""

from __future__ import annotations

import datetime as dt
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from dexposure_core.jobs import in_order
from dexposure_core.measures import measure_all
from dexposure_core.network.build import from_holdings
from dexposure_core.network.issuers import map_tokens
from dexposure_core.network.snapshot import Basis
from dexposure_core.settings import processors
from dexposure_core.store import Store, open_store

_COLUMNS: Final = ("date", "protocol_id", "chain", "token", "quantity", "value_usd")
_READS: Final = 60


def world(scale: str, folder: Path) -> dict[str, Any]:
    """Write the simulated world's holdings as Parquet: all weeks but the last, and the last week, with its names."""
    import pyarrow.parquet as pq

    from dexposure_core.sources import simulate

    feed = simulate.world(scale)
    rows, last = 0, feed.dates[-1]
    feed.protocols.rename({"protocol": "protocol_id"}).drop("tvl_usd", strict=False).write_csv(folder / "protocols.csv")
    feed.tokens.filter(pl.col("issuer").is_not_null()).select("token", "issuer").write_csv(folder / "tokens.csv")
    writer = None
    for date, frame in feed.periods():
        week = frame.rename({"protocol": "protocol_id"}).with_columns(date=pl.lit(date)).select(_COLUMNS)
        rows += week.height
        if date == last:
            week.write_parquet(folder / "last.parquet")
            continue
        table = week.to_arrow()
        writer = writer or pq.ParquetWriter(folder / "holdings.parquet", table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()
    return {"rows": rows, "weeks": len(feed.dates)}


def early(folder: Path, into: Path) -> dict[str, Any]:
    """Write the world's holdings up to the first week of average size, as `world` does: that week apart."""
    holdings = pl.scan_parquet(folder / "holdings.parquet")
    counts = holdings.group_by("date").len().sort("date").collect()
    date = counts.filter(pl.col("len") >= counts["len"].mean())["date"][0]
    into.mkdir()
    holdings.filter(pl.col("date") < date).sink_parquet(into / "holdings.parquet")
    holdings.filter(pl.col("date") == date).sink_parquet(into / "last.parquet")
    for name in ("protocols.csv", "tokens.csv"):
        shutil.copy(folder / name, into / name)
    return {"date": str(date)}


def networks(folder: Path) -> dict[str, Any]:
    """Read holdings with all checks and make both networks of every week, without measuring or writing them."""
    from dexposure_core.sources import holdings

    feed = holdings.read(
        folder / "holdings.parquet", protocols=folder / "protocols.csv", tokens=folder / "tokens.csv"
    )  # fmt: skip
    tokens = map_tokens(feed.tokens, feed.protocols)

    def jobs() -> Iterator[Callable[[], tuple[int, int, int]]]:
        previous: pl.DataFrame | None = None
        for date, rows in feed.periods():
            yield partial(_sizes, date, rows, previous, tokens)
            previous = rows

    counts = list(in_order(jobs(), processors()))
    rows, exposures, flows = (sum(column) for column in zip(*counts, strict=True))
    return {"rows": rows, "exposures": exposures, "flows": flows}


def _sizes(
    date: dt.date, rows: pl.DataFrame, previous: pl.DataFrame | None, tokens: pl.DataFrame
) -> tuple[int, int, int]:
    period = from_holdings(date, rows, previous, tokens)
    return rows.height, period.exposures.height, period.flows.height


def new_week(folder: Path, store_dir: Path) -> dict[str, Any]:
    """Read one week of holdings with all checks and add it to the latest vintage as a new one.

    `seconds` is what adding takes, `read_seconds` what reading took before.
    """
    from dexposure_core.pipeline.building.libraries import BUILDING, load_ahead
    from dexposure_core.pipeline.building.update import update
    from dexposure_core.sources import holdings

    load_ahead(BUILDING)
    start = time.perf_counter()
    feed = holdings.read(
        folder / "last.parquet", protocols=folder / "protocols.csv", tokens=folder / "tokens.csv"
    )  # fmt: skip
    read = time.perf_counter()
    updated = update(feed, "last.parquet", open_store(store_dir), store_dir, kind="holdings")
    seconds = time.perf_counter() - read
    return {
        "computed": len(updated.computed), "kept": updated.kept, "rows": feed.load(feed.dates[-1]).height,
        "read_seconds": read - start, "seconds": seconds,
    }  # fmt: skip


def measures(store_dir: Path) -> dict[str, Any]:
    """Read every snapshot of both bases from the store and take every measure of it."""
    store = open_store(store_dir)
    tasks = [(date, basis) for basis in store.bases() for date in store.dates(basis)]
    done = sum(1 for _ in in_order((partial(_measured, store, *task) for task in tasks), processors()))
    return {"snapshots": done}


def _measured(store: Store, date: dt.date, basis: Basis) -> dict[str, float]:
    return measure_all(store.snapshot(date, basis))


def reads(store_dir: Path) -> dict[str, Any]:
    """Read single snapshots of an open store, each from disk; return the median and the slowest, in seconds."""
    store = open_store(store_dir)
    dates = [(date, basis) for basis in store.bases() for date in store.dates(basis)[-_READS:]]
    store.snapshot(*dates.pop(0))
    times = []
    for date, basis in dates:
        start = time.perf_counter()
        store.snapshot(date, basis)
        times.append(time.perf_counter() - start)
    return {"median": statistics.median(times), "slowest": max(times), "reads": len(times)}


def cold_forecast(store_dir: Path) -> dict[str, Any]:
    """Forecast all horizons from the last date of holdings with the shipped weights, every pair of protocols scored."""
    from dexposure_core.forecast import Dexposure
    from dexposure_core.forecast.known.window import MEMORY
    from dexposure_core.pipeline.building.libraries import FORECASTING, load_ahead

    store = open_store(store_dir)
    history = store.snapshots(store.dates("holdings")[-MEMORY:])
    load_ahead(FORECASTING)
    made = Dexposure().predict_all(history)
    return {"protocols": len(history[-1].protocols), "exposures": len(history[-1].exposure_usd), "horizons": len(made)}


STEPS: Final[dict[str, Callable[..., dict[str, Any]]]] = {
    "world": lambda scale, folder: world(scale, Path(folder)),
    "early": lambda folder, into: early(Path(folder), Path(into)),
    "networks": lambda folder: networks(Path(folder)),
    "new_week": lambda folder, store: new_week(Path(folder), Path(store)),
    "measures": lambda folder: measures(Path(folder)),
    "reads": lambda folder: reads(Path(folder)),
    "cold_forecast": lambda folder: cold_forecast(Path(folder)),
}


def main(arguments: list[str]) -> None:
    """Run one step and write what it counted."""
    step, *given, out = arguments
    Path(out).write_bytes(msgspec.json.encode(STEPS[step](*given)))


if __name__ == "__main__":
    main(sys.argv[1:])
