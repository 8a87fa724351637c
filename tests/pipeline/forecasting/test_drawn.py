"""What drawn futures say of today's protocols and sectors when some have left and others entered."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from dexposure_core.forecast import Persistence
from dexposure_core.forecast.record import AMOUNTS
from dexposure_core.pipeline.forecasting.cache import Kept, Key, keep, load
from dexposure_core.pipeline.forecasting.drawn import _seen, draw
from dexposure_core.pipeline.forecasting.uncertainty import learn
from tests.forecast.worlds import START, week

ORIGIN = week(0, {"A>B": 4.0}, {"A": 50.0, "B": 30.0, "C": 20.0}, sectors=["DEX", "Lending", "Bridge"])
LATER = week(
    1, {"B>A": 6.0, "newcomer-1>A": 3.0, "A>newcomer-1": 1.0}, {"B": 60.0, "A": 40.0, "newcomer-1": 9.0},
    sectors=["Lending", "DEX", "Derivatives"],
)  # fmt: skip


def test_protocols_and_sectors_are_those_of_the_origin_in_its_order():
    values, parts, cells = _seen(LATER, ORIGIN)
    assert values["protocol_count"] == 3
    assert values["total_exposure_usd"] == pytest.approx(10.0)
    assert parts[-1].tolist() == [40.0, 60.0, 0.0]  # TVL of A, B and C, which left
    assert parts[:, 2].tolist() == [0.0, 0.0, 0.0]
    assert parts[0, 0] > 0  # A is owed by two
    # Bridge, DEX, Lending: the newcomer's sector has no cell of its own
    assert cells.tolist() == [[0, 0, 0], [0, 0, 0], [0, 6.0, 0]]


def test_a_network_of_the_same_protocols_is_seen_as_it_is():
    values, parts, cells = _seen(ORIGIN, ORIGIN)
    assert parts[-1].tolist() == [50.0, 30.0, 20.0]
    assert cells.sum() == values["total_exposure_usd"]
    assert np.isfinite(parts).all()


def growing(weeks=40):
    """Four protocols that hold each other, and every week one more that holds the first."""
    old = {"a>b": 5.0, "b>c": 4.0, "c>d": 3.0, "d>a": 2.0}
    more = [[f"n{i}" for i in range(k)] for k in range(weeks)]
    return [
        week(k, {**old, **{f"{n}>a": 1.0 for n in own}}, dict.fromkeys(["a", "b", "c", "d", *own], 10.0))
        for k, own in enumerate(more)
    ]


def test_what_is_drawn_and_kept_counts_newcomers(tmp_path):
    history = growing()
    learnt = learn(Persistence(), {"holdings": history[:-1]}, (4,))
    forecast = Persistence().predict(history, 4)
    drawn = draw(forecast, history, START + dt.timedelta(weeks=43), learnt, 20)
    assert drawn.newcomers == (4.0, 4.0)  # one a week, with one exposure each
    assert drawn.importance["protocol"].to_list() == history[-1].protocols.tolist()
    numbers = dict(drawn.numbers.select("name", "forecast").iter_rows())
    assert numbers["protocol_count"] > len(history[-1].protocols)  # from a past that only grew
    alone = draw(forecast, history, START + dt.timedelta(weeks=43), None, 20)
    assert (alone.joint, alone.newcomers) == (False, (0.0, 0.0))
    key = Key(
        vintage="v", forecaster="persistence", model="m", basis="holdings", origin=history[-1].date, horizon=4, draws=20
    )  # fmt: skip
    sums = {"summed_usd": 2.0 * forecast.exposure_usd, "summed_tvl_usd": 3.0 * forecast.tvl_usd}
    apart = replace(forecast, **sums)
    assert keep(tmp_path, key, Kept(forecast=apart, drawn=drawn)) == ""
    again, note = load(tmp_path, key)
    assert (again.drawn.newcomers, note) == ((4.0, 4.0), "")
    for name in ("creditor", "debtor", *AMOUNTS):  # amounts of sums are not taken for typical ones
        assert np.array_equal(getattr(again.forecast, name), getattr(apart, name)), name
