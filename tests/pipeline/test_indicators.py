"""Where an indicator stands, by hand."""

import datetime as dt
import math

import polars as pl
import pytest

from dexposure_core.pipeline.indicators import INDICATORS, Indicator, percentile, position, positions, warnings
from dexposure_core.store import open_store
from tests.app.conftest import world

DAYS = [dt.date(2025, 1, 6) + dt.timedelta(weeks=n) for n in range(12)]


class History:
    """A store with one measure."""

    def __init__(self, values):
        self.values = values

    def history(self, measure, basis):
        days = DAYS[: len(self.values)]
        return pl.DataFrame({"date": days, "value": self.values}, schema={"date": pl.Date, "value": pl.Float64})


def stand(values, on=None):
    plain = Indicator(measure="m", title="M", unit="index", meaning="")
    return position(History(values), DAYS[(on if on is not None else len(values)) - 1], "holdings", plain)


def test_percentile_is_the_share_at_or_below():
    assert percentile([1, 2, 3, 4], 3) == 0.75
    assert percentile([1, 2, 2, 4], 2) == 0.75
    assert math.isnan(percentile([], 1))
    assert math.isnan(percentile([1], math.nan))


def test_level_change_and_range():
    found = stand([1.0, 4.0, 2.0, 3.0])
    assert (found.level, found.previous, found.change) == (3, 2, 1)
    assert (found.low, found.high, found.since) == (1, 4, DAYS[0])
    assert found.percentile == 0.75


def test_what_comes_later_is_not_known():
    assert stand([1.0, 2.0, 9.0], on=2).high == 2


def test_the_first_date_has_no_change():
    assert math.isnan(stand([1.0]).change)
    assert stand([1.0]).flag is False


def test_what_is_not_defined_stays_so():
    assert math.isnan(stand([1.0, None]).level)
    assert math.isnan(stand([1.0, None]).percentile)


def test_a_large_move_raises_a_flag():
    calm = [0.0, 1, 0, 1, 0, 1, 0, 1, 0, 1]  # changes ±1: σ = 1.05 over nine
    assert stand([*calm, 2.5]).flag is False  # +1.5 < 2 σ
    assert stand([*calm, 4.0]).flag is True  # +3.0 > 2 σ
    assert stand([*calm, -2.0]).flag is True


@pytest.mark.parametrize("basis", ["holdings", "flow"])
def test_on_a_vintage(tmp_path, basis):
    world(tmp_path, weeks=13)
    store = open_store(tmp_path)
    date = store.dates(basis)[-1]
    five = positions(store, date, basis)
    assert five[0].indicator.title == "System TVL"
    assert five[0].level == pytest.approx(store.snapshot(date, basis).tvl_usd.sum())
    losses = store.measures(date, basis).filter(pl.col("measure").str.starts_with("loss:"))
    assert five[-1].level == losses["value"].max()
    assert f"loss:{five[-1].detail}" in losses["measure"].to_list()


def test_the_entry_of_an_exchange_raises_a_flag(tmp_path):
    world(tmp_path, weeks=13)
    store = open_store(tmp_path)
    raised = warnings(store, "holdings")
    assert store.dates()[12] in raised.filter(pl.col("measure") == "system_tvl_usd")["date"].to_list()
    assert raised["sigmas"].min() > 2
    assert position(store, store.dates()[12], "holdings", INDICATORS[0]).flag
