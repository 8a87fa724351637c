"""A vintage's health report, kept on disk: computed once per vintage and version of the checks.

One folder per report: three Parquet tables and `report.json`, written beside and renamed in. A folder that cannot be
read is computed again; deleting the cache costs time and nothing else. `dexposure check` always computes (files may
have changed since) and keeps what it found; the Data page reads what is kept.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Final

import polars as pl

from dexposure_core import __version__
from dexposure_core.pipeline.checks.catalogue import CHECKS
from dexposure_core.pipeline.checks.report import Report, check, with_age
from dexposure_core.progress import Progress, silent
from dexposure_core.settings import load
from dexposure_core.store import Store

FORMAT: Final = 2
_TABLES: Final = ("findings", "dates", "twice")


def kept_report(store: Store, *, today: dt.date | None = None, progress: Progress = silent) -> Report:
    """Return the report on all checks and dates of a vintage, from the cache where it is kept."""
    folder = _folder(store, load().cache_dir)
    report = _read(folder)
    if report is None:
        report = check(store, progress=progress)
        keep(store, report)
    return with_age(report, store, today)


def keep(store: Store, report: Report) -> str:
    """Keep a report on all checks and dates; return a note (empty unless it could not be written)."""
    folder = _folder(store, load().cache_dir)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
    try:
        beside.mkdir(parents=True)
        for name in _TABLES:
            getattr(report, name).write_parquet(beside / f"{name}.parquet", compression="zstd")
        told = {"checks": report.checks, "quantities": report.quantities}
        (beside / "report.json").write_text(json.dumps(told), "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        return "" if folder.is_dir() else f"the report could not be kept in {folder.parent} ({error.strerror})"
    return ""


def _folder(store: Store, cache: Path) -> Path:
    """Return where the report of a vintage is kept; another for every version of the checks."""
    rules = [{k: v for k, v in asdict(c).items() if isinstance(v, str)} for c in CHECKS]
    made = [str(store.manifest.created_at), store.manifest.content_hash, __version__, FORMAT, rules]
    digest = hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:16]
    return cache / "checks" / store.vintage / digest


def _read(folder: Path) -> Report | None:
    try:
        told = json.loads((folder / "report.json").read_text("utf-8"))
        tables = {name: pl.read_parquet(folder / f"{name}.parquet", glob=False) for name in _TABLES}
        return Report(**tables, checks=tuple(told["checks"]), quantities=bool(told["quantities"]))
    except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError):
        return None
