"""Every page on every kind of vintage: no error, an answer in words, and SIMULATED where it is."""

import json

import plotly.graph_objects as go
import pytest

from dexposure_core.ui.navigation import PAGES
from tests.app.conftest import EVIL, world
from tests.app.reading import answer, errors, everything, notes

KEYS = [page.key for page in PAGES]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("basis", ["holdings", "flow"])
def test_every_page_answers_in_words(visit, simulated, key, basis):
    page = visit(simulated, key, basis=basis, protocol="1")
    assert errors(page) == []
    assert len(answer(page)) > 20
    assert "SIMULATED DATA" in everything(page)
    # the shipped evaluation is of the embedded data, not of this world, and says so
    assert notes(page).startswith("This skill was measured on other data" if key == "skill" else "")
    assert key == "skill" or notes(page) == ""
    for chart in page.get("plotly_chart"):
        go.Figure(json.loads(chart.proto.spec))  # refuses what Plotly does not know


@pytest.mark.parametrize("key", KEYS)
def test_every_page_takes_a_network_without_tokens(visit, banks, key):
    page = visit(banks, key, date="2021-12-31", protocol="Bank 2")
    assert errors(page) == []
    assert len(answer(page)) > 20
    assert "SIMULATED" not in everything(page)


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS)
def test_every_page_takes_the_first_snapshot(visit, simulated, key):
    page = visit(simulated, key, date="2025-04-07")
    assert errors(page) == []
    assert "2025-04-07" in everything(page)


@pytest.mark.parametrize("key", KEYS)
def test_a_store_without_data_says_what_to_do(visit, tmp_path, key):
    page = visit(tmp_path, key)
    assert errors(page) == []
    assert answer(page) == "There are no data to show yet."
    assert "dexposure import" in everything(page)


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS)
def test_a_name_from_the_data_never_becomes_markup(visit, simulated, key):
    page = visit(simulated, key, protocol="6")
    assert errors(page) == []
    assert "<img src=x" not in everything(page).replace("\\<img", "")
    assert EVIL not in everything(page)


def test_observed_data_are_not_called_simulated(visit, tmp_path):
    world(tmp_path, weeks=3, simulated=False)
    assert "SIMULATED" not in everything(visit(tmp_path, "overview"))


def test_the_header_tells_how_old_the_snapshot_is(visit, simulated):
    said = everything(visit(simulated, "overview", date="2025-08-04"))
    assert "As of <b>2025-08-04</b>" in said
    assert "14 days before the vintage's end" in said


@pytest.mark.parametrize(
    "asked",
    [{"shock": "event", "replay": "svb"}, {"shock": "sector"}, {"shock": "chain"}, {"shock": "token"},
     {"shock": "scenario", "scenario": "lending"}, {"rule": "eisenberg-noe", "pass": "50"}, {"rule": "threshold"},
     {"many": "failures"}, {"many": "draws"}, {"many": "smallest", "over": "tokens"}, {"many": "smallest", "rule":
     "dexposure-loss-sharing"}, {"many": "failures", "past": "1"}, {"many": "ahead", "later": "1"},
     {"shock": "mix", "mix": '{"tokens":{"USDC":0.1},"sectors":{"Lending":0.2}}'}, {"governance": "50"},
     {"rule": "threshold", "lgd": "40"}, {"shock": "mix", "mix": "{broken"}],
    ids=lambda asked: "-".join(asked.values()),
)  # fmt: skip
def test_anything_can_break_by_any_rule(visit, simulated, asked):
    page = visit(simulated, "contagion", **asked)
    assert errors(page) == []
    assert len(answer(page)) > 20


def test_a_mix_is_built_part_by_part(visit, simulated):
    page = visit(simulated, "contagion", shock="mix")
    assert errors(page) == []
    assert "Add what breaks" in answer(page)
    page.button(key="mix-add").click().run()
    assert errors(page) == []
    assert "loses 30 %" in answer(page)
    token = page.selectbox(key="mix-tokens").value
    page.slider(key="mix-share").set_value(10).run()
    page.button(key="mix-add").click().run()  # the same token again: the later word counts
    assert "loses 10 %" in answer(page)
    assert "loses 30 %" not in answer(page)
    page.button(key=f"mix-drop-tokens-{token}").click().run()
    assert "Add what breaks" in answer(page)
