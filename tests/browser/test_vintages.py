"""A store that grows and forgets while people look at it: choose a vintage, see what it revised, open an old link."""

import shutil
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.app.conftest import publish, world
from tests.browser.conftest import served


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two vintages, the later revising the earlier: (folder, older id, newer id)."""
    folder = tmp_path_factory.mktemp("store")
    return folder, publish(folder, revised=False), publish(folder, revised=True)


@pytest.fixture(scope="module")
def site(store):
    with served(store[0]) as running:
        yield running


def parameter(visitor, name: str) -> str:
    return parse_qs(urlsplit(visitor.page.url).query)[name][0]


def strip(visitor) -> str:
    return visitor.page.locator(".st-key-header").inner_text()


def test_a_vintage_is_chosen_and_kept_on_the_next_page(site, store, visitor):
    _, older, newer = store
    visitor.open(f"{site}/overview")
    assert parameter(visitor, "vintage") == newer
    visitor.page.locator(".st-key-vintage button").first.click()
    choices = visitor.page.locator('[data-testid="stPopoverBody"] [data-testid="stRadio"] label')
    assert "latest" in choices.nth(1).inner_text()  # the first label is the group's
    choices.nth(2).click()
    visitor.page.wait_for_url(f"**vintage={older}**")
    visitor.settled()
    assert older in strip(visitor)
    visitor.page.keyboard.press("Escape")
    visitor.page.locator('[data-testid="stSidebarNav"]').get_by_role("link", name="Concentration").click()
    visitor.page.wait_for_url("**/concentration**")
    visitor.settled()
    assert older in strip(visitor)
    visitor.page.get_by_role("button", name="Switch").click()
    visitor.page.wait_for_url(f"**vintage={newer}**")
    visitor.settled()
    assert newer in strip(visitor)
    assert visitor.errors == []


def test_a_link_to_a_vintage_that_is_gone_is_told_and_the_latest_shown(site, store, visitor):
    visitor.open(f"{site}/network?vintage=2019-12-30-0123456789&date=2025-08-11")
    assert "This store has no vintage “2019-12-30-0123456789”" in visitor.text
    assert store[2] in strip(visitor)
    assert parameter(visitor, "date") == "2025-08-11"
    assert visitor.errors == []


def test_the_revision_note_leads_to_what_was_revised(site, store, visitor):
    visitor.open(f"{site}/overview?date=2025-08-04")
    note = visitor.page.locator(".st-key-notice-revision")
    assert "3 weeks were revised on" in note.inner_text()
    note.get_by_role("link", name="See what changed").click()
    visitor.page.wait_for_url("**/data**section=revisions**")
    visitor.settled()
    assert (parameter(visitor, "before"), parameter(visitor, "date")) == (store[1], "2025-08-04")
    assert "3 revised" in visitor.text
    assert visitor.page.locator(".st-key-table-revised-tokens").is_visible()
    assert visitor.outside() == []
    assert visitor.errors == []


def test_a_vintage_published_while_the_server_runs_appears_at_the_next_click(tmp_path, visitor):
    first = world(tmp_path, weeks=4)
    with served(tmp_path) as running:
        visitor.open(f"{running}/overview")
        assert parameter(visitor, "vintage") == first
        second = world(tmp_path, weeks=5)
        visitor.page.get_by_role("button", name="Earlier").click()
        visitor.page.wait_for_url(f"**vintage={second}**")
        visitor.settled()
        assert "A newer vintage was published and is shown now" in visitor.text
        shutil.rmtree(tmp_path / second)
        (tmp_path / "LATEST.new").write_text(first)
        (tmp_path / "LATEST.new").replace(tmp_path / "LATEST")
        visitor.page.get_by_role("button", name="Earlier").click()
        visitor.page.wait_for_url(f"**vintage={first}**")
        visitor.settled()
        assert visitor.errors == []
