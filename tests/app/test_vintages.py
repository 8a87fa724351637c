"""Several vintages in one store: the latest is followed, a pinned one stays, one that is gone is told."""

import datetime as dt
import shutil

import msgspec
import pytest

from dexposure_core.store import list_vintages
from dexposure_core.ui import vintages
from tests.app.conftest import LAST, world
from tests.app.reading import errors, everything, notes


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A store with 18 weeks, then the same 18 and 2 more; (folder, older id, newer id)."""
    folder = tmp_path_factory.mktemp("vintages")
    return folder, world(folder, weeks=18), world(folder, weeks=20)


@pytest.fixture
def growing(two, tmp_path):
    """A store that holds only the older vintage, and what publishes the newer one into it."""
    folder, older, newer = two
    shutil.copytree(folder / older, tmp_path / older)
    (tmp_path / "LATEST").write_text(older)

    def publish():
        shutil.copytree(folder / newer, tmp_path / newer)
        (tmp_path / "LATEST").write_text(newer)

    return tmp_path, older, newer, publish


def shown(page) -> str:
    return page.query_params["vintage"]


def chooser(page):
    return page.radio(key="w-vintage")


def test_the_latest_is_shown_and_all_are_offered_newest_first(visit, two):
    folder, older, newer = two
    page = visit(folder, "concentration")
    assert errors(page) == []
    assert shown(page) == newer
    assert chooser(page).options == [f"{LAST} · latest · simulated", f"{LAST} · simulated"]
    assert "newer vintage" not in everything(page)
    assert older in "".join(chooser(page).proto.captions).replace("\\", "")


def test_one_vintage_needs_no_choice(visit, simulated):
    page = visit(simulated, "concentration")
    assert [r.key for r in page.radio] == []


def test_a_choice_is_kept_across_pages_and_tells_that_there_is_a_newer_one(visit, two):
    folder, older, newer = two
    page = visit(folder, "concentration", date="2025-08-04")
    chooser(page).set_value(older).run()
    assert (shown(page), page.query_params["date"]) == (older, "2025-08-04")
    page.switch_page("pages/data.py").run()
    assert errors(page) == []
    assert shown(page) == older
    assert "A newer vintage is available" in everything(page)
    page.button(key="vintage-switch").click().run()
    assert (shown(page), page.query_params["date"]) == (newer, "2025-08-04")
    assert "A newer vintage is available" not in everything(page)


def test_a_link_pins_its_vintage(visit, two):
    folder, older, _ = two
    page = visit(folder, "overview", vintage=older)
    assert errors(page) == []
    assert shown(page) == older
    assert "A newer vintage is available" in everything(page)
    page.button(key="step-Earlier").click().run()
    assert shown(page) == older


def test_a_vintage_that_is_gone_is_told_and_the_latest_shown(visit, two):
    folder, _, newer = two
    page = visit(folder, "overview", vintage="2020-01-06-0123456789")
    assert errors(page) == []
    assert shown(page) == newer
    said = notes(page).replace("\\", "")
    assert "This store has no vintage “2020-01-06-0123456789”" in said
    assert f"Showing the latest, {newer}" in said
    page.button(key="step-Earlier").click().run()
    assert notes(page) == ""  # told once; from now on the latest is followed


def test_a_vintage_published_meanwhile_appears_at_the_next_click(visit, growing):
    folder, older, newer, publish = growing
    page = visit(folder, "concentration")
    assert shown(page) == older
    publish()
    page.switch_page("pages/overview.py").run()
    assert errors(page) == []
    assert shown(page) == newer
    assert "A newer vintage was published and is shown now" in everything(page)
    page.button(key="vintage-switch").click().run()
    assert shown(page) == older


def test_a_pinned_session_stays_and_is_told_of_the_newer_one(visit, growing):
    folder, older, _, publish = growing
    page = visit(folder, "concentration", vintage=older)
    assert "newer vintage" not in everything(page)
    publish()
    page.run()
    assert errors(page) == []
    assert shown(page) == older
    assert "A newer vintage is available" in everything(page)


@pytest.mark.parametrize(("asked", "then"), [({}, str(LAST)), ({"date": "2025-08-04"}, "2025-08-04")])
def test_who_looks_at_the_end_goes_on_to_the_new_end(visit, tmp_path, asked, then):
    world(tmp_path, weeks=4, last=LAST - dt.timedelta(weeks=1))
    page = visit(tmp_path, "concentration", **asked)
    assert page.query_params["date"] == asked.get("date", "2025-08-11")
    newer = world(tmp_path, weeks=5)
    page.switch_page("pages/overview.py").run()
    assert errors(page) == []
    assert (shown(page), page.query_params["date"]) == (newer, then)


def test_a_vintage_deleted_under_a_session_is_told(visit, growing):
    folder, older, newer, publish = growing
    publish()
    page = visit(folder, "overview", vintage=older)
    shutil.rmtree(folder / older)
    page.run()
    assert errors(page) == []
    assert shown(page) == newer
    assert "it was deleted, or never here" in notes(page)


def test_latest_may_name_a_vintage_that_was_deleted(visit, growing):
    folder, older, newer, publish = growing
    publish()
    shutil.rmtree(folder / newer)
    page = visit(folder, "overview")
    assert errors(page) == []
    assert shown(page) == older


def test_a_damaged_vintage_is_left_out(visit, growing):
    folder, older, _, publish = growing
    publish()
    (folder / older / "manifest.json").write_text('{"schema_version": 0}')
    page = visit(folder, "overview")
    assert errors(page) == []
    assert [r.key for r in page.radio] == []


def test_a_line_on_a_vintage_says_when_from_what_and_which(two):
    newest = list_vintages(two[0])[0]
    said = vintages.details(newest).replace("\\", "")
    built = newest.created_at.astimezone(dt.UTC)
    assert said == f"built {built:%Y-%m-%d %H:%M} UTC · 20 snapshots · simulated world, seed 1 · {newest.vintage}"


def test_the_latest_of_other_data_is_not_called_newer(two):
    shown, latest = sorted(list_vintages(two[0]), key=lambda m: m.created_at)
    assert vintages.offered(shown, latest) == "A newer vintage is available"
    assert vintages.offered(latest, shown).startswith("This is not the store's latest")
    observed = msgspec.structs.replace(latest, simulated=False)
    assert vintages.offered(shown, observed) == "The store's latest vintage is of other data"
