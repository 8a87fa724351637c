"""Publishing: all of a vintage or nothing of it."""

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from dexposure_core.errors import BadInput, NoVintage
from dexposure_core.store import Source, VintageWriter, list_vintages, open_store, vintages

from .conftest import MONDAYS, WORLD, frame, publish

DONE = {"sources": (), "parameters": {}, "frequency": "week", "simulated": False}


def names(store: Path) -> list[str]:
    return sorted(path.name for path in store.iterdir())


def one_day(day: int) -> dict[str, pl.DataFrame]:
    """A vintage whose last snapshot is on that day of January."""
    date = dt.date(2024, 1, day)
    return {"nodes": frame("nodes", (date, "holdings", "A", float(day)))}


def test_a_published_vintage_says_what_it_is(tmp_path: Path) -> None:
    source = Source(name="holdings.csv", bytes=12, sha256="ab" * 32)
    vintage = publish(tmp_path, WORLD, sources=[source], parameters={"chains": "default"}, simulated=True)
    manifest = open_store(tmp_path).manifest
    assert manifest.vintage == vintage == f"2024-01-15-{manifest.content_hash[:10]}"
    assert names(tmp_path) == sorted([vintage, "LATEST"])
    assert (tmp_path / "LATEST").read_text() == vintage + "\n"
    assert manifest.sources == (source,)
    assert (manifest.frequency, manifest.simulated, manifest.parameters) == ("week", True, {"chains": "default"})
    assert (manifest.dates.first, manifest.dates.last, manifest.dates.count) == (MONDAYS[0], MONDAYS[2], 3)
    assert manifest.rows["holdings"] == 10
    assert manifest.created_at.tzinfo is not None
    open_store(tmp_path).verify()


def test_an_exception_leaves_nothing(tmp_path: Path) -> None:
    vintage = publish(tmp_path, WORLD)

    def build() -> None:
        with VintageWriter(tmp_path) as writer:
            writer.append("nodes", one_day(20)["nodes"])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        build()
    assert names(tmp_path) == sorted([vintage, "LATEST"])


def test_a_frame_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="table nodes: missing columns"):
        publish(tmp_path, {"nodes": pl.DataFrame({"date": [MONDAYS[0]]})})
    with pytest.raises(ValueError, match="no table 'edges'"):
        publish(tmp_path, {"edges": WORLD["nodes"]})
    assert names(tmp_path) == []


def test_leaving_without_publishing_leaves_nothing(tmp_path: Path) -> None:
    with VintageWriter(tmp_path) as writer:
        writer.append("nodes", WORLD["nodes"])
        assert len(names(tmp_path)) == 1  # the build
    assert names(tmp_path) == []
    with pytest.raises(NoVintage):
        open_store(tmp_path)


def test_nothing_to_publish_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the input gave no snapshot"):
        publish(tmp_path, {"protocols": WORLD["protocols"]})
    assert names(tmp_path) == []


def test_a_protocol_given_twice_is_refused(tmp_path: Path) -> None:
    twice = pl.concat([WORLD["protocols"], WORLD["protocols"][:1]])
    with pytest.raises(ValueError, match="table protocols: protocol '1' occurs more than once"):
        publish(tmp_path, {**WORLD, "protocols": twice})


def test_a_store_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="file/store: cannot write vintages here"):
        publish(tmp_path / "file" / "store", WORLD)


def test_equal_content_is_stored_once_and_becomes_the_latest_again(tmp_path: Path) -> None:
    first = publish(tmp_path, one_day(8))
    second = publish(tmp_path, one_day(15))
    assert open_store(tmp_path).vintage == second
    assert publish(tmp_path, one_day(8)) == first
    assert open_store(tmp_path).vintage == first
    assert names(tmp_path) == sorted([first, second, "LATEST"])


def test_equal_content_with_other_parameters_is_a_revision(tmp_path: Path) -> None:
    """Measures may differ though the data do not; what a running dashboard reads must not change under it."""
    first = publish(tmp_path, WORLD, parameters={"damping": 0.85})
    second = publish(tmp_path, WORLD, parameters={"damping": 0.5})
    assert second == f"{first}-2"
    assert len({m.content_hash for m in list_vintages(tmp_path)}) == 1
    assert publish(tmp_path, WORLD, parameters={"damping": 0.5}) == second
    assert publish(tmp_path, WORLD, parameters={"damping": 0.85}) == first


def test_equal_content_with_other_measures_is_a_revision(tmp_path: Path) -> None:
    """A mended formula must show; the last bits of a float, which another machine computes otherwise, must not."""
    first = publish(tmp_path, WORLD)
    rounding = WORLD["measures"].with_columns(pl.col("value") * (1 + 1e-13))
    assert publish(tmp_path, {**WORLD, "measures": rounding}) == first
    mended = WORLD["measures"].with_columns(pl.col("value").fill_null(0.0))
    assert publish(tmp_path, {**WORLD, "measures": mended}) == f"{first}-2"
    assert publish(tmp_path, {**WORLD, "measures": mended[1:]}) == f"{first}-3"
    assert open_store(tmp_path).history("tvl_hhi", "holdings")["value"].to_list()[2] == 0.0
    assert publish(tmp_path, WORLD) == first


