"""The tables of a vintage, read from `schema.sql`: the one place that says what a column is called, holds and means."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION: Final = 2

_POLARS: Final[dict[str, pl.DataType]] = {
    "VARCHAR": pl.String(), "DOUBLE": pl.Float64(), "DATE": pl.Date(), "BIGINT": pl.Int64(),
    "BOOLEAN": pl.Boolean(),
}  # fmt: skip
_COMMENT = re.compile(r"-- (\w+): (.+)")
_CREATE = re.compile(r"CREATE TABLE (\w+) \(")
_COLUMN = re.compile(r"    (\w+) ([A-Z]+)( NOT NULL)?,? +-- (.+)")


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: name, SQL type, whether it may be null, and its unit and meaning in words."""

    name: str
    type: str
    nullable: bool
    help: str

    @property
    def polars(self) -> pl.DataType:
        """The polars type of the column."""
        return _POLARS[self.type]

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type of the column as it is stored in Parquet."""
        import pyarrow as pa

        types = {
            "VARCHAR": pa.string(), "DOUBLE": pa.float64(), "DATE": pa.date32(), "BIGINT": pa.int64(),
            "BOOLEAN": pa.bool_(),
        }  # fmt: skip
        return types[self.type]


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table: name, meaning, and columns in the order in which they are stored and sorted."""

    name: str
    help: str
    columns: tuple[Column, ...]

    @property
    def dated(self) -> bool:
        """Whether the table is sorted by a leading date."""
        return self.columns[0].name == "date"

    @property
    def polars(self) -> dict[str, pl.DataType]:
        """Column name → polars type."""
        return {column.name: column.polars for column in self.columns}

    @property
    def arrow(self) -> pa.Schema:
        """The Arrow schema of the Parquet file."""
        import pyarrow as pa

        return pa.schema([pa.field(c.name, c.arrow, nullable=c.nullable) for c in self.columns])

    def empty(self) -> pl.DataFrame:
        """Return a frame of this table without rows."""
        return pl.DataFrame(schema=self.polars)

    def check(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return `frame` with the columns in order and undefined numbers as null, or refuse it.

        Raises:
            ValueError: a column is missing, superfluous or of another type, or holds null or infinity where it may not.
        """
        wanted, given = self.polars, frame.schema
        if set(given) != set(wanted):
            missing, extra = sorted(set(wanted) - set(given)), sorted(set(given) - set(wanted))
            raise ValueError(f"table {self.name}: missing columns {missing}, unknown columns {extra}")
        for name, kind in wanted.items():
            if given[name] not in (kind, pl.Null):
                raise ValueError(f"table {self.name}, column {name}: expected {kind}, got {given[name]}")
        frame = frame.select(_stored(name, kind, as_is=given[name] == kind) for name, kind in wanted.items())
        for column in self.columns:
            _check_values(self.name, column, frame[column.name])
        return frame


def _stored(name: str, kind: pl.DataType, *, as_is: bool) -> pl.Expr:
    column = pl.col(name) if as_is else pl.col(name).cast(kind)
    return column.fill_nan(None) if kind == pl.Float64 else column


def _check_values(table: str, column: Column, values: pl.Series) -> None:
    if not column.nullable and values.null_count():
        raise ValueError(f"table {table}, column {column.name}: {values.null_count()} of {len(values)} values are null")
    if column.type == "DOUBLE" and (values.max() == math.inf or values.min() == -math.inf):
        raise ValueError(f"table {table}, column {column.name}: infinite value")


def schema_sql() -> str:
    """Return the text of `schema.sql`."""
    return resources.files("dexposure_core.store").joinpath("schema.sql").read_text(encoding="utf-8")


def parse(text: str) -> dict[str, Table]:
    """Read the tables from the text of a schema: one line a column, its meaning behind `--`.

    Raises:
        ValueError: a line is not of the form this file keeps to.
    """
    tables: dict[str, Table] = {}
    meanings: dict[str, str] = {}
    name, columns = "", list[Column]()
    for number, line in enumerate(text.splitlines(), 1):
        if found := _CREATE.fullmatch(line):
            name, columns = found[1], []
        elif line == ");":
            tables[name] = Table(name=name, help=meanings[name], columns=tuple(columns))
        elif found := _COMMENT.fullmatch(line):
            meanings[found[1]] = found[2]
        elif found := _COLUMN.fullmatch(line):
            columns.append(Column(name=found[1], type=found[2], nullable=found[3] is None, help=found[4]))
        elif line.strip() and not line.startswith("-- "):
            raise ValueError(
                f"schema.sql, line {number}: not a column of the form `name TYPE [NOT NULL], -- meaning`: {line}"
            )
    return tables


TABLES: Final[dict[str, Table]] = parse(schema_sql())
"""Every table of a vintage by name, in the order of `schema.sql`."""
