"""The pairs that memory offers to the model, with all that it is told of them: work that needs no torch.

It is done first, so that torch can still be loading meanwhile (`pipeline.building.libraries`); what the model's screen
proposes beyond them is added afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dexposure_core.forecast.judging.scene import within
from dexposure_core.forecast.known.candidates import both_ways, candidates
from dexposure_core.forecast.known.features import Features, Origin
from dexposure_core.forecast.known.pair_pasts import Places
from dexposure_core.forecast.known.window import window
from dexposure_core.forecast.record import Floats, Indices, distinct
from dexposure_core.network import Snapshot


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """Some pairs of an origin, kind by kind, within a kind in order of their key; alike pairs are quick to work out.

    Attributes:
        origin: theirs.
        key: (C,).
        places: where they stand in memory.
        paths: (C,) their three-paths.
    """

    origin: Origin
    key: Indices
    places: Places
    paths: Floats

    def features(self, rows: slice) -> Features:
        """Return what the model is told of some of them: of all at once it would be 0.3 GB and more."""
        return self.origin.features(self.key[rows], self.paths[rows], self.places.at(rows))


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
        self._listed = both_ways(candidates(whole), whole)
        self.pairs, self.protocols = self._known(self._listed), self._origin.features(self._listed[:0])

    def beyond(self, proposed: Indices) -> Pairs:
        """Return those proposed pairs that memory does not offer; none where nobody holds anything."""
        key = both_ways(distinct(proposed), self.past) if len(self._listed) else proposed[:0]
        return self._known(key[~within(key, self._listed)])

    def _known(self, key: Indices) -> Pairs:
        places = self._origin.pasts.places(key)
        order = np.argsort(places.kind, kind="stable")
        key, places = key[order], places.at(order)
        return Pairs(origin=self._origin, key=key, places=places, paths=self._origin.three_paths(key, places))
