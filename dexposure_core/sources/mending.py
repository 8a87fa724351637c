"""Texts from JSON, where nobody corrects single lines: control characters are removed and counted, overlong refused."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from dexposure_core.network.period import finding
from dexposure_core.sources.border import CONTROL, MAX_TEXT, refuse, shown


class Mender:
    """Mends the texts of one place of one file and keeps the findings (rows of the findings table, without date)."""

    def __init__(self, file: Path, place: str) -> None:
        self._file, self._place = file, place
        self.findings: list[dict[str, object]] = []

    def note(self, severity: str, name: str, rows: int, action: str, *, usd: float | None = None) -> None:
        """Keep a finding that concerns `rows` rows; none when there are none."""
        if rows:
            self.findings.append(finding(severity, name, place=self._file.name, rows=rows, action=action, usd=usd))

    def clean(self, column: pl.Series, what: str) -> pl.Series:
        """Return the texts without control characters.

        Raises:
            BadInput: if one is longer than any name can be.
        """
        kinds = column.unique()
        length = kinds.str.len_bytes().max()  # at least the number of characters
        if (not isinstance(length, int) or length <= MAX_TEXT) and not kinds.str.contains(CONTROL).any():
            return column
        long = column.filter(column.str.len_chars() > MAX_TEXT)
        if len(long):
            problem = f"{len(long[0])} characters long, more than {MAX_TEXT}"
            refuse(self._file, f"{self._place}, {what} {shown(long[0], 30)}", problem, "shorten or remove it")
        odd = column.str.contains(CONTROL).fill_null(value=False)
        self.note("warning", f"control characters in {what}", int(odd.sum()), "removed from the text")
        return column.str.replace_all(CONTROL, "") if odd.any() else column
