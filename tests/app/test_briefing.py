"""The Overview page makes the briefing of what it shows, for every kind of vintage."""

import datetime as dt
import re

import pytest

from dexposure_core.pipeline import briefing
from dexposure_core.store import open_store
from dexposure_core.ui import lookups
from dexposure_core.ui.watch import brief
from tests.app.conftest import EVIL
from tests.app.reading import errors


def handed_out(page):
    return {b.key for b in page.get("download_button")} & {"get-briefing-html"}


def test_the_page_makes_the_briefing_of_its_view_and_hands_it_out(visit, simulated):
    page = visit(simulated, "overview")
    assert not handed_out(page)
    page.button(key="make-briefing").click().run()
    assert errors(page) == []
    assert handed_out(page)
    page.checkbox(key="briefing-ahead").check().run()  # another briefing: it is not made before it is asked for
    assert not handed_out(page)


@pytest.mark.parametrize("basis", ["holdings", "flow"])
@pytest.mark.parametrize("place", [0, 1, -1])
def test_a_briefing_of_hostile_names_is_harmless(simulated, basis, place):
    store = open_store(simulated)
    made = briefing.briefing(store, briefing.Ask(date=store.dates(basis)[place], basis=basis))
    assert EVIL not in made
    assert not re.search(r"<img|<script|<a\s|href=", made)
    assert "SIMULATED DATA" in made


def test_a_network_without_tokens_has_a_briefing(banks):
    store = open_store(banks)
    made = briefing.briefing(store, briefing.Ask(date=dt.date(2021, 12, 31)))
    assert "Not split" in made
    assert "Periodic briefing" in made


def test_the_pdf_bears_the_moment_of_its_page_however_often_it_is_asked_for(simulated, monkeypatch):
    made = dt.datetime(2025, 6, 30, 12, tzinfo=dt.UTC)
    buttons, printed = {}, []
    monkeypatch.setattr(brief.chrome, "find", lambda: "chrome")
    monkeypatch.setattr(brief.chrome, "pdf", lambda page, **how: printed.append((page, how)) or b"%PDF")
    monkeypatch.setattr(brief.st, "download_button", lambda label, data, *_, **__: buttons.update({label: data}))
    brief._buttons("<p>page</p>", made, ("a",))
    assert [buttons["PDF"](), buttons["PDF"]()] == [b"%PDF", b"%PDF"]
    assert printed == [("<p>page</p>", {"made": made})] * 2
    monkeypatch.setenv("DEXPOSURE_STORE", str(simulated))
    store = open_store(simulated)
    page, moment = lookups.briefing(store.vintage, store.dates()[-1], "holdings", None, _silent)
    assert f"Made {moment:%Y-%m-%d %H:%M:%S} UTC" in page


def _silent(*_):
    """Progress that nobody hears."""
