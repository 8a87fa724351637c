"""A page that breaks leaves a line in the log; the visitor sees that it broke, not why."""

import json

from dexposure_core.ui import answers
from tests.app.reading import errors


def test_a_broken_page_is_told_in_the_log_without_what_was_typed(visit, simulated, monkeypatch, tmp_path):
    log = tmp_path / "log"
    monkeypatch.setenv("DEXPOSURE_LOG", str(log))
    monkeypatch.setattr(answers, "network", lambda *_: 1 / {}["typed"])
    assert errors(visit(simulated, "network", protocol="typed", basis="flow")) != []
    [line] = [json.loads(text) for text in log.read_text().splitlines()]
    assert (line["page"], line["outcome"], line["error"], line["basis"]) == ("network", "failed", "KeyError", "flow")
    assert any(place.startswith("pages/network.py:") for place in line["at"])
    assert "typed" not in log.read_text()


def test_ctrl_c_in_the_middle_of_a_page_ends_it_quietly(visit, simulated, monkeypatch, tmp_path):
    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setenv("DEXPOSURE_LOG", str(tmp_path / "log"))
    monkeypatch.setattr(answers, "network", pressed)
    assert errors(visit(simulated, "network")) == []
    assert json.loads((tmp_path / "log").read_text())["outcome"] == "stopped"
