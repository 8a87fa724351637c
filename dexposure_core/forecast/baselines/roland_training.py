"""Training of the ROLAND-style baseline, week after week, and its answers.

States are carried from one training origin to the next and detached there, so a week is learnt from its own snapshot
and from what the states remember. Pairs never seen are thinned to one in twenty, counting twentyfold. At most
eight passes over the training dates; the one with the least loss on the validation dates is kept. To answer, the
states are lived through the last 26 snapshots, starting from nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from dexposure_core.forecast.baselines.memory import frequency, mean_size
from dexposure_core.forecast.baselines.roland_network import LAYERS, Network
from dexposure_core.forecast.baselines.tuning import Target
from dexposure_core.forecast.baselines.view import Case, View
from dexposure_core.forecast.known.window import summed
from dexposure_core.forecast.record import Floats, Indices, Texts
from dexposure_core.network import Snapshot

HIDDEN: Final = 24
PASSES: Final = 8
PATIENCE: Final = 2
RATE: Final = 5e-3
LIVED: Final = 26  # snapshots the states live through before they answer
THINNED: Final = 20
SHARES: Final = (1.0, 0.5, 5.0)  # existence, size, TVL
CHECKED: Final = 3  # every third validation origin says when to stop
SEED: Final = 7
NODE: Final = 6
PAIR: Final = 8
_SCALE: Final = 10.0  # log1p USD are divided by it


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """A trained network and its horizons."""

    network: Network
    horizons: tuple[int, ...]

    def scores(self, view: View) -> dict[Target, Floats]:
        """Return logits (C, horizons), changes of log size (C, horizons) and of log TVL (N, horizons)."""
        with one_thread(), torch.inference_mode():
            said = self.network.decode(*_lived(self.network, view.recent), *_pairs(view))
        existence, size, tvl = (s.double().numpy() for s in said)
        return {"existence": existence, "size": size, "tvl": tvl}


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread inside: the graphs are small, and sums then always add up alike."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Lesson:
    """One origin, the last of `recent`: the snapshots since the last lesson, K pairs and what came of them."""

    recent: Sequence[Snapshot]
    since: Sequence[Snapshot]
    pair: Tensor
    ends: Tensor
    weight: Tensor
    exists: Tensor
    size: Tensor
    tvl: Tensor
    known: Tensor
    use: Tensor


def train(training: Iterator[Case], validation: Iterator[Case], horizons: tuple[int, ...]) -> Trained:
    """Return the network with the least validation loss."""
    lessons = list(_lessons(training, horizons, np.random.default_rng(SEED)))
    checks = list(_lessons(islice(validation, 0, None, CHECKED), horizons, None))
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        network = Network(node=NODE, pair=PAIR, hidden=HIDDEN, horizons=len(horizons))
        optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
        best, kept, since = np.inf, network.state_dict(), 0
        for _ in range(PASSES):
            _live_through(network, optimiser, lessons)
            lost = _validated(network, checks)
            since = 0 if lost < best else since + 1
            if lost < best:
                best, kept = lost, {name: t.clone() for name, t in network.state_dict().items()}
            if since >= PATIENCE:
                break
        network.load_state_dict(kept)
    return Trained(network=network.eval(), horizons=horizons)


def _live_through(network: Network, optimiser: torch.optim.Adam, lessons: Sequence[_Lesson]) -> None:
    memory, ids = [torch.zeros(0, network.hidden)] * LAYERS, np.zeros(0, dtype=object)
    for lesson in lessons:
        *before, origin = lesson.since
        with torch.no_grad():
            for snapshot in before:
                memory, ids = _live(network, snapshot, memory, ids), snapshot.protocols
        states = _live(network, origin, memory, ids)
        loss = _loss(network.decode(states[-1], _nodes(origin), lesson.pair, lesson.ends), lesson)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        memory, ids = [s.detach() for s in states], origin.protocols


def _validated(network: Network, checks: Sequence[_Lesson]) -> float:
    with torch.inference_mode():
        lost = [_loss(network.decode(*_lived(network, c.recent), c.pair, c.ends), c) for c in checks]
    return float(torch.stack(lost).mean())


def _loss(said: tuple[Tensor, Tensor, Tensor], lesson: _Lesson) -> Tensor:
    logit, size, tvl = said
    entropy = binary_cross_entropy_with_logits(
        logit, lesson.exists, weight=lesson.weight[:, None].expand_as(logit), reduction="none"
    )
    sizes = smooth_l1_loss(size, lesson.size, reduction="none", beta=0.5) * lesson.exists
    changes = smooth_l1_loss(tvl, lesson.tvl, reduction="none", beta=0.05) * lesson.known
    true, known = (x.sum(dim=0).clamp_min(1.0) for x in (lesson.exists, lesson.known))
    parts = torch.stack([entropy.sum(dim=0) / true, sizes.sum(dim=0) / true, changes.sum(dim=0) / known])
    return (torch.tensor(SHARES) @ parts * lesson.use).sum() / lesson.use.sum().clamp_min(1.0)


def _lived(network: Network, recent: Sequence[Snapshot]) -> tuple[Tensor, Tensor]:
    """Return the last layer's states at the origin (N, hidden), lived from nothing, and the protocols' features."""
    memory, ids = [torch.zeros(0, network.hidden)] * LAYERS, np.zeros(0, dtype=object)
    for snapshot in recent[-LIVED:]:
        memory, ids = _live(network, snapshot, memory, ids), snapshot.protocols
    return memory[-1], _nodes(recent[-1])


def _live(network: Network, snapshot: Snapshot, memory: Sequence[Tensor], ids: Texts) -> list[Tensor]:
    place = {p: i for i, p in enumerate(ids)}
    row = torch.tensor([place.get(p, -1) for p in snapshot.protocols], dtype=torch.long)
    padded = [torch.cat([m, torch.zeros(1, network.hidden)]) for m in memory]  # row −1: a protocol without a past
    edges = torch.from_numpy(np.stack([snapshot.creditor, snapshot.debtor]))
    weight = torch.from_numpy(np.log1p(snapshot.exposure_usd) / _SCALE).float()
    return network.live(_nodes(snapshot), edges, weight, [p[row] for p in padded])


def _nodes(snapshot: Snapshot) -> Tensor:
    """Return (N, NODE): log1p TVL, whether there is any, degrees and strengths, from this snapshot alone."""
    n = len(snapshot.protocols)
    columns = [np.log1p(snapshot.tvl_usd) / _SCALE, snapshot.tvl_usd > 0]
    for end in (snapshot.creditor, snapshot.debtor):
        columns += [
            np.log1p(np.bincount(end, minlength=n)),
            np.log1p(summed(end, snapshot.exposure_usd, n)) / _SCALE,
        ]
    return torch.from_numpy(np.stack(columns, axis=1)).float()


def _pairs(view: View) -> tuple[Tensor, Tensor]:
    """Return (C, PAIR) what each pair was lately, in both directions, and (2, C) its ends."""
    lately = [frequency(view, fade, back=back) for fade in (0.0, 4.0) for back in (False, True)]
    always = frequency(view, np.inf) / view.past.length
    size = mean_size(view, 0.0)
    columns = [size / _SCALE, mean_size(view, 4.0) - size, view.sized_at >= 0, *lately, always]
    pair = torch.from_numpy(np.stack([np.asarray(c, dtype=np.float64) for c in columns], axis=1)).float()
    return pair, torch.from_numpy(np.stack([view.key // view.size, view.key % view.size]))


def _lessons(found: Iterator[Case], horizons: Sequence[int], rng: np.random.Generator | None) -> Iterator[_Lesson]:
    """Yield the lessons of cases in date order; with `rng`, pairs never seen are thinned."""
    last = None
    for case in found:
        view = case.view
        keep, weight = np.arange(len(view.key)), np.ones(len(view.key))
        if rng is not None:
            unseen = view.sized_at < 0
            keep = np.flatnonzero(~unseen | (rng.random(len(unseen)) < 1 / THINNED))
            weight = np.where(unseen[keep], float(THINNED), 1.0)
        since = [s for s in view.recent if last is None or s.date > last]
        last = view.past.origin.date
        pair, ends = _pairs(view)
        yield _Lesson(
            recent=view.recent, since=since, pair=pair[keep], ends=ends[:, keep],
            weight=torch.from_numpy(weight).float(), **_targets(case, keep, horizons),
        )  # fmt: skip


def _targets(case: Case, keep: Indices, horizons: Sequence[int]) -> dict[str, Tensor]:
    base, n = mean_size(case.view, 0.0)[keep], case.view.past.size
    exists, size = np.zeros((len(keep), len(horizons))), np.zeros((len(keep), len(horizons)))
    tvl, known = np.zeros((n, len(horizons))), np.zeros((n, len(horizons)))
    for k, h in enumerate(horizons):
        if h in case.truth:
            truth = case.truth[h]
            exists[:, k] = truth.exists[keep]
            size[:, k] = np.where(truth.exists[keep], truth.log_usd[keep] - base, 0.0)
            known[:, k] = truth.known
            tvl[:, k] = np.where(truth.known, truth.log_tvl - case.view.log_tvl, 0.0)
    found = {"exists": exists, "size": size, "tvl": tvl, "known": known}
    tensors = {name: torch.from_numpy(values).float() for name, values in found.items()}
    return tensors | {"use": torch.tensor([float(h in case.truth) for h in horizons])}
