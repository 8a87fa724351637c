"""A forecast that makes no sense is refused where it is made."""

import datetime as dt

import numpy as np
import pytest

from dexposure_core.errors import BadOption, UnknownForecaster
from dexposure_core.forecast import FORECASTERS, Forecast, find_forecaster
from tests.forecast.worlds import week

GOOD = {
    "origin": dt.date(2024, 1, 1), "horizon_weeks": 4, "protocols": ["A", "B"], "creditor": [0, 1], "debtor": [1, 0],
    "probability": [0.5, 0.25], "exposure_usd": [100.0, 40.0], "tvl_usd": [10.0, 0.0],
}  # fmt: skip


def test_sums_are_made_with_sizes_of_their_own_or_with_the_typical_ones():
    # 0.5 × 100 = 50; 0.25 × 40 = 10
    assert Forecast(**GOOD).expected_usd().tolist() == [50.0, 10.0]
    assert Forecast(**GOOD).summed_tvl_usd.tolist() == GOOD["tvl_usd"]
    told_apart = Forecast(**GOOD, summed_usd=[200.0, 20.0], summed_tvl_usd=[8.0, 1.0])
    assert told_apart.expected_usd().tolist() == [100.0, 5.0]
    assert (told_apart.exposure_usd.tolist(), told_apart.summed_tvl_usd.tolist()) == ([100.0, 40.0], [8.0, 1.0])


def test_arrays_are_copied_and_read_only():
    probability = np.array([0.5, 0.25])
    forecast = Forecast(**{**GOOD, "probability": probability})
    probability[0] = 0.9
    assert forecast.probability.tolist() == [0.5, 0.25]
    with pytest.raises(ValueError, match="read-only"):
        forecast.probability[0] = 1.0
    with pytest.raises(AttributeError):
        forecast.horizon_weeks = 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probability": [0.5, 1.01]}, "probability must lie in 0..1"),
        ({"probability": [0.5, np.nan]}, "probability must lie in 0..1"),
        ({"probability": [0.5]}, "differ in length"),
        ({"exposure_usd": [0.0, 1.0]}, "exposure_usd must be finite and > 0"),
        ({"exposure_usd": [np.inf, 1.0]}, "exposure_usd must be finite and > 0"),
        ({"tvl_usd": [-1.0, 1.0]}, "tvl_usd must be finite and >= 0"),
        ({"tvl_usd": [1.0]}, "expected 2 values"),
        ({"debtor": [0, 0]}, "no exposure to itself"),
        ({"debtor": [2, 0]}, "rows 0..1"),
        ({"creditor": [0, 0], "debtor": [1, 1]}, "once only"),
        ({"protocols": ["A", "A"]}, "unique"),
        ({"horizon_weeks": 0}, "horizon_weeks must be >= 1"),
        ({"basis": "stock"}, "'stock' is not one of holdings, flow"),
        ({"summed_usd": [0.0, 1.0]}, "summed_usd must be finite and > 0"),
        ({"summed_usd": [1.0]}, "differ in length"),
        ({"summed_tvl_usd": [-1.0, 1.0]}, "summed_tvl_usd must be finite and >= 0"),
        ({"summed_tvl_usd": [1.0]}, "summed_tvl_usd: expected 2 values"),
    ],
)
def test_what_makes_no_sense_is_refused(change, message):
    with pytest.raises(BadOption, match=message):
        Forecast(**{**GOOD, **change})


def test_every_forecaster_is_found_by_name_and_persistence_comes_first():
    assert [f.name for f in FORECASTERS] == [
        "persistence", "pair-memory", "ewma", "drift", "hazard", "size-rule", "three-path", "in-degree",
        "gradient-boosting", "roland", "frozen", "dexposure",
    ]  # fmt: skip
    assert [find_forecaster(f.name) for f in FORECASTERS] == list(FORECASTERS)
    with pytest.raises(UnknownForecaster, match="did you mean 'persistence'"):
        find_forecaster("persistance")


@pytest.mark.parametrize("forecaster", FORECASTERS, ids=lambda f: f.name)
def test_a_history_that_cannot_be_forecast_from_is_refused(forecaster):
    a, b = week(0, {"A>B": 1.0}, {"A": 1.0, "B": 1.0}), week(1, {"A>B": 1.0}, {"A": 1.0, "B": 1.0}, basis="flow")
    for history, horizon, message in (
        ([], 1, "at least one snapshot"),
        ([a], 0, "whole number >= 1"),
        ([a], 1.5, "whole number >= 1"),
        ([a, a], 1, "in date order"),
        ([a, b], 1, "has basis flow"),
    ):
        with pytest.raises(BadOption, match=message):
            forecaster.predict(history, horizon)
