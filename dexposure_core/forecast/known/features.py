"""What the model sees: protocols (`node_features`), exposures of the origin, and every candidate pair.

A pair brings its own past in both directions, what both ends bring (sizes, popularity, ages, turnover, pull), how many
three-paths lead to the debtor, and on the flow basis which way it went lately and on balance. All of it comes from the
window alone. Amounts are log1p USD throughout.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dexposure_core.forecast.known.node_features import NODE_FEATURES, Past, node_features, week_features
from dexposure_core.forecast.known.pair_cells import NEVER, SHAPE, Codes, never_cells, pair_cells
from dexposure_core.forecast.known.pair_memory import FADES, PairMemory, Sizes, pair_memory, pooled, sizes
from dexposure_core.forecast.known.pair_pasts import OWN, Columns, PairPasts, Places, both
from dexposure_core.forecast.known.paths import ThreePaths
from dexposure_core.forecast.known.window import MEMORY, Window, summed
from dexposure_core.forecast.record import Flags, Floats, Indices, Texts

OF_ENDS: Final = (
    "log_tvl", "out_degree", "in_degree", "age", "tvl_step_1", "tvl_step_4", "tvl_gap_12", "pull_1", "pull_4",
    "out_births", "out_deaths", "in_births", "in_deaths", "in_degree_step_12",
)  # fmt: skip
PAIR_FEATURES: Final = (
    *OWN, *(f"reverse_{name}" for name in OWN), "seen", "either_seen", "memory", "net_4", "net_12", "net_52",
    "size_gap_4", "size_gap_16", "share_of_creditor", "share_of_debtor", "paths",
    "paths_per_debt", "paths_per_both", "sector_popularity", "same_sector",
    "creditor_log_mean", *(f"creditor_{name}" for name in OF_ENDS), *(f"debtor_{name}" for name in OF_ENDS),
)  # fmt: skip
HISTORY: Final = frozenset(
    (*OWN, *(f"reverse_{name}" for name in OWN), "seen", "either_seen", "memory", "net_4", "net_12", "net_52",
     "size_gap_4", "size_gap_16")
)  # fmt: skip
"""What a pair's own past says: left out by the ablation "no history"."""
EDGE_FEATURES: Final = ("log_now", "share_of_creditor", "share_of_debtor", "age", "share_12", "log_step", "size_gap_16")
CELLS: Final = int(np.prod(SHAPE))

Halves = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """Model input at one origin of N protocols and E exposures.

    Attributes:
        node: (N, len(NODE_FEATURES)), plain numbers; sector: (N,) texts.
        weeks: (N, len(LAGS), len(WEEK_FEATURES)).
        edge: (E, len(EDGE_FEATURES)), the exposures of the origin in its order.
        pair: (C, len(PAIR_FEATURES)).
        key: (C,) candidate keys, creditor row × N + debtor row.
        anchors: (C, len(FADES)) log1p USD the size head may start from: fading means, of a new pair its creditor's.
        cell: (C,) int, the pair's cell of the memory table.
    """

    node: Floats
    sector: Texts
    weeks: Floats
    edge: Halves
    pair: Halves
    key: Indices
    anchors: Halves
    cell: Indices

    def take(self, rows: Indices) -> Features:
        """Return the same origin with only these candidate pairs."""
        chosen = {name: getattr(self, name)[rows] for name in ("pair", "key", "anchors", "cell")}
        return replace(self, **chosen)


