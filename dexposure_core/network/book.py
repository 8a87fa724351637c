"""A snapshot's holdings as numbers: every text is its place in a sorted list of texts.

Places order like the texts they stand for, so sorting, joining and adding up work on integers; one integer holds a
whole key. Rows of a book are sorted by (protocol, chain, token) and there is one for each; sums run over a book in that
order, so that equal holdings, in whatever order they came, give bit-identical tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from dexposure_core.network.snapshot import Floats, Indices

Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Book:
    """Holdings as arrays (K,): places of protocol, chain and token, quantity (NaN: not known) and value in USD."""

    protocol: Indices
    chain: Indices
    token: Indices
    quantity: Floats
    value_usd: Floats

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.value_usd)

    def take(self, rows: Indices | Marks) -> Book:
        """Return some rows, by number or by mark."""
        return Book(
            protocol=self.protocol[rows], chain=self.chain[rows], token=self.token[rows],
            quantity=self.quantity[rows], value_usd=self.value_usd[rows],
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The sorted texts that places stand for: protocols (issuers included), chains and tokens."""

    protocols: pl.Series
    chains: pl.Series
    tokens: pl.Series

    def book(self, holdings: pl.DataFrame) -> Book:
        """Return rows of protocol, chain, token, quantity, value_usd as numbers, in the order given."""
        return Book(
            protocol=places(holdings["protocol"], self.protocols),
            chain=places(holdings["chain"], self.chains),
            token=places(holdings["token"], self.tokens),
            quantity=holdings["quantity"].cast(pl.Float64).to_numpy(),
            value_usd=holdings["value_usd"].cast(pl.Float64).to_numpy(),
        )

    def key(self, book: Book) -> Indices:
        """Return one integer for each row that orders like (protocol, chain, token)."""
        return (book.protocol * len(self.chains) + book.chain) * len(self.tokens) + book.token

    def one_each(self, rows: Book) -> Book:
        """Return rows sorted by (protocol, chain, token), those of one holding added up (a missing quantity stays)."""
        key = self.key(rows)
        if len(key) < 2 or (key[1:] > key[:-1]).all():
            return rows
        order = np.lexsort((rows.quantity, rows.value_usd, key)) if has_repeats(key) else np.argsort(key)
        rows, starts = rows.take(order), run_starts(key[order])
        if len(starts) == len(rows):
            return rows
        first = rows.take(starts)
        return Book(
            protocol=first.protocol, chain=first.chain, token=first.token,
            quantity=np.add.reduceat(rows.quantity, starts), value_usd=np.add.reduceat(rows.value_usd, starts),
        )  # fmt: skip


def sorted_texts(*columns: pl.Series) -> pl.Series:
    """Return the different texts of some columns, sorted; missing ones left out."""
    kinds = [column.unique().cast(pl.String).alias("text") for column in columns]
    return pl.concat(kinds).drop_nulls().unique().sort()


def coded(*columns: pl.Series, without: Sequence[str] = ()) -> tuple[pl.Series, list[Indices]]:
    """Return the different texts of some columns, sorted, and for each column the places of its texts.

    Args:
        columns: the texts, any of them missing.
        without: texts that are taken for missing ones.
    """
    every = pl.concat([column.cast(pl.String).alias("text") for column in columns])
    texts = every.unique().drop_nulls()
    texts = texts.filter(~texts.is_in(without)).sort() if without else texts.sort()
    ends = np.cumsum([len(column) for column in columns])[:-1]
    return texts, np.split(places(every, texts), ends)


def places(column: pl.Series, texts: pl.Series) -> Indices:
    """Return the place of each text in sorted `texts`; -1 for a text that is not among them, or missing."""
    if isinstance(column.dtype, pl.Enum):  # coded already: translate the few categories, not the many rows
        return np.append(places(column.dtype.categories, texts), -1)[_numbers(column)]
    return _numbers(column.cast(pl.String).cast(pl.Enum(texts), strict=False))


def _numbers(coded: pl.Series) -> Indices:
    numbers: Indices = coded.to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    return numbers


def order_of(key: Indices) -> Indices:
    """Return the rows of `key` (>= 0) in ascending order, equal ones in their old order.

    Small keys are counted, not compared. Of others, key and row share one integer where both fit, because sorting
    integers is several times faster than sorting rows.
    """
    if not len(key) or (key[1:] >= key[:-1]).all():
        return np.arange(len(key))
    largest, bits = int(key.max()), (len(key) - 1).bit_length()
    if largest <= np.iinfo(np.uint16).max:
        return np.argsort(key.astype(np.uint16), kind="stable")
    if (largest + 1).bit_length() + bits > 63:
        return np.argsort(key, kind="stable")
    return np.sort((key << bits) | np.arange(len(key))) & ((1 << bits) - 1)


def run_starts(key: Indices) -> Indices:
    """Return the first row of every run of equal values in a sorted key."""
    new = np.ones(len(key), dtype=bool)
    np.not_equal(key[1:], key[:-1], out=new[1:])
    return np.flatnonzero(new)


def has_repeats(key: Indices) -> bool:
    """Return whether a value occurs twice."""
    ordered = np.sort(key)
    return bool((ordered[1:] == ordered[:-1]).any())


def add_up(key: Indices, amounts: Sequence[Floats]) -> tuple[Indices, list[Floats]]:
    """Return the first row of each group of equal keys (ascending) and the sums of (K,) amounts over the groups.

    Amounts of a group are added in the order of the rows.
    """
    order = order_of(key)
    starts = run_starts(key[order])
    if not len(starts):
        return order, [amount[:0] for amount in amounts]
    return order[starts], [np.add.reduceat(amount[order], starts) for amount in amounts]
