"""The trained model on disk: one safetensors file, its description in the file's own metadata, no pickle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from dexposure_core.disk import write_whole
from dexposure_core.errors import NoModel
from dexposure_core.forecast.header import REMEDY, SCHEMA, read_header
from dexposure_core.forecast.known.features import CELLS, EDGE_FEATURES, PAIR_FEATURES
from dexposure_core.forecast.known.node_features import LAGS, NODE_FEATURES, WEEK_FEATURES
from dexposure_core.forecast.net.heads import Network, amounts


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """A trained model.

    Attributes:
        networks: one network per basis it was trained on.
        about: what it was trained on and how: horizons, sectors, hidden, seed, trained_until, data, epochs, ...
        digest: sha256 of the file's bytes, hex; part of every cache key.
    """

    networks: dict[str, Network]
    about: dict[str, Any]
    digest: str


def network(about: dict[str, Any]) -> Network:
    """Return an untrained network of the size that `about` states."""
    return Network(
        node=len(NODE_FEATURES), pair=len(PAIR_FEATURES), edge=len(EDGE_FEATURES), sectors=len(about["sectors"]) + 1,
        lags=len(LAGS), week=len(WEEK_FEATURES), cells=CELLS, horizons=len(about["horizons"]), hidden=about["hidden"],
        without=about.get("without", ()),
    )  # fmt: skip


def to_bytes(networks: dict[str, Network], about: dict[str, Any]) -> bytes:
    """Return the safetensors file: every tensor of every network, named `<basis>.<tensor>`."""
    about = {**about, "schema": SCHEMA, "node_features": NODE_FEATURES, "pair_features": PAIR_FEATURES}
    tensors = {
        f"{basis}.{name}": t.contiguous() for basis, net in networks.items() for name, t in net.state_dict().items()
    }
    return bytes(save(tensors, {"about": json.dumps(about, sort_keys=True)}))


def write(path: Path, networks: dict[str, Network], about: dict[str, Any]) -> Weights:
    """Write the file beside its name and rename it in, then return it as read back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, to_bytes(networks, about))
    return read(path)


def read(path: Path) -> Weights:
    """Read a trained model.

    Raises:
        NoModel: when the file is missing, damaged, or made for other features; says what to do next.
    """
    about, digest = read_header(path)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
    except SafetensorError as error:
        raise NoModel(f"{path} is not a readable model ({error}); {REMEDY}") from None
    return Weights(networks=_networks(path, about, tensors), about=about, digest=digest)


def _networks(path: Path, about: dict[str, Any], tensors: dict[str, torch.Tensor]) -> dict[str, Network]:
    networks = {}
    for basis in about["bases"]:
        net = network(about)
        own = {name.removeprefix(f"{basis}."): t for name, t in tensors.items() if name.startswith(f"{basis}.")}
        own.setdefault("lean", torch.zeros(()))  # weights made before flows leant have none
        for later in ("regression", "turn"):  # nor those made before there were these
            own.setdefault(later, torch.zeros_like(net.get_buffer(later)))
        if "shrink" in own:  # nor a trust of its own in sums
            own.setdefault("summed", amounts(own["shrink"]))
        try:
            net.load_state_dict(own)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise NoModel(f"{path} does not hold the {basis} network it states ({reason}); {REMEDY}") from None
        networks[basis] = net.eval()
    return networks
