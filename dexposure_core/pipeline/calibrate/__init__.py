"""Calibration: how far a vintage is from the real dataset, figure by figure.

The real dataset is not shipped. What is published about it is: sizes, levels, persistence, concentration, losses. The
report takes the same figures, by the same definitions, from any vintage and states the distance; it says what a skill
or a loss measured on a simulated world is worth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dexposure_core.pipeline.calibrate.observe import observe
from dexposure_core.pipeline.calibrate.page import kept, page
from dexposure_core.pipeline.calibrate.report import Calibration, Row, compare
from dexposure_core.pipeline.calibrate.weeks import weeks_of
from dexposure_core.progress import Progress, silent

if TYPE_CHECKING:
    from dexposure_core.store import Store

__all__ = ["Calibration", "Row", "calibrate", "kept", "page"]


def calibrate(store: Store, *, progress: Progress = silent) -> Calibration:
    """Return the calibration report of a vintage.

    Args:
        store: any vintage; figures it does not show (dates before it begins, no flow basis) stay undefined.
        progress: told of every date read.
    """
    made = store.manifest.parameters
    rows = compare(observe(weeks_of(store, progress=progress)))
    return Calibration(vintage=store.vintage, seed=made.get("seed"), scale=made.get("scale"), rows=rows)
