"""The generated answers of the network pages: numbers right, grammar right, names harmless."""

import re

import polars as pl
import pytest

from dexposure_core.pipeline import views
from dexposure_core.pipeline.views import Shocked
from dexposure_core.ui import answers, manual, navigation, outlook
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


def scored(dexposure: float) -> pl.DataFrame:
    rows = [("flow", 4, "weight_mae", "persistence", 2.0), ("flow", 4, "weight_mae", "dexposure", dexposure)]
    frame = pl.DataFrame(rows, schema=["basis", "horizon", "metric", "forecaster", "value"], orient="row")
    return frame.with_columns(low=pl.lit(None, pl.Float64), high=pl.lit(None, pl.Float64))


def test_skill_is_told_good_or_bad() -> None:
    better = outlook.skill_words(scored(1.5), "flow", 4, "dexposure")
    assert "was clearly better than persistence at the size of exposures." in better
    worse = outlook.skill_words(scored(2.5), "flow", 4, "dexposure")
    assert "was nowhere clearly better; clearly worse at the size of exposures." in worse
    # persistence (2.0) lies within the interval of 1.5: nothing is clear
    unclear = scored(1.5).with_columns(low=pl.lit(1.0), high=pl.lit(2.2))
    said = outlook.skill_words(unclear, "flow", 4, "dexposure")
    assert "nowhere clearly better; not clearly different at the size of exposures." in said
    assert outlook.skill_table(scored(1.5), "flow", 4, "dexposure")["gain"].to_list() == ["+25.0 %"]  # 1 − 1.5 / 2
    assert "not been scored" in outlook.skill_words(scored(1.5), "holdings", 4, "dexposure")


@pytest.mark.parametrize("page", navigation.PAGES, ids=lambda page: page.key)
def test_the_last_line_of_every_page_leads_to_a_topic_that_exists(page) -> None:
    topics = re.findall(r'method="(\w*)"', page.file.read_text("utf-8"))
    assert topics
    assert set(topics) <= {"", *manual.TOPICS}
