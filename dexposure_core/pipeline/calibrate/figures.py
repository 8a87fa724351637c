"""The figures of the calibration: what each is called, how it is taken from a vintage, and why it may differ.

A figure's value here is compared with the real one by its relative distance; where the real one is a range the distance
is to its nearer end and 0 inside; where it is a series (one value a week or month) it is the median over the dates.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from dexposure_core.pipeline.calibrate import real
from dexposure_core.pipeline.calibrate.observe import CLOSE_UP, HORIZONS, Observed
from dexposure_core.pipeline.calibrate.weeks import RULE

WINDOWS: Final = {  # the weeks of the reference extracts
    "terra": (dt.date(2022, 4, 4), dt.date(2022, 7, 25)),
    "ftx": (dt.date(2022, 10, 3), dt.date(2023, 1, 30)),
    "svb": (dt.date(2023, 1, 2), dt.date(2023, 5, 29)),
}
AROUND_TERRA: Final = (dt.date(2022, 4, 25), dt.date(2022, 5, 23))
HOLD_OUT: Final = (dt.date(2025, 1, 6), dt.date(2025, 8, 18))


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A figure of a vintage.

    Attributes:
        value: the figure; None when the vintage does not show it.
        low, high: smallest and largest of the dates it is a mean of; None for a single value.
        distance: given for a series, where it is no relation of two values.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    distance: float | None = None


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One row of the report.

    Attributes:
        name: as in the table of real figures, or of its own for a series.
        group: heading it stands under.
        title: what it is, for a reader.
        unit: usd, share, count or number.
        of: takes it from what was observed.
        grows: whether it depends on how many protocols there are, so that a small world must differ.
        given: whether the simulator starts from it; the others follow from what is held.
        series: what the real side is when it is a series.
    """

    name: str
    group: str
    title: str
    unit: str
    of: Callable[[Observed], Seen]
    grows: bool = False
    given: bool = False
    series: str = ""


def mean_of(column: str, first: dt.date, last: dt.date, weeks_later: int = 0) -> Callable[[Observed], Seen]:
    """Return the mean of a column between two dates, both shifted by some weeks."""
    shift = dt.timedelta(weeks=weeks_later)

    def of(observed: Observed) -> Seen:
        if column not in observed.weeks.columns:
            return Seen(value=None)
        values = observed.weeks.filter(pl.col("date").is_between(first + shift, last + shift))[column].drop_nulls()
        if values.is_empty():
            return Seen(value=None)
        low, high = (float(np.min(values.to_numpy())), float(np.max(values.to_numpy())))
        return Seen(value=float(np.mean(values.to_numpy())), low=low, high=high)

    return of


def at(column: str, day: dt.date) -> Callable[[Observed], Seen]:
    """Return a column on one date."""
    return lambda observed: Seen(value=mean_of(column, day, day)(observed).value)


def close_up(column: str) -> Callable[[Observed], Seen]:
    """Return the mean of a column over the weeks of the 2025 reference."""
    return mean_of(column, *CLOSE_UP)


def swing(column: str) -> Callable[[Observed], Seen]:
    """Return the largest less the smallest value of a column in 2025."""

    def of(observed: Observed) -> Seen:
        seen = mean_of(column, *HOLD_OUT)(observed)
        return Seen(value=None if seen.low is None or seen.high is None else seen.high - seen.low)

    return of


def over_horizons(column: str, root: bool = False) -> Callable[[Observed], Seen]:
    """Return a column's mean over 2025 and the four horizons; of squares the root, taken per horizon."""

    def of(observed: Observed) -> Seen:
        found = [mean_of(f"{column}_{h}", *HOLD_OUT)(observed).value for h in HORIZONS]
        values = [float(np.sqrt(v) if root else v) for v in found if v is not None]
        if not values:
            return Seen(value=None)
        return Seen(value=float(np.mean(values)), low=min(values), high=max(values))

    return of


