"""Sums of USD that do not depend on the order of the rows.

Floating-point addition is not associative: the same rows in another order, or on another number of threads,
give another last digit. Here every group is sorted by its key and then by its amounts before it is added up
one after the other, so that equal data give bit-identical tables (and thus an equal content hash).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from dexposure_core.network.book import order_of, places, run_starts, sorted_texts
from dexposure_core.network.snapshot import Floats, Indices

VERY_FEW: Final = 1024  # groups


def sum_by(frame: pl.DataFrame, keys: Sequence[str], amounts: Sequence[str]) -> pl.DataFrame:
    """Return `frame` with one row per key: keys and the sums of `amounts`, sorted by the keys.

    Args:
        frame: any rows; keys (texts) and amounts must not be null.
        keys: columns that name a group.
        amounts: float columns to add up; the sum of a group does not depend on the order of `frame`.
    """
    kept = frame.select(*keys, *amounts)
    if kept.is_empty():
        return kept
    values = [kept[name].to_numpy() for name in amounts]
    first, sums = sums_by_key(_key(kept, keys), values)
    return (
        kept.select(keys)
        .select(pl.all().gather(first))
        .with_columns(pl.Series(name, amount) for name, amount in zip(amounts, sums, strict=True))
    )


def sums_by_key(key: Indices, amounts: Sequence[Floats]) -> tuple[Indices, list[Floats]]:
    """Return a row of each group of equal keys (>= 0, ascending) and the sums of (K,) amounts over the groups.

    Unlike `book.add_up`, whose rows come in an order of their own, the sums do not depend on the order of the rows.
    """
    if len(amounts) == 1 and len(key) and int(key.max()) < VERY_FEW:
        return _very_few(key, amounts[0])
    if len(key) and int(key.max()) < len(key) // 2:  # few groups: most rows have others to be put in order with
        rows = _by_amount(amounts)
        rows = rows[order_of(key[rows])]
    else:
        rows = _ordered_groups(order_of(key), key, amounts)
    starts = run_starts(key[rows])
    if len(starts) == len(rows):
        return rows, [amount[rows] for amount in amounts]
    return rows[starts], [np.add.reduceat(amount[rows], starts) for amount in amounts]


def _very_few(key: Indices, amount: Floats) -> tuple[Indices, list[Floats]]:
    """Return the same for one amount and so few groups that each is sorted on its own: values sort faster than rows."""
    rows = order_of(key)
    starts, ordered = run_starts(key[rows]), amount[rows]
    for part in np.split(ordered, starts[1:]):
        part.sort()
    return rows[starts], [np.add.reduceat(ordered, starts)]


def _ordered_groups(rows: Indices, key: Indices, amounts: Sequence[Floats]) -> Indices:
    """Return rows that are sorted by key with those of equal keys in ascending order of their amounts."""
    new = np.diff(key[rows], prepend=-1, append=-1) != 0
    several = np.flatnonzero(~(new[1:] & new[:-1]))  # a row that neither begins nor ends with itself has others
    if not len(several):
        return rows
    some = rows[several]
    rows[several] = some[np.lexsort([*(amount[some] for amount in reversed(amounts)), key[some]])]
    return rows


def _key(frame: pl.DataFrame, columns: Sequence[str]) -> Indices:
    """Return one integer a row that orders like the texts of the columns, from left to right."""
    key = np.zeros(frame.height, dtype=np.int64)
    for column in columns:
        texts = sorted_texts(frame[column])
        key = key * len(texts) + places(frame[column], texts)
    return key


def _by_amount(values: Sequence[Floats]) -> Indices:
    """Return the rows in ascending order of the first amount, equal ones by the second, and so on."""
    rows = np.argsort(values[-1])
    for value in values[-2::-1]:
        rows = rows[np.argsort(value[rows], kind="stable")]
    return rows


def total(values: pl.Series) -> float:
    """Return the sum of a float column, added up in ascending order."""
    return float(np.add.reduce(np.sort(values.drop_nulls().to_numpy())))
