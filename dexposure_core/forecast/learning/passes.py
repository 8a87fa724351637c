"""Passes over the training weeks: from a network that starts as memory to the best weights of every branch.

Cross-entropy of existence per kind of pair, sizes and TVL, each over what memory usually loses, and the screen. Adam,
one origin a step, gradients clipped branch by branch (a surprise to one does not slow the others), a running mean of
the weights; each branch keeps the weights of its best pass on the validation weeks. Each pass draws its order from
(seed, turn, pass) alone and is checkpointed whole, so a run that was killed resumes to the same weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from dexposure_core.forecast.learning.checkpoint import Checkpoint, State
from dexposure_core.forecast.learning.examples import Example
from dexposure_core.forecast.learning.fitting import LEAST_LOSS, losses, mean_losses, relative
from dexposure_core.forecast.learning.recipe import SCREEN, Recipe
from dexposure_core.forecast.net.heads import BRANCHES, Network
from dexposure_core.progress import Progress

USUAL: Final = 8  # every so many-th training origin says what memory usually loses


@dataclass(frozen=True, kw_only=True)
class Passes:
    """The passes of one network.

    Attributes:
        recipe: how to train.
        turn: 0 for the network that is served, 1, 2, ... for its teachers: each has an order of its own.
        label: what progress is shown under.
        kept: where unfinished passes are kept.
        progress: told after every origin.
    """

    recipe: Recipe
    turn: int
    label: str
    kept: Checkpoint
    progress: Progress

    def best(
        self, net: Network, learn: Sequence[Example], check: Sequence[Example]
    ) -> tuple[dict[str, Tensor], dict[str, int]]:
        """Return the best weights of each branch and their pass; `net` is memory before the first."""
        recipe = self.recipe
        memory, usual = mean_losses(net, check), mean_losses(net, learn[::USUAL])
        if recipe.frozen:
            net.encoders.requires_grad_(requires_grad=False)
        tuned = [p for p in net.parameters() if p.requires_grad]
        optimiser = torch.optim.Adam(tuned, lr=recipe.rate, weight_decay=recipe.decay, fused=True)
        mean = AveragedModel(net.eval(), multi_avg_fn=get_ema_multi_avg_fn(recipe.average))  # type: ignore[no-untyped-call]
        state = self.kept.load(net, mean, optimiser) or State(
            passed=0, best=dict.fromkeys(BRANCHES, 1.0), best_pass=dict.fromkeys(BRANCHES, 0), weights=_copy(net)
        )
        while state.passed < recipe.epochs and state.passed - max(state.best_pass.values()) < recipe.patience:
            self._pass(net, mean, optimiser, learn, usual, state.passed)
            scores = relative(mean_losses(cast("Network", mean.module), check), memory)
            state = _after(state, mean.module, {b: s for b, s in scores.items() if b not in net.without})
            self.kept.save(state, net, mean, optimiser)
        return state.weights, state.best_pass

    def _pass(
        self, net: Network, mean: AveragedModel, optimiser: torch.optim.Adam, learn: Sequence[Example], usual: Tensor,
        passed: int,
    ) -> None:  # fmt: skip
        recipe = self.recipe
        order = np.random.default_rng([recipe.seed, self.turn, passed]).permutation(len(learn))
        factor = 0.5 * (1 + np.cos(np.pi * passed / max(1, recipe.epochs)))
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * factor
        weights = torch.nan_to_num(1.0 / usual.clamp_min(LEAST_LOSS))
        branches = [[p for m in modules for p in net.get_submodule(m).parameters()] for modules in BRANCHES.values()]
        follow = _followed(mean, net, recipe.average)
        net.train()
        # what is dropped depends on the pass alone, so it can resume
        torch.manual_seed(hash((recipe.seed, self.turn, passed)))
        for done, i in enumerate(order):
            optimiser.zero_grad()
            lost, screen = losses(net, learn[i])
            ((weights * lost).sum() / learn[i].use.sum() + SCREEN * screen).backward()
            for own in branches:
                torch.nn.utils.clip_grad_norm_(own, recipe.clip)
            optimiser.step()
            follow()
            self.progress(done + 1, len(order), f"{self.label}: pass {passed + 1} of at most {recipe.epochs}")
        net.eval()


def _followed(mean: AveragedModel, net: Network, kept: float) -> Callable[[], None]:
    """Return what moves the running mean on by one step; its own method looks every tensor up again each time."""
    own, theirs = ([p.detach() for p in m.parameters()] for m in (mean, net))
    average = get_ema_multi_avg_fn(kept)  # type: ignore[no-untyped-call]

    def follow() -> None:
        if not mean.n_averaged:
            mean.update_parameters(net)
            return
        average(own, theirs, None)
        mean.n_averaged += 1

    return follow


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
