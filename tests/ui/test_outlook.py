"""What the Forecast page must tell beside its numbers."""

import datetime as dt
from types import SimpleNamespace

import pytest

from dexposure_core.forecast import Forecast
from dexposure_core.pipeline.forecasting.tables import exposure_table
from dexposure_core.ui import outlook
from tests.networks import network


@pytest.mark.parametrize(("actual", "joint", "said"), [
    (None, False, ["A note."]),
    (object(), False, ["A note.", "What happened since is shown beside."]),
    (None, True, ["A note.", outlook.NOT_A_SUM]),
])  # fmt: skip
def test_a_reader_is_told_why_numbers_need_not_add_up(actual, joint, said):
    result = SimpleNamespace(notes=("A note.",), actual=actual, drawn=SimpleNamespace(joint=joint))
    assert [note.replace("\\", "") for note in outlook.notes(result)] == said  # as Markdown, signs escaped


def test_what_may_begin_is_told_in_numbers_that_multiply():
    today = network({"A": 9.0, "B": 8.0}, [("A", "B", 5.0)])
    told_apart = Forecast(
        origin=dt.date(2024, 1, 1), horizon_weeks=4, protocols=["A", "B"], creditor=[0, 1], debtor=[1, 0],
        probability=[0.5, 0.25], exposure_usd=[4.0, 40.0], summed_usd=[6.0, 80.0], tvl_usd=[9.0, 8.0],
    )  # fmt: skip
    pairs = exposure_table(told_apart, today)
    begin = outlook.brief_new(pairs.filter(today_usd=0.0))
    # 0.25 × 80 = 20: the size that sums are made with stands beside what is expected, not the typical size of 40
    assert begin.select("creditor", *outlook.NEW_LABELS).rows() == [("B", 80.0, 0.25, 20.0)]
    assert pairs.filter(today_usd=0.0)["exposure_usd"].to_list() == [40.0]
