"""The briefing's picture of the network: complete, readable, harmless, and in the colours of the screen."""

import re
from itertools import combinations

import pytest

from dexposure_core.pipeline.briefing import network_figure
from dexposure_core.pipeline.briefing.svg import CHARACTER
from dexposure_core.pipeline.palette import GREYS, sector_colours
from dexposure_core.pipeline.picture import backbone, layout_of
from dexposure_core.pipeline.views import sectors_by_size
from dexposure_core.store import open_store

TEXT = re.compile(r'<text x="([\d.-]+)" y="([\d.-]+)" text-anchor="(\w+)" fill="#1B2430">([^<]*)</text>')


@pytest.fixture(scope="module")
def store():
    return open_store()


@pytest.fixture(scope="module")
def snapshot(store):
    return store.snapshot(store.dates()[-1])


@pytest.fixture(scope="module")
def drawn(store, snapshot):
    colours = sector_colours(sectors_by_size(store))
    cut = backbone(snapshot, network_figure.SHOWN)
    return network_figure.network(snapshot, cut, layout_of(store, "holdings"), colours, "the network"), cut, colours


def test_every_protocol_and_every_exposure_of_the_cut_is_drawn(drawn, snapshot):
    picture, cut, colours = drawn
    issuers = int((snapshot.tvl_usd[cut.protocols] <= 0).sum())
    sectors = set(snapshot.sectors[cut.protocols])
    assert picture.count("<circle") == len(cut.protocols) - issuers + len(sectors)
    assert picture.count("<polygon") == len(cut.exposures) + issuers
    assert {colours.get(sector, GREYS[0]) for sector in sectors} <= set(re.findall(r'fill="(#\w{6})"', picture))


def test_no_name_lies_on_another_and_most_are_written(drawn):
    picture, cut, _ = drawn
    boxes = []
    for x, y, anchor, name in TEXT.findall(picture):
        long = CHARACTER * len(name)
        left = float(x) - {"start": 0, "middle": long / 2, "end": long}[anchor]
        boxes.append((left, float(y) - 9, left + long, float(y) + 2))
    assert len(boxes) > 0.8 * len(cut.protocols)
    for a, b in combinations(boxes, 2):
        assert not (a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3])
    assert all(box[0] >= 0 and box[2] <= network_figure.WIDTH for box in boxes)


def test_the_same_network_is_drawn_the_same_way_twice(drawn, snapshot, store):
    picture, cut, colours = drawn
    again = network_figure.network(snapshot, cut, layout_of(store, "holdings"), colours, "the network")
    assert again == picture