def beside(column: str, truth: Callable[[], Mapping[dt.date, float]]) -> Callable[[Observed], Seen]:
    """Return the median distance of a column from a real series on the dates of both, and the column's last value.

    A date of the series that is not one of the vintage stands for the first one after it, up to a week later.
    """

    def of(observed: Observed) -> Seen:
        if column not in observed.weeks.columns:
            return Seen(value=None)
        here = dict(observed.weeks.select("date", column).drop_nulls().iter_rows())
        pairs = [(here[day], value) for monday, value in truth().items() if (day := _first_after(monday, here))]
        if not pairs:
            return Seen(value=None)
        ratio = np.array([mine / value for mine, value in pairs])
        return Seen(value=pairs[-1][0], distance=float(np.median(np.abs(ratio - 1))))

    return of


def _first_after(day: dt.date, dates: Mapping[dt.date, float]) -> dt.date | None:
    return next((later for k in range(7) if (later := day + dt.timedelta(days=k)) in dates), None)


def _weekly(column: str) -> Callable[[], Mapping[dt.date, float]]:
    return lambda: dict(real.weekly().select("date", column).iter_rows())


def _density() -> Mapping[dt.date, float]:
    table = real.weekly().with_columns(density=pl.col("edges") / (pl.col("nodes") * (pl.col("nodes") - 1)))
    return dict(table.select("date", "density").iter_rows())


def _same_names(observed: Observed) -> Seen:
    mine = {name for name, _ in sorted(observed.top.items(), key=lambda item: (-item[1], item[0]))[:10]}
    return Seen(value=float(len(mine & real.largest_nodes())) if mine else None)


def _same_categories(observed: Observed) -> Seen:
    counts = {name: observed.categories.get(name, 0.0) for name in real.category_shares()}
    total = sum(counts.values())
    if not total:
        return Seen(value=None)
    return Seen(value=sum(min(count / total, real.category_shares()[name]) for name, count in counts.items()))


def _without_category(observed: Observed) -> Seen:
    total = sum(observed.categories.values())
    return Seen(value=observed.categories.get("", 0.0) / total if total else None)


def _figure(
    name: str, group: str, title: str, unit: str, of: Callable[[Observed], Seen], *, grows: bool = False,
    given: bool = False, series: str = "",
) -> Figure:  # fmt: skip
    return Figure(name=name, group=group, title=title, unit=unit, of=of, grows=grows, given=given, series=series)


SIZE, TIME, VALUE, CRISES, SHAPE = (
    "Size of the network", "How it changes", "Value and concentration", "Losses in crises", "Importance and contagion",
)  # fmt: skip
_YEARS: Final = {
    "2021": (dt.date(2021, 10, 4), dt.date(2021, 11, 29)),
    "2022": (dt.date(2022, 4, 25), dt.date(2022, 5, 16)),
    "2023": (dt.date(2023, 4, 17), dt.date(2023, 6, 12)),
}
_LEVELS: Final = (dt.date(2022, 4, 25), dt.date(2022, 5, 23), dt.date(2022, 10, 24), dt.date(2022, 11, 21))
_LOSSES: Final = (
    ("loss_mean", "mean loss in four weeks"),
    ("loss_none", "share of nodes without a loss"),
    ("loss_p75", "upper quartile of losses"),
    ("loss_gone", "share of nodes gone"),
)
_NAMES: Final = {"terra": "Terra", "ftx": "FTX", "svb": "SVB"}

