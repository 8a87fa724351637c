"""Pre-training of the encoder: made-up tasks first, then the snapshots of the training weeks, nothing labelled.

Of every protocol a fifth of its numbers is masked and must be filled in from the rest, from its weeks and from its
neighbours; a fifth of the exposures is taken out of the graph and must be told from random pairs by the screen. On
made-up worlds (`prior`) this teaches to read tables on graphs at all; on the training weeks, what protocols are like.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, smooth_l1_loss

from dexposure_core.forecast.known.node_features import NODE_FEATURES
from dexposure_core.forecast.learning.examples import Example
from dexposure_core.forecast.learning.prior import task
from dexposure_core.forecast.net.heads import Network
from dexposure_core.progress import Progress, silent

MASKED: Final = 0.2
TAKEN_OUT: Final = 0.2
RATE: Final = 2e-3


def pretrain(
    network: Network, examples: Sequence[Example], tasks: int, seed: int, progress: Progress = silent, label: str = ""
) -> None:
    """Teach all encoders (alike) and the screen of `network`, in place; the same seed gives the same weights.

    `tasks` steps on made-up tasks, then as many on the snapshots of `examples`, drawn with repetition.
    """
    rng, device = np.random.default_rng([seed, 1]), network.regression.device
    encoder, hidden = network.encoder("never"), network.screen.creditor.in_features
    fill = nn.Linear(hidden, len(NODE_FEATURES)).to(device)
    learnt = [*encoder.parameters(), *network.screen.parameters(), *fill.parameters()]
    optimiser = torch.optim.Adam(learnt, lr=RATE)
    sectors = encoder.tabular.sector.num_embeddings
    steps = 2 * tasks
    for step in range(steps):
        made_up = step < tasks
        if made_up:
            given = {name: t.to(device) for name, t in task(sectors, rng).items()}
        else:
            given = network.scaled(examples[int(rng.integers(len(examples)))].input)
        optimiser.zero_grad()
        pretraining_loss(network, fill, given, rng).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(learnt, 1.0)
        optimiser.step()
        progress(step + 1, steps, f"{label}: pre-training on {'made-up tasks' if made_up else 'training weeks'}")
    for other in network.encoders.values():
        other.load_state_dict(encoder.state_dict())


def pretraining_loss(network: Network, fill: nn.Linear, given: dict[str, Tensor], rng: np.random.Generator) -> Tensor:
    """Return the loss of filling masked numbers in and of finding the exposures that were taken out."""
    (n, features), count, device = given["node"].shape, given["edges"].shape[1], given["node"].device
    masked = torch.from_numpy(rng.random((n, features)) < MASKED).to(device)
    out = torch.from_numpy(rng.random(count) < TAKEN_OUT).to(device)
    left = {**given, **{k: given[k][~out] for k in ("edge", "weight")}, "edges": given["edges"][:, ~out]}
    state = network.encoder("never")(left, masked)
    lost = smooth_l1_loss(fill(state)[masked], given["node"][masked]) if masked.any() else state.sum() * 0.0
    if out.any():
        random = torch.from_numpy(rng.integers(0, n, (2, 5 * int(out.sum())))).to(device)
        found, other = (network.screen.of(state, ends) for ends in (given["edges"][:, out], random))
        lost = lost - 0.2 * (logsigmoid(found).mean() + logsigmoid(-other).mean())
    return torch.as_tensor(lost)
