"""The report: its figures and the real ones fit together, and distances are what they say."""

import datetime as dt
from collections import Counter

import polars as pl
import pytest

from dexposure_core.pipeline.calibrate import kept, page, real
from dexposure_core.pipeline.calibrate.figures import FIGURES, Seen, beside, mean_of
from dexposure_core.pipeline.calibrate.observe import Observed
from dexposure_core.pipeline.calibrate.page import reasons
from dexposure_core.pipeline.calibrate.report import Row, compare, distance

MONDAYS = [dt.date(2025, 1, 6) + dt.timedelta(weeks=k) for k in range(3)]


def observed(**columns: list[float | None]) -> Observed:
    return Observed(weeks=pl.DataFrame({"date": MONDAYS, **columns}), top=Counter(), categories={})


def row(value: float | None, low: float | None, high: float | None) -> Row:
    truth, here = real.Real(low=low, high=high, source=""), Seen(value=value)
    return Row(figure=FIGURES[0], real=truth, here=here, distance=distance(here, truth))


@pytest.mark.parametrize(
    ("value", "low", "high", "far"),
    [(5.0, 4.0, 6.0, 0.0), (3.0, 4.0, 6.0, -0.25), (9.0, 4.0, 6.0, 0.5), (9.0, 6.0, 6.0, 0.5), (None, 4.0, 6.0, None),
     (9.0, None, None, None)],
)  # fmt: skip
def test_distance_is_to_the_nearer_end(value: float, low: float, high: float, far: float) -> None:
    assert row(value, low, high).distance == far


@pytest.mark.parametrize(("value", "within"), [(1.15, True), (0.86, True), (1.16, False), (0.84, False), (None, None)])
def test_within_is_fifteen_per_cent_either_way(value: float | None, within: bool | None) -> None:
    assert row(value, 1.0, 1.0).within is within


def test_a_mean_tells_its_range_and_leaves_out_what_is_not_defined() -> None:
    seen = mean_of("x", MONDAYS[0], MONDAYS[2])(observed(x=[1.0, None, 3.0]))
    assert (seen.value, seen.low, seen.high) == (2.0, 1.0, 3.0)
    assert mean_of("y", MONDAYS[0], MONDAYS[2])(observed(x=[1.0, None, 3.0])).value is None


def test_a_series_is_compared_date_by_date() -> None:
    # 1.1, 0.5 and 2.0 times the truth: distances 10, 50 and 100 %, the median 50 %
    truth = {MONDAYS[0] - dt.timedelta(days=6): 10.0, MONDAYS[1]: 10.0, MONDAYS[2]: 10.0}
    assert beside("x", lambda: truth)(observed(x=[11.0, 5.0, 20.0])).distance == pytest.approx(0.5)


def test_figures_and_real_ones_name_each_other() -> None:
    named = [figure.name for figure in FIGURES]
    assert len(named) == len(set(named))
    assert {f.name for f in FIGURES if not f.series} == set(real.figures())
    assert set(reasons()) <= set(named)
    assert len(real.weekly()) == 283


def test_a_vintage_that_shows_nothing_has_no_distance() -> None:
    rows = compare(observed())
    assert len(rows) == len(FIGURES)
    assert all(r.distance is None for r in rows if r.figure.name != "top10_names")


def test_the_kept_reports_are_complete_near_and_explained() -> None:
    for scale in ("demo", "full"):
        told = kept(scale)["figures"]
        assert [entry["figure"] for entry in told] == [figure.name for figure in FIGURES]
        far = [e["figure"] for e in told if e["within"] is False and not (e["grows"] and scale == "demo")]
        assert set(far) <= set(reasons())
    follows = [e for e in kept("full")["figures"] if e["within"] and not e["given"]]
    assert len(follows) >= 12


def test_the_page_holds_every_figure_once() -> None:
    text = page(kept("demo"), kept("full"))
    assert all(text.count(f"| {f.title}{' †' if f.given else ''} |") == 1 for f in FIGURES)
