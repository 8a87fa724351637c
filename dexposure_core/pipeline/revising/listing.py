"""What vintages a store holds, as one document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from dexposure_core.store import list_vintages


def vintage_listing(path: Path) -> dict[str, Any]:
    """Return `{"vintages": [manifest, ...]}`, the latest published first; empty when there are none."""
    manifests = sorted(list_vintages(path), key=lambda m: m.created_at, reverse=True)
    return {"vintages": [msgspec.to_builtins(m) for m in manifests]}
