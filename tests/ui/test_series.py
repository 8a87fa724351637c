"""Charts by what they draw: gaps, units, events and labels."""

import datetime as dt
import itertools

import polars as pl
import pytest

from dexposure_core.pipeline import palette
from dexposure_core.ui import theme
from dexposure_core.ui.charts import bars, base, series

DAYS = [dt.date(2025, 1, 6) + dt.timedelta(weeks=n) for n in range(5)]


def history(values):
    return pl.DataFrame({"date": DAYS, "a": values}, schema={"date": pl.Date, "a": pl.Float64})


def test_usd_are_drawn_in_the_unit_that_fits():
    drawn = series.lines(history([1e9, 2e9, None, 4e9, 5e9]), {"a": series.Line(label="A")}, title="T", unit="USD")
    assert list(drawn.data[0].y) == [1, 2, None, 4, 5]
    assert drawn.data[0].connectgaps is False
    assert drawn.layout.title.subtitle.text == "USD bn"


@pytest.mark.parametrize(("values", "unit", "scale"), [
    ([5e6], "USD", (1e6, "USD m")), ([0.2], "share", (0.01, "%")), ([3.0], "index", (1.0, "index, 0 to 1")),
    ([], "USD", (1.0, "USD")), ([None, float("nan"), -2e12], "USD", (1e12, "USD tn")),
])  # fmt: skip
def test_scales(values, unit, scale):
    assert base.scale(values, unit) == scale


def test_names_from_the_data_are_escaped():
    drawn = series.lines(history([1.0] * 5), {"a": series.Line(label="<b>x</b>")}, title="<i>T</i>", unit="number")
    assert "&lt;b&gt;" in drawn.data[0].name
    assert drawn.layout.title.text == "<b>&lt;i&gt;T&lt;/i&gt;</b>"


def events(rows):
    schema = {"date": pl.Date, "name": pl.String, "kind": pl.String, "loss_usd": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_the_most_telling_events_are_labelled_and_none_twice_in_one_place():
    first, last = dt.date(2022, 1, 3), dt.date(2023, 1, 2)
    rows = [
        (dt.date(2022, 5, 9), "Terra", "algo-stable collapse", 4e10),
        (dt.date(2022, 5, 16), "DEI", "algo-stable depeg", 3.5e7),  # a week after Terra: too near to be read
        (dt.date(2022, 11, 7), "FTX", "CEX failure", 8e9),
        (dt.date(2022, 8, 1), "Nomad", "bridge exploit", 1.9e8),
        (dt.date(2021, 5, 9), "before", "collapse", 1e10),
        (dt.date(2022, 6, 6), "end", "marker", None),
    ]
    assert base.major_events(events(rows), first, last)["name"].to_list() == ["Terra", "Nomad", "FTX"]
    assert base.major_events(events(rows), first, last, limit=1)["name"].to_list() == ["Terra"]


def test_labels_are_moved_apart_in_their_order():
    assert base.place_labels([1.0, 1.1, 5.0], 1.0) == [1.0, 2.0, 5.0]
    assert base.place_labels([], 1.0) == []
    placed = base.place_labels([2.0, 2.0, 2.0], 1.0)
    assert sorted(b - a for a, b in itertools.pairwise(placed)) == [1.0, 1.0]


def test_a_change_without_quantities_is_drawn_unsplit():
    frame = pl.DataFrame(
        {"price_usd": [5.0, None], "quantity_usd": [-2.0, None], "entry_usd": [0.0, 0.0], "exit_usd": [0.0, 0.0],
         "mapping_usd": [0.0, 0.0], "change_usd": [3.0, 7.0]}
    )  # fmt: skip
    drawn = bars.split(frame, ["A", "B"], title="T")
    by_name = {trace.name: list(trace.x) for trace in drawn.data}
    assert by_name == {"Price": [5, 0], "Quantity": [-2, 0], "Not split": [0, 7]}


def test_bars_write_what_is_not_defined():
    drawn = bars.ranked(["A", "B"], [0.5, None], title="T", unit="share")
    assert list(drawn.data[0].text) == ["50.0 %", "not defined"]
    assert list(drawn.data[0].x) == [50, None]


def test_more_than_eight_sectors_are_grey():
    colours = palette.sector_colours([*"abcdefgh", "Unknown", *"ijk"])
    assert len({colours[s] for s in "abcdefgh"}) == 8
    assert all(colours[s] in theme.GREYS for s in ("i", "j", "k", "Unknown", "Other"))


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("paper", [theme.LIGHT, theme.DARK])
def test_text_and_sectors_stand_out_from_the_paper(paper):
    def contrast(colour: str) -> float:
        a, b = sorted((luminance(colour), luminance(paper.paper)), reverse=True)
        return (a + 0.05) / (b + 0.05)

    assert contrast(paper.ink) > 12
    assert contrast(paper.muted) > 4.5  # WCAG AA for small text
    assert all(contrast(c) > 2.7 for c in theme.SECTOR_COLOURS)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 100, [0, 25, 50, 75, 100]), (0.0324, 0.14, [0.05, 0.1]), (0, 677, [0, 200, 400, 600]),
        (5, 5, [5]), (-3, 4, [-2, 0, 2, 4]), (float("nan"), 1, None),
    ],
)  # fmt: skip
def test_ticks_are_round(low, high, ticks):
    found = base.nice_ticks(low, high)
    assert len(found) <= 5
    if ticks is not None:
        assert found == ticks


@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize("at", [0, 25, 51])
def test_an_events_name_hangs_above_the_line_it_belongs_to(zero, at):
    days = [dt.date(2022, 1, 3) + dt.timedelta(weeks=n) for n in range(52)]
    values = [60.0 + 40 * (abs(n - at) < 4) for n in range(52)]  # the line peaks where the event is
    named = events([(days[at], "Wormhole drained", "exploit", 1e9)])
    frame = pl.DataFrame({"date": days, "a": values})
    drawn = series.lines(frame, {"a": series.Line(label="A")}, title="T", unit="number", events=named, zero=zero)
    low, high = drawn.layout.yaxis.range
    plot_px = drawn.layout.height - drawn.layout.margin.t - theme.BOTTOM
    hangs_to = high - (high - low) * base.event_label_px("Wormhole drained") / plot_px
    assert hangs_to > 100


def test_a_low_line_gives_an_event_no_more_room_than_it_needs():
    days = [dt.date(2022, 1, 3) + dt.timedelta(weeks=n) for n in range(52)]
    frame = pl.DataFrame({"date": days, "a": [100.0 * (n > 30) for n in range(52)]})
    named = events([(days[10], "Wormhole drained", "exploit", 1e9)])
    drawn = series.lines(frame, {"a": series.Line(label="A")}, title="T", unit="number", events=named)
    assert drawn.layout.yaxis.range[1] < 110
