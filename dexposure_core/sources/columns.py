"""What the columns of a table must be: dates, texts and amounts, checked in bulk and refused by line.

A check looks at a whole batch at once; only when something is wrong does it look for the first wrong row, so that the
message can name it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import polars as pl

from dexposure_core.network.naming import NO_NAMES
from dexposure_core.sources.border import CONTROL, MAX_TEXT, refuse, shown

FIRST_DATE: Final = dt.date(2009, 1, 1)
LAST_DATE: Final = dt.date(2100, 12, 31)
_TIME: Final = r"(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?"
_ISO: Final = rf"^\d{{4}}-\d{{2}}-\d{{2}}{_TIME}$"


Mend = Callable[[pl.Series, str, "Rows"], pl.Series]


@dataclass(frozen=True)
class Rows:
    """Where a batch lies in its file: `first` is the number of its first row; `word` is "line" (CSV) or "row".

    `lines` are the numbers of its rows where they do not simply follow the first.
    """

    file: Path
    first: int
    word: str
    lines: pl.Series | None = None

    def line(self, row: int) -> int:
        """Return the number in the file of a row of the batch."""
        return self.first + row if self.lines is None else int(self.lines[row])

    def refuse(self, wrong: pl.Series, column: str, what: str, remedy: str) -> NoReturn:
        """Refuse the first row for which the boolean `wrong` holds."""
        refuse(self.file, f"{self.word} {self.line(wrong.arg_max() or 0)}, column {column}", what, remedy)

    def require(self, wrong: pl.Series, values: pl.Series, column: str, what: str, remedy: str) -> None:
        """Refuse the first wrong row, its value put in front of `what`; do nothing when there is none."""
        wrong = wrong.fill_null(value=False)
        if wrong.any():
            value = values[wrong.arg_max() or 0]
            self.refuse(wrong, column, what if value is None else f"{shown(value)} {what}", remedy)


def texts(values: pl.Series, column: str, rows: Rows, *, nullable: bool = False, mend: Mend | None = None) -> pl.Series:
    """Return ids or names as text; nullable ones have '' for missing.

    Args:
        values: the column.
        column: its name.
        rows: where it lies.
        nullable: whether one may be missing.
        mend: what to do with values that hold control characters; None refuses them.

    Raises:
        BadInput: if one is missing, longer than `MAX_TEXT`, holds control characters, or is of another type.
    """
    if values.dtype.is_integer() or isinstance(values.dtype, (pl.Categorical, pl.Enum)) or values.dtype == pl.Null:
        values = values.cast(pl.String)
    if values.dtype != pl.String:
        refuse(rows.file, f"column {column}", f"holds {values.dtype}, not text", "store it as text")
    kinds = values.unique()
    missing, long, odd = (
        kinds.is_null() | kinds.is_in(NO_NAMES),
        kinds.str.len_chars() > MAX_TEXT,
        kinds.str.contains(CONTROL),
    )
    if long.any():
        problem = f"is {len(kinds.filter(long)[0])} characters long, more than {MAX_TEXT}"
        rows.require(values.str.len_chars() > MAX_TEXT, values.str.head(20), column, problem, "shorten it")
    if odd.any() and mend is None:
        rows.require(values.str.contains(CONTROL), values, column, "holds control characters", "remove them")
    elif odd.any() and mend is not None:
        values = mend(values, column, rows)
    if not missing.any():
        return values
    if not nullable:
        wrong = values.is_null() | values.is_in(NO_NAMES)
        rows.refuse(wrong, column, "is missing", "fill it in or remove the row")
    return values.fill_null("")


def amounts(values: pl.Series, column: str, rows: Rows, *, nullable: bool = False) -> pl.Series:
    """Return amounts as finite Float64 >= 0; nullable ones may be null.

    Raises:
        BadInput: if one is no number, missing, NaN, infinite or negative.
    """
    if values.dtype == pl.String:
        numbers = values.str.strip_chars().cast(pl.Float64, strict=False)
        wrong = numbers.is_null() & values.is_not_null()
        rows.require(wrong, values, column, "is not a number", "write plain numbers such as 1234.5")
    elif values.dtype.is_numeric() or values.dtype == pl.Null:
        numbers = values.cast(pl.Float64)
    else:
        refuse(rows.file, f"column {column}", f"holds {values.dtype}, not numbers", "store it as numbers")
    if not nullable:
        rows.require(numbers.is_null(), values, column, "is missing", "fill it in or remove the row")
    rows.require(~numbers.is_finite(), numbers, column, "is not a finite number", "correct it or remove the row")
    rows.require(numbers < 0, numbers, column, "is negative", "correct it or remove the row")
    return numbers


class Dates:
    """Checks a date column batch by batch; remembers its form so that a mix is refused wherever it begins.

    Accepted are ISO dates, or ISO date-times that are all without a zone or all in one zone; the date is the calendar
    date as written, in that zone.
    """

    def __init__(self, first: dt.date = FIRST_DATE) -> None:
        self._first = first
        self._form: str | None = None

    def check(self, values: pl.Series, column: str, rows: Rows) -> pl.Series:
        """Return the column as `pl.Date`.

        Raises:
            BadInput: if one is missing, not ISO, does not exist, lies outside the years, or has another form or zone.
        """
        rows.require(values.is_null(), values, column, "is missing", "fill it in or remove the row")
        if values.dtype == pl.String:
            dates = self._parse(values, column, rows)
        elif isinstance(values.dtype, (pl.Date, pl.Datetime)) or values.dtype == pl.Date:
            dates = values.cast(pl.Date) if values.dtype == pl.Date else values.dt.date()
        else:
            refuse(
                rows.file,
                f"column {column}",
                f"holds {values.dtype}, not dates",
                "store dates or ISO text (2023-02-28)",
            )
        outside = (dates < self._first) | (dates > LAST_DATE)
        rows.require(outside, dates, column, f"lies outside {self._first.year}..{LAST_DATE.year}", "correct it")
        return dates

    def _parse(self, values: pl.Series, column: str, rows: Rows) -> pl.Series:
        kinds = (
            values.unique()
            .to_frame("text")
            .with_columns(
                iso=pl.col("text").str.contains(_ISO),
                date=pl.col("text").str.head(10).str.to_date("%Y-%m-%d", strict=False),
                form=_form(pl.col("text")),
            )
        )
        remedy = "write ISO dates (2023-02-28)"
        if not kinds["iso"].all():
            rows.require(~values.str.contains(_ISO), values, column, "is not an ISO date", remedy)
        if kinds["date"].null_count():
            wrong = values.is_in(kinds.filter(pl.col("date").is_null())["text"].implode())
            rows.require(wrong, values, column, "is a date that does not exist", "correct it")
        self._same_form(kinds, values, column, rows)
        return values.to_frame("text").join(kinds, on="text", how="left", maintain_order="left")["date"]

    def _same_form(self, kinds: pl.DataFrame, values: pl.Series, column: str, rows: Rows) -> None:
        if self._form is None:
            self._form = str(values.head(1).to_frame("text").select(_form(pl.col("text"))).item())
        other = kinds.filter(pl.col("form") != self._form)
        if len(other):
            wrong = values.is_in(other["text"].implode())
            what = f"is {other['form'][0]}, but the rows before are {self._form}"
            rows.require(wrong, values, column, what, "write all dates in one form and one time zone")


def _form(text: pl.Expr) -> pl.Expr:
    zone = text.str.extract(_ISO, 1)
    utc = zone.str.contains(r"^(?:Z|[+-]00(?::?00)?)$")
    plain = zone.str.replace(":", "", literal=True).str.pad_end(5, "0")
    return (
        pl.when(text.str.len_chars() <= 10)
        .then(pl.lit("a date without time"))
        .when(zone.is_null())
        .then(pl.lit("a time without zone"))
        .when(utc)
        .then(pl.lit("a time in UTC"))
        .otherwise(pl.format("a time in zone {}", plain))
        .alias("form")
    )