class Origin:
    """The window with what is made from it once; pairs can then be asked for in several goes."""

    def __init__(self, past: Window) -> None:
        self.past = past.bare()
        self.seen: PairMemory = pair_memory(past)
        self.sizes: Sizes = sizes(past)
        self.pasts = PairPasts(self.seen, past.length, past.size)
        by_lag = Past(past)
        self.node = node_features(past, self.seen, by_lag)
        self.weeks = week_features(past, by_lag)
        self.typical = _log_mean_by_creditor(past)
        self.sector = _codes(past.origin.sectors)
        self.popularity, self.held = _popularity(past, self.sector)
        self.paths = ThreePaths(past.origin)
        now = past.origin.creditor * max(past.size, 1) + past.origin.debtor
        self.edge = _stacked(self._edges(now), EDGE_FEATURES, len(now))

    def features(self, key: Indices, paths: Floats | None = None, places: Places | None = None) -> Features:
        """Return the model input for the candidate pairs `key` (C,).

        Args:
            key: the pairs.
            paths: (C,) what `three_paths` said of them; None: it is asked now.
            places: where they stand in memory, as `pasts` said; None: it is asked now.
        """
        there = self.pasts.places(key) if places is None else places
        given = self._pairs(key, self.three_paths(key, there) if paths is None else paths, there)
        return Features(
            node=self.node, sector=self.past.origin.sectors, weeks=self.weeks, key=key, edge=self.edge, **given
        )

    def three_paths(self, key: Indices, places: Places) -> Floats:
        """Return (C,) the three-paths of the pairs that were never seen; of the others, which need none, 0."""
        n = max(self.past.size, 1)
        found, rest = np.zeros(len(key)), _span(~places.seen)
        found[rest] = self.paths.count(key[rest] // n, key[rest] % n)
        return found

    def _pairs(self, key: Indices, paths: Floats, places: Places) -> dict[str, Any]:
        """Return pair, anchors and cell of the pairs; of most, which were never seen, little has to be worked out."""
        n = max(self.past.size, 1)
        creditor, debtor = key // n, key % n
        some, rest = _span(places.seen), _span(~places.seen)
        known, paths = places.at(some), paths[rest]
        anchors = np.repeat(self.typical[creditor][:, None], len(FADES), axis=1)
        anchors[some] = self.sizes.of(pooled(key[some], self.past), self.typical[creditor[some]])
        cell = np.empty(len(key), dtype=np.int64)
        found = self.pasts.found(known.own), self.pasts.found(known.back)
        cell[some] = _place(pair_cells(self.past, self.seen, key[some], anchors[some, 0], found))
        cell[rest] = _place(never_cells(paths, self.held[self.sector[creditor[rest]], debtor[rest]]))
        table = np.zeros((len(PAIR_FEATURES), len(key)), dtype=np.float32)  # a column at a time is written fast
        table[[PAIR_FEATURES.index(name) for name in ("recency", "reverse_recency")]] = np.log1p(MEMORY)
        for rows, columns in (
            (some, self._known(known, creditor[some], debtor[some], anchors[some])),
            (rest, _paths(paths, self.node, creditor[rest], debtor[rest])),
        ):
            for name, column in columns:
                table[PAIR_FEATURES.index(name), rows] = column
        self._ends(creditor, debtor, table)
        return {"pair": table.T, "anchors": anchors.astype(np.float32), "cell": cell}

    def _known(
        self, places: Places, creditor: Indices, debtor: Indices, anchors: Floats
    ) -> Iterator[tuple[str, Floats]]:
        """Yield what the window says about pairs that it has seen."""
        own, back = self.pasts.of(places.own), self.pasts.of(places.back)
        yield from ((name, own[name]) for name in OWN)
        yield from ((f"reverse_{name}", back[name]) for name in OWN)
        yield from both(own, back).items()
        yield from _shares(own["log_now"], self.node, creditor, debtor).items()
        yield "size_gap_4", anchors[:, 3] - anchors[:, 0]
        yield "size_gap_16", anchors[:, 5] - anchors[:, 0]

    def _edges(self, now: Indices) -> Columns:
        n = max(self.past.size, 1)
        own = self.pasts.of(self.pasts.places(now).own)
        size = self.sizes.of(pooled(now, self.past), own["log_now"])
        shares = _shares(own["log_now"], self.node, now // n, now % n)
        return {**own, **shares, "size_gap_16": size[:, 5] - size[:, 0]}

    def _ends(self, creditor: Indices, debtor: Indices, table: Halves) -> None:
        """Write what the two ends of each pair bring into `table` (features, C)."""
        of = dict(zip(NODE_FEATURES, self.node.T.astype(np.float32), strict=True))
        for name in OF_ENDS:
            np.take(of[name], creditor, out=table[PAIR_FEATURES.index(f"creditor_{name}")], mode="clip")
            np.take(of[name], debtor, out=table[PAIR_FEATURES.index(f"debtor_{name}")], mode="clip")
        table[PAIR_FEATURES.index("sector_popularity")] = self.popularity[self.sector[creditor], debtor]
        table[PAIR_FEATURES.index("same_sector")] = self.sector[creditor] == self.sector[debtor]
        table[PAIR_FEATURES.index("creditor_log_mean")] = self.typical[creditor]


def _place(codes: Codes) -> Indices:
    """Return the cell of the memory table that four codes (C,) name."""
    return np.ravel_multi_index(codes, SHAPE) if len(codes[0]) else codes[0].astype(np.int64)


def features(past: Window, key: Indices) -> Features:
    """Return the model input for the candidate pairs `key` at the origin of `past`."""
    return Origin(past).features(key)


def _stacked(columns: Columns, names: tuple[str, ...], rows: int) -> Halves:
    table = np.empty((rows, len(names)), dtype=np.float32)
    for k, name in enumerate(names):
        table[:, k] = columns[name]
    return table


def _span(flags: Flags) -> Indices | slice:
    """Return where flags (C,) are set: a slice where that is one stretch, which is taken and written without a copy."""
    rows = np.flatnonzero(flags)
    if not len(rows) or rows[-1] - rows[0] + 1 == len(rows):
        return slice(rows[0], rows[-1] + 1) if len(rows) else slice(0, 0)
    return rows


def _shares(log_now: Floats, node: Floats, creditor: Indices, debtor: Indices) -> Columns:
    """Return log1p USD of each pair now less that of all its creditor gives and of all its debtor takes; 0 if none."""
    of = dict(zip(NODE_FEATURES, node.T, strict=True))
    now = log_now > 0
    return {
        "share_of_creditor": np.where(now, log_now - of["out_strength"][creditor], 0.0),
        "share_of_debtor": np.where(now, log_now - of["in_strength"][debtor], 0.0),
    }


def _paths(paths: Floats, node: Floats, creditor: Indices, debtor: Indices) -> Iterator[tuple[str, Floats]]:
    """Yield log1p of three-paths, and per exposure of the creditor and of both ends (root of the product)."""
    of = dict(zip(NODE_FEATURES, node.T, strict=True))
    holds, held = (np.maximum(np.expm1(of[name]), 1.0) for name in ("out_degree", "in_degree"))
    yield "paths", np.log1p(paths)
    yield "paths_per_debt", np.log1p(paths / holds[creditor])
    yield "paths_per_both", np.log1p(paths / np.sqrt(holds[creditor] * held[debtor]))


def _log_mean_by_creditor(past: Window) -> Floats:
    """Return (N,) mean log1p exposure of each creditor now; the mean of all where it has none."""
    log_usd = np.log1p(past.origin.exposure_usd)
    count = np.bincount(past.origin.creditor, minlength=past.size)
    total = summed(past.origin.creditor, log_usd, past.size)
    fallback = float(log_usd.mean()) if len(log_usd) else 0.0
    return np.asarray(np.divide(total, count, out=np.full(past.size, fallback), where=count > 0))


def _codes(sectors: Texts) -> Indices:
    return np.unique(sectors.astype(str), return_inverse=True)[1].astype(np.int64)


def _popularity(past: Window, code: Indices) -> tuple[Floats, Floats]:
    """Return (sectors, N): the share and the number of a sector's protocols that hold the debtor now."""
    members = np.bincount(code, minlength=1)
    at = code[past.origin.creditor] * past.size + past.origin.debtor
    held = np.bincount(at, minlength=len(members) * past.size).reshape(len(members), past.size).astype(np.float64)
    return held / np.maximum(members, 1)[:, None], held


def never(given: Features) -> npt.NDArray[np.bool_]:
    """Return (C,) which candidate pairs the window has not seen in either direction."""
    return np.asarray(given.cell // (CELLS // SHAPE[0]) == NEVER)
