"""What a reader is told while a forecast is made: the first one after a start also loads the model's library."""

import sys

from dexposure_core.ui import lookups


def test_only_the_model_has_a_library_to_load(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert "loaded once" in lookups.waiting("dexposure")
    assert lookups.waiting("persistence") == "Forecasting …"


def test_the_second_forecast_waits_for_no_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", object())
    assert lookups.waiting("dexposure") == "Forecasting …"
