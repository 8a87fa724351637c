"""Today, forecast and what happened side by side, each row on its own scale; and expected change by protocol."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import plotly.graph_objects as go
import polars as pl

from dexposure_core.measures import MEASURES
from dexposure_core.pipeline import views
from dexposure_core.stress import find_rule, find_scenario
from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import base

if TYPE_CHECKING:
    from dexposure_core.pipeline.forecast import ForecastResult

NO_MODEL: Final = "**There is no trained model to forecast with.** The baselines need none: choose one below."
REMEDY: Final = (
    "Run `dexposure train` (minutes on a plain computer), then reload; or choose persistence or pair-memory, which "
    "need no training."
)
NEW_LABELS: Final = {"exposure_usd": "If it exists, USD m"}
GONE_LABELS: Final = {"exposure_usd": "Today, USD m", "probability": "Still there"}
SKILL_LABELS: Final = {"what": "What", "value": "This forecaster", "persistence": "Persistence", "gain": "Better by"}
MEASURES_SHOWN: Final = (
    "system_tvl_usd", "total_exposure_usd", "exposure_count", "tvl_hhi", "debtor_hhi", "cross_sector_ratio",
    "spillover_index", "max_default_loss",
)  # fmt: skip
METRICS: Final[Mapping[str, str]] = {
    "auprc_random": "Which pairs are exposed (AUPRC, higher is better)",
    "auprc_historical": "Which former pairs return (AUPRC, higher is better)",
    "mrr_new": "New partners (MRR, higher is better)",
    "brier": "Probability (Brier score)",
    "weight_mae": "Size of exposures (log error)",
    "node_mae": "TVL (log error)",
}

TODAY: Final = "#7C848E"
FORECAST: Final = "#D9820B"
ACTUAL: Final = "#0B6E99"
_ROW: Final = 40


def beside(frame: pl.DataFrame, titles: Sequence[str], units: Sequence[str], *, title: str, weeks: int) -> Any:
    """Return one row a number: its expected change in % of today, and what happened where it is known.

    Args:
        frame: today, forecast, actual (NaN = not defined or not known), rows in the order to draw.
        titles: names of the rows.
        units: unit of each row, for the amounts written.
        title: what is shown.
        weeks: horizon.
    """
    drawn = base.figure(
        title,
        f"change in {weeks} weeks, % of today's value (today = persistence = 0)",
        height=130 + _ROW * frame.height,
    )
    rows = list(range(frame.height))
    today = frame["today"].to_list()
    drawn.add_shape(type="line", x0=0, x1=0, y0=-0.6, y1=frame.height - 0.4, line={"color": TODAY, "width": 2})
    for column, colour, name, symbol in (
        ("forecast", FORECAST, "forecast", "diamond"),
        ("actual", ACTUAL, "what happened", "circle-open"),
    ):
        values = frame[column].to_list()
        moves = [_relative(v, t) for v, t in zip(values, today, strict=True)]
        if all(m is None for m in moves):
            continue
        drawn.add_trace(
            go.Scatter(
                x=moves, y=rows, mode="markers", name=name,
                marker={"color": colour, "size": 12, "symbol": symbol, "line": {"width": 2.5, "color": colour}},
                customdata=[_beside(t, v, u) for t, v, u in zip(today, values, units, strict=True)],
                hovertemplate=f"{name}: %{{customdata}}<extra></extra>",
            )
        )  # fmt: skip
    shown = [
        f"{text.html(text.short(name, 36))}<br><span style='font-size:10px'>{_beside(t, f, u)}</span>"
        for name, t, f, u in zip(titles, today, frame["forecast"].to_list(), units, strict=True)
    ]
    drawn.update_yaxes(tickvals=rows, ticktext=shown, autorange="reversed", showgrid=True)
    drawn.update_xaxes(ticksuffix=" %", nticks=6, zeroline=False, showgrid=True)
    drawn.update_layout(margin={"t": 84}, legend={"y": 1.0})
    return drawn


def _relative(value: float | None, today: float | None) -> float | None:
    if value is None or today is None or not (math.isfinite(value) and math.isfinite(today)) or today == 0:
        return None
    return (value / today - 1) * 100


def _beside(today: float | None, forecast: float | None, unit: str) -> str:
    return f"{text.amount(today, unit)} → {text.amount(forecast, unit)}"


def moves(frame: pl.DataFrame, names: Sequence[str], *, title: str) -> Any:
    """Return expected TVL changes as signed bars (`change_usd`), what happened as rings where it is known."""
    known = frame.with_columns(happened=pl.col("actual_usd") - pl.col("today_usd"))
    divisor, unit = base.scale([*frame["change_usd"].to_list(), *known["happened"].to_list()], "USD")
    drawn = base.figure(title, f"{unit}; bar: expected, ring: what happened", height=120 + 26 * max(4, frame.height))
    rows = list(range(frame.height))
    values = frame["change_usd"].to_list()
    drawn.add_trace(
        go.Bar(
            x=[v / divisor for v in values], y=rows, orientation="h", name="expected", showlegend=False,
            marker={"color": [theme.SECTOR_COLOURS[0] if v < 0 else theme.SECTOR_COLOURS[1] for v in values]},
            customdata=[text.usd(v, sign=True) for v in values], hovertemplate="expected %{customdata}<extra></extra>",
        )
    )  # fmt: skip
    happened = known["happened"].fill_nan(None).to_list()
    if any(v is not None for v in happened):
        drawn.add_trace(
            go.Scatter(
                x=[None if v is None else v / divisor for v in happened], y=rows, mode="markers", showlegend=False,
                marker={"symbol": "circle-open", "size": 11, "color": ACTUAL, "line": {"width": 2.5}},
                customdata=[text.usd(v, sign=True) for v in happened],
                hovertemplate="happened %{customdata}<extra></extra>",
            )
        )  # fmt: skip
    shown = [text.html(text.short(name, 26)) for name in names]
    drawn.update_yaxes(tickvals=rows, ticktext=shown, autorange="reversed", showgrid=False)
    drawn.update_xaxes(zeroline=True, showgrid=True, nticks=5)
    drawn.update_layout(bargap=0.28, margin={"t": 60})
    return drawn


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


def losses(stress: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Return the standard stress losses that are defined, and their titles: scenario and rule."""
    rows = stress.filter(pl.col("today").is_not_nan() & pl.col("forecast").is_not_nan())
    titles = []
    for name in rows["loss"].to_list():
        _, scenario, rule = name.split(":")
        titles.append(f"{find_scenario(scenario).title} · {find_rule(rule).title}")
    return rows, titles


