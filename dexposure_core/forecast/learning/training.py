"""Training in strict time order: pre-training, counted tables, corrections, then how far they are trusted.

A horizon's target belongs to training when it lies before `validation_from`, to validation when it lies before
`test_from`; later ones are never read. The encoder is pre-trained (`pretraining`), then teachers are tuned from there,
each in an order of its own, then the network, which learns from what they say of existence (`teaching`), of sizes and
TVL from what came (`passes`). How far its corrections are trusted is decided last (`trusting`, `turning`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from dexposure_core.errors import BadOption
from dexposure_core.forecast.judging.outcomes import Split, split
from dexposure_core.forecast.learning.checkpoint import Checkpoint, Start
from dexposure_core.forecast.learning.examples import Example, example
from dexposure_core.forecast.learning.fitting import choose_anchor, count_table, lean, remembered, scale
from dexposure_core.forecast.learning.never_seen import fit_never_seen
from dexposure_core.forecast.learning.passes import Passes
from dexposure_core.forecast.learning.place import described, trained_on
from dexposure_core.forecast.learning.pretraining import pretrain
from dexposure_core.forecast.learning.recipe import CPU, Recipe
from dexposure_core.forecast.learning.summing import choose_summed
from dexposure_core.forecast.learning.teaching import taught
from dexposure_core.forecast.learning.trusting import calibrate, choose_shrinkage, said
from dexposure_core.forecast.learning.turning import choose_turn
from dexposure_core.forecast.net.heads import AMOUNTS, Network
from dexposure_core.forecast.weights import Weights, network, to_bytes
from dexposure_core.network import Snapshot
from dexposure_core.progress import Progress, silent

Each = Callable[[Callable[["Run"], "Fitted"], Sequence["Run"]], Iterable["Fitted"]]
Fitted = tuple[Network, dict[str, int]]
ON_CPU: Final = torch.device(CPU)

__all__ = ["Recipe", "Run", "train"]


def train(
    histories: Mapping[str, Sequence[Snapshot]],
    *,
    seed: int = 7,
    epochs: int | None = None,
    recipe: Recipe | None = None,
    cut: Split | None = None,
    data: Mapping[str, Any] | None = None,
    checkpoints: Path | None = None,
    progress: Progress = silent,
    each: Each = map,
    device: torch.device = ON_CPU,
) -> Weights:
    """Train one network per basis of `histories` (basis → snapshots in date order).

    Args:
        histories: all snapshots; those from `test_from` on are never read as a target, nor as an origin.
        seed: decides initial weights, order and thinning.
        epochs: at most so many passes; None: the recipe's.
        recipe: all other choices; made smaller for a network of full size.
        cut: which dates are for training, validation and test; None: as `outcomes.split` says.
        data: what to say about the data in the model's description (vintage, content_hash, simulated).
        checkpoints: folder for unfinished runs; None: do not keep any.
        progress: told after every origin.
        each: applies a function to every run, in order; the runs know nothing of each other, so they may be anywhere.
        device: what the passes are made on, see `place`.

    Raises:
        BadOption: when the history is too short to train on, or the memory of the device too small.
    """
    history = max(histories.values(), key=len)
    recipe = replace(recipe or Recipe(), seed=seed)
    recipe = replace(recipe, epochs=recipe.epochs if epochs is None else epochs).sized(history)
    about = _about(history, cut or split([s.date for s in history]), recipe, sorted(histories), dict(data or {}))
    about |= {"device": described(device)} if device != ON_CPU else {}
    made = partial(Run, about=about, recipe=recipe, progress=progress, checkpoints=checkpoints, device=device)
    runs = [made(basis=basis, history=own) for basis, own in histories.items()]
    networks = {}
    for run, fitted in zip(runs, each(Run.fit, runs), strict=True):
        networks[run.basis], about["passes"][run.basis] = fitted
    raw = to_bytes(networks, about)
    return Weights(networks=networks, about=about, digest=hashlib.sha256(raw).hexdigest())


def _about(
    history: Sequence[Snapshot], cut: Split, recipe: Recipe, bases: list[str], data: dict[str, Any]
) -> dict[str, Any]:
    seen = [s for s in history if s.date < cut.validation_from]
    return {
        "bases": bases, "horizons": list(recipe.horizons), "hidden": recipe.hidden, "seed": recipe.seed,
        "epochs": recipe.epochs, "pretraining": recipe.pretraining, "teachers": recipe.teachers,
        "frozen": recipe.frozen, "without": list(recipe.without), "passes": {}, "data": data,
        "sectors": sorted({str(x) for s in seen for x in s.sectors}),
        "validation_from": str(cut.validation_from), "test_from": str(cut.test_from),
        "trained_until": str(max(s.date for s in history if s.date < cut.test_from)),
        "first_date": str(history[0].date),
    }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Run:
    """Training of one basis; the attributes as in `train`."""

    basis: str
    history: Sequence[Snapshot]
    about: dict[str, Any]
    recipe: Recipe
    progress: Progress
    checkpoints: Path | None
    device: torch.device = ON_CPU

    def fit(self) -> Fitted:
        """Return the network with the best validation losses and the pass each branch came from (0: memory itself)."""
        torch.set_num_threads(self.recipe.threads)
        learn, check = self._examples()
        start, turns = Start(self.checkpoints, self.basis, self._digest()), self._turns()
        with trained_on(self.device):
            weights = start.load()
            if weights is None:
                weights = self._started(learn, check)
                start.save(weights)
            learn, check = (self._remembering(part, weights) for part in (learn, check))
            net, best_pass = self._learnt(learn, check, weights, turns)
        told = said(net, check)
        choose_shrinkage(net, check, told, self.recipe.horizons)
        calibrate(net, check, told, self.recipe.horizons)
        choose_turn(net, check, told, self.recipe.horizons)
        choose_summed(net, check, told, self.recipe.horizons)
        for kept in (start, *(own.kept for own in turns)):
            kept.clear()
        return net, best_pass

    def _remembering(self, examples: Sequence[Example], weights: Mapping[str, Tensor]) -> list[Example]:
        """Return the examples with memory's log odds, which no pass changes."""
        net = network(self.about)
        net.load_state_dict(weights)
        with torch.no_grad():
            return [replace(e, memory=remembered(net, e)) for e in examples]

    def _learnt(
        self, learn: Sequence[Example], check: Sequence[Example], weights: Mapping[str, Tensor], turns: Sequence[Passes]
    ) -> Fitted:
        """Return the network after all passes from the weights of memory, on the processor."""
        there, judge = ([e.on(self.device) for e in part] for part in (learn, check))
        teachers = [self._best(own, weights, there, judge, AMOUNTS)[0] for own in turns[1:]]
        net, best_pass = self._best(turns[0], weights, taught(there, teachers) if teachers else there, judge)
        return net.cpu(), best_pass

    def _started(self, learn: Sequence[Example], check: Sequence[Example]) -> dict[str, Tensor]:
        """Return the weights of memory with a pre-trained encoder."""
        torch.manual_seed(self.recipe.seed)
        net = network(self.about).tied()
        scale(net, learn)
        count_table(net, learn, check)
        fit_never_seen(net, learn, check)
        lean(net, self.basis)
        choose_anchor(net, check)
        if self.recipe.pretraining:
            net, there = net.to(self.device), [e.on(self.device) for e in learn]
            pretrain(net, there, self.recipe.pretraining, self.recipe.seed, self.progress, self.basis)
        return net.cpu().state_dict()

    def _best(
        self, passes: Passes, start: Mapping[str, Tensor], learn: Sequence[Example], check: Sequence[Example],
        *without: str,
    ) -> Fitted:  # fmt: skip
        """Return the network of these passes, every branch as its best one left it."""
        about = {**self.about, "without": [*self.about["without"], *without]}
        net = network(about).tied()
        net.load_state_dict(start)
        weights, best_pass = passes.best(net.to(self.device), learn, check)
        net = network(about)
        net.load_state_dict(weights)
        return net.to(self.device).eval(), best_pass

    def _turns(self) -> list[Passes]:
        """Return the passes of the network, then those of its teachers."""
        return [self._passes(turn) for turn in range(self.recipe.teachers + 1)]

    def _passes(self, turn: int) -> Passes:
        label = f"{self.basis}: teacher {turn}" if turn else self.basis
        kept = Checkpoint(self.checkpoints, f"{self.basis}-{turn}", self._digest())
        recipe = replace(self.recipe, epochs=min(self.recipe.epochs, self.recipe.lessons)) if turn else self.recipe
        return Passes(recipe=recipe, turn=turn, label=label, kept=kept, progress=self.progress)

    def _examples(self) -> tuple[list[Example], list[Example]]:
        cut = Split(
            validation_from=dt.date.fromisoformat(self.about["validation_from"]),
            test_from=dt.date.fromisoformat(self.about["test_from"]),
        )
        learn, check = [], []
        origins = [i for i, s in enumerate(self.history) if s.date < cut.test_from][:: -self.recipe.every][::-1]
        for done, i in enumerate(origins):
            past = [self._goal(i, h, dt.date.min, cut.validation_from) for h in self.recipe.horizons]
            late = [self._goal(i, h, cut.validation_from, cut.test_from) for h in self.recipe.horizons]
            seen, sectors, most = self.history[: i + 1], self.about["sectors"], self.recipe.most
            if any(past):
                learn.append(example(seen, past, sectors, np.random.default_rng([self.recipe.seed, i]), most))
            if any(late):
                check.append(example(seen, late, sectors, None, most))
            self.progress(done + 1, len(origins), f"{self.basis}: preparing")
        if not learn or not check:
            raise BadOption(
                f"{len(self.history)} snapshots of the {self.basis} basis are too few to train and validate on"
            )
        return learn, check

    def _goal(self, origin: int, horizon: int, start: dt.date, end: dt.date) -> Snapshot | None:
        """Return the target snapshot if it exists and lies in [start, end)."""
        if origin + horizon >= len(self.history):
            return None
        goal = self.history[origin + horizon]
        return goal if start <= goal.date < end else None

    def _digest(self) -> str:
        """Return a fingerprint of data and recipe: a checkpoint of anything else is not resumed."""
        sizes = [
            (str(s.date), len(s.protocols), float(s.exposure_usd.sum()), float(s.tvl_usd.sum())) for s in self.history
        ]
        about = {k: v for k, v in self.about.items() if k != "passes"}
        shapes = {name: list(t.shape) for name, t in network(self.about).state_dict().items()}
        told = json.dumps([about, str(self.recipe), sizes, shapes], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]
