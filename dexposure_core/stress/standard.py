"""The stress losses that are measured in every snapshot, like any other measure."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from dexposure_core.network.snapshot import Snapshot
from dexposure_core.stress.many import run_many
from dexposure_core.stress.rules import find_rule
from dexposure_core.stress.scenarios import SCENARIOS

MEASURED_SCENARIOS: Final = SCENARIOS[:3]
MEASURED_RULES: Final = tuple(find_rule(name) for name in ("linear-debtrank", "dexposure-loss-sharing"))
"""What is measured in every snapshot and kept in the vintage: the paper's scenarios, by its rule and by DebtRank."""


def standard_losses(snapshot: Snapshot) -> dict[str, float]:
    """Return {"loss:<scenario>:<rule>": share of system TVL} for what is measured every week, default options.

    A scenario that hits nobody in this snapshot (no bridges) has no loss: NaN, not 0. So has a system without TVL.
    """
    shocks = np.stack([scenario.shock(snapshot).arrays(snapshot)[0] for scenario in MEASURED_SCENARIOS])
    nobody = ~shocks.any(axis=1)
    losses: dict[str, float] = {}
    for rule in MEASURED_RULES:
        fractions = np.where(nobody, math.nan, run_many(snapshot, shocks, rule.name).loss_fraction)
        losses |= {f"loss:{s.name}:{rule.name}": float(x) for s, x in zip(MEASURED_SCENARIOS, fractions, strict=True)}
    return losses
