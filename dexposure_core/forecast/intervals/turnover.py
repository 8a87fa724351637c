"""Protocols that enter and leave: what no candidate pair can say, repeated from stretches of the last half-year.

A forecast knows the protocols of its origin. Until the target some leave and others enter with exposures of their
own; twelve weeks ahead these are one exposure in fifteen. So a drawn future also repeats who came and went between two
recent snapshots as far apart: newcomers with their sector, TVL and exposures to protocols still there, and as many
leavers of like size. Those are taken from the protocols that the future leaves without an exposure, because that an
exposure ends with its protocol is part of its own probability.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dexposure_core.forecast.record import Flags, Floats, Indices, Texts
from dexposure_core.network import Snapshot

# Numbers of newcomers forecast from so many snapshots were nearer to what came before 2025 than from 13, 52 or 78.
HALF_YEAR: Final = 26
NEWCOMER: Final = "newcomer-"

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Stretch:
    """Who came and went between two snapshots, seen from a later origin of N protocols.

    Attributes:
        sectors, categories: (K,) of the newcomers.
        tvl_usd: (K,) at the end of the stretch.
        creditor, debtor: (E,) ends of their exposures then: row of the origin, or N + k for newcomer k.
        exposure_usd: (E,).
        left: (L,) of each protocol that left, the share of protocols that had less TVL; ascending.
    """

    sectors: Texts
    categories: Texts
    tvl_usd: Floats
    creditor: Indices
    debtor: Indices
    exposure_usd: Floats
    left: Floats


def reach(horizon: int) -> int:
    """Return how many snapshots up to the origin are looked at."""
    return max(HALF_YEAR, horizon) + 1


def stretches(history: Sequence[Snapshot], horizon: int) -> list[Stretch]:
    """Return the stretches of `horizon` steps in the last half-year, or the last one; none in too short a history."""
    recent = history[-reach(horizon) :]
    if len(recent) <= horizon:
        return []
    place: dict[str, int] = {}
    rows = [_numbered(snapshot, place) for snapshot in reversed(recent)][::-1]
    pairs = zip(range(len(recent) - horizon), range(horizon, len(recent)), strict=True)
    size = len(recent[-1].protocols)
    return [_stretch(recent[a], recent[b], rows[a], rows[b], size) for a, b in pairs]


def expected_newcomers(history: Sequence[Snapshot], horizon: int) -> tuple[float, float]:
    """Return how many protocols and exposures `turned_over` adds to a network on average."""
    found = stretches(history, horizon)
    counts = [(len(s.tvl_usd), len(s.exposure_usd)) for s in found] or [(0, 0)]
    protocols, exposures = np.mean(counts, axis=0).tolist()
    return protocols, exposures


def turned_over(networks: Iterable[Snapshot], history: Sequence[Snapshot], horizon: int) -> Iterator[Snapshot]:
    """Yield drawn networks with newcomers and without leavers, each by a stretch of its own, in an order that repeats.

    Args:
        networks: of the protocols of the last of `history`, in its order.
        history: snapshots up to the origin.
        horizon: steps that the networks lie ahead.
    """
    found = stretches(history, horizon)
    if not found:
        yield from networks
        return
    rng = np.random.default_rng([history[-1].date.toordinal(), horizon])
    order: list[int] = []
    for network in networks:
        order = order or rng.permutation(len(found)).tolist()
        yield _moved_on(network, found[order.pop()])


def _numbered(snapshot: Snapshot, place: dict[str, int]) -> Indices:
    """Return (n,) the number of each protocol; those seen for the first time are added to `place`."""
    return np.fromiter((place.setdefault(p, len(place)) for p in snapshot.protocols.tolist()), dtype=np.int64)


def _stretch(before: Snapshot, after: Snapshot, was: Indices, now: Indices, size: int) -> Stretch:
    fresh = ~np.isin(now, was)
    row = np.where(now < size, now, -1)  # the origin was numbered first: smaller numbers are its rows
    row[fresh] = size + np.arange(int(fresh.sum()))
    here = (fresh[after.creditor] | fresh[after.debtor]) & (row[after.creditor] >= 0) & (row[after.debtor] >= 0)
    return Stretch(
        sectors=after.sectors[fresh], categories=after.categories[fresh], tvl_usd=after.tvl_usd[fresh],
        creditor=row[after.creditor[here]], debtor=row[after.debtor[here]], exposure_usd=after.exposure_usd[here],
        left=np.sort(_rank(before.tvl_usd)[~np.isin(was, now)]),
    )  # fmt: skip


def _moved_on(network: Snapshot, stretch: Stretch) -> Snapshot:
    size, more = len(network.protocols), len(stretch.tvl_usd)
    creditor, debtor = np.r_[network.creditor, stretch.creditor], np.r_[network.debtor, stretch.debtor]
    idle = np.bincount(np.r_[creditor, debtor], minlength=size + more)[:size] == 0
    stays = np.ones(size + more, dtype=bool)
    stays[_leavers(network.tvl_usd, idle, stretch.left)] = False
    row = np.cumsum(stays) - 1
    names = (f"{NEWCOMER}{k}" for k in count(1))  # whatever protocols of the data are called
    ids = np.array(list(islice((name for name in names if name not in network), more)), dtype=object)

    def joined(old: Array, new: Array) -> Array:
        return np.concatenate([old, new])[stays]

    return Snapshot(
        date=network.date, basis=network.basis, protocols=joined(network.protocols, ids),
        names=joined(network.names, ids), sectors=joined(network.sectors, stretch.sectors),
        categories=joined(network.categories, stretch.categories), tvl_usd=joined(network.tvl_usd, stretch.tvl_usd),
        creditor=row[creditor], debtor=row[debtor], exposure_usd=np.r_[network.exposure_usd, stretch.exposure_usd],
    )  # fmt: skip


def _leavers(tvl_usd: Floats, idle: Flags, left: Floats) -> Indices:
    """Return rows of idle protocols, one for each of the ascending ranks `left`: the next larger that is not taken."""
    rank = _rank(tvl_usd)
    free = np.flatnonzero(idle)
    free = free[np.argsort(rank[free], kind="stable")]
    left = left[: len(free)]
    own = np.arange(len(left))
    at = np.maximum.accumulate(np.searchsorted(rank[free], left) - own) + own
    return free[np.minimum(at, len(free) - len(left) + own)]


def _rank(values: Floats) -> Floats:
    """Return of each value the share of values before it in order of size."""
    rank = np.empty(len(values))
    rank[np.argsort(values, kind="stable")] = np.arange(len(values)) / max(len(values), 1)
    return rank
