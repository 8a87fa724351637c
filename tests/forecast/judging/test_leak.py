"""The leak test passes what is honest and catches what is not."""

import pytest

from dexposure_core.forecast import Dexposure, PairMemoryForecaster, Persistence
from dexposure_core.forecast.judging.evaluation import fitted_before
from dexposure_core.forecast.judging.leak import leak_test, made_up

HORIZONS = (1, 4)


class Forecaster(Persistence):
    """Persistence under another name, to be spoilt below."""

    def predict_all(self, history, horizons):
        return {h: self.predict(history, h) for h in horizons}


class Remembers(Forecaster):
    """Keeps every snapshot it is ever shown and looks there for the target."""

    def __init__(self):
        self.known = {}

    def predict(self, history, horizon):
        self.known |= {s.date: s for s in history}
        target = history[-1].date + horizon * (history[-1].date - history[-2].date)
        return Persistence().predict([self.known.get(target, history[-1])], horizon)


class Oracle(Forecaster):
    """Was given the whole history when it was made."""

    def __init__(self, history):
        self.history = history

    def predict(self, history, horizon):
        return Persistence().predict([self.history[min(len(history) - 1 + horizon, len(self.history) - 1)]], horizon)


class FitsOnAll(Forecaster):
    """Learns the level of TVL from everything it is fitted on."""

    needs_fit = True

    def __init__(self, level=1.0):
        self.level = level

    def fit(self, history):
        return FitsOnAll(history[-1].tvl_usd.mean())

    def predict(self, history, horizon):
        said = Persistence().predict(history, horizon)
        said.tvl_usd.flags.writeable = True
        said.tvl_usd[:] = self.level
        return said


@pytest.fixture
def origin(history):
    return history[40].date


def test_honest_forecasters_pass(history, origin, model):
    for forecaster in (Persistence(), PairMemoryForecaster(), model):
        assert leak_test(lambda _, f=forecaster: f, history, origin, HORIZONS).passed


def test_one_that_remembers_later_snapshots_is_caught(history, origin):
    found = leak_test(lambda _: Remembers(), history, origin, HORIZONS)
    assert not found.passed
    assert found.changed


def test_one_that_was_given_the_future_is_caught(history, origin):
    assert not leak_test(Oracle, history, origin, HORIZONS).passed


def test_one_that_is_fitted_on_the_future_is_caught_and_on_the_past_passes(history, origin):
    found = leak_test(lambda whole: FitsOnAll().fit(whole), history, origin, HORIZONS)
    assert (found.passed, found.changed) == (False, "tvl_usd at 1 steps")
    assert leak_test(lambda whole: fitted_before(FitsOnAll(), whole, origin), history, origin, HORIZONS).passed


def test_a_model_passes_whatever_it_was_trained_on_before(history, origin, trained):
    assert leak_test(lambda _: Dexposure(trained=trained), history, origin, HORIZONS).passed


def test_a_made_up_snapshot_keeps_date_and_protocols_only(history):
    made = made_up(history[5])
    assert made.date == history[5].date
    assert made.protocols.tolist() == history[5].protocols.tolist()
    assert made.tvl_usd.tolist() != history[5].tvl_usd.tolist()
