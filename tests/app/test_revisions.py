"""A store whose newer vintage revises weeks of the older one: told on every page, listed on the Data page."""

import datetime as dt

import pytest

from dexposure_core.ui.navigation import PAGES
from tests.app.conftest import LAST, publish, world
from tests.app.reading import errors, everything


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("revised")
    return folder, publish(folder, revised=False), publish(folder, revised=True)


@pytest.mark.parametrize("key", [page.key for page in PAGES])
def test_every_page_tells_what_was_revised(visit, store, key):
    folder, _, newer = store
    page = visit(folder, key)
    assert errors(page) == []
    assert page.query_params["vintage"] == newer
    # the week after a revised one has other flows, so three weeks differ; TVL moved in two
    assert "3 weeks were revised on" in everything(page)
    assert "TVL moved in 2 of them" in everything(page)


def test_the_older_vintage_revises_nothing(visit, store):
    folder, older, _ = store
    assert "revised on" not in everything(visit(folder, "overview", vintage=older))


def test_unlike_vintages_in_one_store_are_not_compared(visit, tmp_path):
    publish(tmp_path, revised=False)
    world(tmp_path, weeks=4)
    assert "revised on" not in everything(visit(tmp_path, "overview"))


def test_the_section_lists_dates_names_and_measures(visit, store):
    folder, older, _ = store
    page = visit(folder, "data", section="revisions")
    assert errors(page) == []
    assert page.query_params["before"] == older
    assert "**3 revised**, 3 the same" in everything(page)
    day = page.selectbox(key="w-revised")
    assert day.options == [str(LAST - dt.timedelta(weeks=n)) for n in range(3)]
    assert day.value != str(LAST)  # where TVL is the same: the date whose TVL moved most is opened
    # all dollars are worth 10 % less there: by price alone, and said so
    assert "Why: total exposure **−USD" in everything(page)
    assert "(price −" in everything(page)
    assert "mapping" not in everything(page).partition("Why: ")[2].partition(".")[0]
    assert 'id="explain-change_parts"' in everything(page)
    tokens = next(t.value for t in page.dataframe if list(t.value.columns)[:2] == ["token", "issuer"])
    assert tokens["token"].to_list() == ["USDD"]


def test_any_other_vintage_can_be_compared_with(visit, store):
    folder, older, newer = store
    page = visit(folder, "data", section="revisions", vintage=older)
    assert errors(page) == []
    assert page.query_params["before"] == newer
    assert "do not describe the same thing" in everything(page)


def test_one_vintage_has_nothing_to_compare_with(visit, simulated):
    page = visit(simulated, "data", section="revisions")
    assert errors(page) == []
    assert "Nothing to compare with" in everything(page)
