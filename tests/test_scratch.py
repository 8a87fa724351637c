"""A build is dead when nobody holds its lock; whose it is and where it ran does not matter."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dexposure_core import scratch
from dexposure_core.scratch import BUILDING, Scratch, remove_stale


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
    left = tmp_path / f"{BUILDING}{host}-{os.getpid()}-00ff"
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
    folder = tmp_path / f"{BUILDING}elsewhere-999999999-00ff"
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
        tmp_path / f"{BUILDING}{host}-{pid}-00ff"
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
    young = tmp_path / f"{BUILDING}{scratch._host()}-{os.getpid()}-00ff"
    young.mkdir()
    remove_stale(tmp_path)
    assert builds(tmp_path) == [young.name]


@pytest.fixture
def tmpdir_of_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_temporary_folder_is_closed_to_others_and_goes_with_its_holder(tmpdir_of_system: Path) -> None:
    held = scratch.temporary()
    assert stat.S_IMODE(held.path.stat().st_mode) == 0o700
    (held.path / "rows").touch()
    path = held.path
    del held
    assert not path.exists()
    with scratch.temporary() as folder:
        assert folder.is_dir()
    assert builds(tmpdir_of_system) == []


def test_what_a_killed_program_left_is_removed_by_the_next_one(tmpdir_of_system: Path) -> None:
    script = """
import sys
from dexposure_core import scratch
held = scratch.temporary()
(held.path / "rows").write_bytes(b"1" * 1000)
print("held", flush=True)
sys.stdin.read()
"""
    environment = os.environ | {"TMPDIR": str(tmpdir_of_system)}
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        scratch.temporary().remove()
        assert len(builds(tmpdir_of_system)) == 1, "that of a living program stays"
        other.kill()
    assert len(builds(tmpdir_of_system)) == 1
    scratch.temporary().remove()
    assert builds(tmpdir_of_system) == []


def test_of_temporary_folders_only_ones_own_are_removed(
    tmpdir_of_system: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    precious = tmp_path_factory.mktemp("precious")
    (precious / "lock").touch()
    (tmpdir_of_system / f"{scratch.TEMPORARY}here-999999999-00ff").symlink_to(precious)
    scratch.temporary().remove()
    assert (precious / "lock").exists(), "a link is not followed"
    theirs = tmpdir_of_system / f"{scratch.TEMPORARY}here-999999999-00fe"
    theirs.mkdir()
    (theirs / "lock").touch()
    store = tmpdir_of_system / "dexposure-job-store"
    store.mkdir()
    (store / "lock").touch()
    scratch.temporary().remove()
    assert not theirs.exists()
    assert store.is_dir(), "a folder that only begins alike"
    theirs.mkdir()
    (theirs / "lock").touch()
    monkeypatch.setattr("os.getuid", lambda: 4711)
    scratch.temporary().remove()
    assert theirs.is_dir()
