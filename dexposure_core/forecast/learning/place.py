"""Where a network is trained: on the processor, or on a GPU where torch finds one.

Counted tables, trust and calibration stay on the processor; the passes and the pre-training before them go where they
are told. A GPU adds up in another order, so its weights differ in the last digits from those made on the processor.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch

from dexposure_core.errors import BadOption
from dexposure_core.forecast.learning.recipe import CPU, GPU, PLACES

_REMEDY: Final = f"choose `--device {CPU}`"


def chosen(name: str) -> torch.device:
    """Return the device that one of PLACES stands for: with AUTO a GPU where there is one.

    Raises:
        BadOption: for another name, or when a GPU is asked for and torch finds none.
    """
    if name not in PLACES:
        raise BadOption(f"device: must be one of {', '.join(PLACES)}, got {name!r}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a driver that is missing or too old: then there is none to train on
        found = name != CPU and torch.cuda.is_available()
    if name == GPU and not found:
        built = f"torch {torch.__version__} knows no GPU" if torch.version.cuda is None else "torch finds no GPU"
        raise BadOption(f"device {GPU}: {built} on this machine; {_REMEDY}, or install torch built for it")
    return torch.device("cuda" if found else "cpu")


def described(device: torch.device) -> str:
    """Return what a model card calls it: a GPU by its make; empty for the processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else ""


@contextmanager
def trained_on(device: torch.device) -> Iterator[None]:
    """While open, sums on a GPU are made in the same order every time, and running out of its memory is said plainly.

    Raises:
        BadOption: when the memory of the GPU is too small.
    """
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when the first product is made
        torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    except torch.OutOfMemoryError:
        raise BadOption(f"The memory of the GPU is too small to train this network on; {_REMEDY}") from None
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
