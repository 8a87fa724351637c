"""The load test: real visitors on a real dashboard, bounded, on this machine only."""

import json
import os
import subprocess
import sys
import time

import pytest

from dexposure_core.pipeline.bench import serve as bench_serve
from dexposure_core.pipeline.bench.peak import memory_mb
from dexposure_core.settings import EMBEDDED_STORE
from dexposure_core.ui.load.__main__ import _Budget
from dexposure_core.ui.load.visitor import Visitor


@pytest.mark.slow
def test_visitors_click_without_an_error_and_stop_when_asked():
    # far more time than eight pages take, so that it is the eighth click that stops them on any machine
    found = bench_serve.bench_serve(EMBEDDED_STORE, sessions=3, seconds=300, pause=0.2, most=8)
    assert found["errors"] == []
    assert found["failed"] == 0
    assert found["clicks"] == 8
    assert sum(page["clicks"] for page in found["pages"]) == 8
    assert 0 < found["median_s"] <= found["p95_s"] <= found["max_s"]
    assert found["megabytes"] > 0
    if sys.platform == "linux":
        assert 0 < found["memory_mb"]["end"] <= found["memory_mb"]["peak"]
        assert found["processor_s"] > 0


@pytest.mark.parametrize("url", ["http://192.0.2.1:80", "https://127.0.0.1", "http://localhost.attacker.example", "x"])
def test_no_load_is_put_on_another_machine(url):
    with pytest.raises(ValueError, match="this machine only"):
        Visitor(url)


def test_a_dashboard_that_does_not_start_is_told(monkeypatch, tmp_path):
    with pytest.raises(bench_serve.ServeFailed, match="did not start"), bench_serve._served(tmp_path / "nothing"):
        pass


def test_failed_clicks_are_counted_and_leave_the_times_alone():
    clicks = [{"seconds": float(s), "error": ""} for s in range(1, 21)] + [{"seconds": 99.0, "error": "lost"}]
    # 20 good clicks of 1 to 20 s: the median lies between 10 and 11, 19 of 20 are within 19
    assert bench_serve._figures(clicks) == {"clicks": 21, "median_s": 10.5, "p95_s": 19.0, "max_s": 20.0}
    assert bench_serve._figures([]) == {"clicks": 0, "median_s": None, "p95_s": None, "max_s": None}


def test_visitors_that_find_no_door_say_so():
    command = [sys.executable, "-m", "dexposure_core.ui.load", "http://127.0.0.1:9", "1", "5", "1", "10", "1"]
    offered = json.dumps({"dates": ["2025-01-06"], "protocols": ["1"]})
    done = subprocess.run(command, input=offered, capture_output=True, text=True, timeout=60, check=True)
    [line] = done.stdout.splitlines()
    assert json.loads(line)["error"].startswith("no way in")


def test_visitors_stop_at_the_time_or_at_the_number_whichever_comes_first():
    now = time.perf_counter()
    spent = _Budget(now + 3600, 2)
    assert [spent.take() for _ in range(3)] == [True, True, False]
    assert not _Budget(now - 1, 2).take()


def test_the_memory_of_a_process_is_seen():
    assert memory_mb(os.getpid()) > 1 or sys.platform != "linux"
    assert memory_mb(2**22 + 1) == 0.0
