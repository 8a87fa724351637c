"""Weeks on Apache Spark: the same function as everywhere (`building.week`), mapped over the weeks of a Parquet table.

Spark reads the holdings, brings the rows of each week together with those of the week before (a cogroup on the date),
calls the function in Python workers and keeps the tables, packed as Arrow, on the executors' disks. The driver takes
them in date order and writes the vintage. So what has to be reachable from every executor is only the Parquet input.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import io
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from dexposure_core import scratch, settings
from dexposure_core.errors import EngineMissing
from dexposure_core.pipeline.building.week import Tables, sealed, week_tables
from dexposure_core.pipeline.engines.weeks import Weeks

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS: Final = ("date", "protocol", "chain", "token", "quantity", "value_usd")
_PACKED: Final = "date date, name string, rows binary"
_PARTITIONS_PER_CORE: Final = 4
_QUIET: Final = {
    "spark.ui.enabled": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    # The work is done in Python: a JVM that lives for minutes better not spend half its time on compiling itself.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC "
    f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties')}",
    "spark.ui.showConsoleProgress": "false",
}
_SESSION: Final = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "200000",
    # The vintage's files use encodings that Spark's own column reader does not know; the Parquet library's does.
    "spark.sql.parquet.enableVectorizedReader": "false",
}


class Spark:
    """The engine: opens a session when it is called, and stops it when the weeks are done.

    Raises:
        EngineMissing: when pyspark or Java is not installed.
    """

    def __init__(self) -> None:
        if importlib.util.find_spec("pyspark") is None:
            raise EngineMissing("--engine spark: pyspark is not installed; pip install 'dexposure-monitor[spark]'")
        home = os.environ.get("JAVA_HOME")
        if shutil.which("java") is None and not (home and Path(home, "bin", "java").exists()):
            raise EngineMissing("--engine spark: no Java found; install a Java 17 runtime or set JAVA_HOME")

    def __call__(self, weeks: Weeks) -> Iterator[Tables]:
        """Yield the tables of every week, dates ascending; a session that is already there is used and left alone."""
        from pyspark.sql import SparkSession

        running = SparkSession.getActiveSession()
        session = running or open_session()
        try:
            if weeks.files:
                yield from _mapped(session, weeks, [str(path) for path in weeks.files])
            else:
                with scratch.temporary() as folder:
                    yield from _mapped(session, weeks, _staged(weeks, folder))
        finally:
            if running is None:
                session.stop()


def open_session() -> Any:
    """Start Spark as the settings say: on this machine, on loopback and without a web page, or on their master."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)  # none is used here
    master, cores = settings.load().spark_master, settings.processors()
    alone = master == "local"
    if master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.appName("dexposure").master(f"local[{cores}]" if alone else master)
    partitions = {"spark.sql.shuffle.partitions": str(cores * _PARTITIONS_PER_CORE)} if alone else {}
    for key, value in (_SESSION | partitions | (_QUIET if master.startswith("local") else {})).items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _staged(weeks: Weeks, folder: Path) -> list[str]:
    """Write the rows as Parquet, a file a week, for a source that does not lie in files Spark can read."""
    paths = []
    for date, holdings in weeks.rows():
        paths.append(str(folder / f"{date}.parquet"))
        holdings.with_columns(date=pl.lit(date)).select(_COLUMNS).write_parquet(paths[-1], compression="lz4")
    return paths


def _mapped(session: Any, weeks: Weeks, paths: Sequence[str]) -> Iterator[Tables]:
    from pyspark import StorageLevel
    from pyspark.sql.functions import broadcast

    holdings, again = (session.read.parquet(*paths).select(*_COLUMNS) for _ in range(2))
    following = session.createDataFrame(list(zip(weeks.dates, weeks.dates[1:], strict=False)), "date date, next date")
    before = again.join(broadcast(following), "date").drop("date").withColumnRenamed("next", "date")
    pairs = holdings.groupBy("date").cogroup(before.groupBy("date"))
    packed = pairs.applyInArrow(_job(weeks), _PACKED).persist(StorageLevel.DISK_ONLY)
    packed.count()  # computes every week once; the ordering below would otherwise do so twice
    rows = packed.orderBy("date", "name").toLocalIterator(prefetchPartitions=True)
    for _, week in groupby(rows, key=lambda row: row["date"]):
        yield {row["name"]: pl.read_ipc(io.BytesIO(row["rows"])) for row in week}


def _job(weeks: Weeks) -> Callable[[tuple[Any, ...], pa.Table, pa.Table], pa.Table]:
    """Return the function that Spark calls for every week: (key, its rows, the rows of the week before) → tables."""
    tokens, names, chains, first = weeks.tokens, weeks.names, weeks.chains, weeks.dates[0]

    def job(key: tuple[Any, ...], now: pa.Table, before: pa.Table) -> pa.Table:
        date: dt.date = key[0].as_py()
        previous = None if date == first else _frame(before)
        return _pack(date, sealed(week_tables(date, _frame(now), previous, tokens, names, chains=chains)))

    return job


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table.drop_columns("date"))
    assert isinstance(frame, pl.DataFrame)  # noqa: S101  a table of columns is never a single one
    return frame


def _pack(date: dt.date, tables: Tables) -> pa.Table:
    """Return a week's tables as rows of date, name and the table as Arrow bytes."""
    import pyarrow as pa

    blocks = []
    for frame in tables.values():
        sink = io.BytesIO()
        frame.write_ipc(sink, compression="zstd")
        blocks.append(sink.getvalue())
    return pa.table(
        {
            "date": pa.array([date] * len(blocks), pa.date32()),
            "name": list(tables),
            "rows": pa.array(blocks, pa.binary()),
        }
    )
