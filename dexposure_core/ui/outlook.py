"""What the Forecast page says and lists: which numbers it shows, what a reader must be told, how good a forecast is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import polars as pl

from dexposure_core.measures import MEASURES
from dexposure_core.pipeline import views
from dexposure_core.pipeline.views import Matrix
from dexposure_core.stress import find_rule, find_scenario
from dexposure_core.ui import text
from dexposure_core.ui.skill import box
from dexposure_core.ui.view import HORIZONS

if TYPE_CHECKING:
    from dexposure_core.pipeline.evaluation.kept import Evaluation
    from dexposure_core.pipeline.forecasting.result import ForecastResult
    from dexposure_core.ui.charts.concentration import Kind

NO_MODEL: Final = "**There is no trained model to forecast with.** The baselines need none: choose one below."
REMEDY: Final = (
    "Training takes minutes on a plain computer; reload afterwards. Persistence and pair-memory, above, need none."
)
BAND: Final = (
    "Dotted: expected 1, 4, 8 and 12 weeks ahead. Shaded: 90 % interval, from jointly drawn futures and past misses."
)
NEW_LABELS: Final = {
    "summed_usd": "If it comes, USD m", "probability": "Comes", "expected_usd": "Expected, USD m",
}  # fmt: skip
WATCH_LABELS: Final = {
    "share_today": "Today", "share_expected": "Expected", "share_low": "5 %", "share_high": "95 %",
    "share_rises": "Rises in",
}  # fmt: skip
GONE_LABELS: Final = {
    "probability": "Still there", "today_usd": "Today, USD m", "expected_usd": "Expected, USD m",
    "at_risk_usd": "At risk, USD m",
}  # fmt: skip
NUMBER_LABELS: Final = {
    "what": "Measure or loss", "today": "Today", "expected": "Expected", "moved": "Change",
    "interval": "90 % interval", "held": "Held", "served": "Served from",
}  # fmt: skip
_LEAST: Final = 1e-9  # a smaller change, relative to the whole, is rounding
NUMBERS: Final = (
    "Today is what persistence expects. Held: how often such 90 % intervals held on the hold-out. Served from: what "
    "the number leans on most beside today's; today means that nothing forecast it better."
)
RANKS: Final = {"usd": "USD expected or at risk", "probability": "Probability"}
MEASURES_SHOWN: Final = (
    "system_tvl_usd", "total_exposure_usd", "exposure_count", "tvl_hhi", "debtor_hhi", "cross_sector_ratio",
    "spillover_index", "max_default_loss",
)  # fmt: skip


def when(result: ForecastResult) -> str:
    """Return the date a forecast is for, or how many snapshots ahead where the dates have no fixed step."""
    return str(result.target) if result.target else f"{result.horizon_weeks} snapshots ahead"


NOT_A_SUM: Final = (
    "Each measure of the whole network is served from what forecast it best before, today's value where nothing did; "
    "beginnings and ends are sums over single pairs. So the two need not add up."
)


def notes(result: ForecastResult) -> list[str]:
    """Return what a reader must be told, as Markdown."""
    known = "What happened since is shown beside." if result.actual is not None else ""
    apart = NOT_A_SUM if result.drawn.joint else ""
    return [text.markdown(text.reason(note)) for note in (*result.notes, known, apart) if note]


def chosen_measures(measures: pl.DataFrame) -> tuple[pl.DataFrame, list[str], list[str]]:
    """Return the rows worth a line each, their titles and units, those that are defined only."""
    known = {m.name: m for m in MEASURES}
    rows = pl.DataFrame({"measure": MEASURES_SHOWN}).join(measures, on="measure", how="inner", maintain_order="left")
    rows = rows.filter(pl.col("today").is_not_nan() & pl.col("forecast").is_not_nan())
    names = rows["measure"].to_list()
    return rows, [known[n].title for n in names], [known[n].unit for n in names]


def losses(stress: pl.DataFrame) -> tuple[pl.DataFrame, list[str], list[str]]:
    """Return the standard stress losses that are defined, and the titles of their scenarios and rules."""
    rows = stress.filter(pl.col("today").is_not_nan() & pl.col("forecast").is_not_nan())
    named = [name.split(":") for name in rows["loss"].to_list()]
    return rows, [find_scenario(n[1]).title for n in named], [find_rule(n[2]).title for n in named]


def cells_change(cells: pl.DataFrame) -> Matrix:
    """Return the expected change of every sector cell (forecast − today) as a matrix."""
    ends = ("creditor_sector", "debtor_sector")
    least = _LEAST * float(cells["today_usd"].sum())  # less is rounding, not an expectation
    close = (pl.col("forecast_usd") - pl.col("today_usd")).abs() <= least
    cells = cells.with_columns(forecast_usd=pl.when(close).then("today_usd").otherwise("forecast_usd"))
    expected = cells.select(*ends, exposure_usd="forecast_usd").filter(pl.col("exposure_usd") > 0)
    now = cells.select(*ends, exposure_usd="today_usd").filter(pl.col("exposure_usd") > 0)
    return views.change(expected, now)[1]


def clear_cells(cells: pl.DataFrame) -> str:
    """Say which cells are expected to change beyond doubt: today's amount lies outside the 5 % to 95 % futures."""
    known = cells.filter(pl.col("low_usd").is_not_nan(), (pl.col("today_usd") > 0) | (pl.col("forecast_usd") > 0))
    if known.is_empty():
        return "No interval is known for this forecaster."
    outside = known.filter((pl.col("today_usd") < pl.col("low_usd")) | (pl.col("today_usd") > pl.col("high_usd")))
    if outside.is_empty():
        return "In no cell does today's amount lie outside the middle 90 % of the drawn futures: no change is sure."
    top = outside.sort((pl.col("forecast_usd") - pl.col("today_usd")).abs(), descending=True).row(0, named=True)
    return (
        f"In {text.plural(outside.height, 'cell')} of {known.height} today's amount lies outside the middle 90 % of "
        f"the drawn futures; the largest is {text.markdown(top['creditor_sector'])} → "
        f"{text.markdown(top['debtor_sector'])}, {text.usd(top['today_usd'])} today, "
        f"{text.usd(top['low_usd'])} to {text.usd(top['high_usd'])} expected."
    )


