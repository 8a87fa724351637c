"""A link reproduces a view; a bad one is explained and falls to the nearest valid choice."""

import pytest

from tests.app.reading import answer, errors, everything, notes

SCRIPT = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("asked", "shown", "note"),
    [
        ({"date": "2025-06-25"}, {"date": "2025-06-23"}, "There is no snapshot on 2025"),
        ({"date": "1066-10-14"}, {"date": "2025-04-07"}, "showing the nearest"),
        ({"date": "9999-12-31"}, {"date": "2025-08-18"}, "showing the nearest"),
        ({"date": "yesterday"}, {"date": "2025-08-18"}, "is not a date"),
        ({"date": SCRIPT}, {"date": "2025-08-18"}, "is not a date"),
        ({"basis": "flows"}, {"basis": "holdings"}, "is not a basis"),
        ({"protocol": "Alpha Bnak"}, {"protocol": None}, "did you mean 'alpha bank'"),
        ({"protocol": SCRIPT}, {"protocol": None}, "has no protocol"),
        ({"protocol": "beta swap"}, {"protocol": "2"}, ""),
        ({"horizon": "99"}, {"horizon": "4"}, "is not a horizon"),
        ({"horizon": "12"}, {"horizon": "12"}, ""),
        ({"vintage": "2020-01-01-0000000000"}, {}, "has no vintage"),
        ({"kind": "nonsense"}, {"kind": "hhi"}, "is not offered"),
        ({"window": "\x00' OR 1=1 --"}, {"window": "2y"}, "is not offered"),
    ],
)
def test_a_bad_value_is_explained_and_replaced(visit, simulated, asked, shown, note):
    page = visit(simulated, "concentration", **asked)
    assert errors(page) == []
    said = notes(page).replace("\\", "")
    assert note.lower() in said.lower() if note else said == ""
    assert "<script>" not in everything(page).replace("\\<script", "")
    for name, value in shown.items():
        assert page.query_params.get(name) == value


def test_a_very_long_value_is_cut_in_the_note(visit, simulated):
    page = visit(simulated, "overview", protocol="x" * 100_000, date="y" * 100_000)
    assert errors(page) == []
    assert len(notes(page)) < 600


def test_the_address_holds_the_whole_view(visit, simulated):
    page = visit(simulated, "concentration", date="2025-06-30", basis="flow", kind="gini", window="1y")
    wanted = {"date": "2025-06-30", "basis": "flow", "kind": "gini", "window": "1y", "horizon": "4"}
    assert {name: page.query_params.get(name) for name in wanted} == wanted
    assert page.query_params["vintage"].startswith("2025-08-18-")


def test_the_first_snapshot_has_no_flows(visit, simulated):
    page = visit(simulated, "overview", date="2025-04-07", basis="flow")
    assert page.query_params["date"] == "2025-04-14"
    assert "showing the nearest" in notes(page)


def test_a_step_back_and_forth_gives_the_same_answer(visit, simulated):
    page = visit(simulated, "overview", date="2025-06-30")
    before = answer(page)
    page.button(key="step-Earlier").click().run()
    assert page.query_params["date"] == "2025-06-23"
    assert answer(page) != before
    page.button(key="step-Later").click().run()
    assert page.query_params["date"] == "2025-06-30"
    assert answer(page) == before


def test_the_last_snapshot_has_no_later_one(visit, simulated):
    page = visit(simulated, "overview")
    assert page.button(key="step-Later").disabled
    assert not page.button(key="step-Earlier").disabled


def test_an_event_leads_to_its_snapshot(visit, simulated):
    page = visit(simulated, "overview")
    page.selectbox(key="w-event").set_value("2025-06-16|0").run()
    assert errors(page) == []
    assert page.query_params["date"] == "2025-06-16"


def test_a_choice_survives_the_change_of_page(visit, simulated):
    page = visit(simulated, "concentration", date="2025-06-30", protocol="4", window="1y")
    page.switch_page("pages/data.py").run()
    assert errors(page) == []
    assert page.query_params["date"] == "2025-06-30"
    assert page.query_params["protocol"] == "4"
    page.switch_page("pages/concentration.py").run()
    assert page.query_params["window"] == "1y"


def test_a_chosen_protocol_is_in_the_address_and_can_be_taken_out(visit, simulated):
    page = visit(simulated, "network")
    page.selectbox(key="w-protocol").set_value("8").run()
    assert page.query_params["protocol"] == "8"
    page.selectbox(key="w-protocol").set_value(None).run()
    assert "protocol" not in page.query_params
    assert notes(page) == ""
