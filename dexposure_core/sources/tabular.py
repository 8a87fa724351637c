"""CSV and Parquet tables from outside, batch by batch, so that 40 million rows need no more memory than one batch.

The header is checked first: each wanted column must be there under its own name, an alias, or the file's own name given
with `--column NAME=FILECOLUMN`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from dexposure_core.errors import BadOption, suggest
from dexposure_core.sources.border import SourceFile, existing, receipt, refuse, shown, text_receipt
from dexposure_core.sources.columns import Rows, texts

_BATCH: Final = 200_000
_MAGIC: Final = b"PAR1"
_LAST_LINE: Final = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column a reader wants: its name here, other names accepted, and whether the file may lack it."""

    name: str
    aliases: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table whose header was checked; `names` maps wanted columns to the file's (absent optional ones left out)."""

    path: Path
    source: SourceFile
    names: Mapping[str, str]
    parquet: bool

    @property
    def word(self) -> str:
        """Return what a row is called in messages: "line" of a CSV file (the header is 1), "row" of a Parquet file."""
        return "row" if self.parquet else "line"

    def batches(self) -> Iterator[tuple[Rows, pl.DataFrame]]:
        """Yield frames of the wanted columns (text as it stands in CSV, typed in Parquet) and where they lie.

        Raises:
            BadInput: if a row has too many or too few fields, or the file cannot be read to its end.
        """
        first = 1 if self.parquet else 2
        try:
            for frame in self.scan().collect_batches(chunk_size=_BATCH, maintain_order=True):
                yield Rows(self.path, first, self.word), _without_blank_end(frame)
                first += len(frame)
        except (pl.exceptions.PolarsError, OSError) as error:
            self._explain(str(error).strip().split("\n", 1)[0])

    def scan(self) -> pl.LazyFrame:
        """Return the wanted columns under their own names, not yet read."""
        scan = (
            pl.scan_parquet(self.path, glob=False)
            if self.parquet
            else pl.scan_csv(self.path, infer_schema=False, glob=False, low_memory=True)
        )
        return scan.select([pl.col(there).alias(here) for here, there in self.names.items()])

    def _explain(self, reason: str) -> None:
        if not self.parquet:
            with self.path.open(encoding="utf-8-sig", newline="") as stream:
                rows = csv.reader(stream)
                width = len(next(rows))
                for row in rows:
                    if row and len(row) != width:
                        place, what = f"line {rows.line_num}", f"has {len(row)} fields, the header {width}"
                        refuse(self.path, place, what, "correct the line (quote text that holds commas)")
        refuse(self.path, "", f"cannot be read ({reason})", "export the file again")


def open_table(path: str | Path, columns: Sequence[Column], given: Mapping[str, str] | None = None) -> Table:
    """Check a file and its header.

    Args:
        path: a CSV (UTF-8, commas) or Parquet file; told apart by content.
        columns: what is wanted.
        given: wanted name → the file's name, overriding aliases.

    Raises:
        BadInput: if the file is missing, empty, not CSV or Parquet, truncated, not UTF-8, or lacks a column.
        BadOption: if `given` names a column that is not wanted.
    """
    file = existing(path)
    with file.open("rb") as stream:
        parquet = stream.read(4) == _MAGIC or file.suffix.lower() == ".parquet"
    source = _parquet_receipt(file) if parquet else text_receipt(file)
    header = _parquet_header(file) if parquet else _csv_header(file)
    if not parquet:
        _require_whole(file, len(header))
    return Table(path=file, source=source, names=_resolve(file, header, columns, given or {}), parquet=parquet)


def read_small(path: str | Path, columns: Sequence[Column], filled: str = "") -> tuple[Table, pl.DataFrame]:
    """Return a small table as a whole: `line` (its row in the file) and every column as text, null where missing.

    Args:
        path: a CSV or Parquet file.
        columns: what is wanted; optional ones that the file lacks are left out.
        filled: the column that must not be missing in any row.
    """
    table = open_table(path, columns)
    frames = [pl.DataFrame(schema={"line": pl.Int64} | dict.fromkeys(table.names, pl.String))]
    for rows, raw in table.batches():
        line = pl.int_range(rows.first, rows.first + len(raw), eager=True).alias("line")
        columns_read = [texts(raw[c], c, rows, nullable=c != filled).replace("", None) for c in raw.columns]
        frames.append(pl.DataFrame([line, *columns_read]))
    return table, pl.concat(frames)


def _parquet_receipt(file: Path) -> SourceFile:
    with file.open("rb") as stream:
        head = stream.read(4)
        stream.seek(max(0, file.stat().st_size - 4))
        tail = stream.read(4)
    if head != _MAGIC:
        refuse(
            file, "byte 0", "is named .parquet but is not a Parquet file", "export it again or give it its own ending"
        )
    if tail != _MAGIC:
        refuse(file, f"byte {file.stat().st_size}", "the Parquet file is truncated", "copy or export it again")
    return receipt(file)


def _parquet_header(file: Path) -> list[str]:
    try:
        return list(pl.scan_parquet(file, glob=False).collect_schema())
    except (pl.exceptions.PolarsError, OSError) as error:
        refuse(file, "", f"not a readable Parquet file ({str(error).splitlines()[0]})", "export it again")


def _csv_header(file: Path) -> list[str]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        line = stream.readline(100_000)
    if "\x00" in line or line.lstrip()[:1] in {"{", "[", "<"}:
        refuse(file, "line 1", f"not a CSV header: {shown(line.strip(), 30)}", "give a CSV file with a header line")
    header = next(csv.reader([line]), [])
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        refuse(file, "line 1", f"column {shown(twice[0])} occurs twice", "rename one of the two")
    return header


def _require_whole(file: Path, width: int) -> None:
    """Refuse a file whose last line stops before its last field: it was cut off on its way."""
    with file.open("rb") as stream:
        size = file.stat().st_size
        stream.seek(max(0, size - _LAST_LINE))
        end = stream.read()
    last = end.rpartition(b"\n")[2].decode("utf-8", errors="replace")
    fields = len(next(csv.reader([last]), []))
    if last.strip() and fields < width and b"\n" in end:
        what = f"the last line has {fields} of {width} fields: the file is truncated"
        refuse(file, f"byte {size}", what, "download or export it again")


def _without_blank_end(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows up to the last one that holds anything."""
    filled = frame.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
    if filled.tail(1).all():
        return frame
    return frame.head(len(filled) - (filled.reverse().arg_max() or 0) if filled.any() else 0)


def _resolve(file: Path, header: list[str], columns: Sequence[Column], given: Mapping[str, str]) -> dict[str, str]:
    known = [column.name for column in columns]
    for name in given:
        if name not in known:
            raise BadOption(
                f"--column {name}=...: no such column{suggest(name, known)}; choose from {', '.join(known)}"
            )
    names = {}
    for column in columns:
        choices = (given[column.name],) if column.name in given else (column.name, *column.aliases)
        there = next((c for c in choices if c in header), None)
        if there is not None:
            names[column.name] = there
        elif not column.optional or column.name in given:
            _missing(file, header, column.name, choices[0])
    return names


def _missing(file: Path, header: list[str], name: str, wanted: str) -> None:
    found = ", ".join(shown(c, 30) for c in header[:12]) + (", ..." if len(header) > 12 else "")
    hint = (
        " (is it separated by semicolons or tabs? use commas)"
        if len(header) == 1 and set(header[0]) & set(";\t|")
        else ""
    )
    refuse(
        file, "header", f"no column '{wanted}', found {found}{hint}", f"rename one or use --column {name}=FILECOLUMN"
    )
