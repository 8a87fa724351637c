"""Pictures of skill: gains as a table of shaded cells, what was said against what came, gains week by week, intervals.

A cell is coloured by its verdict and says it with a sign too: ▲ better, ▼ worse, ≈ as good; deeper is more. Colours
are transparent to full, so the same figure prints on white and on dark paper.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import base, plain
from dexposure_core.ui.skill.words import decided, points

SIGNS: Final = {"better": "▲", "equal": "≈", "worse": "▼"}
SCALE: Final = [
    [0, "rgba(176,58,20,1)"], [0.49, "rgba(184,80,26,.22)"], [0.5, "rgba(128,140,150,.10)"],
    [0.51, "rgba(11,143,111,.22)"], [1, "rgba(8,112,87,1)"],
]  # fmt: skip
LINES: Final[Mapping[str, tuple[str, str, float]]] = {
    "persistence": (theme.GREYS[0], "dot", 1.6), "ewma": (theme.SECTOR_COLOURS[6], "dash", 1.6),
    "pair-memory": (theme.SECTOR_COLOURS[7], "dashdot", 1.6), "hazard": (theme.SECTOR_COLOURS[0], "dash", 1.6),
    "gradient-boosting": (theme.SECTOR_COLOURS[2], "dashdot", 1.6), "dexposure": (theme.SECTOR_COLOURS[1], "solid", 3),
}  # fmt: skip
_ROW: Final = 37
_DEEP: Final = 0.25  # a gain at which the colour is full
_DARK_FROM: Final = 0.62
_REACH: Final = (0.05, 0.6)  # least and most that the axis of weekly gains reaches; what is beyond is at its edge


def cells(
    standings: pl.DataFrame, rows: Mapping[str, str], columns: Sequence[tuple[Any, str]], *, title: str, unit: str,
    by: str = "horizon",
) -> Any:  # fmt: skip
    """Return gains as shaded cells with their intervals.

    Args:
        standings: see `pipeline.views.skill`, with the column `by`.
        rows: score → what the row is called, first on top.
        columns: (value of `by`, what the column is called).
        title: what is shown.
        unit: beside whom.
        by: what stands across.
    """
    at = {(s["metric"], s[by]): s for s in standings.to_dicts()}
    drawn = base.figure(title, unit, height=150 + _ROW * max(1, len(rows)))
    found = [(r, c, at.get((metric, value))) for r, metric in enumerate(rows) for c, (value, _) in enumerate(columns)]
    shade = [[0.0] * len(columns) for _ in rows]
    for r, c, standing in found:
        shade[r][c] = _shade(standing)
    drawn.add_trace(
        plain.heatmap(
            z=shade, x=list(range(len(columns))), y=list(range(len(rows))), hoverinfo="skip", showscale=False, xgap=3,
            ygap=3, colorscale=SCALE, zmin=-1, zmax=1,
        )
    )  # fmt: skip
    for deep, colour in ((False, None), (True, "#FFFFFF")):
        part = [(r, c, s) for r, c, s in found if (abs(_shade(s)) >= _DARK_FROM) is deep]
        drawn.add_trace(
            plain.scatter(
                x=[c for _, c, _ in part], y=[r for r, _, _ in part], mode="text", showlegend=False,
                text=[_written(s) for _, _, s in part], hovertext=[_hover(s) for _, _, s in part],
                hovertemplate="%{hovertext}<extra></extra>",
                textfont={"size": 13} | ({"color": colour} if colour else {}),
            )
        )  # fmt: skip
    _axes(drawn, list(rows.values()), [name for _, name in columns])
    return drawn


def _axes(drawn: Any, rows: Sequence[str], columns: Sequence[str]) -> None:
    plain = {"showgrid": False, "zeroline": False, "showline": False, "fixedrange": True}
    names, heads = ([text.html(text.short(name, 36)) for name in part] for part in (rows, columns))
    drawn.update_xaxes(tickvals=list(range(len(heads))), ticktext=heads, side="top", **plain)
    drawn.update_xaxes(range=[-0.5, len(heads) - 0.5])
    drawn.update_yaxes(tickvals=list(range(len(names))), ticktext=names, range=[len(names) - 0.5, -0.5], **plain)
    base.room_left(drawn, max((len(name) for name in names), default=0))
    drawn.update_layout(margin={"t": 84}, dragmode=False)


def _shade(standing: Mapping[str, Any] | None) -> float:
    """Return −1 to 1: the verdict's side, deeper for more; 0 for as good and for not defined."""
    if standing is None or standing["gain"] is None or standing["verdict"] == "equal":
        return 0.0
    depth = 0.08 + 0.92 * min(1.0, math.sqrt(abs(standing["gain"]) / _DEEP))
    return depth if standing["verdict"] == "better" else -depth


