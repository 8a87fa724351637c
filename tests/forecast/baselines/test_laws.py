"""What holds for every baseline, whatever it does."""

import datetime as dt

import numpy as np
import pytest

from dexposure_core.errors import BadOption, NoModel
from dexposure_core.forecast.base import HORIZONS
from dexposure_core.forecast.baselines import BASELINES
from dexposure_core.forecast.baselines.boosting import BUSHES
from dexposure_core.forecast.baselines.tuning import BUDGET, Tuned
from tests.forecast.worlds import as_dict, relabelled, scrambled, week, world

LEARNING = [f for f in BASELINES if f.needs_fit]
OTHER = {"holdings": "flow", "flow": "holdings"}


def same(one, other):
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("creditor", "debtor", "probability", "exposure_usd", "tvl_usd")
    )


def test_the_future_changes_nothing(baseline, basis):
    """A forecaster that has just looked at later weeks, true or made up, says what it said before."""
    history = world(basis=basis)
    before = baseline.predict_all(history[:51], HORIZONS)
    baseline.predict_all(history, HORIZONS)
    baseline.predict_all(history[:51] + [scrambled(s) for s in history[51:]], HORIZONS)
    after = baseline.predict_all(world(basis=basis)[:51], HORIZONS)
    assert all(same(after[h], before[h]) for h in HORIZONS)


def test_what_it_learns_is_decided_by_what_it_is_given(baseline, fitted, basis):
    """Fitted again on the same dates, it says the same: nothing drawn without a seed, nothing read elsewhere."""
    again = next(f for f in BASELINES if f.name == baseline.name).fit(world(basis=basis)[:50])
    history = world(basis=basis)
    assert same(again.predict(history, 4), baseline.predict(history, 4))
    assert again.version == baseline.version


def test_relabelling_protocols_permutes_the_forecast(baseline, basis):
    recent = world(basis=basis)[-20:]
    order = np.random.default_rng(0).permutation(len(recent[-1].protocols))
    plain, turned = (as_dict(baseline.predict(h, 4)) for h in (recent, [relabelled(s, order) for s in recent]))
    assert plain[0].keys() == turned[0].keys()
    for pair, (probability, usd) in plain[0].items():
        assert turned[0][pair] == (pytest.approx(probability, rel=1e-3, abs=1e-6), pytest.approx(usd, rel=1e-3))
    assert turned[1] == pytest.approx(plain[1], rel=1e-4)


def test_probabilities_and_directions(baseline, basis):
    for forecast in baseline.predict_all(world(basis=basis), HORIZONS).values():
        assert (forecast.probability >= 0).all()
        assert (forecast.probability <= 1).all()
        if basis == "flow":
            low, high = np.minimum(forecast.creditor, forecast.debtor), np.maximum(forecast.creditor, forecast.debtor)
            both = np.bincount(low * len(forecast.protocols) + high, forecast.probability)
            assert both.max() <= 1 + 1e-9


def test_one_horizon_is_what_all_at_once_say(baseline, basis):
    history = world(basis=basis)
    together = baseline.predict_all(history, HORIZONS)
    assert list(together) == list(HORIZONS)
    assert all(same(forecast, baseline.predict(history, h)) for h, forecast in together.items())


def test_networks_too_small_to_say_anything(baseline, basis):
    tvl = {"X": 9.0, "Y": 0.0}
    nothing = baseline.predict([week(0, {}, tvl, basis)], 12)
    assert (nothing.probability < 0.5).all()
    assert nothing.tvl_usd[1] == 0.0  # who only issues has no TVL, then as now
    one = baseline.predict([week(0, {"X>Y": 5.0}, tvl, basis)], 1)
    assert one.protocols.tolist() == ["X", "Y"]
    alone = baseline.predict([week(0, {}, {"X": 3.0}, basis)], 4)
    assert len(alone.creditor) == 0
    with pytest.raises(BadOption, match="at least one snapshot"):
        baseline.predict([], 1)


def test_protocols_it_has_never_seen_are_taken_as_they_come(baseline, basis):
    weeks = [
        week(k, {"New>Newer": 5.0 + k, "Newer>Old": 7.0}, {"New": 9.0, "Newer": 4.0, "Old": 2.0 + k}, basis)
        for k in range(3)
    ]
    forecast = baseline.predict(weeks, 4)
    assert forecast.protocols.tolist() == ["New", "Newer", "Old"]
    assert forecast.basis == basis


def test_pairs_that_exist_either_way_are_likelier_than_those_that_do_not(baseline, basis):
    history = world(basis=basis)
    forecast, now = baseline.predict(history, 1), history[-1]
    pairs = np.sort([forecast.creditor, forecast.debtor], axis=0)
    today = np.sort([now.creditor, now.debtor], axis=0)
    exists = np.isin(pairs[0] * 30 + pairs[1], today[0] * 30 + today[1])
    assert forecast.probability[exists].mean() > 1.5 * np.append(forecast.probability[~exists], 0.0).mean()


@pytest.mark.parametrize("forecaster", LEARNING, ids=lambda f: f.name)
def test_before_it_is_fitted_it_says_so(forecaster, basis):
    assert forecaster.fitted_until is None
    with pytest.raises(NoModel, match=f"{forecaster.name} has not been fitted"):
        forecaster.predict(world(weeks=3, basis=basis), 1)


@pytest.mark.parametrize("name", [f.name for f in LEARNING])
def test_a_fitted_one_knows_until_when_and_refuses_what_it_was_not_fitted_for(name, fitted, basis):
    baseline = fitted(name, basis)
    last = world(basis=basis)[49].date
    assert not baseline.needs_fit
    assert baseline.fitted_until == last
    assert baseline.version.endswith(f":{last}")
    assert last < dt.date(2024, 1, 1)
    with pytest.raises(NoModel, match=f"was fitted on the {basis} basis"):
        baseline.predict(world(weeks=3, basis=OTHER[basis]), 1)
    with pytest.raises(BadOption, match=r"horizon 5: .* fitted for 1, 4, 8, 12"):
        baseline.predict(world(weeks=3, basis=basis), 5)
    assert 5 not in baseline.predict_all(world(weeks=3, basis=basis), (1, 5))


@pytest.mark.parametrize("forecaster", LEARNING, ids=lambda f: f.name)
def test_a_history_too_short_to_learn_from_is_refused(forecaster):
    with pytest.raises(BadOption, match="too few"):
        forecaster.fit(world(weeks=5))


@pytest.mark.parametrize("forecaster", LEARNING, ids=lambda f: f.name)
def test_horizons_that_a_short_history_does_not_span_are_left_out(forecaster, basis):
    history = world(weeks=12, n=12, basis=basis)
    fitted = forecaster.fit(history)  # 8 weeks to learn on, 4 to tune on: no pair of weeks 8 or 12 apart to learn from
    assert list(fitted.predict_all(history, HORIZONS)) == [1, 4]
    with pytest.raises(BadOption, match=r"horizon 8: .* fitted for 1, 4; choose"):
        fitted.predict(history, 8)


@pytest.mark.parametrize("forecaster", [f for f in LEARNING if isinstance(f, Tuned)], ids=lambda f: f.name)
def test_nobody_tries_more_settings_than_the_budget(forecaster, basis):
    for part in (forecaster.existence, forecaster.size, forecaster.tvl):
        offered = part.settings(basis)
        assert 1 <= len(offered) <= BUDGET
        assert len(set(offered)) == len(offered)
    assert len(BUSHES) <= BUDGET  # tried while training
