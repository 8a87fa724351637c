"""Where a history is cut into what is learnt on and what is tuned on."""

import datetime as dt

import pytest

from dexposure_core.errors import BadOption
from dexposure_core.forecast.judging.outcomes import fit_split


def weeks(count, start=dt.date(2020, 1, 6)):
    return [start + dt.timedelta(weeks=k) for k in range(count)]


def test_the_embedded_weeks_are_tuned_on_those_from_mid_july_2024():
    # 2020-03-23 … 2024-12-30 is 250 weeks; 25 of them on or after 2024-07-15, 225 before
    dates = weeks(250, dt.date(2020, 3, 23))
    cut = fit_split(dates)
    assert dates[-1] == dt.date(2024, 12, 30)
    assert cut.validation_from == dt.date(2024, 7, 15)
    assert cut.test_from == dt.date(2024, 12, 31)


@pytest.mark.parametrize(
    ("count", "validated"),
    [(6, 4), (40, 6), (100, 15), (200, 26)],  # 15 % of 6 is 1, at least 4; of 40 6; of 100 15; of 200 30, at most 26
)
def test_other_histories_are_tuned_on_their_last_dates(count, validated):
    dates = weeks(count)
    cut = fit_split(dates)
    assert cut.validation_from == dates[-validated]
    assert cut.test_from == dates[-1] + dt.timedelta(days=1)


def test_a_history_too_short_to_learn_from_is_refused():
    with pytest.raises(BadOption, match="5 snapshots are too few"):
        fit_split(weeks(5))
