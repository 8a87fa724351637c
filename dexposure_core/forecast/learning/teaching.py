"""What earlier networks say of the training weeks, for a network to learn from.

Whether a rare exposure begins or ends in a given week is half luck, and a network that learns from it learns the luck
too: networks that differ in nothing but the order of their passes rank births and deaths differently by a tenth. The
mean of what a few of them say has less of that, and one network can learn the mean: it costs training time, and nothing
when it forecasts. (Distillation: Hinton, Vinyals and Dean 2015.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from dexposure_core.forecast.learning.examples import Example
from dexposure_core.forecast.learning.fitting import remembered
from dexposure_core.forecast.net.heads import Network


def taught(examples: Sequence[Example], teachers: Sequence[Network]) -> list[Example]:
    """Return the examples with the probability that the teachers' mean log odds give each pair."""
    return [replace(e, taught=_agreed(e, teachers)) for e in examples]


def _agreed(e: Example, teachers: Sequence[Network]) -> Tensor:
    with torch.inference_mode():
        said = []
        for net in teachers:
            exists = net(e.input, e.cell, e.sized[:0])[1]
            said.append(net.logits(remembered(net, e), e.cell, exists, torch.ones_like(net.shrink)))
        mean = torch.stack(said).mean(dim=0)
    return torch.sigmoid(mean.clone())  # outside: a tensor made in there cannot be learnt from
