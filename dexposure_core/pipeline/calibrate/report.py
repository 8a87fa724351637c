"""The calibration report: every figure here beside the real one, with its distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from dexposure_core.pipeline.calibrate import real
from dexposure_core.pipeline.calibrate.figures import FIGURES, Figure, Seen
from dexposure_core.pipeline.calibrate.observe import Observed

NEAR: Final = 0.15


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure of the report.

    Attributes:
        figure: what it is.
        real: the real value or range; None for a series and where nothing is published.
        here: the same of the vintage.
        distance: relative to the real value (or the nearer end of its range), with its sign; None where undefined.
    """

    figure: Figure
    real: real.Real | None
    here: Seen
    distance: float | None

    @property
    def within(self) -> bool | None:
        """Whether the distance is at most 15 %; None where there is no distance."""
        return None if self.distance is None else abs(self.distance) <= NEAR


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The whole report of one vintage.

    Attributes:
        vintage, seed, scale: of what.
        rows: in the order of `FIGURES`.
    """

    vintage: str
    seed: int | None
    scale: float | None
    rows: tuple[Row, ...]

    @property
    def near(self) -> int:
        """Number of figures within 15 %."""
        return sum(row.within is True for row in self.rows)

    @property
    def compared(self) -> int:
        """Number of figures that have a distance."""
        return sum(row.within is not None for row in self.rows)

    def json(self) -> dict[str, Any]:
        """Return the report as a document; NaN and unknown are null."""
        head = {"vintage": self.vintage, "seed": self.seed, "scale": self.scale}
        return head | {"near": self.near, "compared": self.compared, "figures": [_document(row) for row in self.rows]}


def compare(observed: Observed) -> tuple[Row, ...]:
    """Put every figure of a vintage beside the real one."""
    known = real.figures()
    rows = []
    for figure in FIGURES:
        here, truth = figure.of(observed), known.get(figure.name)
        rows.append(Row(figure=figure, real=truth, here=here, distance=distance(here, truth)))
    return tuple(rows)


def distance(here: Seen, truth: real.Real | None) -> float | None:
    """Return the relative distance from the real value or the nearer end of its range; None where undefined."""
    if here.distance is not None:
        return here.distance
    if truth is None or truth.low is None or truth.high is None or here.value is None:
        return None
    if truth.low <= here.value <= truth.high:
        return 0.0
    end = truth.low if here.value < truth.low else truth.high
    return here.value / end - 1


def _document(row: Row) -> dict[str, Any]:
    truth = row.real
    return {
        "figure": row.figure.name, "title": row.figure.title, "group": row.figure.group, "unit": row.figure.unit,
        "real_low": truth.low if truth else None, "real_high": truth.high if truth else None,
        "source": truth.source if truth else row.figure.series, "here": row.here.value, "here_low": row.here.low,
        "here_high": row.here.high, "distance": row.distance, "within": row.within, "grows": row.figure.grows,
        "given": row.figure.given,
    }  # fmt: skip
