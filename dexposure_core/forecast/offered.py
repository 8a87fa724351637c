"""The pairs that memory offers to the model, with all that it is told of them: work that needs no torch.

It is done first, so that torch can still be loading meanwhile (`pipeline.libraries`); what the model's screen
proposes beyond them is added afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence

from dexposure_core.forecast.candidates import both_ways, candidates
from dexposure_core.forecast.features import Features, Origin
from dexposure_core.forecast.record import Indices, distinct
from dexposure_core.forecast.scene import within
from dexposure_core.forecast.window import window
from dexposure_core.network import Snapshot


class Offered:
    """One origin: its window, and the features of the pairs that memory offers, in the order of their keys."""

    def __init__(self, history: Sequence[Snapshot]) -> None:
        self.past = window(history)
        self._origin = Origin(self.past)
        self.given: Features = self._origin.features(both_ways(candidates(self.past), self.past))

    def beyond(self, proposed: Indices) -> Features:
        """Return the features of those proposed pairs that memory does not offer; none where nobody holds anything."""
        key = both_ways(distinct(proposed), self.past) if len(self.past.key) else proposed[:0]
        return self._origin.features(key[~within(key, self.given.key)])
