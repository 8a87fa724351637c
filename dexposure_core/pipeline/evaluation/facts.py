"""What there was to forecast: how many pairs were scored, how many exposures came, went and flickered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dexposure_core.forecast.judging.evaluation import Stage
from dexposure_core.forecast.judging.scene import Scene
from dexposure_core.forecast.record import Flags


def facts(stage: Stage) -> list[dict[str, Any]]:
    """Return one record per horizon: counts per origin (means) and shares.

    {"basis", "horizon", "origins", "first_target", "last_target", "pairs", "exposures", "births", "births_new",
    "deaths", "entrants", "flicker_births", "flicker_deaths"}; the flicker shares are of births and deaths whose next
    steps are known, None where none is.
    """
    found = []
    for h in stage.horizons:
        at = [i for i in stage.origins() if h in stage.within(i)]
        if not at:
            continue
        scenes = [stage.scenes(i)[h] for i in at]
        known = [s for s in scenes if s.flicker is not None]
        means = np.mean([_counts(s) for s in scenes], axis=0)
        names = ("pairs", "exposures", "births", "births_new", "deaths", "entrants")
        found.append({
            "basis": stage.history[0].basis, "horizon": h, "origins": len(at),
            "first_target": str(stage.history[at[0] + h].date), "last_target": str(stage.history[at[-1] + h].date),
            **{name: round(float(v), 2) for name, v in zip(names, means, strict=True)},
            "flicker_births": _flickering(known, _births), "flicker_deaths": _flickering(known, _deaths),
        })  # fmt: skip
    return found


def _births(scene: Scene) -> Flags:
    return scene.true & ~scene.now


def _deaths(scene: Scene) -> Flags:
    return scene.now & ~scene.true


def _counts(scene: Scene) -> list[int]:
    entrants = len(scene.after.entrant_log_usd)
    births = _births(scene)
    return [
        len(scene.pairs), int(scene.true.sum()) + entrants, int(births.sum()), int((births & ~scene.seen).sum()),
        int(_deaths(scene).sum()), entrants,
    ]  # fmt: skip


def _flickering(scenes: Sequence[Scene], which: Callable[[Scene], Flags]) -> float | None:
    """Return the share of births or deaths that flickered."""
    part = sum(int((which(s) & s.flicker).sum()) for s in scenes if s.flicker is not None)
    whole = sum(int(which(s).sum()) for s in scenes)
    return round(part / whole, 4) if whole else None
