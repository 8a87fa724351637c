"""A report is computed once, read back as it was, and computed again when what is kept cannot be read."""

import datetime as dt

import pytest

from dexposure_core import open_store
from dexposure_core.pipeline.checks import cache as check_cache
from dexposure_core.pipeline.checks.cache import kept_report
from dexposure_core.pipeline.checks.report import check
from dexposure_core.store import Store
from tests.store.conftest import WORLD, publish


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DEXPOSURE_CACHE_DIR", raising=False)
    publish(tmp_path / "store", WORLD)
    return open_store(tmp_path / "store")


def test_a_kept_report_is_the_one_that_was_computed(store, tmp_path, monkeypatch):
    made = kept_report(store)
    computed = check(store)
    monkeypatch.setattr(check_cache, "check", None)  # a second computation would fail
    again = kept_report(store)
    for name in ("findings", "dates", "twice"):
        assert getattr(again, name).equals(getattr(made, name), null_equal=True)
        assert getattr(again, name).equals(getattr(computed, name), null_equal=True)
    assert (again.checks, again.quantities) == (computed.checks, computed.quantities)


def test_a_damaged_one_is_computed_again(store, tmp_path):
    kept_report(store)
    (file,) = tmp_path.glob("cache/**/findings.parquet")
    file.write_bytes(b"not a table")
    assert kept_report(store).findings.equals(check(store).findings, null_equal=True)


def test_the_age_is_judged_on_the_day_it_is_read(store):
    def old(report):
        return report.findings.filter(report.findings["finding"] == "old data").height

    assert old(kept_report(store, today=dt.date(2024, 1, 20))) == 0
    assert old(kept_report(store, today=dt.date(2024, 3, 1))) == 1
    assert old(kept_report(store)) == 0
