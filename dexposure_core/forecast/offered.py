"""The pairs that memory offers to the model, with all that it is told of them: work that needs no torch.

It is done first, so that torch can still be loading meanwhile (`pipeline.building.libraries`); what the model's screen
proposes beyond them is added afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dexposure_core.forecast.candidates import both_ways, candidates
from dexposure_core.forecast.features import Features, Origin
from dexposure_core.forecast.record import Floats, Indices, distinct
from dexposure_core.forecast.scene import within
from dexposure_core.forecast.window import window
from dexposure_core.network import Snapshot


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """Some pairs of an origin: `key` (C,), ascending, and their three-paths `paths` (C,)."""

    origin: Origin
    key: Indices
    paths: Floats

    def features(self, rows: slice) -> Features:
        """Return what the model is told of some of them: of all at once it would be 0.3 GB and more."""
        return self.origin.features(self.key[rows], self.paths[rows])


class Offered:
    """One origin: its window, and the pairs that memory offers.

    Attributes:
        past: the window, without its exposures.
        protocols: what the model is told of protocols and exposures, and of no pair.
        pairs: those that memory offers.
    """

    def __init__(self, history: Sequence[Snapshot]) -> None:
        whole = window(history)
        self._origin = Origin(whole)
        self.past = self._origin.past
        key = both_ways(candidates(whole), whole)
        self.pairs, self.protocols = self._known(key), self._origin.features(key[:0])

    def beyond(self, proposed: Indices) -> Pairs:
        """Return those proposed pairs that memory does not offer; none where nobody holds anything."""
        key = both_ways(distinct(proposed), self.past) if len(self.pairs.key) else proposed[:0]
        return self._known(key[~within(key, self.pairs.key)])

    def _known(self, key: Indices) -> Pairs:
        return Pairs(origin=self._origin, key=key, paths=self._origin.three_paths(key))
