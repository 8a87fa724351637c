"""Rows may be sealed before they are written: it is the same vintage, also when more rows of a date come later."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from dexposure_core.store import Manifest, VintageWriter, open_store, seal, tablefile

from .conftest import WORLD, frame

DONE = {"sources": (), "parameters": {}, "frequency": "week", "simulated": False}
DAYS = [dt.date(2024, 1, day) for day in range(1, 9)]


def rows_of(day: dt.date, count: int) -> pl.DataFrame:
    chosen = [(day.day + 37 * n) % 101 for n in range(count)]  # all different, in no order
    return frame("nodes", *((day, "holdings", f"P{n:03}", float(n)) for n in chosen))


def made(store: Path, appended: list[tuple[pl.DataFrame, bool]]) -> Manifest:
    """Publish frames of nodes, each sealed first where it says so."""
    with VintageWriter(store) as writer:
        for rows, sealed in appended:
            writer.append("nodes", *(seal("nodes", rows) if sealed else (rows,)))
        writer.publish(**DONE)
    return open_store(store).manifest


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tablefile, "ROWS_PER_GROUP", 10)
    monkeypatch.setattr(tablefile, "ROWS_PER_PART", 25)


def test_sealed_rows_make_the_same_files(tmp_path: Path) -> None:
    counts = [3, 12, 4, 4, 30, 1, 2, 5]
    frames = [rows_of(day, count) for day, count in zip(DAYS, counts, strict=True)]
    plain = made(tmp_path / "plain", [(rows, False) for rows in frames])
    for name, sealed in (("all", [True] * 8), ("some", [True, False] * 4)):
        other = made(tmp_path / name, list(zip(frames, sealed, strict=True)))
        assert (other.vintage, other.files) == (plain.vintage, plain.files)


@pytest.mark.parametrize("late", [0, 3, 7])
@pytest.mark.parametrize("sealed", [True, False])
def test_rows_that_come_later_for_a_sealed_date_are_sorted_in_and_counted(
    late: int, sealed: bool, tmp_path: Path
) -> None:
    frames = [rows_of(day, 6) for day in DAYS]
    more = frame("nodes", (DAYS[late], "flow", "P000", 1.0), (DAYS[late], "holdings", "A", 1.0))
    once = [pl.concat([rows, more]) if day == DAYS[late] else rows for day, rows in zip(DAYS, frames, strict=True)]
    plain = made(tmp_path / "plain", [(rows, False) for rows in once])
    other = made(tmp_path / "other", [*((rows, True) for rows in frames), (more, sealed)])
    assert (other.vintage, other.files) == (plain.vintage, plain.files)


def test_what_does_not_fit_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="table nodes: missing columns"):
        seal("nodes", WORLD["nodes"].drop("tvl_usd"))
    with pytest.raises(ValueError, match="infinite value"):
        seal("nodes", frame("nodes", (DAYS[0], "holdings", "A", float("-inf"))))


def test_sealed_rows_are_sorted() -> None:
    found = seal("nodes", rows_of(DAYS[0], 20).reverse())[0]["protocol"].to_list()
    assert all(before < after for before, after in pairwise(found))
