"""Training in strict time order: counted tables first, then corrections, then shrinkage on validation weeks.

A horizon's target belongs to training when it lies before `validation_from`, to validation when it lies
before `test_from`; later ones are never read. Loss: existence cross-entropy + ½ size + 5 TVL, each relative
to nothing but its own units. Adam, one origin a step, at most 12 passes, stop after 3 without gain on
validation. Each pass draws its order from (seed, pass) alone and is checkpointed whole, so a run that was
killed resumes to the same weights.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from dexposure_core.errors import BadOption
from dexposure_core.forecast.checkpoint import Checkpoint, State
from dexposure_core.forecast.examples import Example, example
from dexposure_core.forecast.fitting import (
    choose_shrinkage,
    count_table,
    losses,
    mean_losses,
    relative,
    scale,
    set_mean_factor,
)
from dexposure_core.forecast.heads import Network
from dexposure_core.forecast.outcomes import Split, split
from dexposure_core.forecast.weights import Weights, network, to_bytes
from dexposure_core.network import Snapshot
from dexposure_core.progress import Progress, silent

HORIZONS: Final = (1, 4, 8, 12)
SHARES: Final = (1.0, 0.5, 0.5, 5.0)  # existence, size of what exists now, size of the rest, TVL


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train: everything that decides the result besides the data."""

    horizons: tuple[int, ...] = HORIZONS
    hidden: int = 32
    epochs: int = 12
    patience: int = 3
    rate: float = 3e-3
    decay: float = 1e-4
    clip: float = 1.0
    threads: int = 1  # the graphs are small: a second thread costs more in waiting than it saves
    seed: int = 7


def train(
    histories: Mapping[str, Sequence[Snapshot]],
    *,
    seed: int = 7,
    epochs: int | None = None,
    recipe: Recipe | None = None,
    data: Mapping[str, Any] | None = None,
    checkpoints: Path | None = None,
    progress: Progress = silent,
) -> Weights:
    """Train one network per basis of `histories` (basis → snapshots in date order).

    Args:
        histories: all snapshots; those from `test_from` on are never read as a target, nor as an origin.
        seed: decides initial weights, order and thinning.
        epochs: at most so many passes; None: the recipe's.
        recipe: all other choices.
        data: what to say about the data in the model's description (vintage, content_hash, simulated).
        checkpoints: folder for unfinished runs; None: do not keep any.
        progress: told after every origin.

    Raises:
        BadOption: when the history is too short to train on.
    """
    recipe = replace(recipe or Recipe(), seed=seed)
    recipe = replace(recipe, epochs=recipe.epochs if epochs is None else epochs)
    torch.set_num_threads(recipe.threads)
    about = _about(histories, recipe, dict(data or {}))
    networks = {}
    for basis, history in histories.items():
        run = Run(basis=basis, history=history, about=about, recipe=recipe, progress=progress)
        networks[basis], about["passes"][basis] = run.fit(checkpoints)
    raw = to_bytes(networks, about)
    return Weights(networks=networks, about=about, digest=hashlib.sha256(raw).hexdigest())


def _about(histories: Mapping[str, Sequence[Snapshot]], recipe: Recipe, data: dict[str, Any]) -> dict[str, Any]:
    history = max(histories.values(), key=len)
    cut = split([s.date for s in history])
    seen = [s for s in history if s.date < cut.validation_from]
    return {
        "bases": sorted(histories), "horizons": list(recipe.horizons), "hidden": recipe.hidden, "seed": recipe.seed,
        "epochs": recipe.epochs, "passes": {}, "data": data,
        "sectors": sorted({str(x) for s in seen for x in s.sectors}),
        "validation_from": str(cut.validation_from), "test_from": str(cut.test_from),
        "trained_until": str(max(s.date for s in history if s.date < cut.test_from)),
        "first_date": str(history[0].date),
    }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Run:
    """Training of one basis."""

    basis: str
    history: Sequence[Snapshot]
    about: dict[str, Any]
    recipe: Recipe
    progress: Progress

    def fit(self, checkpoints: Path | None) -> tuple[Network, int]:
        """Return the network with the best validation loss and the pass it came from (0: memory itself)."""
        learn, check = self._examples()
        torch.manual_seed(self.recipe.seed)
        net = network(self.about)
        scale(net, learn)
        count_table(net, learn)
        optimiser = torch.optim.Adam(net.parameters(), lr=self.recipe.rate, weight_decay=self.recipe.decay)
        memory = mean_losses(net, check)
        kept = Checkpoint(checkpoints, self.basis, self._digest())
        state = kept.load(net, optimiser) or State(passed=0, best=1.0, best_pass=0, weights=_copy(net))
        while state.passed < self.recipe.epochs and state.passed - state.best_pass < self.recipe.patience:
            self._epoch(net, optimiser, learn, state.passed)
            state = _after(state, net, relative(mean_losses(net, check), memory))
            kept.save(state, net, optimiser)
        net.load_state_dict(state.weights)
        choose_shrinkage(net, check, self.recipe.horizons)
        set_mean_factor(net, check)
        kept.clear()
        return net.eval(), state.best_pass

    def _epoch(self, net: Network, optimiser: torch.optim.Adam, learn: Sequence[Example], passed: int) -> None:
        order = np.random.default_rng([self.recipe.seed, passed]).permutation(len(learn))
        factor = 0.5 * (1 + np.cos(np.pi * passed / max(1, self.recipe.epochs)))
        for group in optimiser.param_groups:
            group["lr"] = self.recipe.rate * factor
        shares = torch.tensor(SHARES)
        for done, i in enumerate(order):
            optimiser.zero_grad()
            parts = losses(net, learn[i]).sum(dim=1)
            (parts @ shares / learn[i].use.sum()).backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), self.recipe.clip)
            optimiser.step()
            self.progress(done + 1, len(order), f"{self.basis}: pass {passed + 1} of at most {self.recipe.epochs}")

    def _examples(self) -> tuple[list[Example], list[Example]]:
        cut = Split(
            validation_from=dt.date.fromisoformat(self.about["validation_from"]),
            test_from=dt.date.fromisoformat(self.about["test_from"]),
        )
        learn, check = [], []
        origins = [i for i, s in enumerate(self.history) if s.date < cut.test_from]
        for i in origins:
            past = [self._goal(i, h, dt.date.min, cut.validation_from) for h in self.recipe.horizons]
            late = [self._goal(i, h, cut.validation_from, cut.test_from) for h in self.recipe.horizons]
            if any(past):
                rng = np.random.default_rng([self.recipe.seed, i])
                learn.append(example(self.history[: i + 1], past, self.about["sectors"], rng))
            if any(late):
                check.append(example(self.history[: i + 1], late, self.about["sectors"], None))
            self.progress(i + 1, len(origins), f"{self.basis}: preparing")
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
        return hashlib.sha256(json.dumps([about, str(self.recipe), sizes], sort_keys=True).encode()).hexdigest()[:16]


def _after(state: State, net: Network, score: float) -> State:
    passed = state.passed + 1
    if score < state.best:
        return State(passed=passed, best=score, best_pass=passed, weights=_copy(net))
    return replace(state, passed=passed)


def _copy(net: Network) -> dict[str, Tensor]:
    return {name: t.detach().clone() for name, t in net.state_dict().items()}
