"""An unfinished training run on disk: what it starts from, then every pass, so that a kill costs one pass at most."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
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


class _Kept:
    """A file of tensors and some numbers; does nothing when there is no folder to keep it in."""

    def __init__(self, folder: Path | None, name: str, digest: str) -> None:
        self.path = folder / f"{name}-{digest}.safetensors" if folder else None

    def write(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Write beside the file, then rename it in."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        # copies: while encoders are tied, tensors share memory, which the format refuses
        save_file({name: t.clone() for name, t in tensors.items()}, beside, {"state": json.dumps(numbers)})
        beside.replace(self.path)

    def read(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return tensors and numbers; None with nothing readable: a damaged file only costs what it held."""
        if self.path is None or not self.path.is_file():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                numbers = json.loads(file.metadata()["state"])
                return {name: file.get_tensor(name) for name in file.keys()}, numbers  # noqa: SIM118  not a dict
        except (OSError, SafetensorError):
            return None

    def clear(self) -> None:
        """Remove the file: the run is finished."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


class Start(_Kept):
    """The weights that the passes of a run start from: memory's, with a pre-trained encoder."""

    def __init__(self, folder: Path | None, basis: str, digest: str) -> None:
        super().__init__(folder, f"{basis}-start", digest)

    def save(self, weights: Mapping[str, Tensor]) -> None:
        """Keep the weights."""
        self.write(weights, {})

    def load(self) -> dict[str, Tensor] | None:
        """Return the weights; None with nothing readable to resume."""
        found = self.read()
        return None if found is None else found[0]


class Checkpoint(_Kept):
    """The passes of one network, replaced whole after each."""

    def save(self, state: State, network: nn.Module, mean: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Keep everything the next pass depends on."""
        moments = {f"{i}.{k}": t for i, own in optimiser.state_dict()["state"].items() for k, t in own.items()}
        groups = {
            "network": network.state_dict(), "mean": mean.state_dict(), "best": state.weights, "optimiser": moments,
        }  # fmt: skip
        tensors = {f"{group}/{name}": t for group, own in groups.items() for name, t in own.items()}
        self.write(tensors, {"passed": state.passed, "best": state.best, "best_pass": state.best_pass})

    def load(self, network: nn.Module, mean: nn.Module, optimiser: torch.optim.Optimizer) -> State | None:
        """Restore network, running mean and optimiser and return the state; None with nothing readable to resume."""
        found = self.read()
        if found is None:
            return None
        tensors, numbers = found
        network.load_state_dict(_group(tensors, "network"))
        mean.load_state_dict(_group(tensors, "mean"))
        moments: dict[int, dict[str, Any]] = {}
        for name, tensor in _group(tensors, "optimiser").items():
            row, key = name.split(".")
            moments.setdefault(int(row), {})[key] = tensor
        optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
        return State(**numbers, weights=_group(tensors, "best"))


def _group(tensors: dict[str, Tensor], group: str) -> dict[str, Tensor]:
    return {name.split("/", 1)[1]: t for name, t in tensors.items() if name.startswith(f"{group}/")}
