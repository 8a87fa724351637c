"""Long jobs side by side: the same results in the same order, what they tell on the way, their errors."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from dexposure_core.errors import BadOption
from dexposure_core.pipeline.apart import apart
from dexposure_core.progress import Progress
from tests.forecast.conftest import TINY
from tests.forecast.worlds import world


def counted(number: int, progress: Progress) -> tuple[int, int]:
    for done in range(number):
        progress(done + 1, number, f"job of {number}")
    if number == 13:
        raise BadOption("13 is refused")
    return os.getpid(), number**2


@pytest.mark.parametrize("workers", [1, 2])
def test_results_and_what_is_told_are_those_of_one_after_the_other(workers: int) -> None:
    told: list[tuple[int, int, str]] = []
    found = apart(counted, [2, 5, 3], workers, lambda *at: told.append(at))
    assert [square for _, square in found] == [4, 25, 9]
    assert told == [(done + 1, n, f"job of {n}") for n in (2, 5, 3) for done in range(n)]
    assert (os.getpid() in {pid for pid, _ in found}) == (workers == 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_refusal_is_raised_here(workers: int) -> None:
    with pytest.raises(BadOption, match="13 is refused"):
        apart(counted, [1, 13], workers)


def slow(number: int, progress: Progress) -> int:
    for done in range(600):
        progress(done, 600, f"job {number}")
        time.sleep(0.1)
    return number


def test_jobs_end_quietly_in_their_midst_when_their_program_is_killed() -> None:
    script = (
        "from dexposure_core.pipeline.apart import apart\n"
        "from tests.pipeline.test_apart import slow\n"
        "apart(slow, [1, 2], 2, lambda *at: print(at, flush=True))\n"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    assert program.stderr is not None
    program.stdout.readline()
    workers = psutil.Process(program.pid).children()
    assert len(workers) == 2
    program.kill()
    assert psutil.wait_procs(workers, timeout=20)[1] == []
    assert program.stderr.read() == ""
    program.stdout.close()
    program.stderr.close()
    program.wait()


def fitted(run, progress):
    from dataclasses import replace

    return replace(run, progress=progress).fit()


def test_weights_trained_side_by_side_are_those_trained_in_turn(tmp_path: Path) -> None:
    from dexposure_core.forecast.learning.training import train

    histories = {"holdings": world(weeks=30, n=10), "flow": world(weeks=29, n=10, seed=3)}
    told: list[str] = []
    aside = train(
        histories, recipe=TINY, checkpoints=tmp_path,
        each=lambda _, runs: apart(fitted, runs, 2, lambda _done, _total, label: told.append(label)),
    )  # fmt: skip
    assert aside.digest == train(histories, recipe=TINY).digest
    assert {label.split(":")[0] for label in told} == {"holdings", "flow"}


def faults(megabytes: int, progress: Progress) -> int:
    """Pages that the system hands out while a block of that size is taken, filled and freed a hundred times."""
    progress(0, 1, "taking memory")
    np.ones(megabytes << 17)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        np.ones(megabytes << 17)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such choice")
def test_a_job_keeps_the_memory_it_frees_for_its_next_step() -> None:
    """Given back at once, each of 100 blocks of 16 MB is 4,096 pages to be handed out anew."""
    assert max(apart(faults, [16, 16], 2)) < 4096 * 10
