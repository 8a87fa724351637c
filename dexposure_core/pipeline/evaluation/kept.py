"""The evaluation of the shipped weights, kept beside them: what the Skill page and the Forecast page show.

One JSON file, written beside and renamed in. It names the weights it is of (their sha256) and the data it was made
on; beside other weights it is refused, so that no page shows the skill of another model. Reading it needs no torch.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import polars as pl

from dexposure_core import __version__, settings
from dexposure_core.disk import write_whole
from dexposure_core.errors import BadOption, NoEvaluation, NoModel
from dexposure_core.forecast.judging.standing import SERVED
from dexposure_core.forecast.model import FILE
from dexposure_core.pipeline.evaluation.packing import fitted, pack, unpack
from dexposure_core.store import Store

NAME: Final = "evaluation.json"
SCHEMA: Final = 1
MOST: Final = 2_500_000  # bytes: it ships with the product
REMEDY: Final = "run `dexposure evaluate --all --keep` to make one"
ROWS: Final = pl.Schema({
    "forecaster": pl.String, "basis": pl.String, "horizon": pl.Int64, "metric": pl.String, "value": pl.Float64,
    "low": pl.Float64, "high": pl.Float64,
})  # fmt: skip
_DAMAGE: Final = (OSError, KeyError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A kept evaluation: the document of `pipeline.forecasting.evaluate.evaluate` and what was added when it was kept.

    Attributes:
        document: its sections; NaN is None.
    """

    document: Mapping[str, Any]

    @cached_property
    def rows(self) -> pl.DataFrame:
        """Return the table of scores, see ROWS; null = not defined."""
        return pl.DataFrame(self.document["rows"], schema=ROWS)

    @cached_property
    def null_rows(self) -> pl.DataFrame:
        """Return the same table of the world without skill; empty when it was not asked for."""
        return pl.DataFrame(self.document["null_world"].get("rows", []), schema=ROWS)

    @cached_property
    def event_rows(self) -> pl.DataFrame:
        """Return the same table of the event studies with a column `event`; empty when they were not asked for."""
        return pl.DataFrame(self.document["events"], schema={"event": pl.String, **ROWS})

    def of(self, content_hash: str) -> bool:
        """Return whether it was made on the data with that content hash."""
        return bool(self.document["content_hash"] == content_hash)


def check(forecasters: Sequence[str]) -> None:
    """Refuse, before hours of work, to keep an evaluation that has nothing to say of the weights.

    Raises:
        BadOption: when forecasters are chosen and the served one is not among them.
    """
    if forecasters and SERVED not in forecasters:
        raise BadOption(f"an evaluation without {SERVED} says nothing about the weights; add --forecaster {SERVED}")


def keep(document: Mapping[str, Any], store: Store, model_dir: Path | None = None) -> Path:
    """Keep an evaluation made on `store` beside the weights; return its path.

    Args:
        document: what `pipeline.forecasting.evaluate.evaluate` returned.
        store: the vintage it was made on.
        model_dir: folder of the weights it is of; None: the setting.

    Raises:
        BadOption: when the served forecaster was not among those scored.
        NoModel: when there are no weights.
    """
    check([r["forecaster"] for r in document["rows"]])
    folder = model_dir or settings.load().model_dir
    notes = [_without_folder(note, folder) for note in document["notes"]]
    packed = pack(document) | {
        "schema": SCHEMA, "model": digest(folder / FILE), "content_hash": store.manifest.content_hash,
        "when": dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "version": __version__, "notes": notes,
    }  # fmt: skip
    path = folder / NAME
    write_whole(path, fitted(packed, MOST, notes.append).encode())
    return path


def read(model_dir: Path) -> Evaluation:
    """Return the evaluation kept beside the weights in `model_dir`.

    Raises:
        NoEvaluation: when it is missing, damaged, of another version, or of other weights than those beside it.
        NoModel: when there are no weights.
    """
    path = model_dir / NAME
    try:
        packed = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise NoEvaluation(f"No evaluation is kept beside the weights in {model_dir}; {REMEDY}") from None
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from None
    try:
        if packed["schema"] != SCHEMA:
            raise NoEvaluation(f"{path} is of schema {packed['schema']}, this version reads {SCHEMA}; {REMEDY}")
        if packed["model"] != (own := digest(model_dir / FILE)):
            raise NoEvaluation(
                f"{path} is of other weights ({packed['model'][:12]}) than those beside it ({own[:12]}); {REMEDY}"
            )
        found = Evaluation(unpack(packed))
        _ = found.rows, found.null_rows, found.event_rows
    except (NoEvaluation, NoModel):
        raise
    except (*_DAMAGE, pl.exceptions.PolarsError) as error:
        raise _damaged(path, error) from None
    return found


def digest(weights: Path) -> str:
    """Return the sha256 of a weights file, whatever version of the product wrote it.

    Raises:
        NoModel: when there is none.
    """
    try:
        return hashlib.sha256(weights.read_bytes()).hexdigest()
    except OSError:
        raise NoModel(f"No model weights at {weights}; run `dexposure train` to make some") from None


def _damaged(path: Path, error: Exception) -> NoEvaluation:
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return NoEvaluation(f"{path} is not a readable evaluation ({reason}); {REMEDY}")


def _without_folder(note: str, folder: Path) -> str:
    """Return a note without the folder of the machine it was written on: the file travels with the product."""
    return note.replace(f"{folder}{os.sep}", "").replace(f"{folder.resolve()}{os.sep}", "")