FIGURES: Final[tuple[Figure, ...]] = (
    _figure("nodes_weekly", SIZE, "nodes, every week", "count", beside("nodes", _weekly("nodes")),
            grows=True, given=True, series="283 weekly counts"),
    _figure("edges_weekly", SIZE, "exposures, every week", "count", beside("edges", _weekly("edges")),
            grows=True, series="283 weekly counts, repeated links included"),
    _figure("density_weekly", SIZE, "density, every week", "number", beside("density", _density),
            grows=True, series="283 weekly values"),
    _figure("nodes_2025", SIZE, "nodes, 2025", "count", close_up("nodes"), grows=True, given=True),
    _figure("edges_2025", SIZE, "exposures, 2025", "count", close_up("edges"), grows=True),
    _figure("density_2025", SIZE, "density, 2025", "number", close_up("density"), grows=True),
    *(_figure(f"edges_per_node_{year}", SIZE, f"exposures per node, {year}", "number", mean_of("per_node", *span))
      for year, span in _YEARS.items()),
    _figure("edges_per_node_2025", SIZE, "exposures per node, 2025", "number", close_up("per_node")),
    _figure("uncategorised_share_2025", SIZE, "share of nodes without a category", "share", _without_category,
            given=True),
    _figure("category_overlap_2025", SIZE, "overlap with the real shares of nine categories", "share",
            _same_categories, given=True),
    *(_figure(f"same_direction_{h}w", TIME, f"exposures still there in the same direction, {h} w", "share",
              mean_of(f"same_direction_{h}", *HOLD_OUT)) for h in HORIZONS),
    _figure("same_pair_4w", TIME, "pairs still there, either direction, 4 w", "share",
            mean_of("same_pair_4", *HOLD_OUT)),
    *(_figure(f"node_overlap_{h}w", TIME, f"nodes still there, {h} w", "share",
              mean_of(f"overlap_{h}", dt.date(2022, 4, 4), dt.date(2023, 5, 29), h)) for h in (1, 4)),
    _figure("weight_mae", TIME, "error of persistence, mean absolute, log1p USD", "number", over_horizons("mae")),
    _figure("weight_rmse", TIME, "error of persistence, root mean square, log1p USD", "number",
            over_horizons("mse", root=True)),
    _figure("weight_flipped", TIME, "mean size of exposures new in their direction, log1p USD", "number",
            over_horizons("flipped")),
    _figure("tvl_path", VALUE, "TVL, every month", "usd", beside("tvl", real.tvl_path),
            given=True, series="66 monthly values, inferred"),
    *(_figure(f"tvl_{day:%Y_%m_%d}", VALUE, f"TVL {day}", "usd", at("tvl", day), given=True) for day in _LEVELS),
    _figure("tvl_hhi_terra", VALUE, "TVL concentration (HHI) around Terra", "number",
            mean_of("tvl_hhi", *AROUND_TERRA), given=True),
    _figure("tvl_hhi_ftx", VALUE, "TVL concentration (HHI) 2022-11-14", "number",
            at("tvl_hhi", dt.date(2022, 11, 14)), given=True),
    _figure("tvl_hhi_2025", VALUE, "TVL concentration (HHI), 2025", "number", mean_of("tvl_hhi", *HOLD_OUT),
            given=True),
    _figure("flow_total_2025", VALUE, "total flow of a week, 2025", "usd", close_up("flow_total")),
    _figure("flow_mean_2025", VALUE, "mean size of an exposure, 2025", "usd", close_up("flow_mean"), grows=True),
    _figure("flow_hhi_2025", VALUE, "concentration of flow by the node it leaves (HHI), 2025", "number",
            close_up("flow_hhi")),
    _figure("top10_names", VALUE, "of our ten largest nodes of 2025 also among the real ones", "count", _same_names),
    _figure("top10_share_2025", VALUE, "share of the ten largest nodes in incident flow, 2025", "share",
            close_up("top10_share")),
    *(_figure(f"{column}_{name}", CRISES, f"{title}, {_NAMES[name]}", "share", mean_of(column, *span, 4))
      for column, title in _LOSSES for name, span in WINDOWS.items()),
    _figure("mean_sis_2025", SHAPE, "mean systemic importance, 2025", "number", mean_of("mean_sis", *HOLD_OUT)),
    _figure("sis_swing_2025", SHAPE, "swing of the weekly mean of systemic importance, 2025", "number",
            swing("mean_sis")),
    _figure("max_pagerank_2025", SHAPE, "largest PageRank, 2025", "number", close_up("max_pagerank"), grows=True),
    _figure("pagerank_gini_2025", SHAPE, "Gini of PageRank, 2025", "number", close_up("pagerank_gini")),
    _figure("strength_gini_2025", SHAPE, "Gini of incident flow, 2025", "number", close_up("strength_gini")),
    _figure("spillover_2025", SHAPE, "spillover index, 2025", "number", mean_of("spillover_index", *HOLD_OUT)),
    *(_figure(f"stress_{name.replace('-', '')}_2025", SHAPE, f"stress loss {name}, 2025", "share",
              mean_of(f"loss:{name}:{RULE}", *HOLD_OUT)) for name in ("top-1", "top-5", "bridges")),
)  # fmt: skip
