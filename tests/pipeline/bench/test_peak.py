"""The peak of a command counts the processes it starts."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dexposure_core.pipeline.bench.peak import Watch

CHILD = "import time; kept = bytearray(b'x') * 150_000_000; time.sleep(1.5)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}], check=True)"


@pytest.mark.skipif(sys.platform != "linux", reason="the account is Linux's")
def test_a_childs_memory_counts() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT]) as program, Watch(program.pid) as watch:
        assert program.wait() == 0
    assert 150 <= watch.peak_mb < 250


def test_a_process_that_is_gone_has_no_peak() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as program:
        program.wait()
    with Watch(program.pid) as watch:
        pass
    assert watch.peak_mb == 0.0