def _written(standing: Mapping[str, Any] | None) -> str:
    if standing is None or standing["gain"] is None:
        return "–"
    lead = f"{SIGNS[standing['verdict']]} {decided(standing['gain'], standing['verdict'])}"
    span = _span(standing)
    return f"{lead}<br><span style='font-size:10px'>{span}</span>" if span else lead


def _span(standing: Mapping[str, Any]) -> str:
    if standing["low"] is None or standing["high"] is None:
        return ""
    low, high = (points(standing[end]).removesuffix("\u00a0%") for end in ("low", "high"))
    return f"{low} to {high}"


def _hover(standing: Mapping[str, Any] | None) -> str:
    if standing is None or standing["gain"] is None:
        return "not defined"
    verdict = {"better": "better than", "equal": "as good as", "worse": "worse than"}[standing["verdict"]]
    span = _span(standing)
    rival = standing["rival_value"]
    beside = "" if rival is None else f" beside {text.number(rival)}"
    gain = decided(standing["gain"], standing["verdict"])
    return (
        f"{verdict} {text.html(standing['rival'])}: {gain}{f' (90 %: {span})' if span else ''}"
        f"<br>{text.number(standing['value'])}{beside}"
    )


def reliability(curve: pl.DataFrame, *, title: str, small: bool = False) -> Any:
    """Return what was said against how often it came true; `small`: the small probabilities, on logarithmic axes."""
    drawn = base.figure(title, "across: said; up: came true", height=400)
    low = 1e-4 if small else 0.0
    drawn.add_shape(
        type="line", x0=low, y0=low, x1=1, y1=1, line={"dash": "dot", "color": theme.GREYS[0], "width": 1.5}
    )
    named = []
    for name, (colour, dash, width) in LINES.items():
        own = curve.filter(pl.col("forecaster") == name)
        own = own.filter(pl.col("said") >= low, pl.col("came") >= low) if small else own
        if own.is_empty() or name == "persistence":
            continue
        named.append((name, colour))
        drawn.add_trace(
            plain.scatter(
                x=own["said"].to_list(), y=own["came"].to_list(), mode="lines+markers", showlegend=False, name=name,
                line={"color": colour, "dash": dash, "width": width},
                marker={"size": 8 if name == "dexposure" else 4, "color": colour},
                customdata=[text.plural(n, "pair") for n in own["pairs"].to_list()],
                hovertemplate=f"{name}<br>said %{{x:.3g}}, came true %{{y:.3g}}<br>%{{customdata}}<extra></extra>",
            )
        )  # fmt: skip
    kind = {"type": "log", "range": [-4.05, 0.03], "tickvals": [1e-4, 1e-3, 1e-2, 0.1, 1],
            "ticktext": ["0.01 %", "0.1 %", "1 %", "10 %", "100 %"]} if small else {
        "range": [-0.02, 1.03], "tickformat": ".0%", "nticks": 6}  # fmt: skip
    drawn.update_xaxes(showgrid=True, zeroline=False, **kind)
    drawn.update_yaxes(zeroline=False, **kind)
    base.name_colours(drawn, named, row=3)
    drawn.update_layout(margin={"t": 92, "l": 52})
    drawn.update_yaxes(automargin=False)
    return drawn


