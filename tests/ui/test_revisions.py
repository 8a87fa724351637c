"""The line that tells what a vintage revised, and the tables of the section."""

import datetime as dt
import math

import polars as pl
import pytest

from dexposure_core.pipeline.revising.causes import CAUSES
from dexposure_core.pipeline.revising.compare import Comparison
from dexposure_core.ui import revisions
from dexposure_core.ui.books import revision_panel
from dexposure_core.ui.charts import revisions as charts
from dexposure_core.ui.revisions import Moved

BUILT = dt.date(2025, 8, 20)
DAYS = [dt.date(2025, 6, 2) + dt.timedelta(weeks=n) for n in range(4)]
SCHEMA = {
    "date": pl.Date, "status": pl.String, "tables": pl.Int64, "before_usd": pl.Float64, "after_usd": pl.Float64,
    "exposure_before_usd": pl.Float64, "exposure_after_usd": pl.Float64,
}  # fmt: skip


def dates(*rows) -> pl.DataFrame:
    return pl.DataFrame([(*row, None, None) for row in rows], schema=SCHEMA, orient="row")


# 200 → 198: −1 %; 100 → 103: +3 %; 50 → 50: the same TVL; the last is new
REVISED = dates(
    (DAYS[0], "revised", 4, 200.0, 198.0), (DAYS[1], "revised", 4, 100.0, 103.0),
    (DAYS[2], "revised", 1, 50.0, 50.0), (DAYS[3], "added", 0, None, 60.0),
)  # fmt: skip


def comparison(table: pl.DataFrame) -> Comparison:
    issuers = pl.DataFrame(
        schema=dict.fromkeys(("token", "issuer_before", "method_before", "issuer_after", "method_after"), pl.String)
        | {"usd": pl.Float64}
    )
    names = pl.DataFrame(schema=dict.fromkeys(("protocol", "change", "before", "after"), pl.String))
    return Comparison(
        before="a", after="b", same=7, dates=table, tables=pl.DataFrame(), issuers=issuers, protocols=names,
        choices=pl.DataFrame(schema=dict.fromkeys(("parameter", "before", "after"), pl.String)),
    )  # fmt: skip


def test_the_mean_is_over_the_dates_whose_tvl_moved():
    # (−1 % + 3 %) / 2 = +1 %
    found = revisions.moved(REVISED, DAYS[0])
    assert (found.dates, found.moved) == (3, 2)
    assert found.mean == pytest.approx(0.01)
    assert found.here == pytest.approx(-0.01)


def test_a_date_that_was_only_added_is_not_revised():
    assert revisions.moved(REVISED, DAYS[3]).here is None
    only = revisions.moved(REVISED.filter(pl.col("status") == "added"), DAYS[3])
    assert (only.dates, only.moved) == (0, 0)
    assert math.isnan(only.mean)


def test_a_tvl_that_was_nothing_has_no_relative_change():
    assert revisions.with_change(dates((DAYS[0], "revised", 1, 0.0, 5.0)))["change"].to_list() == [None]


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (
            Moved(dates=12, moved=12, mean=-0.004, here=None),
            "12 weeks were revised on 2025-08-20: TVL −0.400 % on average.",
        ),
        (Moved(dates=1, moved=1, mean=-0.004, here=-0.004), "1 week was revised on 2025-08-20: TVL −0.400 %."),
        (
            Moved(dates=176, moved=12, mean=-0.003, here=-0.012),
            "176 weeks were revised on 2025-08-20: TVL moved in 12 of them, −0.300 % on average; this week is among "
            "them (−1.20 %).",
        ),
        (
            Moved(dates=3, moved=0, mean=math.nan, here=0.0),
            "3 weeks were revised on 2025-08-20: TVL is the same, other numbers moved; this week is among them.",
        ),
    ],
)
def test_the_line(found, line):
    assert revisions.words(found, BUILT, "week") == line


def test_the_sections_answer_counts_what_there_is():
    said = revision_panel.answer(comparison(REVISED))
    assert "**3 revised, 1 added**, 7 the same" in said
    assert "TVL moved on 2 of the revised, +1.00 % on average" in said
    assert "no date differs" in revision_panel.answer(comparison(REVISED.clear()))


def test_the_dates_as_read_latest_first():
    shown = revision_panel.date_table(comparison(REVISED))
    assert shown["date"].to_list() == DAYS[::-1]
    assert shown["share_change"].to_list() == ["not defined", "0 %", "+3.00 %", "−1.00 %"]


def test_measures_are_named_and_written_in_their_unit():
    schema = {"basis": pl.String, "measure": pl.String, "before": pl.Float64, "after": pl.Float64}
    schema |= dict.fromkeys(CAUSES, pl.Float64)  # mapping, price, quantity, unsplit, entry, exit, other
    rows = [
        ("holdings", "system_tvl_usd", 2e9, 1e9, 0.0, -1.5e9, 0.0, 0.0, 5e8, 0.0, 0.0),
        ("holdings", "loss:top-5:linear-debtrank", 0.2, 0.25, 0.06, 0.0, 0.0, 0.0, -0.01, 0.0, 1e-15),
        ("flow", "tvl_hhi", None, 0.1, *[None] * 7),
    ]  # fmt: skip
    shown = revision_panel.measure_table(pl.DataFrame(rows, schema=schema, orient="row"))
    assert shown["Measure"].to_list() == ["System TVL", "Loss: top-5, linear DebtRank", "TVL concentration (HHI)"]
    assert shown["Relative change"].to_list() == ["−50.0 %", "+25.0 %", "not defined"]
    assert shown["After"].to_list()[:2] == ["USD 1.00 bn", "25.0 %"]
    assert shown["Mapping"].to_list() == ["–", "+6.00 points", ""]
    assert shown["Price"].to_list() == ["−USD 1.50 bn", "–", ""]
    assert shown["Entry"].to_list() == ["+USD 500 m", "−1.00 points", ""]
    assert not {"Unsplit", "Other"} & set(shown.columns)  # nothing is in them


def test_the_chart_draws_percent():
    bars = charts.by_date(revisions.with_change(REVISED)).data[0]
    assert list(bars.y) == pytest.approx([-1.0, 3.0, 0.0])
