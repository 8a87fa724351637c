"""Rows that say the same thing twice: refused with their lines, or summed when that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from dexposure_core.errors import BadOption
from dexposure_core.sources.border import refuse, shown
from dexposure_core.sources.columns import Rows

Duplicates = Literal["refuse", "sum"]
WAYS: Final[tuple[Duplicates, ...]] = ("refuse", "sum")


def one_per_key(
    frame: pl.DataFrame, key: Sequence[str], values: Sequence[str], duplicates: Duplicates, rows: Rows
) -> pl.DataFrame:
    """Return the frame with one row per key.

    Args:
        frame: `key`, `values` and other columns, among them `line`, the row's number in its file.
        key: columns that must be unique together.
        values: amounts to add up; a sum with a missing part is missing.
        duplicates: "refuse" or "sum".
        rows: names the file and the word for its rows.

    Raises:
        BadInput: naming both lines of the first repeated key, when duplicates are refused.
        BadOption: if `duplicates` is neither.
    """
    if duplicates not in WAYS:
        raise BadOption(f"--duplicates '{duplicates}' does not exist; choose from {', '.join(WAYS)}")
    if _all_different(frame, key):
        return frame
    if duplicates == "refuse":
        _refuse(frame, key, rows)
    total = [pl.when(pl.col(v).null_count() == 0).then(pl.col(v).sum()).alias(v) for v in values]
    others = [c for c in frame.columns if c not in key and c not in values]
    return frame.group_by(key, maintain_order=True).agg(*total, pl.col(others).first()).select(frame.columns)


def _all_different(frame: pl.DataFrame, key: Sequence[str]) -> bool:
    """Return whether no key occurs twice: different hashes say so at once, equal ones call for a closer look."""
    hashes = [frame[column].hash(seed).to_numpy() for seed, column in enumerate(key)]
    mixed = np.sort(np.bitwise_xor.reduce([_spread(part) for part in hashes]))
    return not (mixed[1:] == mixed[:-1]).any() or frame.n_unique(subset=key) == len(frame)


def _spread(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Mix the bits of hashes once more, so that those of several columns can be joined (splitmix64)."""
    mixed = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return mixed ^ (mixed >> np.uint64(27))


def _refuse(frame: pl.DataFrame, key: Sequence[str], rows: Rows) -> None:
    lines = frame.group_by(key).agg(pl.col("line").sort()).filter(pl.col("line").list.len() > 1)
    first = lines.sort(pl.col("line").list.get(1)).row(0, named=True)
    what = ", ".join(shown(first[c], 40) for c in key)
    place = f"{rows.word}s {first['line'][0]} and {first['line'][1]}"
    refuse(rows.file, place, f"the same ({', '.join(key)}) twice: {what}", "remove one or use --duplicates sum")
