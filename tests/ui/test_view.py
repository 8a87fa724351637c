"""What a view holds, and how an untrusted address becomes one."""

import datetime as dt

import pytest

from dexposure_core.ui.view import View, base_of, lens_key, pick_basis, pick_date, pick_horizon, pick_protocol

DATES = (dt.date(2025, 6, 2), dt.date(2025, 6, 9), dt.date(2025, 6, 16))


def view(date=DATES[1], **changes):
    return View(page="overview", vintage="2025-06-16-abc", basis="holdings", date=date, dates=DATES, **changes)


def test_neighbours_stop_at_the_ends():
    assert (view().previous, view().following) == (DATES[0], DATES[2])
    assert view(DATES[0]).previous is None
    assert view(DATES[2]).following is None


def test_a_link_holds_everything_and_escapes_it():
    link = view(protocol="a&b=c#d").link("protocol")
    assert link == "/protocol?vintage=2025-06-16-abc&basis=holdings&date=2025-06-09&horizon=4&protocol=a%26b%3Dc%23d"


def test_a_link_can_change_one_thing():
    assert "protocol=7" in view(protocol="1").protocol_link("7")


def test_two_equally_near_snapshots_give_the_earlier():
    # 2025-06-05 12:00 would lie in the middle of 06-02 and 06-09; a day has no noon: 06-05 is 3 and 4 days away
    assert pick_date("2025-06-05", DATES)[0] == DATES[0]
    assert pick_date("2025-06-06", DATES)[0] == DATES[1]


@pytest.mark.parametrize("asked", ["", "2025-13-01", "2025-6-2x", "٢٠٢٥-٠٦-٠٢", "'; DROP TABLE holdings"])
def test_what_is_no_date_gives_the_latest(asked):
    date, note = pick_date(asked, DATES)
    assert date == DATES[-1]
    assert "is not a date" in note


def test_a_basis_that_the_vintage_lacks():
    assert pick_basis("flow", ["holdings"]) == (
        "holdings",
        "“flow” is not in this vintage; showing the holdings basis.",
    )


@pytest.mark.parametrize(
    ("asked", "weeks"), [("1", 1), ("8", 8), ("²", 4), ("0", 4), ("-1", 4), ("4.0", 4), ("9" * 9999, 4)]
)
def test_horizons(asked, weeks):
    assert pick_horizon(asked)[0] == weeks


def test_a_protocol_by_name_when_only_one_is_so_called():
    names = {"1": "Aave", "2": "Curve", "3": "Curve"}
    assert pick_protocol("AAVE", names) == ("1", "")
    assert pick_protocol("curve", names)[0] is None
    assert pick_protocol("3", names) == ("3", "")


def test_a_view_of_some_chains_says_so_in_links_and_exports():
    key = lens_key("2025-06-16-abc", "Base,Ethereum")
    assert base_of(key) == "2025-06-16-abc"
    seen = view(chains="Base,Ethereum", data=key)
    assert seen.link().endswith("&chain=Base%2CEthereum")
    said = seen.provenance()
    assert "chains: Base and Ethereum; not the whole system" in said.line()
    assert "Base and Ethereum, not the whole system" in said.caption()
    assert "Base and Ethereum" in said.file_parts("x")


def test_a_page_that_does_not_follow_keeps_the_choice_and_exports_the_whole():
    seen = view(chains="Base")
    assert seen.shown_chains == "default"
    assert "chain=Base" in seen.link()
    assert "not the whole system" not in seen.provenance().line()
