"""Training in strict time order: pre-training, counted tables, corrections, then how far they are trusted.

A horizon's target belongs to training when it lies before `validation_from`, to validation when it lies before
`test_from`; later ones are never read. The encoder is pre-trained (`pretraining`), then encoder and heads are tuned
together: cross-entropy of existence per kind of pair, sizes and TVL, each over what memory usually loses, and the
screen. Adam, one origin a step, gradients clipped branch by branch (a surprise to one does not slow the others), a
running mean of the weights; each branch keeps the weights of its best pass on the validation weeks. Each pass draws its
order from (seed, pass) alone and is checkpointed whole, so a run that was killed resumes to the same weights.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from dexposure_core.errors import BadOption
from dexposure_core.forecast.checkpoint import Checkpoint, State
from dexposure_core.forecast.examples import Example, example
from dexposure_core.forecast.fitting import (
    LEAST_LOSS,
    choose_anchor,
    count_table,
    lean,
    losses,
    mean_losses,
    relative,
    scale,
)
from dexposure_core.forecast.heads import BRANCHES, Network
from dexposure_core.forecast.never_seen import fit_never_seen
from dexposure_core.forecast.outcomes import Split, split
from dexposure_core.forecast.pretraining import pretrain
from dexposure_core.forecast.recipe import SCREEN, Recipe
from dexposure_core.forecast.trusting import calibrate, choose_shrinkage, said
from dexposure_core.forecast.turning import choose_turn
from dexposure_core.forecast.weights import Weights, network, to_bytes
from dexposure_core.network import Snapshot
from dexposure_core.progress import Progress, silent

Each = Callable[[Callable[["Run"], "Fitted"], Sequence["Run"]], Iterable["Fitted"]]
Fitted = tuple[Network, dict[str, int]]
USUAL: Final = 8  # every so many-th training origin says what memory usually loses

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

    Raises:
        BadOption: when the history is too short to train on.
    """
    history = max(histories.values(), key=len)
    recipe = replace(recipe or Recipe(), seed=seed)
    recipe = replace(recipe, epochs=recipe.epochs if epochs is None else epochs).sized(history)
    about = _about(history, cut or split([s.date for s in history]), recipe, sorted(histories), dict(data or {}))
    runs = [
        Run(basis=basis, history=own, about=about, recipe=recipe, progress=progress, checkpoints=checkpoints)
        for basis, own in histories.items()
    ]
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
        "epochs": recipe.epochs, "pretraining": recipe.pretraining, "frozen": recipe.frozen,
        "without": list(recipe.without), "passes": {}, "data": data,
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

    def fit(self) -> Fitted:
        """Return the network with the best validation losses and the pass each branch came from (0: memory itself)."""
        torch.set_num_threads(self.recipe.threads)
        learn, check = self._examples()
        torch.manual_seed(self.recipe.seed)
        net = network(self.about).tied()
        scale(net, learn)
        count_table(net, learn, check)
        fit_never_seen(net, learn, check)
        lean(net, self.basis)
        choose_anchor(net, check)
        kept = Checkpoint(self.checkpoints, self.basis, self._digest())
        best, best_pass = self._trained(net, learn, check, kept)
        net = network(self.about)
        net.load_state_dict(best)
        told = said(net.eval(), check)
        choose_shrinkage(net, check, told, self.recipe.horizons)
        calibrate(net, check, told, self.recipe.horizons)
        choose_turn(net, check, told, self.recipe.horizons)
        kept.clear()
        return net, best_pass

    def _trained(
        self, net: Network, learn: Sequence[Example], check: Sequence[Example], kept: Checkpoint
    ) -> tuple[dict[str, Tensor], dict[str, int]]:
        """Return the best weights of each branch and their pass; `net` is memory before the first."""
        recipe = self.recipe
        memory, usual = mean_losses(net, check), mean_losses(net, learn[::USUAL])
        if recipe.frozen:
            net.encoders.requires_grad_(requires_grad=False)
        tuned = [p for p in net.parameters() if p.requires_grad]
        optimiser = torch.optim.Adam(tuned, lr=recipe.rate, weight_decay=recipe.decay, fused=True)
        mean = AveragedModel(net.eval(), multi_avg_fn=get_ema_multi_avg_fn(recipe.average))  # type: ignore[no-untyped-call]
        state = kept.load(net, mean, optimiser)
        if state is None:
            if recipe.pretraining:
                pretrain(net, learn, recipe.pretraining, recipe.seed, self.progress, self.basis)
                mean.module.load_state_dict(net.state_dict())
            state = State(
                passed=0, best=dict.fromkeys(BRANCHES, 1.0), best_pass=dict.fromkeys(BRANCHES, 0), weights=_copy(net)
            )
        while state.passed < recipe.epochs and state.passed - max(state.best_pass.values()) < recipe.patience:
            self._epoch(net, mean, optimiser, learn, usual, state.passed)
            state = _after(state, mean.module, relative(mean_losses(cast("Network", mean.module), check), memory))
            kept.save(state, net, mean, optimiser)
        return state.weights, state.best_pass

    def _epoch(
        self, net: Network, mean: AveragedModel, optimiser: torch.optim.Adam, learn: Sequence[Example], usual: Tensor,
        passed: int,
    ) -> None:  # fmt: skip
        order = np.random.default_rng([self.recipe.seed, passed]).permutation(len(learn))
        factor = 0.5 * (1 + np.cos(np.pi * passed / max(1, self.recipe.epochs)))
        for group in optimiser.param_groups:
            group["lr"] = self.recipe.rate * factor
        weights = torch.nan_to_num(1.0 / usual.clamp_min(LEAST_LOSS))
        branches = [[p for m in modules for p in net.get_submodule(m).parameters()] for modules in BRANCHES.values()]
        net.train()
        torch.manual_seed(
            hash((self.recipe.seed, passed))
        )  # what is dropped depends on the pass alone, so it can resume
        for done, i in enumerate(order):
            optimiser.zero_grad()
            lost, screen = losses(net, learn[i])
            ((weights * lost).sum() / learn[i].use.sum() + SCREEN * screen).backward()
            for own in branches:
                torch.nn.utils.clip_grad_norm_(own, self.recipe.clip)
            optimiser.step()
            mean.update_parameters(net)
            self.progress(done + 1, len(order), f"{self.basis}: pass {passed + 1} of at most {self.recipe.epochs}")
        net.eval()

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
        return hashlib.sha256(json.dumps([about, str(self.recipe), sizes], sort_keys=True).encode()).hexdigest()[:16]


def _after(state: State, net: torch.nn.Module, scores: Mapping[str, float]) -> State:
    passed, weights = state.passed + 1, dict(state.weights)
    better = [branch for branch, score in scores.items() if score < state.best[branch]]
    prefixes = tuple(f"{module}." for branch in better for module in BRANCHES[branch])
    weights |= {name: t for name, t in _copy(net).items() if name.startswith(prefixes)} if prefixes else {}
    return State(
        passed=passed, best=state.best | {b: scores[b] for b in better},
        best_pass=state.best_pass | dict.fromkeys(better, passed), weights=weights,
    )  # fmt: skip


def _copy(net: torch.nn.Module) -> dict[str, Tensor]:
    return {name: t.detach().clone() for name, t in net.state_dict().items()}
