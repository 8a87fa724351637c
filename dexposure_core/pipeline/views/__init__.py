"""What the pages show, as plain tables and records: joins, sums and shares beyond a page or a chart.

Everything here is a pure function of a store, a snapshot or a result; the pages cache and arrange it.
"""

from dexposure_core.pipeline.views.exposures import NetworkFacts, exposure_table, network_facts
from dexposure_core.pipeline.views.protocol import Identity, assets, events_of, holders, identity, partner_rows
from dexposure_core.pipeline.views.sectors import Matrix, cell_history, change, matrix, matrix_table, sectors_by_size
from dexposure_core.pipeline.views.shocked import CAPACITIES, PANELS, Shocked, sensitivity
from dexposure_core.pipeline.views.spread import chains_held, channels, hit_by, threats, tokens_held

__all__ = [
    "CAPACITIES",
    "PANELS",
    "Identity",
    "Matrix",
    "NetworkFacts",
    "Shocked",
    "assets",
    "cell_history",
    "chains_held",
    "change",
    "channels",
    "events_of",
    "exposure_table",
    "hit_by",
    "holders",
    "identity",
    "matrix",
    "matrix_table",
    "network_facts",
    "partner_rows",
    "sectors_by_size",
    "sensitivity",
    "threats",
    "tokens_held",
]
