"""Measures: pure functions of one snapshot that say how large, concentrated, connected and fragile the system is.

`MEASURES` lists them all; `measure_all` computes them in one pass; `systemic_importance` and `sector_exposure` give
the tables behind them.
"""

from __future__ import annotations

from dexposure_core.measures.catalogue import MEASURES, find_measure, measure_all, measure_facts
from dexposure_core.measures.concentration import gini, hhi, top_share
from dexposure_core.measures.facts import Facts
from dexposure_core.measures.importance import default_loss, pagerank, systemic_importance
from dexposure_core.measures.measure import Measure
from dexposure_core.measures.spillover import sector_exposure, sector_frame, sector_matrix, spillover_concentration

__all__ = [
    "MEASURES",
    "Facts",
    "Measure",
    "default_loss",
    "find_measure",
    "gini",
    "hhi",
    "measure_all",
    "measure_facts",
    "pagerank",
    "sector_exposure",
    "sector_frame",
    "sector_matrix",
    "spillover_concentration",
    "systemic_importance",
    "top_share",
]
