"""The briefing's tables: amounts rounded so that what is printed adds up, rows and columns alike.

Rounding every cell by itself leaves sums that miss their printed total by a digit. Here the cells are rounded, the sums
are made of the rounded cells, and `The rest` is what the rounded total leaves: at most a unit or two of the last digit
away from the exact sum, and every column and row can be added up by hand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import polars as pl

from dexposure_core.pipeline.changes import PARTS
from dexposure_core.pipeline.names import html, short
from dexposure_core.pipeline.numbers import MINUS
from dexposure_core.pipeline.palette import CAUSES, LIGHT
from dexposure_core.pipeline.views import Matrix

NOT_SPLIT: Final = "Not split"
_RARE: Final = (NOT_SPLIT, CAUSES["mapping_usd"][0])  # columns that are left out where nothing is in them


class Unit(NamedTuple):
    """What amounts are printed in: `USD m` without decimals, `USD bn` with one, ..."""

    divisor: float
    name: str
    places: int = 0

    def steps(self, usd: float) -> int:
        """Return USD in whole steps of the last printed digit: what is printed and added up."""
        return round(usd * 10.0**self.places / self.divisor)

    def usd(self, steps: int) -> float:
        """Return what a number of steps stands for."""
        return steps * self.divisor / 10.0**self.places

    def written(self, steps: int, *, sign: bool = False) -> str:
        """Write steps as `1 234.5`, with a sign when asked for; nothing is a dash."""
        if steps == 0:
            return "–"
        mark = MINUS if steps < 0 else "+" if sign else ""
        return mark + f"{abs(steps) / 10.0**self.places:,.{self.places}f}"


_UNITS: Final = ((1e9, "USD bn"), (1e6, "USD m"), (1e3, "USD k"), (1.0, "USD"))


def unit_of(largest_usd: float, digits: int, places: int = 0) -> Unit:
    """Return the largest unit in which an amount has at least that many digits before the point."""
    least = 10.0 ** (digits - 1)
    found = next((u for u in _UNITS if abs(largest_usd) >= least * u[0]), _UNITS[-1])
    return Unit(*found, places)


def split(frame: pl.DataFrame, names: Sequence[str], unit: Unit, rest: str) -> list[tuple[str, dict[str, int]]]:
    """Return a table of changes split by cause that adds up: the first rows of `frame`, the rest, all.

    Args:
        frame: columns PARTS (null: not known) and change_usd, largest change first.
        names: of as many first rows as are shown.
        unit: what amounts are counted in.
        rest: what the other rows are called.

    Returns:
        (name, {cause: steps of the unit, "All causes": their sum}); the last row is the sum of those above.
    """
    shown = [(name, _parts(row, unit)) for name, row in zip(names, frame.to_dicts(), strict=False)]
    sums = frame.select(*(pl.col(part).sum() for part in PARTS), pl.col("change_usd").sum()).row(0, named=True)
    whole = _parts(sums, unit)
    left = {cause: whole[cause] - sum(row[cause] for _, row in shown) for cause in whole}
    more = [(f"{frame.height - len(shown):,} {rest}", left)] if frame.height > len(shown) else []
    return [*shown, *more, ("Total", whole)]


def _parts(row: Mapping[str, float | None], unit: Unit) -> dict[str, int]:
    """Return cause → steps; what no cause is known for is not split, rounding is in no cause."""
    known = {CAUSES[part][0]: unit.steps(row[part] or 0.0) for part in PARTS}
    exact = (row["change_usd"] or 0.0) - sum(row[part] or 0.0 for part in PARTS)
    parts = {**known, NOT_SPLIT: unit.steps(exact)}
    return {**parts, "All causes": sum(parts.values())}


def split_table(rows: Sequence[tuple[str, Mapping[str, int]]], head: str, unit: Unit) -> str:
    """Return such a table as HTML; a cause that nothing has is left out."""
    causes = [c for c in rows[-1][1] if c not in _RARE or any(row[c] for _, row in rows)]
    title = "".join(f"<th>{html(c)}</th>" for c in (f"{head}, {unit.name}", *causes))
    lines = []
    for place, (name, row) in enumerate(rows):
        cells = "".join(f"<td>{unit.written(row[c], sign=True)}</td>" for c in causes)
        kind = ' class="sum"' if place == len(rows) - 1 else ""
        lines.append(f"<tr{kind}><th>{html(short(name, 64))}</th>{cells}</tr>")
    return f'<table class="split"><thead><tr>{title}</tr></thead><tbody>{"".join(lines)}</tbody></table>'


def matrix_table(now: Matrix, unit: Unit) -> str:
    """Return a spillover matrix with totals that add up as printed, cells shaded by amount."""
    cells = [[unit.steps(usd) for usd in row] for row in now.cells]
    columns = [sum(row[i] for row in cells) for i in range(len(cells))]
    top = max([1, *(value for row in cells for value in row)])
    head = "".join(f"<th>{html(short(sector, 22))}</th>" for sector in now.sectors)
    lines = []
    for sector, row in zip(now.sectors, cells, strict=True):
        shown = "".join(f"<td{_shade(value / top)}>{unit.written(value)}</td>" for value in row)
        lines.append(f"<tr><th>{html(short(sector, 40))}</th>{shown}<td class='all'>{unit.written(sum(row))}</td></tr>")
    sums = "".join(f"<td>{unit.written(value)}</td>" for value in [*columns, sum(columns)])
    corner = f"Holds ↓ tokens of →, {unit.name}"
    return (
        f'<table class="matrix"><thead><tr><th>{html(corner)}</th>{head}<th>Total</th></tr></thead><tbody>'
        f'{"".join(lines)}<tr class="sum"><th>Total</th>{sums}</tr></tbody></table>'
    )


def _shade(share: float) -> str:
    """Return the style of a cell: the root of its share of the largest, so that small ones are still seen."""
    if share <= 0:
        return ""
    place = min(len(LIGHT.loss) - 1, int(math.sqrt(share) * len(LIGHT.loss)))
    ink = LIGHT.paper if place >= 3 else LIGHT.ink
    return f' style="background:{LIGHT.loss[place]};color:{ink}"'


def plain(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1, kind: str = "") -> str:
    """Return a table of texts, the first `left` columns aligned left; everything is escaped."""
    places = [' class="left"' if 0 < i < left else "" for i in range(len(head))]
    title = "".join(f"<th{place}>{html(cell)}</th>" for place, cell in zip(places, head, strict=True))
    lines = []
    for row in rows:
        cells = [f"<td{place}>{html(cell)}</td>" for place, cell in zip(places[1:], row[1:], strict=True)]
        lines.append(f"<tr><th>{html(row[0])}</th>{''.join(cells)}</tr>")
    return f'<table class="{kind or "plain"}"><thead><tr>{title}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
