"""One date in one document: every measure, the standard scenarios under one rule, the most important protocols.

Everything is computed from the snapshot, not read back, so that the document also checks the vintage.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from dexposure_core.measures import MEASURES, measure_all, systemic_importance
from dexposure_core.network import Basis
from dexposure_core.store import Store
from dexposure_core.stress import SCENARIOS, run


def report(
    store: Store, date: dt.date, basis: Basis, *, rule: str = "linear-debtrank", top: int = 10
) -> dict[str, Any]:
    """Return measures, stress losses and importance of one date as one JSON-ready document."""
    snapshot = store.snapshot(date, basis)
    values = measure_all(snapshot)
    names = dict(zip(snapshot.protocols, snapshot.names, strict=True))
    importance = systemic_importance(snapshot).sort("sis", "protocol", descending=[True, False], nulls_last=True)
    losses = []
    for scenario in SCENARIOS:
        result = run(snapshot, scenario, rule=rule)
        losses.append({
            "scenario": scenario.name, "rule": rule, "direct_usd": float(result.direct_usd.sum()),
            "induced_usd": float(result.induced_usd.sum()), "total_usd": float(result.total_loss_usd),
            "loss_fraction": result.loss_fraction, "rounds": result.rounds, "converged": result.converged,
        })  # fmt: skip
    return {
        "vintage": store.vintage, "simulated": store.manifest.simulated, "date": date.isoformat(), "basis": basis,
        "measures": [{"name": m.name, "title": m.title, "unit": m.unit, "value": values[m.name]} for m in MEASURES],
        "stress": losses,
        "importance": [{"name": names[row["protocol"]], **row} for row in importance.head(top).to_dicts()],
    }  # fmt: skip
