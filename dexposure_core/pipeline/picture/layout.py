"""Where each protocol stands: one place for all weeks, sectors together, nobody on top of another.

The layout is computed once per vintage over snapshots sampled from its whole history, so a protocol keeps its place
from week to week and a change in the picture is a change in the network. Forces after Fruchterman and Reingold (1991):
protocols repel each other with k²/d, exposures pull with their weight (log of the mean share of the network they
carry), and a spring ties each protocol to the anchor of its sector on an ellipse. A last pass pushes circles apart
that would overlap at the largest size they ever reach.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from dexposure_core.network import Basis, Snapshot
from dexposure_core.pipeline.picture.backbone import strength
from dexposure_core.store import Store

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

WIDTH, HEIGHT = 1200.0, 720.0
SMALLEST, LARGEST = 4.5, 30.0  # radii
GAP = 5.0
STEPS = 220
SAMPLED = 48  # snapshots of a history that its layout is made of


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Places of the protocols of a vintage, in picture units (WIDTH × HEIGHT, origin in the middle)."""

    places: Mapping[str, tuple[float, float]]
    anchors: Mapping[str, tuple[float, float]]

    def place(self, protocol: str, sector: str) -> tuple[float, float]:
        """Return the place of a protocol; one that was never strong stands near its sector, always at the same spot."""
        known = self.places.get(protocol)
        if known is not None:
            return known
        x, y = self.anchors.get(sector, (0.0, 0.0))
        digest = hashlib.sha256(protocol.encode("utf-8", "surrogatepass")).digest()
        angle = int.from_bytes(digest[:4], "big") / 2**32 * 2 * np.pi
        reach = 40 + int.from_bytes(digest[4:6], "big") / 2**16 * 110
        return (float(x + reach * np.cos(angle)), float(y + reach * np.sin(angle)))


@dataclass(frozen=True, kw_only=True)
class _Graph:
    """The sampled history as one weighted graph of the n protocols that were ever among the strongest."""

    protocols: tuple[str, ...]
    sectors: tuple[str, ...]
    radius: Floats  # (n,) the largest it is ever drawn
    strength: Floats  # (n,) mean share of the network's exposure
    first: Indices  # (m,) ends of the pairs, with weight (m,) 0..1
    second: Indices
    weight: Floats


def radii(tvl_usd: Floats) -> Floats:
    """Return the radius of each protocol: area in proportion to its TVL, the largest LARGEST, none below SMALLEST."""
    top = float(tvl_usd.max(initial=0.0))
    if top <= 0:
        return np.full(len(tvl_usd), SMALLEST)
    return np.maximum(SMALLEST, LARGEST * np.sqrt(tvl_usd / top))


