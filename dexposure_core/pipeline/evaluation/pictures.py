"""The charts of the report: reliability curves, and skill over persistence week by week with events marked."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from dexposure_core.pipeline.evaluation.svg import Chart, Line
from dexposure_core.pipeline.evaluation.tables import steps

Record = Mapping[str, Any]
KINDS: Final = {"dexposure": "served", "hazard": "one", "ewma": "two", "pair-memory": "three"}
SKILLS: Final = {
    "brier": "existence (Brier)", "brier_births": "births (Brier)", "brier_deaths": "deaths (Brier)",
    "weight_mae": "size of exposures", "wape": "USD missed", "node_mae": "TVL",
}  # fmt: skip
FEWEST: Final = 20  # pairs in a bin that are worth a point
LOWEST, HIGHEST = -0.6, 0.6


def legend(names: Sequence[str]) -> str:
    """Return the key of the lines."""
    items = [f'<span><i class="{KINDS[n]}"></i>{escape(n)}</span>' for n in KINDS if n in names]
    return f'<p class="legend">{"".join(items)}</p>'


def reliability(records: Sequence[Record]) -> str:
    """Return one small chart per basis and horizon: mean probability against the share that came to exist."""
    shown = [r for r in records if r["forecaster"] in KINDS]
    charts = [_curve(shown, basis, h) for basis, h in dict.fromkeys((r["basis"], r["horizon"]) for r in shown)]
    text = (
        "<p>Across: the probability that was said. Up: how often the exposure was there. On the dotted line both are "
        f"equal. Bins with fewer than {FEWEST} pairs are left out.</p>"
    )
    return text + legend([r["forecaster"] for r in shown]) + _grid(charts) if charts else ""


def _curve(records: Sequence[Record], basis: str, horizon: int) -> str:
    lines = []
    for name in reversed(KINDS):
        own = [
            r for r in records
            if (r["forecaster"], r["basis"], r["horizon"]) == (name, basis, horizon) and r["pairs"] >= FEWEST
        ]  # fmt: skip
        if own:
            x, y = [r["said"] for r in own], [r["came"] for r in own]
            lines.append(Line(name=name, kind=KINDS[name], x=x, y=y, dots=name == "dexposure"))
    ends = (0.0, 1.0)
    marks = [(v, f"{v:.0%}") for v in (0.0, 0.5, 1.0)]
    title = f"{basis}, {steps(horizon)}"
    return Chart(
        title=title, lines=lines, x_range=ends, y_range=ends, x_ticks=marks, diagonal=True, percent=True
    ).svg()  # fmt: skip


def weeks(document: Record) -> str:
    """Return 1 − error / error of persistence at every single target, per basis, score and horizon."""
    series = {(r["forecaster"], r["basis"], r["horizon"], r["metric"]): r for r in document["weeks"]}
    text = (
        "<p>1 − error / error of persistence, by date of the target; above the line the forecast is better than "
        f"today's network unchanged. Values beyond ±{HIGHEST:.0%} are drawn at the edge. Vertical lines are events.</p>"
    )
    parts = []
    for basis in dict.fromkeys(key[1] for key in series):
        horizons = sorted({key[2] for key in series if key[1] == basis})
        charts = [_course(series, document["event_dates"], basis, h, m) for m in SKILLS for h in horizons]
        parts.append(f"<h3>{escape(basis)} basis</h3>{_grid([c for c in charts if c])}")
    names = [key[0] for key in series]
    return text + legend([n for n in names if n != "persistence"]) + "".join(parts) + _event_list(document)


def _course(series: Mapping[Any, Record], events: Sequence[Record], basis: str, horizon: int, metric: str) -> str:
    base = series.get(("persistence", basis, horizon, metric))
    if base is None or len(base["dates"]) < 2:
        return ""
    days = [dt.date.fromisoformat(d).toordinal() for d in base["dates"]]
    lines = []
    for name in reversed(KINDS):
        own = series.get((name, basis, horizon, metric))
        if own is not None and len(own["values"]) == len(days):
            y = [_skill(v, b) for v, b in zip(own["values"], base["values"], strict=True)]
            lines.append(Line(name=name, kind=KINDS[name], x=days, y=y))
    span = (float(days[0]), float(days[-1]))
    marks = [(float(day), e["name"]) for e in events if span[0] <= (day := _day(e)) <= span[1]]
    ticks = [(span[0], base["dates"][0]), (span[1], base["dates"][-1])]
    return Chart(
        title=f"{SKILLS[metric]}, {steps(horizon)}", lines=lines, x_range=span, y_range=(LOWEST, HIGHEST),
        x_ticks=ticks, marks=marks, level=0.0, percent=True,
    ).svg()  # fmt: skip


def _skill(value: float | None, base: float | None) -> float:
    return 1.0 - value / base if value is not None and base else math.nan


def _day(event: Record) -> int:
    return dt.date.fromisoformat(event["date"]).toordinal()


def _event_list(document: Record) -> str:
    items = "".join(f"<li>{escape(e['date'])}: {escape(e['name'])}</li>" for e in document["event_dates"])
    return f"<details><summary>The events</summary><ul>{items}</ul></details>" if items else ""


def _grid(charts: Sequence[str]) -> str:
    return f'<div class="charts">{"".join(charts)}</div>'
