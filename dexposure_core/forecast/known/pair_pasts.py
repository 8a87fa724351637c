"""What a candidate pair's own past says, in both directions; all zeros but how long ago where there is none.

What memory knows of its pairs is laid out once as rows; a pair that is asked for, this way and the other way round, is
then a row to be fetched.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from dexposure_core.forecast.known.candidates import mirrored
from dexposure_core.forecast.known.pair_memory import PairMemory
from dexposure_core.forecast.known.window import MEMORY
from dexposure_core.forecast.record import Flags, Floats, Indices

OWN: Final = (
    "now", "recency", "age", "gaps", "spells", "share_4", "share_12", "share_52", "log_now", "log_last", "log_mean",
    "log_spread", "log_step", "lag_1", "lag_2", "lag_3",
)  # fmt: skip
_SPANS: Final = (4, 12, 52)
_TOLD: Final = (*OWN, "seen", *(f"usd_{k}" for k in _SPANS))

Columns = dict[str, Floats]


class Places(NamedTuple):
    """Where some pairs (C,) stand in memory.

    Attributes:
        own, back: their rows of `PairPasts` this way and the other way round.
        kind: 0 an exposure of the origin, 1 seen before in either direction, 2 never seen.
    """

    own: Indices
    back: Indices
    kind: npt.NDArray[np.uint8]

    @property
    def seen(self) -> Flags:
        """Return (C,) which were seen in either direction."""
        return np.asarray(self.kind < 2)

    def at(self, rows: Indices | slice) -> Places:
        """Return those of some of the pairs."""
        return Places(self.own[rows], self.back[rows], self.kind[rows])


class PairPasts:
    """What memory says of all its pairs, a row each; the last row is that of a pair it does not know."""

    def __init__(self, seen: PairMemory, length: int, nodes: int) -> None:
        self._seen, self._nodes = seen, nodes
        columns = {
            "now": seen.last == 0, "recency": np.log1p(seen.last), "age": np.log1p(seen.first),
            "gaps": np.log1p(seen.first + 1 - seen.count - seen.last), "spells": np.log(seen.spells),
            "share_4": seen.count4 / min(4, length), "share_12": seen.count12 / min(12, length),
            "share_52": seen.count / length, "log_now": seen.log_now, "log_last": seen.log_last,
            "log_mean": seen.log_mean, "log_spread": seen.log_spread, "log_step": seen.log_step, "seen": 1.0,
            **{f"lag_{k}": seen.recent[:, k - 1] for k in (1, 2, 3)},
            **{f"usd_{k}": seen.usd[:, i] for i, k in enumerate(_SPANS)},
        }  # fmt: skip
        self._rows = np.zeros((len(seen.key) + 1, len(_TOLD)))
        for place, name in enumerate(_TOLD):
            self._rows[:-1, place] = columns[name]
        self._rows[-1, _TOLD.index("recency")] = np.log1p(MEMORY)

    def places(self, key: Indices) -> Places:
        """Return where the pairs `key` (C,) stand."""
        own, back = self._find(key), self._find(mirrored(key, self._nodes))
        unknown = len(self._seen.key)
        kind = np.where((own < unknown) | (back < unknown), np.uint8(1), np.uint8(2))
        kind[self._rows[own, _TOLD.index("now")] > 0] = 0
        return Places(own, back, kind)

    def found(self, rows: Indices) -> tuple[Indices, Flags]:
        """Return what `PairMemory.find` says of pairs that stand in these rows."""
        known = rows < len(self._seen.key)
        return np.where(known, rows, 0), known

    def of(self, rows: Indices) -> Columns:
        """Return what the past of the pairs in these rows (C,) says, in this order of their ends."""
        return dict(zip(_TOLD, self._rows.take(rows, axis=0).T, strict=True))

    def _find(self, key: Indices) -> Indices:
        at, found = self._seen.find(key)
        return np.where(found, at, len(self._seen.key))


def both(own: Columns, back: Columns) -> Columns:
    """Return what the two directions say together; `memory` is the pair-memory frequency of the flow basis."""
    either = np.minimum(own["share_12"] + back["share_12"], 1.0)
    turn = (12 * own["share_12"] + 0.5) / (12 * (own["share_12"] + back["share_12"]) + 1.0)
    gross = {k: own[f"usd_{k}"] + back[f"usd_{k}"] for k in _SPANS}
    net = {f"net_{k}": (own[f"usd_{k}"] - back[f"usd_{k}"]) / np.maximum(gross[k], 1e-9) for k in _SPANS}
    return {"either_seen": np.maximum(own["seen"], back["seen"]), "memory": either * turn, "seen": own["seen"], **net}
