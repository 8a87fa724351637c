"""What is known of a lens on every date: one pass over the stored holdings, kept on disk.

On the holdings basis an exposure is a sum of holdings, so the networks of many dates come from one group-by; each then
goes through the measures' own formulas. Scores of single protocols and stress losses take several times as long: they
belong to the full course, as does everything on the flow basis (whose networks need two dates each).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dexposure_core import __version__
from dexposure_core.measures import MEASURES, Facts, sector_frame
from dexposure_core.network.snapshot import Basis, Snapshot
from dexposure_core.pipeline.building.week import measured
from dexposure_core.pipeline.chains.networks import split_networks
from dexposure_core.progress import Progress, silent

if TYPE_CHECKING:
    from dexposure_core.pipeline.chains.lens import Lens

COSTLY: Final = frozenset({"mean_sis", "max_sis", "sis_gini", "mean_default_loss", "max_default_loss"})
CHEAP: Final = tuple(m.name for m in MEASURES if m.name not in COSTLY)
_TABLES: Final = ("measures", "nodes", "sectors", "importance")
_DATES_AT_ONCE: Final = 24
_FORMAT: Final = 1
_ENDS: Final = ("tvl_usd", "as_creditor_usd", "as_debtor_usd")


@dataclass(frozen=True, kw_only=True)
class Course:
    """The dates of a lens on one basis, ascending.

    Attributes:
        measures: date, measure, value.
        nodes: date, protocol, tvl_usd, as_creditor_usd, as_debtor_usd.
        sectors: date, creditor_sector, debtor_sector, exposure_usd.
        importance: date, protocol and the scores; no rows unless the course is full.
    """

    measures: pl.DataFrame
    nodes: pl.DataFrame
    sectors: pl.DataFrame
    importance: pl.DataFrame


_DAY: Final = {"date": pl.Date}
_SCORES: Final = ("sis", "pagerank", "tail_exposure", "log_tvl", "default_loss")
NOTHING: Final = Course(
    measures=pl.DataFrame(schema=_DAY | {"measure": pl.String, "value": pl.Float64}),
    nodes=pl.DataFrame(schema=_DAY | {"protocol": pl.String} | dict.fromkeys(_ENDS, pl.Float64)),
    sectors=pl.DataFrame(
        schema=_DAY | {"creditor_sector": pl.String, "debtor_sector": pl.String, "exposure_usd": pl.Float64}
    ),
    importance=pl.DataFrame(schema=_DAY | {"protocol": pl.String} | dict.fromkeys(_SCORES, pl.Float64)),
)


def course(lens: Lens, basis: Basis, cache: Path, *, full: bool, progress: Progress = silent) -> Course:
    """Return the course of a lens, from disk when it was computed before."""
    folder = folder_of(lens, basis, cache, full=full)
    kept = _read(folder)
    if kept is None:
        kept = _compute(lens, basis, full=full, progress=progress)
        _write(folder, kept)
    return kept


def folder_of(lens: Lens, basis: Basis, cache: Path, *, full: bool) -> Path:
    """Return where a course is kept."""
    key = json.dumps([lens.vintage, lens.chains, basis, full, __version__, _FORMAT])
    return cache / "lenses" / lens.vintage / hashlib.sha256(key.encode()).hexdigest()[:24]


def is_kept(folder: Path) -> bool:
    """Return whether a course is on disk."""
    return all((folder / f"{name}.parquet").is_file() for name in _TABLES)


def networks(lens: Lens, basis: Basis) -> Iterator[Snapshot]:
    """Yield the networks of a lens, date by date."""
    dates = lens.dates(basis)
    if basis == "flow":
        yield from (lens.snapshot(date, basis) for date in dates)
        return
    tokens = lens.tokens().select("token", issuer="issuer")
    names = lens.protocols()
    for first in range(0, len(dates), _DATES_AT_ONCE):
        days = dates[first : first + _DATES_AT_ONCE]
        rows = lens.balances(days[0], days[-1]).join(tokens, on="token", how="left")
        for (date,), network in split_networks(rows, names, "date"):
            yield network.on(date)


def _compute(lens: Lens, basis: Basis, *, full: bool, progress: Progress) -> Course:
    found: dict[str, list[pl.DataFrame]] = {name: [getattr(NOTHING, name)] for name in _TABLES}
    dates = lens.dates(basis)
    for done, snapshot in enumerate(networks(lens, basis), 1):
        for name, rows in (_all_of(snapshot) if full else _cheap_of(snapshot)).items():
            found[name].append(rows.with_columns(date=pl.lit(snapshot.date)).select(found[name][0].columns))
        found["nodes"].append(_nodes(snapshot))
        progress(done, len(dates), f"{snapshot.date}")
    return Course(**{name: pl.concat(parts) for name, parts in found.items()})


def _all_of(snapshot: Snapshot) -> dict[str, pl.DataFrame]:
    tables = measured(snapshot)
    renamed = {"sector_exposures": "sectors"}
    return {renamed.get(name, name): rows.drop("date", "basis") for name, rows in tables.items()}


def _cheap_of(snapshot: Snapshot) -> dict[str, pl.DataFrame]:
    facts = Facts(snapshot)
    values = [float(m.formula(facts)) for m in MEASURES if m.name in CHEAP]
    return {
        "measures": pl.DataFrame({"measure": CHEAP, "value": pl.Series(values, dtype=pl.Float64)}),
        "sectors": sector_frame(*facts.sectors),
    }


def _nodes(s: Snapshot) -> pl.DataFrame:
    sums = (np.bincount(ends, s.exposure_usd, len(s.protocols)) for ends in (s.creditor, s.debtor))
    columns = dict(zip(_ENDS, (s.tvl_usd, *sums), strict=True))
    ids = pl.Series(s.protocols.tolist(), dtype=pl.String)
    return pl.DataFrame({"protocol": ids, **columns}).select(pl.lit(s.date).alias("date"), pl.all())


def _read(folder: Path) -> Course | None:
    """Return what is kept; None when there is nothing or it cannot be read (it is then computed again)."""
    if not is_kept(folder):
        return None
    try:
        return Course(**{name: pl.read_parquet(folder / f"{name}.parquet") for name in _TABLES})
    except (OSError, pl.exceptions.PolarsError):
        return None


def _write(folder: Path, of: Course) -> None:
    """Keep a course: written beside and renamed in; where that is impossible it is computed again next time."""
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
    try:
        beside.mkdir(parents=True)
        for name in _TABLES:
            getattr(of, name).write_parquet(beside / f"{name}.parquet", compression="zstd")
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)
