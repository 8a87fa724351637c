"""The generated answers of the network pages: numbers right, grammar right, names harmless."""

import re

import polars as pl
import pytest

from dexposure_core.pipeline import views
from dexposure_core.pipeline.views import Shocked
from dexposure_core.ui import answers, manual, navigation
from tests.networks import network

EVIL = "**x** [a](javascript:1) <b>"
NAN = float("nan")


def test_network() -> None:
    snap = network({"a": 9.0, "b": 4.0, "c": 1.0}, [("a", "b", 3e9), ("b", "c", 1e9)])
    said = answers.network(views.network_facts(snap), "holdings")
    assert "**2 exposures** worth **USD 4.00 bn** tie 3 protocols together" in said
    assert "A holds USD 3.00 bn of tokens issued by B. 75.0 % of all exposure leads to B." in said
    empty = answers.network(views.network_facts(network({"a": 1.0}, [])), "holdings")
    assert empty == "1 protocol, and none holds another's tokens on this date."


def test_spillover_says_the_change_in_points() -> None:
    def cells(across: float) -> pl.DataFrame:
        return pl.DataFrame(
            {"creditor_sector": ["A", "A"], "debtor_sector": ["A", EVIL], "exposure_usd": [60.0, across]}
        )

    now, moved = views.change(cells(40.0), cells(20.0))
    said = answers.spillover(now, moved, "week")
    # 40 of 100 now, 20 of 80 before: 40 % − 25 % = +15 points
    assert said.startswith("**40.0 %** of all exposure crosses sectors (+15.0 points since last week)")
    assert "<b>" not in said
    assert "](java" not in said
    assert "since" not in answers.spillover(now, None, "week").split(":")[0]


def test_shocks_are_said_as_sentences() -> None:
    assert answers.shocked(Shocked(kind="token", name="USDC", fraction=0.125), "USDC") == "USDC loses 12.5 %"
    assert answers.shocked(Shocked(kind="scenario", name="top-1"), "") == "Largest protocol loses 50 %"
    assert "<b>" not in answers.shocked(Shocked(kind="protocol", name="1", fraction=1), EVIL)


def measures(forecast: float) -> pl.DataFrame:
    rows = [
        ("total_exposure_usd", 100e9, forecast, NAN),
        ("tvl_hhi", 0.07, 0.07, NAN),
        ("cross_sector_ratio", NAN, 0.5, NAN),
    ]
    return pl.DataFrame(rows, schema=["measure", "today", "forecast", "actual"], orient="row")


def test_forecast_names_what_moves_and_leaves_out_what_is_not_defined() -> None:
    said = answers.forecast(measures(110e9), 4, "dexposure", "2025-09-15")
    assert "total exposure **USD 110 bn** (+10.0 %)" in said
    assert "TVL concentration (HHI) **0.0700** (no change)" in said
    assert "cross-sector" not in said
    assert answers.forecast(measures(100e9), 1, "persistence", "x").count("ersistence") == 1
    turned = answers.forecast(measures(100e9 * (1 + 1e-9)), 4, "dexposure", "2025-09-15", (0.4, 32.4, 0.0))
    assert "total exposure **USD 100 bn** (no change)" in turned  # rounding is no expectation
    assert "Of exposures, fewer than **1** are expected to begin and about **32** to end." in turned
    turned = answers.forecast(measures(110e9), 4, "dexposure", "2025-09-15", (3.0, 32.4, 41.6))
    assert "about **32** to end; protocols that enter the data may bring about **42** more." in turned


@pytest.mark.parametrize("page", navigation.PAGES, ids=lambda page: page.key)
def test_the_last_line_of_every_page_leads_to_a_topic_that_exists(page) -> None:
    topics = re.findall(r'method="(\w*)"', page.file.read_text("utf-8"))
    assert topics
    assert set(topics) <= {"", *manual.TOPICS}
