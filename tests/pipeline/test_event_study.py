"""Event studies by hand: what lies around an event, rebased, raw and on the constant panel."""

import datetime as dt
import math

import polars as pl
import pytest

from dexposure_core.errors import BadOption
from dexposure_core.pipeline.event_study import (
    NAMES,
    PANEL,
    Event,
    Study,
    events_in,
    find_event,
    moved,
    study,
)
from dexposure_core.pipeline.panel import panel
from dexposure_core.store import open_store
from tests.app.conftest import LAST, world

MONDAY = dt.date(2024, 1, 1)


def day(place: int) -> dt.date:
    return MONDAY + dt.timedelta(weeks=place)


class Shelf:
    """A store as far as `events_in` asks it."""

    def __init__(self, *rows):
        schema = {"date": pl.Date, "happened": pl.Date, "name": pl.String, "kind": pl.String, "protocols": pl.String,
                  "tokens": pl.String, "loss_usd": pl.Float64}  # fmt: skip
        self._events = pl.DataFrame(rows, schema=schema, orient="row")

    def dates(self, basis):
        return [day(i) for i in range(5)]

    def events(self):
        return self._events


def row(date, name="E", kind="exploit"):
    return (date, date, name, kind, "1;2", "T", None)


def test_events_outside_the_data_and_marks_are_no_studies():
    shelf = Shelf(row(day(-1)), row(day(2)), row(day(9)), row(day(3), kind="data"), row(None))
    assert [event.key for event in events_in(shelf, "holdings")] == ["2024-01-15"]
    assert events_in(Shelf(), "holdings") == ()


def test_two_events_of_one_week_have_two_keys():
    shelf = Shelf(row(day(2), "A"), row(day(2), "B"), row(day(2) - dt.timedelta(days=3), "C"))
    assert [(e.key, e.name) for e in events_in(shelf, "holdings")] == [
        ("2024-01-15", "C"), ("2024-01-15.2", "A"), ("2024-01-15.3", "B"),
    ]  # fmt: skip
    assert find_event(shelf, "holdings", "2024-01-15.3").name == "B"
    with pytest.raises(BadOption, match=r"did you mean '2024-01-15'"):
        find_event(shelf, "holdings", "2024-01-16")


def made(*values, at=1, before=True):
    event = Event(key="k", date=day(at), happened=day(at), name="E", kind="", protocols=(), loss_usd=math.nan)
    days = [day(i) for i in range(len(values))]
    table = pl.DataFrame({"date": days, "step": [i - at for i in range(len(values))], "system_tvl_usd": values})
    earlier = day(at - 1) if before else None
    return Study(event=event, dates=tuple(days), before=earlier, levels=table, panel=1, protocols=2)


def test_levels_are_rebased_to_the_snapshot_before():
    found = made(50.0, 40.0, None, 60.0)
    assert found.rebased()["system_tvl_usd"].to_list() == [100.0, 80.0, None, 120.0]
    assert found.change("system_tvl_usd", day(3)) == pytest.approx(0.2)
    assert math.isnan(found.change("system_tvl_usd", day(2)))
    assert (found.until(0), found.until(1), found.until(99)) == (day(1), day(2), day(3))


@pytest.mark.parametrize("found", [made(0.0, 40.0), made(None, 40.0), made(40.0, 50.0, at=0, before=False)])
def test_without_a_level_before_nothing_is_defined(found):
    assert found.rebased()["system_tvl_usd"].to_list()[1] is None
    assert math.isnan(found.change("system_tvl_usd", day(1)))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("events")
    world(folder)
    return open_store(folder)


def test_a_study_of_a_vintage(store):
    (event,) = events_in(store, "holdings")
    found = study(store, "holdings", event)
    assert found.levels["step"].to_list() == list(range(-8, 10))
    assert found.before == event.date - dt.timedelta(weeks=1)
    last = found.levels.filter(pl.col("date") == found.dates[-1]).row(0, named=True)
    assert last["system_tvl_usd"] == pytest.approx(store.snapshot(LAST).tvl_usd.sum())
    # the exchange enters within the window: it is in the raw total and not on the panel
    exchange = store.protocol_history("5").filter(pl.col("date") == LAST)["tvl_usd"].item()
    assert last["system_tvl_usd"] - last["panel_system_tvl_usd"] == pytest.approx(exchange)


def test_the_panel_is_that_of_the_concentration_page(store):
    (event,) = events_in(store, "holdings")
    found = study(store, "holdings", event)
    table = panel(store, "holdings", found.dates[0], found.dates[-1])
    assert table["panel_protocol_count"].to_list() == [found.panel] * len(found.dates)
    for name in ("system_tvl_usd", "tvl_hhi"):
        assert found.levels[f"panel_{name}"].to_list() == pytest.approx(table[f"panel_{name}"].to_list()), name


def test_while_nobody_comes_or_goes_the_panel_is_the_system(store):
    (event,) = events_in(store, "holdings")
    found = study(store, "holdings", event, before=3, after=0).levels
    for name in NAMES:
        assert found[name].to_list() == pytest.approx(found[f"{PANEL}{name}"].to_list(), rel=1e-9), name


def test_moves_over_several_weeks_add_up(store):
    start, end = LAST - dt.timedelta(weeks=10), LAST
    tvl, exposures = moved(store, start, end)
    totals = [store.snapshot(d).tvl_usd.sum() for d in (start, end)]
    assert tvl["change_usd"].sum() == pytest.approx(totals[1] - totals[0])
    parts = ["price_usd", "quantity_usd", "entry_usd", "exit_usd"]
    assert exposures.select(pl.sum_horizontal(parts))["price_usd"].to_list() == pytest.approx(
        exposures["change_usd"].to_list(), abs=1.0
    )
    week = LAST - dt.timedelta(weeks=1)
    assert moved(store, week, LAST)[1].equals(store.changes(LAST))