def layout_of(store: Store, basis: Basis) -> Layout:
    """Return the layout of a vintage's whole history, made of SAMPLED snapshots, the last among them."""
    days = store.dates(basis)
    step = max(1, -(-len(days) // SAMPLED))
    return layout(store.snapshots(days[::-1][::step], basis))


def layout(snapshots: Sequence[Snapshot], *, size: int = 150) -> Layout:
    """Return places for every protocol that is among the `size` strongest of any of the snapshots.

    The result depends on the snapshots only (no random numbers); the same history gives the same picture.
    """
    graph = _collect(snapshots, size)
    if not graph.protocols:
        return Layout(places=MappingProxyType({}), anchors=MappingProxyType({}))
    anchors = _anchors(graph)
    where = np.array([anchors[sector] for sector in graph.sectors])
    position = _separate(_forces(graph, where), graph.radius)
    places = {name: (float(x), float(y)) for name, (x, y) in zip(graph.protocols, position.round(1), strict=True)}
    return Layout(places=MappingProxyType(places), anchors=MappingProxyType(anchors))


def _collect(snapshots: Sequence[Snapshot], size: int) -> _Graph:
    index: dict[str, int] = {}
    sectors: list[str] = []
    tops = []
    for snapshot in snapshots:
        total = strength(snapshot)
        rows = np.argsort(-total, kind="stable")[:size]
        tops.append(rows[total[rows] > 0])
        for row in tops[-1]:
            if index.setdefault(str(snapshot.protocols[row]), len(index)) == len(sectors):
                sectors.append(str(snapshot.sectors[row]))
    radius, weight = np.full(len(index), SMALLEST), np.zeros(len(index))
    pairs = np.zeros((len(index), len(index)))
    for snapshot, rows in zip(snapshots, tops, strict=True):
        _add(snapshot, rows, index, radius, weight, pairs)
    pairs = np.triu(pairs + pairs.T)
    first, second = np.nonzero(pairs)
    amounts = np.log1p(pairs[first, second] * 1e4)
    scale = amounts.max(initial=0.0) or 1.0
    return _Graph(
        protocols=tuple(index), sectors=tuple(sectors), radius=radius, strength=weight,
        first=first, second=second, weight=amounts / scale,
    )  # fmt: skip


def _add(
    snapshot: Snapshot, rows: Indices, index: Mapping[str, int], radius: Floats, weight: Floats, pairs: Floats
) -> None:
    """Add one snapshot's shares to the sums, in place."""
    number = np.full(len(snapshot.protocols), -1, dtype=np.int64)
    number[rows] = [index[str(snapshot.protocols[row])] for row in rows]
    radius[number[rows]] = np.maximum(radius[number[rows]], node_radii(snapshot)[rows])
    total = float(snapshot.exposure_usd.sum())
    weight[number[rows]] += strength(snapshot)[rows] / total
    one, two = number[snapshot.creditor], number[snapshot.debtor]
    inside = (one >= 0) & (two >= 0)
    np.add.at(pairs, (one[inside], two[inside]), snapshot.exposure_usd[inside] / total)


def node_radii(snapshot: Snapshot) -> Floats:
    """Return (N,) radii of one date's protocols.

    Those that only issue tokens have no TVL; they are sized by what others hold of them, capped at the largest TVL.
    """
    owed = np.bincount(snapshot.debtor, snapshot.exposure_usd, minlength=len(snapshot.protocols))
    top = float(snapshot.tvl_usd.max(initial=0.0)) or float(owed.max(initial=0.0))
    return radii(np.where(snapshot.tvl_usd > 0, snapshot.tvl_usd, np.minimum(owed, top)))


def _anchors(graph: _Graph) -> dict[str, tuple[float, float]]:
    """Return the sectors' places: on an ellipse, neighbours by mutual weight, room by number of protocols."""
    names = sorted(set(graph.sectors))
    number = np.array([names.index(sector) for sector in graph.sectors])
    mutual = np.zeros((len(names), len(names)))
    np.add.at(mutual, (number[graph.first], number[graph.second]), graph.weight)
    mutual += mutual.T
    room = np.sqrt(np.bincount(number, minlength=len(names)).astype(float))
    order = [int(room.argmax())]
    while len(order) < len(names):
        left = [i for i in range(len(names)) if i not in order]
        order.append(max(left, key=lambda i: (mutual[order[-1], i] / room[i], -i)))
    turn = 2 * np.pi * (np.cumsum(room[order]) - room[order] / 2) / room.sum()
    spread = 0.0 if len(names) == 1 else 1.0
    return {
        names[i]: (float(spread * 0.33 * WIDTH * np.cos(a)), float(spread * 0.33 * HEIGHT * np.sin(a)))
        for i, a in zip(order, turn, strict=True)
    }


def _forces(graph: _Graph, anchors: Floats) -> Floats:
    """Return (n, 2) places after STEPS of repulsion, pull and anchor, from a sunflower start at the anchors."""
    position = anchors + _sunflower(graph)
    ideal = 0.6 * np.sqrt(WIDTH * HEIGHT / len(graph.protocols))
    mass = 1.0 + graph.radius / 8
    weight = graph.weight**2 * 0.2 / ideal / np.sqrt(mass[graph.first] * mass[graph.second])
    heat = 0.06 * WIDTH
    push, apart = np.empty((2, len(mass), len(mass)))
    for _ in range(STEPS):
        move = _repulsion(position, ideal**2 * mass, push, apart)
        along = position[graph.second] - position[graph.first]
        pull = along * (weight * np.linalg.norm(along, axis=1))[:, None]
        np.add.at(move, graph.first, pull)
        np.add.at(move, graph.second, -pull)
        move += (anchors - position) * 1.5 + _inwards(position)
        length = np.maximum(np.linalg.norm(move, axis=1, keepdims=True), 1e-9)
        position = position + move / length * np.minimum(length, heat)
        heat = max(heat * 0.975, 1.0)
    return position


def _repulsion(position: Floats, mass: Floats, push: Floats, apart: Floats) -> Floats:
    """Return (n, 2) Σ_j m_j k² (x_i − x_j) / |x_i − x_j|², as x_i Σ_j c_ij − Σ_j c_ij x_j.

    `mass` holds m_j k²; `push` and `apart` (n, n) are written over: made anew in every step, they took half the time.
    """
    norm = (position**2).sum(axis=1)
    np.add(norm[:, None], norm[None, :], out=push)
    np.matmul(2 * position, position.T, out=apart)
    np.maximum(np.subtract(push, apart, out=push), 1.0, out=push)
    np.divide(mass[None, :], push, out=push)
    np.fill_diagonal(push, 0.0)
    force: Floats = position * push.sum(axis=1, keepdims=True) - push @ position
    return force


def _inwards(position: Floats) -> Floats:
    """Return (n, 2) the push back into the picture: none inside nine tenths of it, growing outside."""
    half = np.array([WIDTH / 2, HEIGHT / 2])
    over = np.maximum(np.abs(position) / half - 0.9, 0.0)
    back: Floats = -np.sign(position) * over * half * 3.0
    return back


def _sunflower(graph: _Graph) -> Floats:
    """Return (n, 2) offsets: within each sector the strongest in the middle, the others on a golden-angle spiral."""
    offset = np.zeros((len(graph.protocols), 2))
    sectors = np.array(graph.sectors, dtype=object)
    for sector in dict.fromkeys(graph.sectors):
        rows = np.flatnonzero(sectors == sector)
        rank = np.empty(len(rows))
        rank[np.argsort(-graph.strength[rows], kind="stable")] = np.arange(len(rows))
        angle = rank * 2.399963
        offset[rows] = 12 * np.sqrt(rank)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return offset


def _separate(position: Floats, radius: Floats, rounds: int = 120) -> Floats:
    """Push circles apart until none comes nearer to another than GAP (or `rounds` are over)."""
    room = radius[:, None] + radius[None, :] + GAP
    np.fill_diagonal(room, 0.0)
    for _ in range(rounds):
        delta = position[:, None, :] - position[None, :, :]
        distance = np.sqrt((delta**2).sum(axis=2))
        lack = np.maximum(room - distance, 0.0)
        if float(lack.max(initial=0.0)) < 0.5:
            break
        unit = delta / np.maximum(distance, 1e-6)[:, :, None]
        position = position + (unit * (lack * 0.5)[:, :, None]).sum(axis=1)
    return position
