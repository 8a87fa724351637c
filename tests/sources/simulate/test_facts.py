"""The fact tables fit together: what one names, another knows."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from dexposure_core.sources.simulate import facts as f

FACTS = f.load()
NODES = set(FACTS.protocols["protocol"])
TOKENS = set(FACTS.tokens["token"])


def test_mondays_are_the_283_of_the_real_data() -> None:
    assert len(f.MONDAYS) == 283
    assert (f.MONDAYS[0], f.MONDAYS[-1]) == (dt.date(2020, 3, 23), dt.date(2025, 8, 18))
    assert {day.weekday() for day in f.MONDAYS} == {0}


def test_names_occur_once_and_are_many() -> None:
    assert FACTS.protocols["protocol"].is_unique().all()
    assert FACTS.tokens["token"].is_unique().all()
    assert FACTS.protocols["name"].is_unique().all()
    assert FACTS.protocols.filter(pl.col("holds").is_not_null()).height >= 400
    assert len(TOKENS) >= 1000


def test_every_token_has_a_known_issuer_or_is_a_bucket() -> None:
    issued = FACTS.tokens.filter(pl.col("kind") != "bucket")
    assert issued["issuer"].null_count() == 0
    assert set(issued["issuer"]) <= NODES
    assert FACTS.tokens.filter(pl.col("kind") == "bucket")["issuer"].null_count() > 0


def test_every_name_in_another_table_is_known() -> None:
    held = FACTS.protocols["holds"].drop_nulls().str.split("|").explode()
    assert set(held) <= TOKENS
    assert set(FACTS.tokens["follows"].drop_nulls()) <= TOKENS | {"USD", "EUR"}
    for table in (FACTS.prices, FACTS.breaks):
        assert set(table["token"]) <= TOKENS
    for table in (FACTS.shocks, FACTS.sizes):
        assert set(table["protocol"]) <= NODES


def test_lives_are_in_order() -> None:
    for table in (FACTS.protocols, FACTS.tokens):
        both = table.filter(pl.col("first").is_not_null() & pl.col("last").is_not_null())
        assert (both["first"] < both["last"]).all()


def test_events_are_drawn_on_the_first_monday_on_or_after_the_day() -> None:
    late = (FACTS.events["date"] - FACTS.events["happened"]).dt.total_days()
    assert FACTS.events.height == 72
    assert late.min() >= 0
    assert late.max() <= 6
    assert (FACTS.events["date"].dt.weekday() == 1).all()
    named = FACTS.events["protocols"].drop_nulls().str.split(";").explode()
    assert set(named) <= NODES


@pytest.mark.parametrize(
    ("day", "week"),
    [(dt.date(2019, 1, 1), 0), (dt.date(2020, 3, 23), 0), (dt.date(2020, 3, 24), 1), (dt.date(2020, 3, 30), 1)],
)
def test_week_is_the_first_monday_on_or_after_a_day(day: dt.date, week: int) -> None:
    assert f.week(day) == week


def test_interpolation_is_log_linear_between_days_and_flat_outside() -> None:
    # from 1 to 4 in two weeks: twice as much each week
    path = f.interpolate([dt.date(2020, 3, 30), dt.date(2020, 4, 13)], np.array([1.0, 4.0]))
    assert path[:5] == pytest.approx([1.0, 1.0, 2.0, 4.0, 4.0])