def test_two_builds_of_the_same_data_at_once_make_one_vintage(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        ids = set(pool.map(lambda _: publish(tmp_path, WORLD), range(8)))
    assert len(ids) == 1
    assert names(tmp_path) == sorted([*ids, "LATEST"])


def test_a_damaged_twin_is_not_reused(tmp_path: Path) -> None:
    first = publish(tmp_path, WORLD)
    (tmp_path / first / "nodes" / "2024-01-01.parquet").unlink()
    second = publish(tmp_path, WORLD)
    assert second == f"{first}-2"
    open_store(tmp_path).verify()


def test_a_crash_before_latest_keeps_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = publish(tmp_path, one_day(8))

    def crash(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(vintages, "point_latest", crash)
    with pytest.raises(OSError):
        publish(tmp_path, one_day(15))
    assert open_store(tmp_path).vintage == old
    assert not [name for name in names(tmp_path) if name.startswith(".")]


def test_a_killed_build_is_invisible_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    old = publish(tmp_path, one_day(8))
    script = """
import sys, time
sys.path.insert(0, sys.argv[2])
from store.conftest import WORLD
from dexposure_core.store import VintageWriter
with VintageWriter(sys.argv[1]) as writer:
    for name, rows in WORLD.items():
        writer.append(name, rows)
    print("built", flush=True)
    time.sleep(60)
"""
    command = [sys.executable, "-c", script, str(tmp_path), str(Path(__file__).parent.parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as build:
        assert build.stdout is not None
        assert build.stdout.readline() == b"built\n"
        assert publish(tmp_path, one_day(9)).startswith("2024-01-09")  # a build beside it is left alone
        assert len([name for name in names(tmp_path) if name.startswith(".building")]) == 1
        os.kill(build.pid, signal.SIGKILL)
        build.wait()
    assert publish(tmp_path, one_day(8)) == old  # the next build works
    assert open_store(tmp_path).vintage == old
    assert not [name for name in names(tmp_path) if name.startswith(".")]
    assert len(list_vintages(tmp_path)) == 2


def test_readers_see_whole_vintages_while_others_are_published(tmp_path: Path) -> None:
    publish(tmp_path, one_day(1))
    stop, seen, wrong = threading.Event(), set(), []

    def read() -> None:
        while not stop.is_set():
            store = open_store(tmp_path)
            day = store.dates()[-1]
            seen.add(day)
            if store.snapshot(day).tvl_usd[0] != day.day:
                wrong.append(day)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for day in range(2, 12):
        publish(tmp_path, one_day(day))
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert len(seen) > 1


def long_table(days: list[int], rows: int) -> list[pl.DataFrame]:
    frames = []
    for day in days:
        ids = pl.Series("protocol", range(rows)).cast(pl.String)
        amounts = pl.Series("tvl_usd", range(rows)).cast(pl.Float64) + day
        date = dt.date(2024, 1, 1) + dt.timedelta(days=day)
        frames.append(pl.DataFrame([ids, amounts]).with_columns(date=pl.lit(date), basis=pl.lit("holdings")))
    return frames


@pytest.mark.parametrize("days", [[0, 1, 2, 3], [2, 0, 3, 1]], ids=["in order", "out of order"])
def test_row_groups_hold_whole_dates_in_order(tmp_path: Path, days: list[int]) -> None:
    with VintageWriter(tmp_path) as writer:
        for rows in long_table(days, 40_000):
            writer.append("nodes", rows[:25_000])
            writer.append("nodes", rows[25_000:])
        writer.publish(**DONE)
    store = open_store(tmp_path)
    metadata = pq.read_metadata(store.parquet_paths("nodes")[0])
    spans = [metadata.row_group(g).column(0).statistics for g in range(metadata.num_row_groups)]
    assert [(s.min.day, s.max.day) for s in spans] == [(1, 2), (3, 4)]  # 80,000 rows each: two whole dates
    assert list(store.snapshot(store.dates()[2]).tvl_usd[:3]) == [2.0, 3.0, 12.0]  # ids "0", "1", "10" on day 2
    assert store.table("nodes")["date"].is_sorted()


def test_order_of_dates_does_not_change_the_vintage(tmp_path: Path) -> None:
    ids = set()
    for days in ([0, 1, 2, 3], [3, 2, 1, 0]):
        with VintageWriter(tmp_path) as writer:
            for rows in long_table(days, 40_000):
                writer.append("nodes", rows)
            ids.add(writer.publish(**DONE))
    assert len(ids) == 1


def test_a_writer_publishes_once(tmp_path: Path) -> None:
    with VintageWriter(tmp_path) as writer:
        writer.append("nodes", WORLD["nodes"])
        writer.publish(**DONE)
        with pytest.raises(RuntimeError, match="already published"):
            writer.publish(**DONE)


def test_equal_content_with_other_books_is_a_revision(tmp_path: Path) -> None:
    """What the input dropped is no content, but the books must tell of it."""
    first = publish(tmp_path, WORLD)
    books = frame("coverage", (MONDAYS[0], "in", "total", 4, 15700), (MONDAYS[0], "mapped", "given", 4, 15700))
    assert publish(tmp_path, {**WORLD, "coverage": books}) == f"{first}-2"
    assert publish(tmp_path, WORLD) == first
