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
    # Three sites "hold" the whole supply of 31 bn each; S holds it three times (its rows were added up).
    sites = {name: {"usd": 31e9} for name in ("P", "Q", "R")}
    place = "protocol {}, chain x, token usd: the same amount to the cent at 3 protocols (P, Q, R)"
    assert told(period(**sites)) == [("same amount", place.format(name), 31e9) for name in "PQR"]
    found = told(period(P={"usd": 31e9}, S={"usd": 93e9}))
    assert [(place.split(":")[0], usd) for _, place, usd in found] == [
        ("protocol S, chain x, token usd", 93e9),
        ("protocol P, chain x, token usd", 31e9),
    ]


def test_a_supply_scraped_twice_differs_by_a_percent() -> None:
    twice = {"P": {"usd": 31.2e9}, "Q": {"usd": 30.9e9}, "R": {"b": 100e9}}  # 62.1 of 162.1 bn, 1 % apart
    assert [(name, usd) for name, _, usd in told(period(**twice))] == [("same amount", 31.2e9), ("same amount", 30.9e9)]
    assert told(period(**twice), period(**twice)) == []  # balances that have long been alike are no news


def test_equal_small_amounts_and_different_large_ones_are_fine() -> None:
    assert told(period(P={"usd": 1e6}, Q={"usd": 1e6}, R={"b": 123456e6})) == []
    assert told(period(P={"usd": 31e9}, Q={"usd": 40e9})) == []
    assert told(period(P={"usd": 2.00e9}, Q={"usd": 2.03e9}, R={"b": 100e9})) == []  # 1.5 % apart


def test_a_round_supply_times_a_price() -> None:
    # 1,000,000,000 tokens at 18.79: eleven digits before the point, nine zeros with the cents. Chance: 6 amounts, so
    # log10(6 / 0.001) = 3.8: four zeros more than usual (none) would do.
    others = {f"P{n}": {"usd": 123456789.01 + 1e7 * n} for n in range(5)}
    (found,) = told(period(universe={"b": 18.79e9}, **others))
    assert found == ("round amount", "protocol universe, chain x, token b: ends in 9 zeros, 0 is usual: "
                     "a round supply times a price", 18.79e9)  # fmt: skip


def test_what_else_a_protocol_of_supplies_holds_is_suspected() -> None:
    site = {"usd": 31234567890.12, "b": 5234567890.34, "c": 1234567890.56}
    other = {"usd": 31234567890.12, "b": 5234567890.34}
    found = told(period(P=site, Q=other))
    assert [name for name, _, _ in found] == ["same amount"] * 4 + ["same source as a supply"]
    assert found[-1][1:] == ("protocol P, chain x, token c: 2 other amounts of this protocol look like supplies",
                             1234567890.56)  # fmt: skip


def test_a_holding_that_outgrows_the_system() -> None:
    before = period(P={"usd": 10.0, "b": 90.0}, Q={"b": 100.0})
    now = period(P={"usd": 101.0, "b": 90.0}, Q={"b": 100.0})  # 10 → 101 is 35 % of 291
    place = "protocol P, chain x, token usd: a quarter of the system, tenfold in a period"
    assert told(now, before) == [("outgrown", place, 101.0)]
    assert told(period(P={"usd": 99.0, "b": 90.0}, Q={"b": 100.0}), before) == []  # 9.9 times
    assert told(period(P={"usd": 101.0}, Q={"b": 900.0}), before) == []  # 10 % of the system


def test_a_tenfold_change_of_a_protocol_worth_a_percent_of_the_system() -> None:
    before = period(P={"b": 10.0}, Q={"b": 1000.0}, R={"b": 1.0}, S={"b": 300.0})
    now = period(P={"b": 150.0}, Q={"b": 1000.0}, R={"b": 11.0}, S={"b": 29.0})
    # P × 15 (+140 of 1311), S ÷ 10.3 (−271); R × 11 is +10: below 1 % of 1311
    assert told(now, before) == [
        ("TVL jump", "protocol S: x 0.0967", -271.0),
        ("TVL jump", "protocol P: x 15.0", 140.0),
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
