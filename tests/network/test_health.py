"""What a build finds suspicious in numbers that are formally right."""

from __future__ import annotations

import datetime as dt

import polars as pl

from dexposure_core.network.build import Period, from_holdings
from dexposure_core.network.health import check_age, check_dates, check_period
from dexposure_core.network.period import HOLDINGS

TOKENS = pl.DataFrame({"token": ["usd", "b"], "issuer": ["U", "B"], "method": ["given", "given"]})
DAY = dt.date(2024, 1, 1)


def period(**holdings: dict[str, float]) -> Period:
    rows = [(protocol, "x", token, None, usd) for protocol, held in holdings.items() for token, usd in held.items()]
    return from_holdings(DAY, pl.DataFrame(rows, HOLDINGS, orient="row"), None, TOKENS)


def told(now: Period, before: Period | None = None) -> list[tuple[str, str, float]]:
    return check_period(now, before).select("finding", "place", "usd").rows()


def test_a_supply_booked_as_everybodys_balance() -> None:
    # Three sites "hold" the whole supply of 31 bn each.
    sites = {name: {"usd": 31e9} for name in ("P", "Q", "R")}
    assert told(period(**sites)) == [("implausible value", "token usd: the same amount at 3 protocols", 93e9)]
    mixed = period(**sites, S={"usd": 31.1e9})  # near the others, not the same
    assert told(mixed) == [("implausible value", "token usd: the same amount at 3 protocols", 93e9)]


def test_a_supply_scraped_twice_differs_by_a_percent() -> None:
    found = told(period(P={"usd": 31.2e9}, Q={"usd": 30.9e9}, R={"b": 100e9}))  # 62.1 of 162.1 bn
    assert found == [("implausible value", "token usd: nearly the same amount at 2 protocols", 62.1e9)]
    both = period(P={"usd": 31.2e9}, Q={"usd": 30.9e9}, R={"b": 100e9})
    assert told(both, both) == []  # balances that have long been alike are no news


def test_equal_small_amounts_and_different_large_ones_are_fine() -> None:
    assert told(period(P={"usd": 1e6}, Q={"usd": 1e6})) == []
    assert told(period(P={"usd": 31e9}, Q={"usd": 40e9})) == []
    assert told(period(P={"usd": 2.00e9}, Q={"usd": 2.01e9}, R={"b": 100e9})) == []  # 4 of 104 bn: may well be


def test_a_holding_that_outgrows_the_system() -> None:
    before = period(P={"usd": 10.0, "b": 90.0}, Q={"b": 100.0})
    now = period(P={"usd": 101.0, "b": 90.0}, Q={"b": 100.0})  # 10 → 101 is 35 % of 291
    place = "protocol P, token usd: a quarter of the system, tenfold in a period"
    assert told(now, before) == [("implausible value", place, 101.0)]
    assert told(period(P={"usd": 99.0, "b": 90.0}, Q={"b": 100.0}), before) == []  # 9.9 times
    assert told(period(P={"usd": 101.0}, Q={"b": 900.0}), before) == []  # 10 % of the system


def test_a_tenfold_change_of_a_protocol_worth_a_percent_of_the_system() -> None:
    before = period(P={"b": 10.0}, Q={"b": 1000.0}, R={"b": 1.0}, S={"b": 300.0})
    now = period(P={"b": 150.0}, Q={"b": 1000.0}, R={"b": 11.0}, S={"b": 29.0})
    # P × 15 (+140 of 1311), S ÷ 10.3 (−271); R × 11 is +10: below 1 % of 1311
    assert told(now, before) == [
        ("TVL jump", "protocol P: x 15", 140.0),
        ("TVL jump", "protocol S: x 0.0967", -271.0),
    ]


def test_gaps_are_named_by_the_date_after_them() -> None:
    mondays = [dt.date(2024, 1, 1), dt.date(2024, 1, 8), dt.date(2024, 1, 29), dt.date(2024, 2, 5)]
    ((after, row),) = check_dates(mondays, "week")
    assert after == dt.date(2024, 1, 29)
    assert row["rows"] == 2  # the 15th and the 22nd
    assert check_dates([dt.date(2024, 1, 31), dt.date(2024, 2, 29), dt.date(2024, 3, 31)], "month") == []
    assert check_dates(mondays, "irregular") == []


def test_age_counts_from_two_steps_on() -> None:
    assert check_age(DAY, dt.date(2024, 1, 15), "week") == []
    (row,) = check_age(DAY, dt.date(2024, 1, 16), "week")
    assert "15 days old" in str(row["place"])
