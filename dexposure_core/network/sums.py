"""Sums of USD that do not depend on the order of the rows.

Floating-point addition is not associative: the same rows in another order, or on another number of threads,
give another last digit. Here every group is sorted by its key and then by its amounts before it is added up
one after the other, so that equal data give bit-identical tables (and thus an equal content hash).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl


def sum_by(frame: pl.DataFrame, keys: Sequence[str], amounts: Sequence[str]) -> pl.DataFrame:
    """Return `frame` with one row per key: keys and the sums of `amounts`, sorted by the keys.

    Args:
        frame: any rows; keys and amounts must not be null.
        keys: columns that name a group.
        amounts: float columns to add up; the sum of a group does not depend on the order of `frame`.
    """
    kept = frame.select(*keys, *amounts)
    if kept.is_empty():
        return kept
    kept = sort_by(kept, keys, amounts)
    starts = group_starts(kept, keys)
    if len(starts) == kept.height:
        return kept
    first = kept.select(keys).select(pl.all().gather(starts))
    sums = [pl.Series(name, np.add.reduceat(kept[name].to_numpy(), starts)) for name in amounts]
    return first.with_columns(sums)


def sort_by(frame: pl.DataFrame, keys: Sequence[str], amounts: Sequence[str] = ()) -> pl.DataFrame:
    """Return `frame` sorted by text `keys`, then by `amounts`: texts are ranked once and compared as numbers."""
    ranks = [pl.col(key).cast(pl.Enum(frame[key].unique().sort())) for key in keys]
    coded = frame.with_columns(ranks).sort([*keys, *amounts])
    return coded.with_columns(pl.col(keys).cast(pl.String))


def group_starts(ordered: pl.DataFrame, keys: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the first row of every run of equal keys in a non-empty frame sorted by `keys`."""
    changed = pl.any_horizontal([pl.col(key).ne_missing(pl.col(key).shift(1)) for key in keys])
    new = ordered.select(changed).to_series().to_numpy().copy()
    new[0] = True
    return np.flatnonzero(new).astype(np.int64)


def total(values: pl.Series) -> float:
    """Return the sum of a float column, added up in ascending order."""
    return float(np.add.reduce(np.sort(values.drop_nulls().to_numpy())))
