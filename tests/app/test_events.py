"""The Events page: which event, the answer, bad links, hostile names, and nothing before the first snapshot."""

import json

import polars as pl
import pytest

from tests.app import conftest
from tests.app.conftest import EVIL, LAST, events
from tests.app.reading import answer, errors, everything, notes

KEY = "2025-06-16"


def test_the_answer_names_event_change_and_mover(visit, simulated):
    page = visit(simulated, "events", study=KEY)
    assert errors(page) == []
    said = answer(page).replace("\\", "")
    assert said.startswith("In the 5 weeks around **Dollar slips <b>** (2025-06-16) TVL ")
    assert "constant panel: " in said
    assert "moved most (" in said
    assert page.query_params["study"] == KEY
    titles = [json.loads(c.proto.spec)["layout"]["title"]["text"] for c in page.get("plotly_chart")]
    assert [t.split("</b>")[0] for t in titles[:2]] == ["<b>All protocols", "<b>Constant panel"]


def test_the_last_event_up_to_the_date_is_shown(visit, simulated):
    assert visit(simulated, "events").query_params["study"] == KEY


@pytest.mark.parametrize(
    "asked",
    [{"study": "2025-06-17"}, {"study": "<script>alert(1)</script>"}, {"upto": "99"}, {"study": "x" * 100_000}],
    ids=["no-event", "script", "steps", "long"],
)  # fmt: skip
def test_a_bad_link_is_told_and_survived(visit, simulated, asked):
    page = visit(simulated, "events", **asked)
    assert errors(page) == []
    assert "is not offered" in notes(page)
    assert len(notes(page)) < 600
    assert page.query_params["study"] == KEY
    assert "<script>" not in everything(page).replace("\\<script", "")


@pytest.mark.parametrize("steps", ["0", "4", "12"])
def test_every_span(visit, simulated, steps):
    page = visit(simulated, "events", upto=steps, basis="flow")
    assert errors(page) == []
    assert len(answer(page)) > 60


def test_a_vintage_without_events_says_so(visit, banks):
    page = visit(banks, "events")
    assert errors(page) == []
    assert "holds no event to study" in answer(page)


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """An event in the first snapshot and one with a hostile name."""
    row = events().row(0, named=True)
    rows = [{**row, "date": LAST.replace(month=7, day=14), "name": EVIL, "kind": EVIL, "protocols": EVIL},
            {**row, "date": LAST.replace(month=6, day=30), "name": "Opening"}]  # fmt: skip
    monkeypatch.setattr(conftest, "events", lambda: pl.DataFrame(rows, schema=events().schema))
    conftest.world(tmp_path, weeks=8)
    return tmp_path


def test_a_hostile_event_stays_text(visit, hostile):
    page = visit(hostile, "events", study="2025-07-14")
    assert errors(page) == []
    assert "<img src=x" not in everything(page).replace("\\<img", "")
    charts = [chart.proto.spec for chart in page.get("plotly_chart")]
    assert all("<img" not in chart.lower() and "\\u003cimg" not in chart for chart in charts)


def test_an_event_of_the_first_snapshot_has_nothing_before_it(visit, hostile):
    page = visit(hostile, "events", study="2025-06-30")
    assert errors(page) == []
    assert "there is nothing before it to compare with" in answer(page)


def test_the_sidebar_leads_from_an_event_to_its_study(visit, simulated):
    page = visit(simulated, "overview", date=KEY)
    assert f"/events?vintage={page.query_params['vintage']}" in everything(page)
    assert f"study={KEY}" in everything(page)
    assert "study=" not in everything(visit(simulated, "overview"))
