"""A page gives its place back however it ends, and the line in the log says how long it waited."""

import json

import pytest

from dexposure_core.ui import answers
from dexposure_core.ui.running import turns
from tests.app.reading import errors


@pytest.fixture
def gate(monkeypatch):
    made = turns.Turns(1)
    monkeypatch.setattr(turns, "_TURNS", made)
    return made


def test_a_page_gives_its_place_back(gate, visit, simulated, monkeypatch, tmp_path):
    monkeypatch.setenv("DEXPOSURE_LOG", str(tmp_path / "log"))
    held = []
    monkeypatch.setattr(answers, "network", lambda *_: held.append(len(gate._held)) or "It computes.")
    assert errors(visit(simulated, "network")) == []
    assert held == [1]
    assert not gate._held
    assert json.loads((tmp_path / "log").read_text())["waited_ms"] < 1000


def test_a_page_that_breaks_gives_its_place_back(gate, visit, simulated, monkeypatch):
    monkeypatch.setattr(answers, "network", lambda *_: 1 / 0)
    assert errors(visit(simulated, "network")) != []
    assert not gate._held


def test_a_page_that_stops_halfway_gives_its_place_back(gate, visit, tmp_path):
    visit(tmp_path / "nothing here", "network")  # no data: `st.stop`
    assert not gate._held
