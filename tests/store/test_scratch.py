"""A build is dead when nobody holds its lock; whose it is and where it ran does not matter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dexposure_core.store import scratch
from dexposure_core.store.scratch import PREFIX, Scratch, remove_stale


def builds(store: Path) -> list[str]:
    return sorted(path.name for path in store.iterdir())


def test_a_living_build_stays_and_leaves_nothing(tmp_path: Path) -> None:
    build = Scratch(tmp_path)
    remove_stale(tmp_path)
    assert builds(tmp_path) == [build.path.name]
    build.remove()
    assert builds(tmp_path) == []


@pytest.mark.parametrize("host", ["elsewhere", "here"])
def test_a_build_of_another_host_is_dead_when_its_lock_is_free(tmp_path: Path, host: str) -> None:
    """Its process number may be that of a process which lives here, and has nothing to do with it."""
    left = tmp_path / f"{PREFIX}{host}-{os.getpid()}-00ff"
    left.mkdir()
    (left / "lock").touch()
    remove_stale(tmp_path)
    assert builds(tmp_path) == []


def test_a_build_of_another_host_lives_while_its_lock_is_held(tmp_path: Path) -> None:
    """Its process number may be that of no process here."""
    script = """
import fcntl, os, sys
os.mkdir(sys.argv[1])
handle = os.open(sys.argv[1] + "/lock", os.O_RDWR | os.O_CREAT)
fcntl.flock(handle, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
    folder = tmp_path / f"{PREFIX}elsewhere-999999999-00ff"
    command = [sys.executable, "-c", script, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        remove_stale(tmp_path)
        assert builds(tmp_path) == [folder.name]
        other.kill()
    remove_stale(tmp_path)
    assert builds(tmp_path) == []


def test_without_locks_only_the_dead_of_this_host_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError("no locks on this disk")

    monkeypatch.setattr("fcntl.flock", none)
    here = scratch._host()
    dead, living, other = (
        tmp_path / f"{PREFIX}{host}-{pid}-00ff"
        for host, pid in ((here, 999999999), (here, os.getpid()), ("elsewhere", 999999999))
    )
    for folder in (dead, living, other):
        folder.mkdir()
        (folder / "lock").touch()
    build = Scratch(tmp_path)
    remove_stale(tmp_path)
    assert builds(tmp_path) == sorted([build.path.name, living.name, other.name])
    build.remove()


def test_a_folder_that_is_not_locked_yet_is_left_to_its_maker(tmp_path: Path) -> None:
    young = tmp_path / f"{PREFIX}{scratch._host()}-{os.getpid()}-00ff"
    young.mkdir()
    remove_stale(tmp_path)
    assert builds(tmp_path) == [young.name]
