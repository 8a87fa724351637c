"""A link is a view: every page opened cold with all its parameters, and the browser's back and forward buttons."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import TimeoutError as Timeout

from dexposure_core.ui.navigation import PAGES
from tests.browser.conftest import PATIENCE_MS

DAY = "2023-03-13"  # the snapshot that shows the failure of SVB
COMMON = {"date": DAY, "basis": "holdings", "protocol": "182", "horizon": "8"}


@dataclass(frozen=True)
class Deep:
    """A page's own parameters, none at its default; what it must then show; another choice to click."""

    own: dict[str, str]
    shows: tuple[str, ...] = ()
    click: str = ""


DEEP = {
    "overview": Deep({}, ("Exposures that changed most this week",), "Flow"),
    "alerts": Deep(
        {"watch": "tvl_hhi~2/26", "limits": "exposure@111,182>1000000"}, ("Rule TVL concentration (HHI)",), "12"
    ),
    "network": Deep(
        {"show": "60", "ego": "1"}, ("Protocols shown: 60", "its partners: on", "Lido: who holds it"), "Flow"
    ),
    "protocol": Deep({"score": "rank"}, ("Rank", "Lido (Asset Management)"), "Score"),
    "spillover": Deep(
        {
            "cells": "change", "from": "Asset Management", "to": "Trading & Exchanges", "index": "cross_sector_ratio",
            "across": "0",
        },
        (
            "Change", "Creditor sector (row) Asset Management", "Debtor sector (column) Trading & Exchanges",
            "Cross-sector share", "different sectors: off",
        ),
        "Level",
    ),
    "concentration": Deep(
        {"kind": "gini", "window": "5y", "ahead": "1"}, ("Gini", "5 years", "12 weeks: on", "TVL: Gini"), "HHI"
    ),
    "chains": Deep({}, ("Exposure by chain and home of the issuer",)),
    "events": Deep({"study": "2022-11-07", "upto": "12"}, ("FTX fails", "12 after"), "4 after"),
    "contagion": Deep(
        {"shock": "event", "replay": "ftx", "rule": "debtrank-2012", "absorbs": "60"},
        ("Past event FTX, November 2022", "Losses travel by DebtRank (2012)", "absorbs losses, %: 60"),
        "Sector",
    ),
    "forecast": Deep(
        {"forecaster": "hazard", "rank": "probability"}, ("Forecaster hazard", "Probability", "8 weeks"), "12"
    ),
    "skill": Deep({"part": "weeks"}, ("Week by week",), "Probabilities"),
    "data": Deep({"section": "downloads", "table": "nodes"}, ("Downloads", "Table nodes"), "Health"),
    "method": Deep({"topic": "glossary"}, ("Glossary",), "Contagion"),
}  # fmt: skip


# What wrote the browser's history, and when, and what the buttons of it did.
MOVES = """() => {
    const told = window.moves = [], began = performance.now();
    const tell = what => told.push([Math.round(performance.now() - began), what, history.length, location.search]);
    for (const name of ["pushState", "replaceState"]) {
        const real = history[name].bind(history);
        history[name] = (...given) => { real(...given); tell(name); };
    }
    addEventListener("popstate", () => tell("popstate"));
}"""


def parameters(visitor) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(visitor.page.url).query).items()}


def test_every_page_has_its_deep_link():
    assert set(DEEP) == {page.key for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.key)
def test_a_link_shows_its_view_and_back_and_forward_restore_it(server, visitor, page):
    deep, asked = DEEP[page.key], COMMON | DEEP[page.key].own
    visitor.page.add_init_script(f"({MOVES})()")
    visitor.open(f"{server}/{page.key}?{urlencode(asked)}")
    shown = visitor.state()
    assert parameters(visitor) | asked == parameters(visitor)
    assert [words for words in deep.shows if not any(words in seen for seen in shown)] == [], shown
    assert DAY in shown[0]
    assert "link_off" not in visitor.text  # the icon of a note that a part of the address could not be shown
    seen = [(visitor.page.url, shown)]
    if deep.click:
        seen.append(_click(visitor, visitor.page.get_by_role("radio", name=deep.click, exact=True)))
    away = visitor.page.get_by_role("button", name="Earlier") if "date" in page.controls else _elsewhere(visitor)
    seen.append(_click(visitor, away))
    more = len({urlsplit(address).path for address, _ in seen}) - 1
    for go, way in ((visitor.page.go_back, seen[-2::-1]), (visitor.page.go_forward, seen[1:])):
        presses = 0
        for address, state in way:
            presses += _travel(visitor, go, address, 1 + more)
            assert visitor.state() == state
            assert visitor.page.url == address
        assert presses <= len(way) + more
    assert visitor.outside() == []
    assert visitor.errors == []


def _elsewhere(visitor):
    """The way to another page, for those without a date to step back from."""
    return visitor.page.locator('[data-testid="stSidebarNav"]').get_by_role("link", name="Data")


def _travel(visitor, go, address: str, most: int) -> int:
    """Press back or forward until the address is there, at most so often; return how often.

    A change of page is two steps of the history, for Streamlit writes the page and its view each on its own, and on a
    busy machine in either order: the page without its view comes between, or the view on the page that was left, which
    the server then corrects to what that page showed.
    """
    for press in range(1, most + 1):
        told = visitor.page.evaluate("moves.length")
        go()
        try:
            visitor.page.wait_for_function("told => moves.slice(told).some(move => move[1] === 'popstate')", arg=told)
        except Timeout:
            pytest.fail(f"{go.__name__} to {address} did nothing: {visitor.page.evaluate('moves')}")
        visitor.page.wait_for_timeout(600)
        if visitor.settled().page.url == address:
            return press
    return pytest.fail(f"{go.__name__} came to {visitor.page.url}, not {address}: {visitor.page.evaluate('moves')}")


def _click(visitor, what) -> tuple[str, list[str]]:
    """Click, and return the address and the view it leads to."""
    before = visitor.settled().page.url  # a click on what is just being drawn anew is lost
    what.click()
    visitor.page.wait_for_function("address => location.href !== address", arg=before, timeout=PATIENCE_MS)
    state: list[str] = []
    for _ in range(10):  # another page runs twice, without and with its view: on a busy machine it stands still between
        seen, state = state, visitor.state()
        if seen == state:
            break
        visitor.page.wait_for_timeout(1500)
    return visitor.page.url, state
