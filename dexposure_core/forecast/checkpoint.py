"""An unfinished training run on disk, replaced whole after every pass, so that a kill costs one pass at most."""

from __future__ import annotations

import os
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class State:
    """How far a run is: passes done, best validation score and its pass, the weights of that pass."""

    passed: int
    best: float
    best_pass: int
    weights: dict[str, Tensor]


class Checkpoint:
    """The file of one run; does nothing when there is no folder to keep it in."""

    def __init__(self, folder: Path | None, basis: str, digest: str) -> None:
        self.path = folder / f"{basis}-{digest}.pt" if folder else None

    def save(self, state: State, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Write everything the next pass depends on, beside the file, then rename it in."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        torch.save({**asdict(state), "network": network.state_dict(), "optimiser": optimiser.state_dict()}, beside)
        beside.replace(self.path)

    def load(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> State | None:
        """Restore network and optimiser and return the state; None when there is nothing (readable) to resume."""
        if self.path is None or not self.path.is_file():
            return None
        try:
            kept = torch.load(self.path, weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError):
            return None  # a damaged checkpoint only costs the passes it held
        network.load_state_dict(kept.pop("network"))
        optimiser.load_state_dict(kept.pop("optimiser"))
        return State(**kept)

    def clear(self) -> None:
        """Remove the file: the run is finished."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
