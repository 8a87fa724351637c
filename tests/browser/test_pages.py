"""Each page by its own link on a cold server, as a regulator who was sent a link would open it."""

import pytest

from dexposure_core.ui.navigation import PAGES
from tests.browser.conftest import served

SCREENS = ((1280, 800), (390, 844))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.key)
def test_every_page_by_its_own_link(server, visitor, page):
    visitor.open(f"{server}/{page.key}")
    assert page.title in visitor.text
    assert "SIMULATED DATA" in visitor.text
    assert visitor.page.locator(".st-key-headline").inner_text().strip()
    for theme in ("light", "dark"):
        if theme == "dark":
            visitor.page.emulate_media(color_scheme=theme)
            visitor.open(f"{server}/{page.key}")
        for wide, high in SCREENS:
            visitor.page.set_viewport_size({"width": wide, "height": high})
            visitor.page.wait_for_timeout(400)
            assert visitor.sideways() <= 0, (theme, wide)
            assert (theme, wide, visitor.violations()) == (theme, wide, [])
    assert visitor.outside() == []
    assert visitor.errors == []


@pytest.mark.parametrize("key", ["protocol", "contagion"])
def test_a_deep_link_on_a_server_nobody_has_opened(visitor, key):
    with served() as cold:
        visitor.open(f"{cold}/{key}?date=2022-05-02&basis=holdings")
        assert "2022-05-02" in visitor.text
        assert visitor.outside() == []


def test_a_phone_shows_the_answer_without_sideways_scrolling(server, visitor):
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    visitor.open(f"{server}/overview")
    assert visitor.page.locator(".st-key-headline").is_visible()
    assert visitor.sideways() <= 0


HOSTILE = ["<script>alert(1)</script>", "../../etc/passwd", "'; DROP TABLE nodes; --", "2022-02-30", "𝔘" * 500]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_bad_link_is_told_and_survived(server, visitor, value):
    from urllib.parse import quote

    dialogs = []
    visitor.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    query = "&".join(f"{name}={quote(value)}" for name in ("date", "protocol", "basis", "vintage", "horizon"))
    visitor.open(f"{server}/protocol?{query}")
    assert dialogs == []
    assert visitor.errors == []


def test_a_phone_lists_what_a_laptop_shows_as_a_table(server, visitor):
    visitor.open(f"{server}/forecast")
    grid = visitor.page.locator(".st-key-table-gone .stDataFrame")
    listed = visitor.page.locator(".st-key-table-gone .listing")
    grid.scroll_into_view_if_needed()
    assert grid.is_visible()
    assert not listed.is_visible()
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    listed.scroll_into_view_if_needed()
    assert not grid.is_visible()
    assert visitor.sideways() <= 0
    row = listed.locator("li").first
    assert "At risk USD" in row.inner_text()
    name = row.locator("a").first.inner_text()
    row.locator("a").first.click()
    visitor.settled()
    assert name in visitor.page.locator(".st-key-headline").inner_text()
