"""Killed at any moment, a fetch loses at most what was in flight, and the next one ends where an unkilled one ends."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dexposure_core.sources.fetch.raw import RawFolder
from tests.sources.fetch.server import Service, listed, protocol

COMMAND = [sys.executable, "-c", "from dexposure_core.cli import main; main()"]
PROTOCOLS = 150
KILLS = 20


@pytest.fixture
def world(service: Service) -> Service:
    """Many protocols, each holding tokens of the next three."""
    service.put("/protocols", [listed(n, f"P{n}", f"p{n}", f"T{n}", 1e6 + n) for n in range(PROTOCOLS)])
    for n in range(PROTOCOLS):
        held = {f"T{(n + step) % PROTOCOLS}": 1000.0 + 10 * n + step for step in (1, 2, 3)}
        service.put(f"/protocol/p{n}", protocol(n, f"P{n}", f"T{n}", weeks=3, **held))
    service.delay = 0.01
    return service


def start(world: Service, folder: Path, store: Path, *more: str) -> subprocess.Popen[str]:
    arguments = ["--store", str(store), "--json", "fetch", "defillama", "--base-url", world.url, "--raw", str(folder)]
    words = [*COMMAND, *arguments, "--rate", "1000", "--concurrency", "2", *more]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def finish(running: subprocess.Popen[str]) -> dict[str, object]:
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, err
    return json.loads(out)  # type: ignore[no-any-return]


def whole(folder: Path) -> int:
    """Check that whatever a kill left can be read, and return how many payloads there are."""
    raw = RawFolder(folder / "defillama")
    payloads = list(raw.payloads())  # reads and proves every one
    assert all(json.loads(payload.body) for payload in payloads)
    return len(payloads)


def kill_while_fetching(world: Service, folder: Path, store: Path, chance: random.Random) -> None:
    """Start, wait until a few requests arrived, kill somewhere in the next moments."""
    enough = len(world.asked) + chance.randint(1, 7)
    running = start(world, folder, store, "--no-build")
    while len(world.asked) < enough and running.poll() is None:
        time.sleep(0.002)
    time.sleep(chance.uniform(0.0, 0.02))
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()


@pytest.mark.slow
def test_twenty_kills_while_fetching_lose_at_most_what_was_in_flight(world: Service, tmp_path: Path) -> None:
    chance = random.Random(20)  # noqa: S311
    expected = finish(start(world, tmp_path / "calm", tmp_path / "calm-store"))["content_hash"]
    world.asked.clear()
    for _ in range(KILLS):
        kill_while_fetching(world, tmp_path / "raw", tmp_path / "store", chance)
        whole(tmp_path / "raw")
    here, asked = whole(tmp_path / "raw"), len(world.asked)
    assert 0 < here < PROTOCOLS
    assert asked - here <= KILLS * 3  # a kill costs the two requests in flight and the answer on its way to the disk
    assert finish(start(world, tmp_path / "raw", tmp_path / "store"))["content_hash"] == expected
    assert whole(tmp_path / "raw") == PROTOCOLS + 1
    assert len(world.asked) - asked == PROTOCOLS + 1 - here  # nothing was asked for twice
    assert [p.name for p in (tmp_path / "raw").rglob(".tmp*")] == []


@pytest.mark.slow
def test_kills_at_any_moment_of_the_whole_command(world: Service, tmp_path: Path) -> None:
    """From the start of Python to the published vintage: what is visible meanwhile is nothing or all of it."""
    few = ("--protocols", ",".join(f"p{n}" for n in range(20)))
    begin = time.monotonic()
    expected = finish(start(world, tmp_path / "calm", tmp_path / "calm-store", *few))["content_hash"]
    length = time.monotonic() - begin
    chance, store = random.Random(3), tmp_path / "store"  # noqa: S311
    for _ in range(6):
        running = start(world, tmp_path / "raw", store, *few)
        time.sleep(chance.uniform(0.0, length))
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        hashes = [json.loads(p.read_text())["content_hash"] for p in store.glob("*/manifest.json")]
        assert set(hashes) <= {expected}
    assert finish(start(world, tmp_path / "raw", store, *few))["content_hash"] == expected
