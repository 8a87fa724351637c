import datetime as dt
from types import SimpleNamespace

import pytest

from dexposure_core.store import TABLES
from tests.forecast.worlds import world


class MadeUpStore:
    """Only what the evaluation asks of a store: weekly networks of both bases from a date on, and two events."""

    def __init__(self, weeks=30, start=dt.date(2023, 1, 2), n=10, name="made-up"):
        self.histories = {b: world(weeks=weeks, n=n, basis=b, start=start) for b in ("holdings", "flow")}
        self.vintage = name
        self.manifest = SimpleNamespace(simulated=True, frequency="week", content_hash="none")

    def bases(self):
        return tuple(self.histories)

    def dates(self, basis="holdings"):
        return [s.date for s in self.histories[basis]]

    def snapshot(self, date, basis="holdings"):
        return next(s for s in self.histories[basis] if s.date == date)

    def snapshots(self, dates, basis="holdings"):
        return [self.snapshot(date, basis) for date in dates]

    def table(self, name):
        return TABLES[name].empty()


@pytest.fixture
def made_up():
    return MadeUpStore


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEXPOSURE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"
