"""Whoever computes the weeks, and however many at a time, the vintage is the same file for file."""

from __future__ import annotations

import datetime as dt
import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dexposure_core.errors import BadInput, BadOption, EngineMissing
from dexposure_core.jobs import in_order
from dexposure_core.pipeline.building.ingest import ingest_holdings, ingest_store
from dexposure_core.pipeline.engines import find_engine
from dexposure_core.pipeline.engines.weeks import Weeks
from dexposure_core.store import TABLES, Store, open_store

needs_spark = pytest.mark.skipif(
    importlib.util.find_spec("pyspark") is None or shutil.which("java") is None, reason="pyspark or Java is missing"
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine weeks of 30 protocols: entries and exits, borrowed balances, zeros, missing quantities, unknown tokens."""
    rng, count = np.random.default_rng(5), 2_500
    days = np.sort(rng.integers(0, 9, count))
    tokens = ["DAI", "USDC", "WETH", "stETH", "AAVE", "UNI", "A-B", "UNKNOWN", "XYZ"]
    frame = pl.DataFrame({
        "date": [dt.date(2022, 5, 2) + dt.timedelta(weeks=int(week)) for week in days],
        "protocol_id": [str(n) for n in rng.integers(100, 130, count)],
        "chain": rng.choice(["Ethereum", "Arbitrum", "Ethereum-borrowed"], count),
        "token": rng.choice(tokens, count),
        "quantity": np.round(rng.lognormal(4, 2, count), 3),
        "value_usd": np.round(rng.lognormal(9, 3, count), 2) * (rng.random(count) > 0.05),
    }).unique(["date", "protocol_id", "chain", "token"], maintain_order=True)  # fmt: skip
    frame = frame.with_columns(quantity=pl.when(pl.col("protocol_id") != "107").then("quantity"))
    path = tmp_path_factory.mktemp("input") / "holdings.parquet"
    frame.write_parquet(path, row_group_size=200)
    return path


@pytest.fixture(scope="module")
def local(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("local")
    return open_store(folder, ingest_holdings(file, folder))


def check_same(one: Store, other: Store) -> None:
    assert one.manifest.content_hash == other.manifest.content_hash
    for table in TABLES:
        assert one.table(table).equals(other.table(table)), table
    assert one.manifest.files == other.manifest.files  # name, size and sha256 of every file


@pytest.mark.parametrize("threads", ["1", "2", "3"])
def test_the_number_of_threads_changes_no_byte(
    threads: str, file: Path, local: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEXPOSURE_THREADS", threads)
    check_same(open_store(tmp_path, ingest_holdings(file, tmp_path)), local)


@pytest.fixture
def two_workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from dexposure_core.pipeline.engines.spark import open_session

    monkeypatch.setenv("DEXPOSURE_SPARK_MASTER", "local[2]")
    session = open_session()
    assert session.sparkContext.defaultParallelism == 2
    yield
    session.stop()


@pytest.mark.slow
@needs_spark
@pytest.mark.usefixtures("two_workers")
def test_spark_on_two_workers_equals_this_process(file: Path, local: Store, tmp_path: Path) -> None:
    check_same(open_store(tmp_path, ingest_holdings(file, tmp_path, engine="spark")), local)  # staged as Parquet
    again = [
        open_store(tmp_path, ingest_store(local, tmp_path, chains="all", engine=engine))
        for engine in ("local", "spark")
    ]
    check_same(*again)  # the vintage's own Parquet, with other chains
    assert again[0].manifest.content_hash != local.manifest.content_hash


def test_results_come_in_order_and_only_a_few_are_under_way() -> None:
    begun: list[int] = []

    def jobs() -> Iterator[object]:
        for number in range(20):
            begun.append(number)
            yield lambda number=number: number * number

    results = in_order(jobs(), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    assert len(begun) <= 6
    assert list(results) == [n * n for n in range(3, 20)]


def test_a_week_that_fails_stops_the_build_with_its_own_error() -> None:
    def rows() -> Iterator[tuple[dt.date, pl.DataFrame]]:
        yield dt.date(2022, 5, 2), pl.DataFrame(schema={"protocol": pl.String})
        raise BadInput("file.parquet: row 7: wrong; mend it")

    nothing = pl.DataFrame(schema={"token": pl.String, "issuer": pl.String, "method": pl.String})
    weeks = Weeks(dates=[dt.date(2022, 5, 2)], rows=rows, tokens=nothing, names=nothing)
    with pytest.raises(BadInput, match="row 7"):
        list(find_engine("local")(weeks))


def test_an_engine_that_is_not_there_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadOption, match="did you mean 'spark'"):
        find_engine("sparkk")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    if importlib.util.find_spec("pyspark") is not None:
        with pytest.raises(EngineMissing, match="install a Java 17"):
            find_engine("spark")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineMissing, match="pyspark is not installed"):
        find_engine("spark")
