"""What a forecaster's past misses say about its next one, beside its weights on disk.

One safetensors file of plain arrays (no torch, no pickle): per basis and horizon the misses of past origins, from
which futures are drawn jointly, and the recipe by which measures are served with an interval. The file names the
forecaster it was learnt for (the sha256 of its weights); beside other weights it is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from dexposure_core.disk import write_whole
from dexposure_core.errors import NoModel
from dexposure_core.forecast.header import REMEDY
from dexposure_core.forecast.intervals.blend import Blend, arrays, from_arrays
from dexposure_core.forecast.intervals.residuals import Residuals

FILE: Final = "uncertainty.safetensors"
SCHEMA: Final = 4  # 4: recipes of measures are fitted to futures with newcomers
Place = tuple[str, int]  # basis, horizon


@dataclass(frozen=True, kw_only=True, eq=False)
class Uncertainty:
    """What was learnt from past origins of one forecaster.

    Attributes:
        model: version of the forecaster.
        measures: (K,) names, in the order of every blend.
        residuals, blends: by (basis, horizon).
        about: how it was learnt: origins, draws, first and last target.
    """

    model: str
    measures: tuple[str, ...]
    residuals: Mapping[Place, Residuals]
    blends: Mapping[Place, Blend]
    about: Mapping[str, Any]


def merged(parts: Sequence[Uncertainty]) -> Uncertainty:
    """Return what was learnt for one forecaster, basis by basis, as one."""
    return replace(
        parts[0],
        residuals={place: kept for part in parts for place, kept in part.residuals.items()},
        blends={place: kept for part in parts for place, kept in part.blends.items()},
        about={"origins": {place: count for part in parts for place, count in part.about["origins"].items()}},
    )


def write(path: Path, learnt: Uncertainty) -> None:
    """Write the file beside its name and rename it in."""
    tensors: dict[str, np.ndarray[Any, Any]] = {}
    names: dict[str, list[str]] = {}
    for (basis, horizon), kept in learnt.residuals.items():
        place = f"{basis}.{horizon}"
        names[place] = [str(p) for p in kept.protocols]
        parts = {f.name: getattr(kept, f.name) for f in fields(kept) if f.name != "protocols"}
        tensors |= {f"{place}.residuals.{name}": _small(values) for name, values in parts.items()}
        tensors |= {f"{place}.blend.{k}": v for k, v in arrays(learnt.blends[basis, horizon]).items()}
    about = {
        "schema": SCHEMA, "model": learnt.model, "measures": learnt.measures, "protocols": names, **learnt.about,
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, save({k: np.ascontiguousarray(v) for k, v in tensors.items()}, {"about": json.dumps(about)}))


def read(path: Path, model: str) -> Uncertainty:
    """Read what was learnt for the forecaster of version `model`.

    Raises:
        NoModel: when the file is missing, damaged, of another version, or of another forecaster.
    """
    if not path.is_file():
        raise NoModel(f"No past misses at {path}, so no interval can be given; {REMEDY}")
    try:
        with safe_open(path, framework="np") as file:
            about = json.loads(file.metadata()["about"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
        if about["schema"] != SCHEMA:
            raise NoModel(f"{path} is of schema {about['schema']}, this version reads {SCHEMA}; {REMEDY}")
        if about["model"] != model:
            raise NoModel(f"{path} was learnt for other weights than those beside it; {REMEDY}")
        return _joined(about, tensors)
    except NoModel:  # a missing file to Python, too: it has said what is the matter
        raise
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise NoModel(f"{path} is not readable ({reason}); {REMEDY}") from None


def _joined(about: dict[str, Any], tensors: dict[str, np.ndarray[Any, Any]]) -> Uncertainty:
    residuals, blends = {}, {}
    for place, names in about["protocols"].items():
        basis, horizon = place.rsplit(".", 1)
        parts = {name: tensors[f"{place}.residuals.{name}"] for name in _PARTS}
        residuals[basis, int(horizon)] = Residuals(
            protocols=np.array(names, dtype=object), **{k: _wide(v) for k, v in parts.items()}
        )
        blend = {k.rsplit(".", 1)[1]: v for k, v in tensors.items() if k.startswith(f"{place}.blend.")}
        blends[basis, int(horizon)] = from_arrays(blend)
    known = {"schema", "model", "measures", "protocols"}
    return Uncertainty(
        model=about["model"], measures=tuple(about["measures"]), residuals=residuals, blends=blends,
        about={k: v for k, v in about.items() if k not in known},
    )  # fmt: skip


_PARTS: Final = tuple(f.name for f in fields(Residuals) if f.name != "protocols")


def _small(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return floats as 32 bits (16 stay 16): misses are not known to more than three digits."""
    return values.astype(np.float32) if values.dtype == np.float64 else values


def _wide(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return values.astype(np.float64) if values.dtype == np.float32 else values
