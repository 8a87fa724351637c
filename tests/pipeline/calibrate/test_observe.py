"""What is read off two networks that a person can check by hand."""

import datetime as dt

import numpy as np
import pytest

from dexposure_core import Snapshot
from dexposure_core.pipeline.calibrate.observe import observe
from dexposure_core.pipeline.calibrate.weeks import Week

MONDAY = dt.date(2025, 1, 6)
NAMES = ["a", "b", "c", "d"]


def flow(weeks: int, exposures: dict[str, float], tvl: float = 10.0) -> Snapshot:
    """The flow network some weeks after the first; exposures as {"ab": usd} from a to b, nodes only where named."""
    there = sorted({end for pair in exposures for end in pair})
    return Snapshot(
        date=MONDAY + dt.timedelta(weeks=weeks), basis="flow", protocols=there, names=there,
        sectors=["Primary Market Tokens" if p == "d" else "Lending" for p in there], tvl_usd=[tvl] * len(there),
        categories=["Utility Token" if p == "d" else "Dexes" for p in there],
        creditor=[there.index(c) for c, _ in exposures], debtor=[there.index(d) for _, d in exposures],
        exposure_usd=list(exposures.values()),
    )  # fmt: skip


def seen(*flows: Snapshot) -> dict[str, list[float | None]]:
    weeks = [Week(date=f.date, holdings=f, flow=f, measured={"mean_sis": 0.3}) for f in flows]
    return observe(weeks).weeks.to_dict(as_series=False)


def test_a_pair_that_turned_is_there_but_not_in_the_same_direction() -> None:
    # today: a→b as before, c→b turned, a→d new: 1 of 3 in the same direction, 2 of 3 pairs
    row = seen(flow(0, {"ab": 10, "bc": 4}), flow(1, {"ab": 20, "cb": 3, "ad": 1}))
    assert row["same_direction_1"][1] == pytest.approx(1 / 3)
    assert row["same_pair_1"][1] == pytest.approx(2 / 3)
    # errors: log 21/11, and the whole of log 4 and log 2 where nothing was there in that direction
    errors = np.log([21 / 11, 4, 2])
    assert row["mae_1"][1] == pytest.approx(errors.mean())
    assert row["mse_1"][1] == pytest.approx(np.square(errors).mean())
    assert row["flipped_1"][1] == pytest.approx(np.log([4, 2]).mean())
    assert row["overlap_1"][1] == 1.0


def test_losses_are_falls_of_incident_flow_after_four_weeks() -> None:
    # a 10 → 4, b 14 → 4, c 4 → 0 (gone); d is new and loses nothing
    row = seen(flow(0, {"ab": 10, "bc": 4}), flow(4, {"ab": 4, "ad": 0.5}))
    losses = [1 - 4.5 / 10, 1 - 4 / 14, 1.0]
    assert row["loss_mean"][1] == pytest.approx(np.mean(losses))
    assert row["loss_none"][1] == 0.0
    assert row["loss_gone"][1] == pytest.approx(1 / 3)
    assert row["overlap_4"][1] == pytest.approx(2 / 3)


def test_only_weeks_exactly_a_horizon_apart_are_compared() -> None:
    row = seen(flow(0, {"ab": 10}), flow(2, {"ab": 10}), flow(3, {"ab": 10}))
    assert row["same_direction_1"] == [None, None, 1.0]
    assert "same_direction_4" not in row


def test_size_weights_and_concentration() -> None:
    row = seen(flow(0, {"ab": 30, "ad": 10}))
    assert (row["nodes"][0], row["edges"][0], row["flow_total"][0], row["flow_mean"][0]) == (3, 2, 40.0, 20.0)
    assert row["density"][0] == pytest.approx(2 / (3 * 2))
    assert row["flow_hhi"][0] == 1.0  # all of it leaves a
    assert row["tvl"][0] == 30.0
    assert row["tvl_hhi"][0] == pytest.approx(1 / 3)


def test_tokens_that_are_their_own_issuers_have_no_category() -> None:
    weeks = [Week(date=f.date, holdings=f, flow=f, measured={}) for f in (flow(0, {"ab": 1}), flow(1, {"ad": 1}))]
    seen_all = observe(weeks)
    assert seen_all.categories == {"Dexes": 1.5, "": 0.5}  # 2 + 1 and 0 + 1 over two weeks
    assert seen_all.top["a"] == 2
