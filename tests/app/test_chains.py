"""Chains on screen: the choice is in the address, and nothing made of some chains can pass for the whole system."""

import json

import pytest

from dexposure_core.ui.navigation import PAGES
from tests.app.reading import answer, errors, everything, notes
from tests.pipeline.chains.chainworld import publish

FOLLOWING = [page.key for page in PAGES if "chains" in page.controls]
OTHERS = [page.key for page in PAGES if "chains" not in page.controls]


@pytest.fixture(scope="module")
def chains(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chains")
    publish(folder)
    return folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEXPOSURE_CACHE_DIR", str(tmp_path / "cache"))


def titles(page):
    charts = [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]
    return [chart["layout"]["title"]["text"] for chart in charts]


@pytest.mark.parametrize("key", FOLLOWING)
def test_a_page_that_follows_says_so_everywhere(visit, chains, key):
    page = visit(chains, key, chain="base", protocol="1")
    assert errors(page) == []
    assert notes(page) == ""
    assert page.query_params["chain"] == "Base"
    assert "Base · not the whole system" in everything(page)
    assert answer(page).startswith("Base: ")
    assert all("· Base" in title for title in titles(page))
    captions = [c for chart in page.get("plotly_chart") for c in json.loads(chart.proto.spec)["layout"]["annotations"]]
    assert [c for c in captions if "not the whole system" in c.get("text", "")] or not titles(page)
    assert "Base, not the whole system" in everything(page)  # the footer


@pytest.mark.parametrize("key", OTHERS)
def test_a_page_that_cannot_follow_says_that_and_keeps_the_choice(visit, chains, key):
    page = visit(chains, key, chain="Base")
    assert errors(page) == []
    assert "it does not follow the choice of Base" in everything(page)
    assert page.query_params["chain"] == "Base"
    assert not answer(page).startswith("Base")
    assert all("· Base" not in title for title in titles(page))


@pytest.mark.parametrize("key", FOLLOWING)
def test_without_a_choice_nothing_is_said(visit, chains, key):
    said = everything(visit(chains, key))
    assert "not the whole system" not in said
    assert "does not follow" not in said


@pytest.mark.parametrize(
    ("asked", "shown"),
    [("borrowed", "borrowed"), ("all", "all"), ("Base,ethereum", "Base,Ethereum"), ("default", None)],
)
def test_every_kind_of_choice(visit, chains, asked, shown):
    page = visit(chains, "network", chain=asked)
    assert errors(page) == []
    assert page.query_params.get("chain") == shown


@pytest.mark.parametrize("asked", ["Etherium", "<script>alert(1)</script>", "x" * 100_000])
def test_an_unknown_chain_is_told_and_the_whole_shown(visit, chains, asked):
    page = visit(chains, "overview", chain=asked)
    assert errors(page) == []
    assert "Showing the whole system" in notes(page).replace("\\", "")
    assert "<script>" not in everything(page).replace("\\<script", "")
    assert "chain" not in page.query_params


def test_a_date_on_which_the_chain_held_nothing_falls_to_the_nearest(visit, chains):
    page = visit(chains, "overview", chain="Solana", date="2024-01-01")
    assert page.query_params["date"] == "2024-01-08"
    assert "showing the nearest" in notes(page)


def test_choosing_in_the_sidebar_writes_the_address(visit, chains):
    page = visit(chains, "network")
    page.multiselect(key="w-chain").set_value(["Base", "Solana"]).run()
    assert errors(page) == []
    assert page.query_params["chain"] == "Base,Solana"
    page.switch_page("pages/contagion.py").run()
    assert page.query_params["chain"] == "Base,Solana"
    page.multiselect(key="w-chain").set_value([]).run()
    assert "chain" not in page.query_params


def test_every_date_is_measured_when_asked_and_then_all_is_shown(visit, chains):
    page = visit(chains, "concentration", chain="Base", basis="flow")
    assert "not every date has been measured" in answer(page)
    page.button(key="lens-measure").click().run()
    assert errors(page) == []
    assert "TVL concentration" in answer(page)
    assert not [b for b in page.button if b.key == "lens-measure"]


def test_the_chains_page_answers(visit, chains):
    page = visit(chains, "chains", date="2024-01-01")
    assert errors(page) == []
    # Ethereum 180 of 250; LEND and BRID, 50 of 250, have a home, of which 8 + 30 lie on another chain
    assert "**Ethereum** carries **72.0 %** of USD 250" in answer(page)
    assert "20.0 % of all exposure is to issuers with a home; **76.0 %** of that crosses chains" in answer(page)
    assert "**USD 30.0** held by others" in answer(page)


def test_a_vintage_without_chains_says_so(visit, banks):
    page = visit(banks, "chains", date="2021-12-31")
    assert errors(page) == []
    assert "does not say on which chain" in answer(page)
    assert not page.multiselect