def weeks(gains: pl.DataFrame, events: pl.DataFrame, *, title: str) -> Any:
    """Return 1 − error / error of persistence at every target, the events marked; far values at the edge."""
    drawn = base.figure(title, "% better than persistence", height=400)
    served = gains["dexposure"] if "dexposure" in gains.columns else gains.select(pl.exclude("date")).to_series()
    reach = min(_REACH[1], max(_REACH[0], 1.5 * float(served.abs().max() or 0.0)))  # type: ignore[arg-type]
    named = []
    for name, (colour, dash, width) in LINES.items():
        if name not in gains.columns:
            continue
        named.append((name, colour))
        values = gains[name].to_list()
        drawn.add_trace(
            plain.scatter(
                x=gains["date"].to_list(), mode="lines", name=name, showlegend=False,
                y=[None if v is None else 100 * min(reach, max(-reach, v)) for v in values],
                line={"color": colour, "dash": dash, "width": width}, customdata=[points(v) for v in values],
                hovertemplate=f"%{{x|%Y-%m-%d}}<br>{name} %{{customdata}}<extra></extra>",
            )
        )  # fmt: skip
    drawn.add_hline(y=0, line={"color": theme.GREYS[2], "width": 1.5})
    days = gains["date"].to_list()
    if days and not events.is_empty():
        base.mark_events(drawn, base.major_events(events, days[0], days[-1]))
    ends = (-100 * reach, 100 * reach)
    drawn.update_yaxes(range=[1.06 * ends[0], 1.9 * ends[1]], tickvals=base.nice_ticks(*ends), ticksuffix=" %")
    base.date_axis(drawn)
    base.name_colours(drawn, named, row=2)
    drawn.update_layout(margin={"t": 108, "l": 56, "r": 12})
    drawn.update_yaxes(automargin=False)
    return drawn


def forest(column: pl.DataFrame, *, title: str, unit: str) -> Any:
    """Return one row a forecaster: its value with its interval, persistence first."""
    rows = list(range(column.height))
    drawn = base.figure(title, unit, height=130 + 28 * max(1, column.height))
    values = column["value"].to_list()
    up, down = (
        [0.0 if e is None or v is None else abs(e - v) for e, v in zip(column[end], values, strict=True)]
        for end in ("high", "low")
    )
    served = [name == "dexposure" for name in column["forecaster"]]
    drawn.add_trace(
        plain.scatter(
            x=values, y=rows, mode="markers", showlegend=False,
            marker={"size": 11, "color": [LINES["dexposure"][0] if s else theme.GREYS[0] for s in served],
                    "symbol": ["diamond" if s else "circle" for s in served]},
            error_x={"type": "data", "symmetric": False, "array": up, "arrayminus": down, "color": theme.GREYS[0]},
            customdata=[text.number(v) for v in values], hovertemplate="%{customdata}<extra></extra>",
        )
    )  # fmt: skip
    names = [text.html(text.short(name, 24)) for name in column["forecaster"]]
    drawn.update_yaxes(tickvals=rows, ticktext=names, autorange="reversed", showgrid=True)
    drawn.update_xaxes(showgrid=True, zeroline=False, nticks=6)
    drawn.update_layout(margin={"t": 60})
    base.room_left(drawn, max((len(name) for name in names), default=0))
    return drawn


PLACES: Final = {
    "best": ("best", "rgba(8,112,87,1)"), "near": ("within 1 %", "rgba(11,143,111,.45)"),
    "behind": ("behind", "rgba(128,140,150,.35)"),
}  # fmt: skip
_NARROW: Final = 0.04  # of a bar: a part no wider has no room for its number, which is then shown on hover alone
SIDES: Final = {"ahead": ("ahead", PLACES["best"][1]), "near": PLACES["near"], "behind": PLACES["behind"]}


