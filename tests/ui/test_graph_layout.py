"""Places of protocols: the same every week, the same every time, nobody on top of another, sectors together."""

import datetime as dt

import numpy as np

from dexposure_core.network import Snapshot
from dexposure_core.pipeline.picture import layout
from dexposure_core.pipeline.picture.layout import GAP, HEIGHT, LARGEST, SMALLEST, WIDTH, node_radii, radii

SECTORS = ("Lending", "DEX", "Bridge")


def world(week: int, n: int = 60) -> Snapshot:
    draw = np.random.default_rng(5)
    pairs = np.unique(draw.integers(0, n * n, 400))
    pairs = pairs[pairs // n != pairs % n]
    usd = np.exp(draw.normal(12, 2, len(pairs))) * np.exp(np.random.default_rng(week).normal(0, 0.2, len(pairs)))
    return Snapshot(
        date=dt.date(2025, 1, 6) + dt.timedelta(weeks=week), protocols=[f"p{i}" for i in range(n)],
        names=[f"P {i}" for i in range(n)], sectors=[SECTORS[i % 3] for i in range(n)],
        tvl_usd=np.exp(draw.normal(12, 2, n)), creditor=pairs // n, debtor=pairs % n, exposure_usd=usd,
        basis="holdings",
    )  # fmt: skip


def test_places_are_the_same_every_time_and_for_every_week() -> None:
    history = [world(week) for week in range(4)]
    one, two = layout(history), layout(history)
    assert dict(one.places) == dict(two.places)
    # a place belongs to the protocol, not to the date: consecutive weeks share it by construction
    for protocol in map(str, history[0].protocols):
        assert one.place(protocol, "Lending") == one.place(protocol, "Bridge")


def test_circles_do_not_overlap() -> None:
    history = [world(week) for week in range(4)]
    places = layout(history).places
    spot = np.array([places[str(p)] for p in history[0].protocols])
    size = np.max([node_radii(s) for s in history], axis=0)
    apart = np.linalg.norm(spot[:, None] - spot[None], axis=2) - size[:, None] - size[None]
    assert apart[~np.eye(len(spot), dtype=bool)].min() > GAP - 2


def test_sectors_stay_together() -> None:
    history = [world(week) for week in range(4)]
    result = layout(history)
    sector = np.array(history[0].sectors)
    spot = np.array([result.places[str(p)] for p in history[0].protocols])
    middle = np.array([spot[sector == name].mean(axis=0) for name in SECTORS])
    within = np.mean(
        [np.linalg.norm(spot[sector == name] - middle[i], axis=1).mean() for i, name in enumerate(SECTORS)]
    )
    across = np.mean(
        [np.linalg.norm(spot[sector != name] - middle[i], axis=1).mean() for i, name in enumerate(SECTORS)]
    )
    assert within < 0.75 * across


def test_a_protocol_that_was_never_strong_has_a_place_near_its_sector() -> None:
    result = layout([world(0)], size=30)
    spot = result.place("newcomer <b>", "DEX")
    assert spot == result.place("newcomer <b>", "DEX")
    assert np.hypot(*(np.array(spot) - result.anchors["DEX"])) <= 150
    assert abs(spot[0]) < WIDTH
    assert abs(spot[1]) < HEIGHT


def test_area_follows_tvl() -> None:
    # 1/4 of the largest TVL → half the radius; next to nothing → the smallest
    assert radii(np.array([400.0, 100.0, 0.0])).tolist() == [LARGEST, LARGEST / 2, SMALLEST]
    assert radii(np.array([0.0, 0.0])).tolist() == [SMALLEST, SMALLEST]


def test_no_history_no_places() -> None:
    assert layout([]).place("a", "DEX") != layout([]).place("b", "DEX")
