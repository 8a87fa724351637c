"""Which vintage revises which, in a store that holds unlike things."""

import datetime as dt

import pytest

from dexposure_core.pipeline.revising.lineage import alike, predecessor
from dexposure_core.store.manifest import Dates, Manifest

MONDAYS = tuple(dt.date(2025, 6, 2) + dt.timedelta(weeks=n) for n in range(4))


def manifest(vintage: str, hour: int, days=MONDAYS[:3], *, frequency="week", simulated=False, **parameters) -> Manifest:
    return Manifest(
        vintage=vintage, created_at=dt.datetime(2025, 7, 1, hour, tzinfo=dt.UTC), content_hash="", schema_version=2,
        built_by="test", sources=(), dates=Dates(first=days[0], last=days[-1], count=len(days)),
        calendar={"holdings": days}, frequency=frequency, simulated=simulated,
        parameters={"source": "holdings", "chains": "default"} | parameters, rows={}, files={},
    )  # fmt: skip


def everybody(_: str) -> set[str]:
    return {"1", "2"}


def test_the_last_build_before_it_that_describes_the_same():
    known = [manifest("first", 1), manifest("third", 3, MONDAYS), manifest("second", 2)]
    assert predecessor("third", known, everybody) == "second"
    assert predecessor("second", known, everybody) == "first"
    assert predecessor("first", known, everybody) is None


@pytest.mark.parametrize(
    "other",
    [
        {"frequency": "month"},
        {"simulated": True},
        {"seed": 7},
        {"scale": "full"},
        {"chains": "all"},
        {"source": "edges"},
        {"days": (dt.date(2020, 1, 6),)},
    ],
)
def test_unlike_vintages_are_no_revision_of_each_other(other):
    assert not alike(manifest("a", 1, **other), manifest("b", 2))
    assert predecessor("b", [manifest("a", 1, **other), manifest("b", 2)], everybody) is None


def test_other_choices_of_mapping_are_a_revision():
    assert alike(manifest("a", 1, theta=0.2), manifest("b", 2, theta=0.3, overrides={"sha256": "0"}))


def test_an_unlike_one_between_is_passed_over():
    known = [manifest("a", 1), manifest("world", 2, simulated=True, seed=1), manifest("b", 3)]
    assert predecessor("b", known, everybody) == "a"


@pytest.mark.parametrize(("still_there", "found"), [({"1", "2"}, "a"), ({"1", "9"}, "a"), ({"8", "9"}, None)])
def test_half_of_the_protocols_must_still_be_there(still_there, found):
    # a has 1 and 2; b keeps both, one of two (half: enough), or none
    protocols = {"a": {"1", "2"}, "b": still_there}
    assert predecessor("b", [manifest("a", 1), manifest("b", 2)], protocols.__getitem__) == found


def test_an_empty_vintage_and_one_that_is_not_there_have_none():
    assert predecessor("b", [manifest("a", 1), manifest("b", 2)], lambda _: set()) is None
    assert predecessor("gone", [manifest("a", 1)], everybody) is None
