"""What a reader is told while a forecast is made: the first one after a start also loads the model's library."""

import pytest

from dexposure_core.pipeline.forecasting.process import ForecastProcess
from dexposure_core.ui import lookups


@pytest.fixture
def process(monkeypatch):
    found = ForecastProcess()
    monkeypatch.setattr(lookups, "_process", lambda: found)
    return found


def test_only_the_model_has_a_library_to_load(process):
    assert "loaded once" in lookups.waiting("dexposure")
    assert lookups.waiting("persistence") == "Forecasting …"


def test_the_second_forecast_waits_for_no_library(process, monkeypatch):
    monkeypatch.setattr(process, "knows", lambda forecaster: forecaster == "dexposure")
    assert lookups.waiting("dexposure") == "Forecasting …"
