"""The spillover matrix: creditor sectors down, debtor sectors across, totals of rows and columns beside the cells.

Colour goes with the square root of USD, so that middling cells can be told from empty ones; the number in each cell is
the amount itself. Colours are transparent to full, so the same figure prints on white and on dark paper. Clicks land on
invisible squares over the cells (a heatmap itself gives no selection); their `customdata` is (creditor, debtor sector).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dexposure_core.pipeline.views import Matrix
from dexposure_core.ui import text
from dexposure_core.ui.charts import base, plain

Floats = npt.NDArray[np.float64]
Scale = list[list[float | str]]

LEVEL: Final[Scale] = [[0, "rgba(168,40,30,0.03)"], [0.5, "rgba(184,70,40,0.45)"], [1, "rgba(150,34,26,1)"]]
CHANGE: Final[Scale] = [
    [0, "rgba(27,90,153,1)"], [0.35, "rgba(27,90,153,0.3)"], [0.5, "rgba(128,128,128,0.04)"],
    [0.65, "rgba(184,80,26,0.3)"], [1, "rgba(168,64,26,1)"],
]  # fmt: skip
_ROW: Final = 46
_DARK_FROM: Final = 0.62  # share of the scale from which text on a cell is white


def matrix(
    of: Matrix, *, title: str, signed: bool = False, chosen: tuple[str, str] | None = None,
    said: Mapping[tuple[str, str], str] | None = None,
) -> Any:  # fmt: skip
    """Return the matrix as a heatmap with totals.

    Args:
        of: sectors, cells and their sums.
        title: what is shown.
        signed: whether cells are changes (sign written, diverging colours).
        chosen: (creditor sector, debtor sector) of the cell to outline.
        said: (creditor sector, debtor sector) → what a cell says besides its amount when pointed at.
    """
    size = len(of.sectors)
    divisor, unit = base.scale([*of.cells.ravel(), of.total], "USD")
    drawn = base.figure(title, f"{unit}; rows hold tokens issued by columns", height=206 + _ROW * (size + 1))
    shade = np.sign(of.cells) * np.sqrt(np.abs(of.cells))
    top = float(np.abs(shade).max(initial=0.0)) or 1.0
    drawn.add_trace(
        plain.heatmap(
            z=shade, x=list(range(size)), y=list(range(size)), hoverinfo="skip", showscale=False, xgap=2, ygap=2,
            colorscale=CHANGE if signed else LEVEL, zmin=-top if signed else 0.0, zmax=top,
        )
    )  # fmt: skip
    _numbers(drawn, of, np.abs(shade) / top, divisor, signed=signed)
    _clicks(drawn, of, said or {}, signed=signed)
    _totals(drawn, of, divisor, signed=signed)
    _axes(drawn, of.sectors)
    if chosen is not None and chosen[0] in of.sectors and chosen[1] in of.sectors:
        row, column = of.sectors.index(chosen[0]), of.sectors.index(chosen[1])
        drawn.add_shape(
            type="rect",
            x0=column - 0.5,
            x1=column + 0.5,
            y0=row - 0.5,
            y1=row + 0.5,
            line={"width": 2.5, "color": "#0B6E99"},
        )
    return drawn


def _numbers(drawn: Any, of: Matrix, depth: Floats, divisor: float, *, signed: bool) -> None:
    """Write the amounts: in the theme's ink on pale cells, in white on deep ones."""
    rows, columns = np.nonzero(of.cells)
    deep = depth[rows, columns] >= _DARK_FROM
    for where, colour in ((~deep, None), (deep, "#FFFFFF")):
        drawn.add_trace(
            plain.scatter(
                x=columns[where], y=rows[where], mode="text", hoverinfo="skip", showlegend=False,
                text=[_written(usd, divisor, signed) for usd in of.cells[rows[where], columns[where]]],
                textfont={"size": 12} | ({"color": colour} if colour else {}),
            )
        )  # fmt: skip


