"""The override file a person edits: token, issuer, and optionally note and decided; see `network.overrides`.

`dexposure tokens review --out FILE` writes one with an empty column `decided`: only rows marked yes there count, so
that a file that was looked through in part can be used as it is. Without that column every row counts. An empty issuer
means that nobody issues the token. Other columns (suggestions, USD at stake) are for the reader and ignored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from dexposure_core.network.naming import BUCKETS, NO_NAMES
from dexposure_core.network.overrides import OVERRIDES
from dexposure_core.sources.border import SourceFile, refuse, shown
from dexposure_core.sources.tabular import Column, read_small

_COLUMNS: Final = (
    Column(name="token", aliases=("symbol",)),
    Column(name="issuer"),
    Column(name="note", optional=True),
    Column(name="decided", optional=True),
)
_YES: Final = ("yes", "y", "x", "1", "true")
_NO: Final = ("no", "n", "0", "false")
_QUOTED: Final = r"^'(\s*[=+\-@])"


def read_overrides(path: str | Path) -> tuple[SourceFile, pl.DataFrame]:
    """Return the receipt of the file and its overrides: token, issuer (null: nobody), note ('' where none).

    Raises:
        BadInput: if the file is no such table, a token is missing or decided twice, an issuer is a missing value
            written as text ("nan") or a bucket, `decided` is neither yes nor no, or no row is decided.
    """
    table, frame = read_small(path, _COLUMNS, filled="token")
    frame = frame.with_columns(pl.col("token", "issuer").str.replace(_QUOTED, "$1"))  # as a spreadsheet was told
    frame = _decided(table.path, table.word, frame)
    _require(table.path, table.word, frame)
    note = pl.col("note").fill_null("") if "note" in frame.columns else pl.lit("")
    if frame.is_empty():
        refuse(table.path, "", "decides no token", "write yes in the column decided of the rows that should count")
    return table.source, frame.with_columns(note=note).select(pl.col(c).cast(t) for c, t in OVERRIDES.items())


def _decided(path: Path, word: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows marked yes; all rows when the file has no column `decided`."""
    if "decided" not in frame.columns:
        return frame
    mark = pl.col("decided").str.strip_chars().str.to_lowercase()
    odd = frame.filter(mark.is_not_null() & ~mark.is_in([*_YES, *_NO, ""]))
    for line, value in odd.select("line", "decided").head(1).iter_rows():
        refuse(path, f"{word} {line}, column decided", f"{shown(value)} is neither yes nor no", "write yes or nothing")
    return frame.filter(mark.is_in(_YES))


def _require(path: Path, word: str, frame: pl.DataFrame) -> None:
    missing = frame.filter(pl.col("issuer").is_in([name for name in NO_NAMES if name]))
    for line, value in missing.select("line", "issuer").head(1).iter_rows():
        what = f"{shown(value)} is a missing value written as text"
        refuse(path, f"{word} {line}, column issuer", what, "leave the cell empty for no issuer")
    twice = frame.group_by("token").agg(pl.col("line").sort()).filter(pl.col("line").list.len() > 1).sort("line")
    for token, lines in twice.head(1).iter_rows():
        refuse(path, f"{word}s {lines[0]} and {lines[1]}", f"decide {shown(token)} twice", "keep one of them")
    buckets = frame.filter(pl.col("issuer").is_in(BUCKETS))
    for line, value in buckets.select("line", "issuer").head(1).iter_rows():
        what = f"{shown(value)} is a bucket, not an issuer"
        refuse(path, f"{word} {line}, column issuer", what, "leave the cell empty for no issuer")
