"""A fingerprint of what a vintage says, not of how its files are encoded.

Per table and date, rows are sorted by all columns and every column is fed to SHA-256 in a fixed form: texts as lengths
and UTF-8 bytes, dates as days since 1970, USD as whole cents, other numbers rounded to 40 significant bits (12 digits),
nulls as a bit mask. The digests of a table's dates are hashed in order, then those of the tables. So the fingerprint
does not depend on row order, compression, library versions, the time of the build, or the last bits that a different
order of additions leaves in a sum; one cent more in one holding changes it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import polars as pl

if TYPE_CHECKING:
    from dexposure_core.store.schema import Table

CONTENT_TABLES: Final = ("protocols", "tokens", "holdings", "exposures", "exposure_tokens", "flows", "nodes")
_SIGNIFICANT_BITS: Final = 40


def canonical(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame sorted by all its columns from left to right, nulls first."""
    return frame.sort(frame.columns, nulls_last=False)


def by_date(frame: pl.DataFrame) -> Iterator[tuple[dt.date | None, pl.DataFrame]]:
    """Yield (date, rows) of a frame that is sorted by its first column `date`."""
    days = frame["date"].to_physical().fill_null(np.iinfo(np.int32).min).to_numpy()
    starts = np.flatnonzero(np.diff(days, prepend=days[:1] - 1)) if len(days) else np.empty(0, np.int64)
    for start, stop in zip(starts, [*starts[1:], len(days)], strict=True):
        yield frame["date"][int(start)], frame.slice(int(start), int(stop) - int(start))


def digest(frame: pl.DataFrame) -> bytes:
    """Return the SHA-256 of a canonically sorted frame's values, 32 bytes."""
    state = hashlib.sha256(len(frame).to_bytes(8, "little"))
    for column in frame.iter_columns():
        for block in _blocks(column):
            state.update(block)
    return state.digest()


def table_digest(table: Table, digests: Iterable[tuple[dt.date | None, bytes]]) -> bytes:
    """Combine the digests of one table's dates, in the order given, into one."""
    state = hashlib.sha256(table.name.encode())
    for date, part in digests:
        state.update(b"-" if date is None else date.isoformat().encode())
        state.update(part)
    return state.digest()


def content_hash(digests: Mapping[str, bytes]) -> str:
    """Combine the digests of the content tables into the vintage's fingerprint, 64 hex digits."""
    return hashlib.sha256(b"".join(digests[name] for name in CONTENT_TABLES)).hexdigest()


def _blocks(column: pl.Series) -> Iterator[bytes | memoryview]:
    missing = column.null_count() > 0
    if missing:
        yield np.packbits(column.is_null().to_numpy()).tobytes()
    if column.dtype == pl.String:
        yield from _texts(column.fill_null("") if missing else column)
    elif column.dtype == pl.Date:
        days = column.to_physical()
        yield (days.fill_null(0) if missing else days).to_numpy().astype("<i4").tobytes()
    elif column.dtype == pl.Boolean:
        yield np.packbits((column.fill_null(value=False) if missing else column).to_numpy()).tobytes()
    elif column.dtype == pl.Int64:
        yield (column.fill_null(0) if missing else column).to_numpy().astype("<i8").tobytes()
    else:
        numbers = column.fill_null(0.0) if missing else column
        yield _numbers(column.name, numbers.to_numpy()).astype("<f8").tobytes()


def _texts(column: pl.Series) -> Iterator[bytes | memoryview]:
    array = column.to_arrow()  # large_string: 64-bit offsets into one block of UTF-8
    _, offsets, data = array.buffers()
    if not len(array):
        return
    ends = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    yield np.diff(ends).astype("<u4").tobytes()
    if data is not None:
        yield memoryview(data)[int(ends[0]) : int(ends[-1])]


def _numbers(name: str, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if name.endswith("_usd"):
        rounded = np.rint(values * 100.0)
    else:
        fraction, exponent = np.frexp(values)
        rounded = np.ldexp(np.rint(np.ldexp(fraction, _SIGNIFICANT_BITS)), exponent - _SIGNIFICANT_BITS)
    return np.asarray(rounded + 0.0)  # -0.0 + 0.0 is 0.0