def _clicks(drawn: Any, of: Matrix, said: Mapping[tuple[str, str], str], *, signed: bool) -> None:
    size = len(of.sectors)
    rows, columns = (index.ravel() for index in np.indices((size, size)))
    words = [
        f"{text.html(of.sectors[r])} → {text.html(of.sectors[c])}<br>{text.usd(of.cells[r, c], sign=signed)}"
        + (f"<br>{said[of.sectors[r], of.sectors[c]]}" if (of.sectors[r], of.sectors[c]) in said else "")
        for r, c in zip(rows, columns, strict=True)
    ]
    invisible = {"marker": {"opacity": 0}}
    drawn.add_trace(
        plain.scatter(
            x=columns, y=rows, mode="markers", name="cells", showlegend=False, hovertext=words,
            hovertemplate="%{hovertext}<extra></extra>",
            customdata=[[of.sectors[r], of.sectors[c]] for r, c in zip(rows, columns, strict=True)],
            marker={"symbol": "square", "size": 40, "opacity": 0}, selected=invisible, unselected=invisible,
        )
    )  # fmt: skip


def _totals(drawn: Any, of: Matrix, divisor: float, *, signed: bool) -> None:
    size = len(of.sectors)
    places = [(size, row, value) for row, value in enumerate(of.by_creditor)]
    places += [(column, size, value) for column, value in enumerate(of.by_debtor)]
    places += [(size, size, of.total)]
    x, y, values = zip(*places, strict=True)
    drawn.add_trace(
        plain.scatter(
            x=x, y=y, mode="text", hoverinfo="skip", showlegend=False, textfont={"size": 12, "weight": "bold"},
            text=[_written(v, divisor, signed) or "0" for v in values],
        )
    )  # fmt: skip
    line = {"type": "line", "line": {"width": 1, "color": "#7C848E"}}
    drawn.add_shape(x0=-0.5, x1=size + 0.5, y0=size - 0.5, y1=size - 0.5, **line)
    drawn.add_shape(x0=size - 0.5, x1=size - 0.5, y0=-0.5, y1=size + 0.5, **line)


def _axes(drawn: Any, sectors: Sequence[str]) -> None:
    places = list(range(len(sectors) + 1))
    names = [*(_folded(sector, 15, 3) for sector in sectors), "<b>Total</b>"]
    heads = [*(_folded(sector, 13, 2) for sector in sectors), "<b>Total</b>"]
    edge = len(sectors) + 0.5
    drawn.update_xaxes(
        tickvals=places, ticktext=heads, side="top", range=[-0.5, edge], showgrid=False,
        zeroline=False, showline=False, fixedrange=True, tickangle=0, tickfont={"size": 11},
    )  # fmt: skip
    drawn.update_yaxes(
        tickvals=places,
        ticktext=names,
        range=[edge, -0.5],
        showgrid=False,
        zeroline=False,
        showline=False,
        fixedrange=True,
    )
    base.room_left(
        drawn, max((len(unescape(line)) for name in names[:-1] for line in name.split("<br>")), default=len("Total"))
    )
    drawn.update_layout(margin={"t": 108, "b": 58}, clickmode="event+select", dragmode=False)


def _folded(sector: str, width: int, most: int) -> str:
    """Break a sector's name into at most that many lines of about that width."""
    lines: list[str] = []
    for word in text.short(sector, 60).split():
        if lines and len(lines[-1]) + len(word) < width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    if len(lines) > most:
        lines[most - 1] += " …"
    return "<br>".join(text.html(line) for line in lines[:most])


def _written(value: float, divisor: float, signed: bool) -> str:
    scaled = abs(value) / divisor
    if scaled < 0.005:
        return ""
    shown = f"{scaled:.0f}" if scaled >= 99.5 else f"{scaled:.1f}" if scaled >= 9.95 else f"{scaled:.2f}"
    return (text.MINUS if value < 0 else "+" if signed else "") + shown
