"""How many there are: births and ends of the crowd, so that the field grows as the real one did.

The number of nodes of the real network is known for every week. What the known protocols do not fill is the crowd's:
protocols that hold, and tokens that are their own issuers. Entities are born in the order of their numbers, one as soon
as fewer are alive than are due, and end with a constant chance per week. Who holds what is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dexposure_core.sources.simulate.chance import Floats, generator
from dexposure_core.sources.simulate.facts import WEEKS, Facts, growth, load, real_counts
from dexposure_core.sources.simulate.levels import alive

HOLDERS: Final = 0.4  # share of the nodes that have a category: they hold
KNOWN_TOKENS: Final = 0.55  # known tokens that are nodes, per known protocol
PROTOCOL_END, TOKEN_END = 0.0006, 0.0068  # chance per week
UNSEEN: Final = 1.15  # of the tokens alive some do not move in a week


@dataclass(frozen=True, kw_only=True)
class Population:
    """Lives of the crowd, one row per entity, born in this order.

    Attributes:
        first, last: (K,) first and last week, `last` beyond the data for those that survive.
    """

    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Return how many were ever born."""
        return len(self.first)


def populations(share: float, tokens: float, seed: int) -> tuple[Population, Population]:
    """Return the crowd's protocols and its tokens that are their own issuers.

    Args:
        share: of the gap to the real network that the crowd's protocols fill, 0 to 1.
        tokens: the same of its tokens.
        seed: of the world.
    """
    facts = load()
    nodes, known = real_counts(facts, "nodes"), _known(facts, seed)
    due = share * np.maximum(HOLDERS * nodes - known, 0)
    own = tokens * np.maximum((1 - HOLDERS) * UNSEEN * nodes - KNOWN_TOKENS * known, 0)
    return _lives(due, PROTOCOL_END, seed, "protocol"), _lives(own, TOKEN_END, seed, "token")


def _known(facts: Facts, seed: int) -> Floats:
    """Return (WEEKS,) the number of known protocols in the data."""
    cover = growth(facts, "nodes")
    count = np.zeros(WEEKS + 1)
    for row in facts.protocols.iter_rows(named=True):
        if row["holds"]:
            first, last = alive(row, cover, seed)
            count[min(first, WEEKS)] += first <= last
            count[min(last, WEEKS - 1) + 1] -= first <= last
    return np.asarray(np.cumsum(count)[:WEEKS])


def _lives(due: Floats, end: float, seed: int, kind: str) -> Population:
    """Return lives such that about `due` (WEEKS,) are alive in each week, as long as it does not fall fast."""
    born, living = np.zeros(WEEKS), 0.0
    for week in range(WEEKS):
        living *= 1 - end
        born[week] = max(0.0, due[week] - living)
        living += born[week]
    total = int(np.floor(born.sum()))
    first = np.searchsorted(np.cumsum(born), np.arange(total) + 0.5).astype(np.int64)
    return Population(first=first, last=first + generator(seed, "ends", kind).geometric(end, total))
