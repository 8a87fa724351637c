"""What the Forecast page says and lists: which numbers it shows, what a reader must be told, how good a forecast is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from dexposure_core.measures import MEASURES
from dexposure_core.pipeline import views
from dexposure_core.pipeline.views import Matrix
from dexposure_core.stress import find_rule, find_scenario
from dexposure_core.ui import text

if TYPE_CHECKING:
    from dexposure_core.pipeline.forecast_result import ForecastResult

NO_MODEL: Final = "**There is no trained model to forecast with.** The baselines need none: choose one below."
REMEDY: Final = (
    "Training takes minutes on a plain computer; reload afterwards. Persistence and pair-memory, above, need none."
)
BAND: Final = (
    "Dotted: expected 1, 4, 8 and 12 weeks ahead. Shaded: 90 % interval, from jointly drawn futures and past "
    "misses; its measured coverage is on the Skill page."
)
NEW_LABELS: Final = {"exposure_usd": "Size, USD m"}
WATCH_LABELS: Final = {
    "share_today": "Today", "share_expected": "Expected", "share_high": "95 %", "share_rises": "Rises in",
}  # fmt: skip
GONE_LABELS: Final = {"exposure_usd": "Today, USD m", "probability": "Still there"}
SKILL_LABELS: Final = {"what": "What", "value": "This", "persistence": "Persist.", "gain": "Better by"}
MEASURES_SHOWN: Final = (
    "system_tvl_usd", "total_exposure_usd", "exposure_count", "tvl_hhi", "debtor_hhi", "cross_sector_ratio",
    "spillover_index", "max_default_loss",
)  # fmt: skip
CLEAR: Final = 0.005  # a smaller difference is none to speak of
# metric → what the table says, what the sentence says
METRICS: Final[Mapping[str, tuple[str, str]]] = {
    "auprc_random": ("Which pairs (AUPRC)", "which pairs are exposed"),
    "auprc_historical": ("Returning pairs (AUPRC)", "which former pairs return"),
    "mrr_new": ("New partners (MRR)", "new partners"),
    "brier": ("Probability (Brier)", "the probability of an exposure"),
    "weight_mae": ("Size (log error)", "the size of exposures"),
    "node_mae": ("TVL (log error)", "TVL"),
}


def when(result: ForecastResult) -> str:
    """Return the date a forecast is for, or how many snapshots ahead where the dates have no fixed step."""
    return str(result.target) if result.target else f"{result.horizon_weeks} snapshots ahead"


def notes(result: ForecastResult) -> list[str]:
    """Return what a reader must be told, as Markdown."""
    known = "What happened since is shown beside." if result.actual is not None else ""
    return [text.markdown(note) for note in (*result.notes, known) if note]


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
    return rising.head(100).select(
        "protocol", "name", share_today="loss_today", share_expected="loss", share_high="loss_high",
        share_rises="loss_rises",
    )  # fmt: skip


def still(movers: pl.DataFrame) -> bool:
    """Return whether no TVL is expected to move by as much as a dollar."""
    return movers.filter(pl.col("change_usd").abs() >= 1.0).is_empty()


def brief(exposures: pl.DataFrame) -> pl.DataFrame:
    """Return the columns a screen has room for: who, to whom, how much, how likely."""
    amount = pl.when(pl.col("today_usd") > 0).then("today_usd").otherwise("exposure_usd").alias("exposure_usd")
    return exposures.select("creditor", "creditor_name", "debtor", "debtor_name", amount, "probability")


def skill_words(scores: pl.DataFrame, basis: str, horizon: int, forecaster: str) -> str:
    """Say in plain words where a forecaster helped on the hold-out and where it did not."""
    rows = _scored(scores, basis, horizon, forecaster).to_dicts()
    if not rows:
        return (
            "It has not been scored for this basis and horizon. `dexposure evaluate` scores every forecaster on weeks "
            "that the model never saw, beside persistence."
        )
    if forecaster == "persistence":
        return "Persistence expects no change. It is the yardstick: every other forecaster is measured against it."
    found = {verdict: [METRICS[r["metric"]][1] for r in rows if _verdict(r) == verdict] for verdict in (1, -1, 0)}
    told = [f"clearly better than persistence at {_listed(found[1])}"] if found[1] else ["nowhere clearly better"]
    told += [f"clearly worse at {_listed(found[-1])}"] if found[-1] else []
    told += [f"not clearly different at {_listed(found[0])}"] if found[0] else []
    return (
        f"On the hold-out weeks, {horizon} weeks ahead, {text.markdown(forecaster)} was {'; '.join(told)}. "
        "Clearly: persistence lies outside the 90 % interval. On other data this may differ."
    )


def skill_table(scores: pl.DataFrame, basis: str, horizon: int, forecaster: str) -> pl.DataFrame:
    """Return what, value, persistence, gain (written) of the metrics that are told."""
    rows = _scored(scores, basis, horizon, forecaster).to_dicts()
    return pl.DataFrame(
        {
            "what": [METRICS[r["metric"]][0] for r in rows],
            "value": [r["value"] for r in rows],
            "persistence": [r["persistence"] for r in rows],
            "gain": [_better_by(r) for r in rows],
        }
    )


def _scored(scores: pl.DataFrame, basis: str, horizon: int, forecaster: str) -> pl.DataFrame:
    told = pl.DataFrame({"metric": list(METRICS)})
    rows = views.skill(scores, basis, horizon, forecaster)
    return told.join(rows, on="metric", how="inner", maintain_order="left")


def _gain(row: Mapping[str, Any]) -> float:
    """Return by how much a forecaster beats persistence: skill for errors, relative rise for scores."""
    if row["skill"] is not None:
        return float(row["skill"])
    return float(row["value"]) / float(row["persistence"]) - 1 if row["persistence"] else math.nan


def _better_by(row: Mapping[str, Any]) -> str:
    """Write the skill of an error in %, the difference of a score as it is."""
    if row["skill"] is not None:
        return text.percent(row["skill"], sign=True)
    return text.number(row["value"] - row["persistence"], sign=True, significant=2)


def _verdict(row: Mapping[str, Any]) -> int:
    """Return 1 when a forecaster is clearly better than persistence, −1 when clearly worse, 0 when neither is clear."""
    gain = _gain(row)
    if row["low"] is not None and row["high"] is not None and row["low"] <= row["persistence"] <= row["high"]:
        return 0
    return 0 if not abs(gain) >= CLEAR else 1 if gain > 0 else -1


def _listed(words: list[str]) -> str:
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]
