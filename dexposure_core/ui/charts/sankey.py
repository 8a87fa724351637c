"""Flows as bands: one protocol between its creditors and its debtors, and sectors against sectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dexposure_core.pipeline.views import Matrix
from dexposure_core.ui import text, theme
from dexposure_core.ui.charts import base, plain
from dexposure_core.ui.graph import Ego


def ego(of: Ego, colours: Mapping[str, str], *, basis: str = "holdings") -> Any:
    """Return a protocol's creditors on the left, itself in the middle, its debtors on the right; widths are USD.

    Args:
        of: the protocol and its partners.
        colours: sector → colour.
        basis: holdings or flow; decides the words.
    """
    sides = "left: its creditors · right: its debtors" if basis == "holdings" else "left: flows from · right: flows to"
    drawn = base.figure(
        f"{text.short(of.name)}: who holds it, what it holds", f"{sides} · width: USD",
        height=max(320, 150 + 26 * max(len(of.creditors), len(of.debtors))),
    )  # fmt: skip
    partners = [*of.creditors, *of.debtors]
    labels = [of.name, *(p.name for p in partners)]
    tints = [colours.get(of.sector, theme.GREYS[0]), *(colours.get(p.sector, theme.GREYS[1]) for p in partners)]
    ends = [(1 + i, 0) for i in range(len(of.creditors))]
    ends += [(0, 1 + len(of.creditors) + i) for i in range(len(of.debtors))]
    _add(drawn, labels, tints, ends, [p.exposure_usd for p in partners], tints[1:])
    node = drawn.data[0].node
    # The title names it; in the middle its name would meet those of its partners.
    node.label = [node.label[0].rsplit("  ", 1)[-1], *node.label[1:]]
    return drawn


def sectors(of: Matrix, colours: Mapping[str, str], *, across_only: bool = True) -> Any:
    """Return creditor sectors on the left, debtor sectors on the right.

    Args:
        of: the spillover matrix.
        colours: sector → colour.
        across_only: leave out what stays within a sector.
    """
    words = "between different sectors" if across_only else "all exposure"
    drawn = base.figure(
        "Who holds whose tokens, by sector", f"{words} · creditors left, debtors right · width: USD", height=420
    )
    size = len(of.sectors)
    cells = [
        (row, column, float(of.cells[row, column]))
        for row in range(size)
        for column in range(size)
        if of.cells[row, column] > 0 and not (across_only and row == column)
    ]
    tints = [colours.get(sector, theme.GREYS[0]) for sector in of.sectors]
    ends = [(row, size + column) for row, column, _ in cells]
    _add(
        drawn,
        [*of.sectors, *of.sectors],
        tints * 2,
        ends,
        [usd for *_, usd in cells],
        [tints[row] for row, *_ in cells],
        longest=19,  # names of both sides stand beside each other, on a phone too
    )
    return drawn


def faint(colour: str, opacity: float = 0.38) -> str:
    """Return `#RRGGBB` as a transparent colour."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def _add(
    drawn: Any, labels: Sequence[str], tints: Sequence[str], ends: Sequence[tuple[int, int]],
    amounts: Sequence[float], links: Sequence[str], *, longest: int = 24,
) -> None:  # fmt: skip
    """Add the bands; ends without any are left out by Plotly."""
    sums = [max(_side(ends, amounts, i, 0), _side(ends, amounts, i, 1)) for i in range(len(labels))]
    shown = [
        f"{text.html(text.short(name, longest))}  {text.usd(s, unit=False)}"
        for name, s in zip(labels, sums, strict=True)
    ]
    drawn.add_trace(
        plain.sankey(
            arrangement="fixed", textfont={"size": 12},
            node={
                "label": shown, "color": list(tints), "pad": 16, "thickness": 14, "line": {"width": 0},
                "customdata": [text.html(text.short(name, 60)) for name in labels],
                "hovertemplate": "%{customdata}<extra></extra>",
            },
            link={
                "source": [one for one, _ in ends], "target": [other for _, other in ends], "value": list(amounts),
                "color": [faint(c) for c in links], "customdata": [text.usd(a) for a in amounts],
                "hovertemplate": "%{source.customdata} → %{target.customdata}<br>%{customdata}<extra></extra>",
            },
        )
    )  # fmt: skip
    drawn.update_layout(margin={"t": 64, "l": 4, "r": 4})


def _side(ends: Sequence[tuple[int, int]], amounts: Sequence[float], node: int, side: int) -> float:
    return sum(usd for pair, usd in zip(ends, amounts, strict=True) if pair[side] == node)
