"""What pages about today say of what is expected: beside today, with intervals, harmless names."""

import datetime as dt
from types import SimpleNamespace

import polars as pl
import pytest

from dexposure_core.pipeline.indicators import Indicator, Position
from dexposure_core.ui import ahead, cards

NAN = float("nan")
EVIL = "<img src=x onerror=alert(1)>"


def exposure(creditor, debtor, probability, size, today):
    return {"creditor": creditor, "creditor_name": EVIL, "debtor": debtor, "debtor_name": debtor.upper(),
            "probability": probability, "summed_usd": size, "today_usd": today}  # fmt: skip


@pytest.fixture
def result():
    return SimpleNamespace(
        target=dt.date(2025, 9, 15), horizon_weeks=4,
        protocols=pl.DataFrame({"protocol": ["a"], "today_usd": [5e9], "forecast_usd": [6e9], "low_usd": [4e9],
                                "high_usd": [9e9]}),
        drawn=SimpleNamespace(importance=pl.DataFrame({"protocol": ["a"], "loss_today": [0.05], "loss": [0.06],
                                                       "loss_low": [NAN], "loss_high": [NAN]})),
        exposures=pl.DataFrame([
            exposure("a", "b", 0.4, 7e6, 0.0), exposure("c", "a", 0.6, 8e6, 0.0), exposure("c", "b", 0.9, 1.0, 0.0),
            exposure("a", "d", 0.75, 2e6, 3e6), exposure("e", "a", 0.9999, 2e6, 3e6),
        ]),
    )  # fmt: skip


def test_tvl_and_loss_are_told_beside_today(result):
    said = ahead.expected_words(result, "a")
    assert "TVL is expected at **USD 6.00 bn** (+20.0 % on today; 90 %: USD 4.00 bn to USD 9.00 bn)" in said
    assert "**6.00 %** of system TVL (today 5.00 %)" in said  # no interval known, none claimed
    assert "not in the network" in ahead.expected_words(result, "z")


def test_partners_that_may_come_and_go_the_likeliest_first(result):
    begin = ahead.partners(result, "a", begin=True)
    assert begin.select("role", "protocol", "probability", "size_usd").rows() == [
        ("be held by", "c", 0.6, 8e6), ("hold", "b", 0.4, 7e6),
    ]  # fmt: skip
    # 1 − 0.75 = 0.25; one that lasts with 0.9999 is not worth a line
    assert ahead.partners(result, "a", begin=False).select("role", "protocol", "probability").rows() == [
        ("stop holding", "d", 0.25)
    ]


def position(measure="tvl_hhi", unit="index", detail=""):
    indicator = Indicator(measure=measure, title="t", unit=unit, meaning="m")
    return SimpleNamespace(spec=Position, indicator=indicator, detail=detail)


def test_a_card_says_what_is_expected_or_nothing():
    assert cards.expected(position(), 4, {}) == ""
    assert cards.expected(position(), 4, {"tvl_hhi": (NAN, NAN, NAN)}) == ""
    said = cards.expected(position(), 4, {"tvl_hhi": (0.07, 0.06, 0.08)})
    assert "in 4 weeks <b>0.0700</b><br>90 %: 0.0600 to 0.0800" in said
    loss = cards.expected(position("worst_loss", "share", "top-5:linear-debtrank"), 1, {
        "loss:top-5:linear-debtrank": (0.2, NAN, NAN)})  # fmt: skip
    assert "in 1 week <b>20.0 %</b></div>" in loss
    assert "90 %: 1.00 bn to 3.00 bn" in cards.expected(position("x", "USD"), 4, {"x": (2e9, 1e9, 3e9)})
