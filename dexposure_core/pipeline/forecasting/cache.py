"""Forecasts kept on disk: computed once per (vintage, forecaster and its weights, basis, origin, horizon, draws).

One folder per forecast: the pairs and protocols of the forecast, what its drawn futures say (numbers, importance,
cells) as Parquet, and `forecast.json`. It is written beside and renamed
in, so a reader sees all of it or none; a folder that cannot be read is a note and a recomputation, never an
error and never a guess. Deleting the cache costs time and nothing else.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from dexposure_core import __version__
from dexposure_core.errors import DexposureError
from dexposure_core.forecast import Forecast
from dexposure_core.network import Basis
from dexposure_core.pipeline.forecasting.drawn import Drawn

FORMAT: Final = 9
DRAWN: Final = ("numbers", "importance", "cells")
PAIRS: Final = ("creditor", "debtor", "probability", "exposure_usd", "summed_usd")
TVLS: Final = ("tvl_usd", "summed_tvl_usd")


@dataclass(frozen=True, kw_only=True)
class Key:
    """What a kept forecast is of.

    `model` is the sha256 of the weights, or the version of a baseline; `misses` the fingerprint of the past misses that
    futures are drawn from, empty without; `draws` how many futures.
    """

    vintage: str
    forecaster: str
    model: str
    basis: Basis
    origin: dt.date
    horizon: int
    draws: int
    misses: str = ""

    def folder(self, cache: Path) -> Path:
        """Return where it is kept."""
        return cache / "forecasts" / self.vintage / self.digest()

    def digest(self) -> str:
        """Return a short fingerprint of the key, of this version of the product and of the file format."""
        return hashlib.sha256(json.dumps(self.fields(), sort_keys=True).encode()).hexdigest()[:24]

    def fields(self) -> dict[str, Any]:
        """Return the key as JSON values."""
        return {**asdict(self), "origin": str(self.origin), "version": __version__, "format": FORMAT}


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """A forecast and what its drawn futures say."""

    forecast: Forecast
    drawn: Drawn


def load(cache: Path, key: Key) -> tuple[Kept | None, str]:
    """Return the kept forecast (None when there is none) and a note (empty unless it was damaged)."""
    folder = key.folder(cache)
    if not folder.is_dir():
        return None, ""
    try:
        return _read(folder, key), ""
    except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError, DexposureError) as error:
        reason = " ".join(str(error).split())[:120]
        return None, f"the kept forecast {folder.name} was damaged ({reason}) and has been computed again"


def keep(cache: Path, key: Key, kept: Kept) -> str:
    """Keep a forecast, replacing what is there; return a note (empty unless it could not be written)."""
    folder = key.folder(cache)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
    try:
        beside.mkdir(parents=True)
        _write(beside, key, kept)
        _swap(beside, folder)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        return f"the forecast could not be kept in {cache} ({error.strerror}); it will be computed again next time"
    return ""


def _swap(beside: Path, folder: Path) -> None:
    """Put `beside` in the place of `folder`; if another process was faster, its equal result stays."""
    old = beside.with_name(f"{beside.name}.old")
    if folder.exists():
        folder.rename(old)
    try:
        beside.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
    for left in (old, beside):
        shutil.rmtree(left, ignore_errors=True)


def _write(folder: Path, key: Key, kept: Kept) -> None:
    f = kept.forecast
    pl.DataFrame({name: getattr(f, name) for name in PAIRS}).write_parquet(folder / "pairs.parquet", compression="zstd")
    protocols = pl.DataFrame({"protocol": [str(p) for p in f.protocols], **{name: getattr(f, name) for name in TVLS}})
    protocols.write_parquet(folder / "protocols.parquet", compression="zstd")
    for name in DRAWN:
        getattr(kept.drawn, name).write_parquet(folder / f"{name}.parquet", compression="zstd")
    document = {
        "key": key.fields(), "pairs": len(f.creditor), "protocols": len(f.protocols),
        "sources": dict(f.sources), "numbers": kept.drawn.numbers.height, "draws": kept.drawn.draws,
        "joint": kept.drawn.joint, "newcomers": kept.drawn.newcomers,
    }  # fmt: skip
    (folder / "forecast.json").write_text(json.dumps(document, indent=1, sort_keys=True))


def _read(folder: Path, key: Key) -> Kept:
    document = json.loads((folder / "forecast.json").read_text())
    if document["key"] != key.fields():
        raise ValueError("it is of another forecast")
    pairs, protocols = (pl.read_parquet(folder / f"{name}.parquet") for name in ("pairs", "protocols"))
    if (pairs.height, protocols.height) != (document["pairs"], document["protocols"]):
        raise ValueError("rows are missing")
    drawn = {name: pl.read_parquet(folder / f"{name}.parquet") for name in DRAWN}
    if (drawn["numbers"].height, drawn["importance"].height) != (document["numbers"], document["protocols"]):
        raise ValueError("rows are missing")
    forecast = Forecast(
        origin=key.origin, horizon_weeks=key.horizon, basis=key.basis, forecaster=key.forecaster,
        protocols=protocols["protocol"].to_numpy(), sources=document["sources"],
        **{name: pairs[name].to_numpy() for name in PAIRS}, **{name: protocols[name].to_numpy() for name in TVLS},
    )  # fmt: skip
    entering, bringing = map(float, document["newcomers"])
    says = Drawn(
        **drawn, draws=int(document["draws"]), joint=bool(document["joint"]), newcomers=(entering, bringing)
    )  # fmt: skip
    return Kept(forecast=forecast, drawn=says)
