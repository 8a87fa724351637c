"""What a weights file says about itself, read without torch.

A safetensors file opens with the length of a JSON header (8 bytes, little-endian) and the header; our description
is in its metadata. A forecast that is already in the cache needs no more than this.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from dexposure_core.errors import NoModel
from dexposure_core.forecast.known.features import PAIR_FEATURES
from dexposure_core.forecast.known.node_features import NODE_FEATURES

SCHEMA: Final = 3
REMEDY: Final = "run `dexposure train` to make one that fits"


def read_header(path: Path) -> tuple[dict[str, Any], str]:
    """Return what the model says of itself and the sha256 of its file; read once per file.

    Raises:
        NoModel: when the file is missing, damaged, or made for other features; says what to do next.
    """
    try:
        status = path.stat()
    except OSError:
        raise NoModel(f"No model weights at {path}; {REMEDY}") from None
    return _read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)
def _read(path: Path, changed: int, size: int) -> tuple[dict[str, Any], str]:  # noqa: ARG001  a changed file is another key
    raw = path.read_bytes()
    try:
        length = int.from_bytes(raw[:8], "little")
        about = json.loads(json.loads(raw[8 : 8 + length])["__metadata__"]["about"])
    except (ValueError, KeyError, TypeError):
        raise NoModel(f"{path} is not a readable model; {REMEDY}") from None
    expected = {"schema": SCHEMA, "node_features": list(NODE_FEATURES), "pair_features": list(PAIR_FEATURES)}
    for name, value in expected.items():
        if about.get(name) != value:
            raise NoModel(f"{path} was made for other {name.replace('_', ' ')} than this version's; {REMEDY}")
    return about, hashlib.sha256(raw).hexdigest()
