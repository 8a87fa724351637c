"""Whether a build says the same as a vintage that is already published.

The content hash covers the data, not what was computed from them nor what was dropped. So equal data whose measures
differ (another parameter, a mended formula) or whose books do are a new vintage, while the last bits of a float, which
depend on the machine, are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from dexposure_core.errors import CorruptVintage
from dexposure_core.store import manifest as manifests
from dexposure_core.store.manifest import FileRecord, Manifest
from dexposure_core.store.vintages import check_files

_COMPUTED: Final = ("measures", "importance", "sector_exposures")
_GIVEN: Final = ("coverage", "listings", "stated", "inputs")  # what the source gave and no content table says
_KEYS: Final = ("content_hash", "frequency", "simulated")
_TOLERANCE: Final = 1e-9  # of the value, or absolute below 1


def same(published: Path, build: Path, manifest: Manifest) -> bool:
    """Return whether the vintage in `published` is whole and equals the build described by `manifest`."""
    try:
        other = manifests.read(published)
        check_files(published, other)
    except CorruptVintage:
        return False
    if other.parameters != msgspec.to_builtins(manifest.parameters):
        return False
    if any(getattr(other, key) != getattr(manifest, key) for key in _KEYS):
        return False
    if not _given(published).equals(_given(build)):
        return False
    theirs, mine = other.files, manifest.files
    differing = [file for file in sorted({*theirs, *mine}) if theirs.get(file) != mine.get(file)]
    return all(_alike(name, differing, (published, theirs), (build, mine)) for name in _COMPUTED)


def _given(folder: Path) -> pl.DataFrame:
    marks = pl.read_parquet(folder / "digests.parquet", glob=False)
    return marks.filter(pl.col("table_name").is_in(_GIVEN))


def _alike(table: str, differing: list[str], *sides: tuple[Path, Mapping[str, FileRecord]]) -> bool:
    """Whether the parts of a table whose bytes differ say the same."""
    parts = [file for file in differing if file.startswith(f"{table}/")]
    if not parts:
        return True
    if any(file not in files for _, files in sides for file in parts):
        return False
    return _close(*(pl.read_parquet([folder / file for file in parts], glob=False) for folder, _ in sides))


def _close(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    """Whether two tables in the same order differ by no more than rounding."""
    if one.shape != other.shape:
        return False
    return all(_equal(mine, theirs) for mine, theirs in zip(one.iter_columns(), other.iter_columns(), strict=True))


def _equal(mine: pl.Series, theirs: pl.Series) -> bool:
    if mine.dtype != pl.Float64:
        return mine.equals(theirs)
    gaps = (mine - theirs).abs() <= _TOLERANCE * mine.abs().clip(1.0)  # null where either is
    return mine.is_null().equals(theirs.is_null()) and bool(gaps.all())
