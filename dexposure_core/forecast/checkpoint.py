"""An unfinished training run on disk, replaced whole after every pass, so that a kill costs one pass at most."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class State:
    """How far a run is: passes done, per branch the best validation score and its pass, the weights of those passes."""

    passed: int
    best: dict[str, float]
    best_pass: dict[str, int]
    weights: dict[str, Tensor]


class Checkpoint:
    """The file of one run; does nothing when there is no folder to keep it in."""

    def __init__(self, folder: Path | None, basis: str, digest: str) -> None:
        self.path = folder / f"{basis}-{digest}.safetensors" if folder else None

    def save(self, state: State, network: nn.Module, mean: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Write everything the next pass depends on, beside the file, then rename it in."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        moments = {f"{i}.{k}": t for i, own in optimiser.state_dict()["state"].items() for k, t in own.items()}
        groups = {
            "network": network.state_dict(), "mean": mean.state_dict(), "best": state.weights, "optimiser": moments,
        }  # fmt: skip
        # copies: while encoders are tied, tensors share memory, which the format refuses
        tensors = {f"{group}/{name}": t.clone() for group, own in groups.items() for name, t in own.items()}
        numbers = {"passed": state.passed, "best": state.best, "best_pass": state.best_pass}
        save_file(tensors, beside, {"state": json.dumps(numbers)})
        beside.replace(self.path)

    def load(self, network: nn.Module, mean: nn.Module, optimiser: torch.optim.Optimizer) -> State | None:
        """Restore network, running mean and optimiser and return the state; None with nothing readable to resume."""
        if self.path is None or not self.path.is_file():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                numbers = json.loads(file.metadata()["state"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
        except (OSError, SafetensorError):
            return None  # a damaged checkpoint only costs the passes it held
        network.load_state_dict(_group(tensors, "network"))
        mean.load_state_dict(_group(tensors, "mean"))
        moments: dict[int, dict[str, Any]] = {}
        for name, tensor in _group(tensors, "optimiser").items():
            row, key = name.split(".")
            moments.setdefault(int(row), {})[key] = tensor
        optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
        return State(**numbers, weights=_group(tensors, "best"))

    def clear(self) -> None:
        """Remove the file: the run is finished."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def _group(tensors: dict[str, Tensor], group: str) -> dict[str, Tensor]:
    return {name.split("/", 1)[1]: t for name, t in tensors.items() if name.startswith(f"{group}/")}
