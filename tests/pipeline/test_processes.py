"""Work in processes: the order of results, errors, killed workers, and a program that is killed while they work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import psutil
import pytest

from dexposure_core.errors import BadInput
from dexposure_core.pipeline.building import published_weeks
from dexposure_core.pipeline.building.ingest import ingest_published
from dexposure_core.pipeline.processes import WorkerLost, spread
from dexposure_core.sources.synthetic_published import write
from dexposure_core.store import open_store


def counted(numbers: list[int]) -> Iterator[tuple[int, int, pl.DataFrame]]:
    """Yield (pid, number, a frame of it), the first part later than the others."""
    if 0 in numbers:
        time.sleep(0.3)
    for number in numbers:
        yield os.getpid(), number, pl.DataFrame({"number": [number], "text": [None], "day": ["2022-05-09"]})


def refused(name: str) -> Iterator[str]:
    yield name
    if name == "bad":
        raise BadInput("file 'x': bad; mend it")
    if name == "odd":
        raise KeyError("odd")
    if name == "dead":
        os.kill(os.getpid(), signal.SIGKILL)


def printing(name: str) -> Iterator[str]:
    sys.stdout.write("to nobody's results")
    sys.stdout.flush()
    yield name


def test_results_come_in_the_order_of_the_parts() -> None:
    parts = [[0, 1], [2], [3, 4, 5], [], [6]]
    found = list(spread(counted, parts, 2))
    assert [number for _, number, _ in found] == list(range(7))
    pids = {pid for pid, _, _ in found}
    assert len(pids) == 2
    assert os.getpid() not in pids
    assert found[3][2].equals(next(iter(counted([3])))[2])


def test_one_worker_is_this_process() -> None:
    assert {pid for pid, _, _ in spread(counted, [[1], [2]], 1)} == {os.getpid()}
    assert list(spread(counted, [], 2)) == []


def test_an_error_is_raised_as_it_was() -> None:
    found = spread(refused, ["fine", "bad", "fine"], 2)
    assert next(found) == "fine"
    with pytest.raises(BadInput, match="file 'x': bad; mend it"):
        list(found)


def test_any_other_error_comes_with_where_it_happened() -> None:
    with pytest.raises(RuntimeError, match=r"in refused(?s:.*)KeyError: 'odd'"):
        list(spread(refused, ["odd", "fine"], 2))


def test_a_killed_worker_is_reported() -> None:
    with pytest.raises(WorkerLost, match="status -9, perhaps for want of memory; try again"):
        list(spread(refused, ["dead", "fine"], 2))


def test_what_the_work_prints_disturbs_nothing() -> None:
    assert list(spread(printing, ["a", "b"], 2)) == ["a", "b"]


def test_workers_end_when_their_program_is_killed() -> None:
    script = (
        "from dexposure_core.pipeline.processes import spread\n"
        "from tests.pipeline.test_processes import counted\n"
        "for found in spread(counted, [[1], [2], [3]], 2):\n"
        "    print(found[0], flush=True)\n"
        "    import time; time.sleep(60)\n"
    )
    program = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    program.stdout.readline()
    workers = psutil.Process(program.pid).children()
    assert len(workers) == 2
    program.kill()
    program.wait()
    program.stdout.close()
    assert psutil.wait_procs(workers, timeout=20)[1] == []


def test_a_published_file_gives_the_same_vintage_in_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "published.json"
    write(file, weeks=13, nodes=60, links=300, seed=3)
    alone = open_store(tmp_path / "alone", ingest_published(file, tmp_path / "alone"))
    monkeypatch.setattr(published_weeks, "_WORTH_A_PROCESS", 1.0)
    monkeypatch.setenv("DEXPOSURE_THREADS", "2")
    several = open_store(tmp_path / "several", ingest_published(file, tmp_path / "several"))
    assert several.vintage == alone.vintage
    assert several.manifest.files == alone.manifest.files


def test_a_broken_week_is_refused_from_a_process_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "published.json"
    write(file, weeks=13, nodes=20, links=40, seed=3)
    text = file.read_text()
    at = text.rindex('"links"')
    file.write_text(text[:at] + text[at:].replace('"size"', '"sighs"', 1))
    monkeypatch.setattr(published_weeks, "_WORTH_A_PROCESS", 1.0)
    monkeypatch.setenv("DEXPOSURE_THREADS", "2")
    with pytest.raises(BadInput, match="wrong shape"):
        ingest_published(file, tmp_path / "store")
    assert not (tmp_path / "store" / "LATEST").exists()
