"""Forecasts made in a process of their own: the same as here, one process for all, and what happens when it is lost."""

import datetime as dt
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from dexposure_core.errors import UnknownDate
from dexposure_core.pipeline.forecasting.forecast import forecast, forecast_kept
from dexposure_core.pipeline.forecasting.process import MODESTY, Asked, ForecastProcess
from dexposure_core.pipeline.processes import WorkerLost
from dexposure_core.store import open_store


@pytest.fixture(scope="module")
def store():
    return open_store()


@pytest.fixture
def process(monkeypatch, tmp_path):
    monkeypatch.setenv("DEXPOSURE_CACHE_DIR", str(tmp_path / "cache"))
    found = ForecastProcess()
    yield found
    found.close()


@pytest.fixture
def asked(store):
    return Asked(folder=store.path, origin=store.dates()[-6], basis="holdings", horizon=4, forecaster="persistence")


def _children():
    return {child.pid for child in psutil.Process().children()}


def test_it_is_the_forecast_that_is_made_here_and_is_kept(process, asked, store, tmp_path):
    before = _children()
    there = process.forecast(asked)
    assert len(_children() - before) == 1
    here = forecast(store, asked.origin, "holdings", 4, "persistence", cache_dir=tmp_path / "other")
    assert (there.vintage, there.target, there.cached) == (store.vintage, here.target, False)
    assert there.measures.equals(here.measures, null_equal=True)
    assert there.drawn.importance.equals(here.drawn.importance)
    kept = forecast_kept(store, asked.origin, "holdings", 4, "persistence", cache_dir=tmp_path / "cache")
    assert kept is not None
    assert kept.drawn.numbers.equals(there.drawn.numbers)
    assert process.knows("persistence")
    assert not process.knows("dexposure")
    process.close()
    assert _children() == before


def test_pages_go_first_on_scarce_cores(process, asked):
    before = _children()
    process.forecast(asked)
    process.forecast(asked)
    (worker,) = _children() - before
    assert psutil.Process(worker).nice() == psutil.Process().nice() + MODESTY


def test_many_ask_at_once_and_one_process_answers_each_with_its_own(process, asked, store):
    origins = store.dates()[-9:-5]
    found: dict[dt.date, object] = {}

    def ask(origin):
        found[origin] = process.forecast(replace(asked, origin=origin))

    before = _children()
    threads = [threading.Thread(target=ask, args=(origin,)) for origin in origins]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {origin: result.origin for origin, result in found.items()} == {origin: origin for origin in origins}
    assert len(_children() - before) == 1


def test_a_refusal_arrives_as_it_is_and_ends_nothing(process, asked):
    process.forecast(asked)
    pids = _children()
    with pytest.raises(UnknownDate):
        process.forecast(replace(asked, origin=dt.date(1999, 1, 4)))
    assert process.forecast(asked).cached
    assert _children() == pids


def test_a_lost_process_is_said_and_the_next_forecast_has_another(process, asked):
    before = _children()
    process.forecast(asked)
    (pid,) = _children() - before
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pid)], timeout=10)
    with pytest.raises(WorkerLost, match="try again"):
        process.forecast(asked)
    assert not process.knows("persistence")
    assert process.forecast(asked).cached


def test_other_settings_start_another_process(process, asked, monkeypatch, tmp_path):
    process.forecast(asked)
    monkeypatch.setenv("DEXPOSURE_CACHE_DIR", str(tmp_path / "elsewhere"))
    assert not process.forecast(asked).cached
    assert Path(tmp_path / "elsewhere").is_dir()
