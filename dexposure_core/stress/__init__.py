"""Stress tests: a shock, a contagion rule, and the losses that follow.

`run` answers for one shock with its whole path, `run_many` for many at once, `standard_losses` for the scenarios that
are measured every week. `RULES` and `SCENARIOS` list what exists.
"""

from __future__ import annotations

from dexposure_core.stress.contagion import Contagion, run
from dexposure_core.stress.many import Losses, harm, run_many
from dexposure_core.stress.rules import RULES, Rule, find_rule
from dexposure_core.stress.scenarios import SCENARIOS, Scenario, find_scenario
from dexposure_core.stress.shock import Shock, token_shock
from dexposure_core.stress.standard import MEASURED_RULES, MEASURED_SCENARIOS, standard_losses
from dexposure_core.stress.transmission import Transmission, transmission

__all__ = [
    "MEASURED_RULES",
    "MEASURED_SCENARIOS",
    "RULES",
    "SCENARIOS",
    "Contagion",
    "Losses",
    "Rule",
    "Scenario",
    "Shock",
    "Transmission",
    "find_rule",
    "find_scenario",
    "harm",
    "run",
    "run_many",
    "standard_losses",
    "token_shock",
    "transmission",
]
