"""Finished parts of an evaluation, kept on disk so that a killed run goes on where it was.

One JSON file per part, named by a fingerprint of everything it depends on: the vintage, the forecaster and its version,
the dates, and the source of the forecasters and of the scores themselves, so that a changed program never shows an
earlier program's numbers. A file that cannot be read is computed again; deleting them costs time and nothing else.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

import dexposure_core.forecast
from dexposure_core.disk import write_whole
from dexposure_core.forecast.judging.standing import Scored

FORMAT: Final = 1


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A folder of finished parts of one vintage; `fresh` finds none of them, `folder` None keeps none."""

    folder: Path | None
    vintage: str
    fresh: bool = False

    def get(self, key: Mapping[str, Any], make: Callable[[], Any]) -> Any:
        """Return the JSON document of a part: kept, or made now and kept."""
        if self.folder is None:
            return _plain(make())
        whole = {**key, "vintage": self.vintage, "program": program(), "format": FORMAT}
        digest = hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()[:24]
        path = self.folder / f"{digest}.json"
        found = None if self.fresh else _read(path)
        if found is None:
            found = _plain(make())
            _write(path, found)
        return found


def encode(scored: Sequence[Scored]) -> list[dict[str, Any]]:
    """Return scored horizons as JSON values."""
    return [
        {
            "forecaster": s.forecaster, "basis": s.basis, "horizon": s.horizon, "sources": dict(s.sources),
            "targets": [str(d) for d in s.targets], "sums": {k: v.tolist() for k, v in s.sums.items()},
        }
        for s in scored
    ]  # fmt: skip


def decode(found: Sequence[Mapping[str, Any]]) -> list[Scored]:
    """Return scored horizons from JSON values."""
    return [
        Scored(
            forecaster=s["forecaster"], basis=s["basis"], horizon=s["horizon"], sources=s["sources"],
            targets=tuple(dt.date.fromisoformat(d) for d in s["targets"]),
            sums={k: np.array(v, dtype=np.float64) for k, v in s["sums"].items()},
        )
        for s in found
    ]  # fmt: skip


@lru_cache(maxsize=1)
def program() -> str:
    """Return a fingerprint of the source that forecasts and scores."""
    return fingerprint(sorted(Path(dexposure_core.forecast.__file__).parent.rglob("*.py")))


def fingerprint(files: Sequence[Path]) -> str:
    """Return a short fingerprint of what the files hold."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def _plain(document: Any) -> Any:
    return json.loads(json.dumps(document))


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def _write(path: Path, document: Any) -> None:
    """Write a part whole; a cache that cannot be written only costs time."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(document).encode())