def brief_watchlist(rising: pl.DataFrame) -> pl.DataFrame:
    """Return the columns a screen has room for, shares named as such."""
    return rising.select(
        "protocol", "name", share_today="loss_today", share_expected="loss", share_low="loss_low",
        share_high="loss_high", share_rises="loss_rises",
    )  # fmt: skip


def still(movers: pl.DataFrame) -> bool:
    """Return whether no TVL is expected to move by as much as a dollar."""
    return movers.filter(pl.col("change_usd").abs() >= 1.0).is_empty()


def brief_new(exposures: pl.DataFrame) -> pl.DataFrame:
    """Return the columns a screen has room for of exposures that may begin."""
    ends = ("creditor", "creditor_name", "debtor", "debtor_name")
    return exposures.select(*ends, "probability", "summed_usd", "expected_usd")


def brief_gone(exposures: pl.DataFrame) -> pl.DataFrame:
    """Return the columns a screen has room for of exposures that may end."""
    ends = ("creditor", "creditor_name", "debtor", "debtor_name")
    risk = pl.col("today_usd") * (1 - pl.col("probability"))
    return exposures.select(*ends, "probability", "today_usd", "expected_usd", at_risk_usd=risk)


def numbers(result: ForecastResult, held: Mapping[str, float]) -> pl.DataFrame:
    """Return every measure and loss as read: today, expected, change, interval, how often such held, and its source.

    Args:
        result: the forecast.
        held: measure or loss → how often its 90 % interval held on the hold-out.
    """
    rows = []
    for frame, names in ((result.measures, _measures()), (result.stress, _losses(result.stress))):
        for name, today, value, low, high, served, _ in frame.iter_rows():
            if not math.isfinite(today):
                continue
            what, unit = names[name]
            known = math.isfinite(low) and math.isfinite(high)
            interval = f"{text.amount(low, unit)} to {text.amount(high, unit)}" if known else "–"
            rows.append((
                what, text.amount(today, unit), text.amount(value, unit), _moved(value, today, unit), interval,
                text.percent(held[name]) if name in held else "–", served,
            ))  # fmt: skip
    return pl.DataFrame(rows, schema=dict.fromkeys(NUMBER_LABELS, pl.String), orient="row")


def _moved(value: float, today: float, unit: str) -> str:
    return "none" if math.isclose(value, today, rel_tol=1e-6) else text.change(value, today, unit)


def band_held(evaluation: Evaluation | None, basis: str, kind: Kind) -> str:
    """Say how often the intervals of a kind of concentration held on the hold-out, at each horizon."""
    names = [n for n in (kind.tvl, kind.exposures, kind.debtors) if n]
    found = {h: box.covered(evaluation, basis, h) for h in HORIZONS}
    told = [
        f"{text.percent(sum(known) / len(known))} ({text.plural(h, 'week')})"
        for h, held in found.items() if (known := [held[n] for n in names if n in held])
    ]  # fmt: skip
    return f"Such intervals held {', '.join(told)} of the time." if told else "How often they hold is not measured."


def full_numbers(result: ForecastResult) -> pl.DataFrame:
    """Return the numbers behind `numbers` in full precision."""
    return pl.concat([result.measures.rename({"measure": "name"}), result.stress.rename({"loss": "name"})])


def cell_intervals(cells: pl.DataFrame) -> dict[tuple[str, str], str]:
    """Return (creditor sector, debtor sector) → today, expected and the middle 90 % of futures, for the eye."""
    found = {}
    for row in cells.iter_rows(named=True):
        if row["today_usd"] > 0 or row["forecast_usd"] > 0:
            known = math.isfinite(row["low_usd"]) and math.isfinite(row["high_usd"])
            span = f"; 90 %: {text.usd(row['low_usd'])} to {text.usd(row['high_usd'])}" if known else ""
            said = f"today {text.usd(row['today_usd'])}, expected {text.usd(row['forecast_usd'])}{span}"
            found[row["creditor_sector"], row["debtor_sector"]] = said
    return found


def _measures() -> dict[str, tuple[str, str]]:
    return {m.name: (m.title, m.unit) for m in MEASURES}


def _losses(stress: pl.DataFrame) -> dict[str, tuple[str, str]]:
    parts = {name: name.split(":") for name in stress["loss"].to_list()}
    return {n: (f"Loss: {find_scenario(p[1]).title}, {find_rule(p[2]).title}", "share") for n, p in parts.items()}


def served_from(result: ForecastResult) -> str:
    """Say, target by target, where the values of pairs and protocols come from: memory, or how far corrected."""
    told = [f"{name}: {text.markdown(source)}" for name, source in result.forecast.sources.items()]
    return f"Pairs and protocols. {'; '.join(told)}." if told else ""


def turnover(result: ForecastResult) -> tuple[float, float, float]:
    """Return how many exposures are expected to begin, to end (sums of probabilities) and to come with newcomers."""
    pairs = result.exposures.select("probability", "today_usd")
    now = pairs["today_usd"] > 0
    begin, end = pairs.filter(~now)["probability"].sum(), (1 - pairs.filter(now)["probability"]).sum()
    return float(begin), float(end), result.drawn.newcomers[1]
