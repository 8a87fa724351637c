"""What drawn futures say of today's protocols and sectors when some have left and others entered."""

import numpy as np
import pytest

from dexposure_core.pipeline.drawn import _seen
from tests.forecast.worlds import week

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
