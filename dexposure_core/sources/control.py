"""Control characters in names: taken out, counted, and refused where two names would become one.

A name with a control character in it (a line feed, a mark that turns the reading direction) comes from careless
scraping; without the character it still says who is meant. Unless the file also holds that other name: then nobody can
tell whether the two are one, and the file is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import polars as pl

from dexposure_core.network.naming import NO_NAMES
from dexposure_core.network.period import finding
from dexposure_core.sources.border import CONTROL, refuse, shown
from dexposure_core.sources.columns import Rows


@dataclass(frozen=True, kw_only=True)
class Mended:
    """A name as it stood and as it was taken, the first row that holds it (and where that is), and how many do."""

    column: str
    was: str
    name: str
    place: Rows
    line: int
    rows: int


@dataclass(kw_only=True)
class Control:
    """Mends the names of one part of a file and remembers them."""

    mended: list[Mended] = field(default_factory=list)

    def mend(self, values: pl.Series, column: str, rows: Rows) -> pl.Series:
        """Return texts without control characters and the blanks around them.

        Raises:
            BadInput: when nothing is left of one.
        """
        clean = pl.when(values.str.contains(CONTROL)).then(values.str.replace_all(CONTROL, "").str.strip_chars())
        table = pl.select(was=values, name=clean).with_row_index("row")
        odd = table.drop_nulls("name").group_by("was", maintain_order=True).agg(pl.first("name", "row"), pl.len())
        for was, name, row, count in odd.iter_rows():
            if name in NO_NAMES:
                rows.require(values == was, values, column, "holds nothing but control characters", "correct it")
            self.mended.append(Mended(column=column, was=was, name=name, place=rows, line=rows.line(row), rows=count))
        return table.select(pl.coalesce("name", "was")).to_series()


def distinct(mended: Iterable[Mended], names: Callable[[str], pl.Series]) -> list[dict[str, object]]:
    """Return findings on the mended names of a file, after making sure that each still is a name of its own.

    Args:
        mended: every name that was mended, in the order of the rows.
        names: column → every name of the file as it stands.

    Raises:
        BadInput: naming the first one that is another name's once the characters are out.
    """
    was: dict[tuple[str, str], str] = {}
    firsts: dict[str, Mended] = {}
    rows: dict[str, int] = {}
    known: dict[str, set[str]] = {}
    for one in mended:
        if one.column not in known:
            known[one.column] = set(names(one.column))
        if one.name in known[one.column] or was.setdefault((one.column, one.name), one.was) != one.was:
            what = f"{shown(one.was)} holds control characters and is {shown(one.name)} without them, another name here"
            refuse(one.place.file, f"{one.place.word} {one.line}, column {one.column}", what, "correct one of the two")
        firsts.setdefault(one.column, one)
        rows[one.column] = rows.get(one.column, 0) + one.rows
    return [
        finding(
            "warning", f"control characters in {column}", place=first.place.file.name, rows=rows[column],
            action=f"removed from the names, the first {shown(first.name)} in {first.place.word} {first.line}",
        )
        for column, first in firsts.items()
    ]  # fmt: skip
