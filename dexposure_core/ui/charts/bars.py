"""Ranked horizontal bars: amounts, signed changes, and changes split into parts. Values are written beside the bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from dexposure_core.pipeline.palette import CAUSES
from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import base, plain

PARTS: Final = CAUSES
_ROW: Final = 26
_REST: Final = "not split"


def ranked(
    labels: Sequence[str],
    values: Sequence[float | None],
    *,
    title: str,
    unit: str,
    colours: Sequence[str] | None = None,
    signed: bool = False,
    height: int | None = None,
    written: Sequence[str] | None = None,
) -> Any:
    """Return horizontal bars in the order given, first on top.

    Args:
        labels: names, untrusted.
        values: lengths of the bars; None or NaN draws no bar and writes `not defined`.
        title: what is shown.
        unit: `USD`, `share`, `index`, `count` or `number`.
        colours: one per bar; when not given one colour, or the colours of rise and fall when signed.
        signed: whether values are changes (sign written, zero line drawn).
        height: pixels; grows with the rows when not given.
        written: what to write beside the bars instead of the values.
    """
    divisor, unit_name = base.scale(values, unit)
    drawn = base.figure(title, unit_name, height=height or 120 + _ROW * max(1, len(labels)))
    bars = [None if text.undefined(v) else float(v or 0) / divisor for v in values]
    beside = list(written or [text.amount(v, unit, sign=signed) for v in values])
    drawn.add_trace(
        plain.bar(
            x=bars, y=list(range(len(labels))), orientation="h", text=[text.html(b) for b in beside], cliponaxis=False,
            textposition="outside", textfont={"size": 12}, marker={"color": list(colours or _colours(values, signed))},
            customdata=[text.html(text.short(name, 60)) for name in labels],
            hovertemplate="%{customdata}<br>%{text}<extra></extra>",
        )
    )  # fmt: skip
    _rows(drawn, labels)
    room(drawn, [b for b in bars if b is not None], beside)
    return drawn


def split(frame: pl.DataFrame, labels: Sequence[str], *, title: str, total: str = "change_usd") -> Any:
    """Return changes stacked by cause: price, quantity, entry, exit; a change without quantities is drawn in grey.

    Args:
        frame: columns of PARTS (null = not known) and the total.
        labels: names of the rows, untrusted.
        title: what is shown.
        total: column of the whole change, written beside the bar.
    """
    divisor, unit_name = base.scale(frame[total].to_list(), "USD")
    drawn = base.figure(title, unit_name, height=140 + _ROW * max(1, frame.height))
    rest = _unsplit(frame, total)
    rows = list(range(frame.height))
    for part, (name, colour) in PARTS.items():
        _stack(drawn, rows, frame[part].fill_null(0.0), divisor, name, colour)
    _stack(drawn, rows, rest, divisor, "Not split", theme.GREYS[1])
    _rows(drawn, labels)
    _totals(drawn, frame.with_columns(rest.alias(_REST)), total, divisor)
    base.name_colours(drawn, [(trace.name, trace.marker.color) for trace in drawn.data])
    drawn.update_layout(barmode="relative", showlegend=False)
    return drawn


def _unsplit(frame: pl.DataFrame, total: str) -> pl.Series:
    """Return what is left of each change beside its known parts, 0 where all parts are known."""
    known = pl.sum_horizontal(pl.col(part).fill_null(0.0) for part in PARTS)
    missing = pl.any_horizontal(pl.col(part).is_null() for part in PARTS)
    return frame.select(pl.when(missing).then(pl.col(total) - known).otherwise(0.0)).to_series()


def _stack(drawn: Any, rows: list[int], values: pl.Series, divisor: float, name: str, colour: str) -> None:
    if not any(abs(v or 0) > 0 for v in values):
        return
    drawn.add_trace(
        plain.bar(
            x=(values / divisor).to_list(), y=rows, orientation="h", name=name, marker={"color": colour},
            customdata=[text.usd(v, sign=True) for v in values], hovertemplate=f"{name} %{{customdata}}<extra></extra>",
        )
    )  # fmt: skip


def _totals(drawn: Any, frame: pl.DataFrame, total: str, divisor: float) -> None:
    parts = [pl.col(part).fill_null(0.0) for part in (*PARTS, _REST)]
    ups = frame.select(pl.sum_horizontal(part.clip(lower_bound=0) for part in parts)).to_series()
    downs = frame.select(pl.sum_horizontal(part.clip(upper_bound=0) for part in parts)).to_series()
    ends, labels = [], []
    for row, value in enumerate(frame[total].to_list()):
        rises = (value or 0) >= 0
        end = max(ups[row], value or 0) if rises else min(downs[row], value or 0)
        ends.append(end / divisor)
        side = {"xanchor": "left", "xshift": 4} if rises else {"xanchor": "right", "xshift": -4}
        shown = text.usd(value, sign=True, unit=False)
        labels.append({"x": end / divisor, "y": row, "text": shown, "font": {"size": 12}} | side)
    base.annotate(drawn, labels)
    written = [text.usd(v, sign=True, unit=False) for v in frame[total].to_list()]
    room(drawn, [*ends, *(v / divisor for v in [*ups, *downs])], written)


def _rows(drawn: Any, labels: Sequence[str]) -> None:
    shown = [text.html(text.short(name, 28)) for name in labels]
    drawn.update_yaxes(tickvals=list(range(len(labels))), ticktext=shown, autorange="reversed")
    drawn.update_yaxes(showgrid=False, zeroline=False)
    base.room_left(drawn, max((min(28, len(name)) for name in labels), default=0))
    drawn.update_xaxes(showgrid=True, zeroline=True, zerolinewidth=1, nticks=5)
    drawn.update_layout(bargap=0.28, margin={"t": 56}, showlegend=False)


def room(drawn: Any, values: Sequence[float], written: Sequence[str]) -> None:
    """Leave room beside the bars for what is written there, on a chart as narrow as a phone.

    Args:
        drawn: the figure, its left margin set.
        values: where bars begin and end, in the axis's unit.
        written: what stands beside them.
    """
    low, high = min([0.0, *values]), max([0.0, *values])
    if not (math.isfinite(low) and math.isfinite(high)) or low == high:
        return
    wide = max(140.0, 385 - float(drawn.layout.margin.l or 0))
    beside = 10 + 6.6 * max(map(len, written), default=0)
    sides = (low < 0) + (high > 0)
    pad = (high - low) * beside / max((0.5 if sides == 1 else 0.3) * wide, wide - sides * beside)
    drawn.update_xaxes(range=[low - pad if low < 0 else 0, high + pad if high > 0 else 0])


def _colours(values: Sequence[float | None], signed: bool) -> list[str]:
    if not signed:
        return [theme.SECTOR_COLOURS[0]] * len(values)
    return [theme.LIGHT.down if (v or 0) < 0 else theme.SECTOR_COLOURS[1] for v in values]