def brief(exposures: pl.DataFrame) -> pl.DataFrame:
    """Return the columns a screen has room for: who, to whom, how likely, how much."""
    amount = pl.when(pl.col("today_usd") > 0).then("today_usd").otherwise("exposure_usd").alias("exposure_usd")
    return exposures.select("creditor", "creditor_name", "debtor", "debtor_name", "probability", amount)


def skill_words(scores: pl.DataFrame, basis: str, horizon: int, forecaster: str) -> str:
    """Say in plain words where a forecaster helped on the hold-out and where it did not."""
    rows = _scored(scores, basis, horizon, forecaster)
    if rows.is_empty():
        return (
            "It has not been scored for this basis and horizon. `dexposure evaluate` scores every forecaster on weeks "
            "that the model never saw, beside persistence."
        )
    if forecaster == "persistence":
        return "Persistence expects no change. It is the yardstick: every other forecaster is measured against it."
    better = [METRICS[r["metric"]].split(" (")[0].lower() for r in rows.to_dicts() if _gain(r) > 0.005]
    worse = [METRICS[r["metric"]].split(" (")[0].lower() for r in rows.to_dicts() if _gain(r) < -0.005]
    told = [f"better than persistence at: {', '.join(better)}"] if better else ["nowhere better than persistence"]
    told += [f"worse at: {', '.join(worse)}"] if worse else []
    return (
        f"On the hold-out weeks, {horizon} weeks ahead, {text.markdown(forecaster)} was {'; '.join(told)}. These are "
        "scores on data the model was not trained on; on other data they may differ."
    )


def skill_table(scores: pl.DataFrame, basis: str, horizon: int, forecaster: str) -> pl.DataFrame:
    """Return what, value, persistence, gain (written) of the metrics that are told."""
    rows = _scored(scores, basis, horizon, forecaster).to_dicts()
    return pl.DataFrame(
        {
            "what": [METRICS[r["metric"]] for r in rows],
            "value": [r["value"] for r in rows],
            "persistence": [r["persistence"] for r in rows],
            "gain": [text.percent(_gain(r), sign=True) for r in rows],
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
