"""Rows on their way into a vintage: checked, sorted, fingerprinted.

Sealing looks at nothing but the rows, so it can be done wherever they are computed, many dates at a time; the writer
only has to put sealed rows one after the other.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

import polars as pl

from dexposure_core.store import canonical
from dexposure_core.store.schema import TABLES


@dataclass(frozen=True, kw_only=True)
class Digest:
    """Fingerprint of a table's rows on one date (None: without a date)."""

    date: dt.date | None
    rows: int
    digest: bytes


def digest_of(date: dt.date | None, rows: pl.DataFrame) -> Digest:
    """Return the fingerprint of sorted rows."""
    return Digest(date=date, rows=len(rows), digest=canonical.digest(rows))


def seal(table: str, rows: pl.DataFrame) -> tuple[pl.DataFrame, bytes]:
    """Return all rows of a table on one date as they are stored, and their fingerprint.

    Raises:
        ValueError: columns, types or nulls that are not the schema's.
    """
    sealed = canonical.canonical(TABLES[table].check(rows))
    return sealed, canonical.digest(sealed)


def inputs_of(holdings: pl.DataFrame, unusable: pl.DataFrame, rows: int) -> str:
    """Return the fingerprint of what a source gave for a date, hex.

    Args:
        holdings: rows of the holdings table on that date, any order.
        unusable: rows that are no holdings: protocol, chain, token, quantity, value_usd.
        rows: how many rows there were.
    """
    return inputs_digest(seal("holdings", holdings)[1] if len(holdings) else None, unusable, rows)


def inputs_digest(holdings: bytes | None, unusable: pl.DataFrame, rows: int) -> str:
    """Combine the digest of a date's holdings (None: there are none) with the rest of what the source gave."""
    state = hashlib.sha256(rows.to_bytes(8, "little"))
    state.update(b"" if holdings is None else holdings)
    state.update(canonical.digest(canonical.canonical(unusable)))
    return state.hexdigest()