def league(found: pl.DataFrame, places: Mapping[str, tuple[str, str]] = PLACES, *, title: str) -> Any:
    """Return one bar a method: in how many scores it has each of `places` (column → what it is called, colour)."""
    drawn = base.figure(title, "comparisons:", height=160 + 26 * max(1, found.height))
    rows = list(range(found.height))
    for place, (name, colour) in places.items():
        counts = found[place].to_list()
        drawn.add_trace(
            plain.bar(
                x=counts, y=rows, orientation="h", name=name, showlegend=False, marker={"color": colour},
                text=[str(n) if n > _NARROW * of else "" for n, of in zip(counts, found["scores"], strict=True)],
                textposition="inside", insidetextanchor="middle",
                hovertemplate=f"%{{x}} {name}<extra></extra>",
            )
        )  # fmt: skip
    base.name_colours(drawn, list(places.values()), row=3)
    names = [text.html(text.short(name, 24)) for name in found["forecaster"]]
    names = [f"<b>{name}</b>" if name == "dexposure" else name for name in names]
    drawn.update_yaxes(tickvals=rows, ticktext=names, autorange="reversed", showgrid=False)
    drawn.update_xaxes(showgrid=False, zeroline=False, showticklabels=False)
    drawn.update_layout(barmode="stack", margin={"t": 64})
    base.room_left(drawn, max((len(name) for name in found["forecaster"]), default=0))
    return drawn


_LABEL: Final = 26  # letters of a line beside a bar
COVERED: Final = {
    "covered": ("as served", theme.SECTOR_COLOURS[1], "diamond"),
    "covered_joint": ("joint draws", theme.SECTOR_COLOURS[0], "circle"),
    "covered_alone": ("drawn one by one", theme.GREYS[0], "x-thin-open"),
}  # fmt: skip


def coverage(measured: pl.DataFrame, titles: Sequence[str], *, title: str) -> Any:
    """Return how often 90 % intervals held, one row a measure, three kinds of interval, a line at 90 %."""
    rows = list(range(measured.height))
    shown = [_in_lines(name) for name in titles]
    row = 22 if all(len(lines) < 2 for lines in shown) else 30
    drawn = base.figure(title, "% of targets inside; line: 90 %;", height=156 + row * max(1, measured.height))
    drawn.add_shape(
        type="line", x0=90, x1=90, y0=-0.6, y1=measured.height - 0.4, line={"color": theme.GREYS[0], "width": 2}
    )
    for column, (name, colour, symbol) in COVERED.items():
        drawn.add_trace(
            plain.scatter(
                x=[None if v is None else 100 * v for v in measured[column].to_list()], y=rows, mode="markers",
                name=name, showlegend=False, cliponaxis=False,
                marker={"size": 10, "color": colour, "symbol": symbol, "line": {"width": 2, "color": colour}},
                hovertemplate=f"%{{x:.0f}} % {name}<extra></extra>",
            )
        )  # fmt: skip
    base.name_colours(drawn, [(name, colour) for name, colour, _ in COVERED.values()], row=2)
    told = ["<br>".join(map(text.html, lines)) for lines in shown]
    drawn.update_yaxes(tickvals=rows, ticktext=told, range=[measured.height - 0.4, -0.6], showgrid=True)
    drawn.update_xaxes(
        range=[-2, 103], tickvals=[0, 50, 100], ticksuffix=" %", showgrid=True, zeroline=False, side="top"
    )
    drawn.update_layout(margin={"t": 100, "r": 24})
    base.room_left(drawn, max((len(line) for lines in shown for line in lines), default=0))
    return drawn


def _in_lines(name: str) -> list[str]:
    """Return a name on at most two lines; a scenario and its rule are apart from each other in the second."""
    return [text.short(line, _LABEL) for line in textwrap.wrap(name, _LABEL, max_lines=2, placeholder="…")]
