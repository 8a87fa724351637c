"""A Parquet table in date order is read where it lies, and says the same as one that is not."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dexposure_core.sources import holdings, ordered
from dexposure_core.sources.feed import HoldingsFeed
from dexposure_core.sources.tabular import open_table
from tests.sources.refusals import check_refused


def table(days: int = 40, rows: int = 900) -> pl.DataFrame:
    """Several observations a week of ten protocols; every key occurs once."""
    rng = np.random.default_rng(3)
    frame = pl.DataFrame({
        "date": [dt.date(2022, 1, 1) + dt.timedelta(days=int(n)) for n in rng.integers(0, days, rows)],
        "protocol_id": [f"p{n}" for n in rng.integers(0, 10, rows)],
        "chain": rng.choice(["Ethereum", "Base"], rows),
        "token": rng.choice(["DAI", "WETH", "UNI"], rows),
        "quantity": rng.random(rows),
        "value_usd": np.round(rng.lognormal(8, 2, rows), 2),
    })  # fmt: skip
    return frame.unique(["date", "protocol_id", "chain", "token"], maintain_order=True)


def written(frame: pl.DataFrame, folder: Path, group: int = 50) -> Path:
    path = folder / "holdings.parquet"
    frame.write_parquet(path, row_group_size=group)
    return path


def lies(path: Path) -> bool:
    return ordered.ordered(open_table(path, holdings.COLUMNS), "week") is not None


def content(feed: HoldingsFeed) -> list[tuple[dt.date, list[tuple[object, ...]]]]:
    return [(date, sorted(frame.rows())) for date, frame in feed.periods()]


@pytest.mark.parametrize("frequency", ["day", "week", "month"])
@pytest.mark.parametrize("enough", [1, 60, 10**6])
def test_order_changes_how_a_table_is_read_and_nothing_else(
    frequency: str, enough: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ordered, "ENOUGH", enough)
    frame = table()
    (tmp_path / "sorted").mkdir()
    (tmp_path / "mixed").mkdir()
    in_order, mixed = (
        written(frame.sort("date"), tmp_path / "sorted"), written(frame.reverse(), tmp_path / "mixed")
    )  # fmt: skip
    assert (lies(in_order), lies(mixed)) == (True, False)
    one, other = (holdings.read(path, frequency=frequency) for path in (in_order, mixed))  # type: ignore[arg-type]
    assert one.dates == other.dates
    assert content(one) == content(other)
    assert one.findings.equals(other.findings)
    assert one.tokens.equals(other.tokens)
    assert one.protocols.equals(other.protocols)


def test_rows_are_named_by_their_place_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordered, "ENOUGH", 100)
    frame = table().sort("date").with_row_index("n").with_columns(pl.col("n").cast(pl.Int64))
    wrong = frame.with_columns(value_usd=pl.when(pl.col("n") == 700).then(-5.0).otherwise("value_usd")).drop("n")
    check_refused(lambda: holdings.read(written(wrong, tmp_path)), "row 701", "-5.0", "negative")
    twice = pl.concat([frame.head(660), frame.slice(650, 1), frame.tail(-660)]).drop("n")
    check_refused(lambda: holdings.read(written(twice, tmp_path)), "rows 651 and 661", "twice")


def test_sums_of_repeated_rows_and_last_observations_are_made_again_when_a_date_is_read(tmp_path: Path) -> None:
    rows = [("2022-08-02", 10.0), ("2022-08-04", 30.0), ("2022-08-04", 12.0), ("2022-08-09", 1.0)]
    frame = pl.DataFrame({
        "date": [dt.date.fromisoformat(day) for day, _ in rows], "protocol_id": "lido", "chain": "e", "token": "ETH",
        "value_usd": [usd for _, usd in rows],
    })  # fmt: skip
    feed = holdings.read(written(frame, tmp_path, group=2), duplicates="sum")
    # week to 8 August: Thursday's two rows, 30 + 12; Tuesday's 10 is earlier
    assert [(d, f["value_usd"].to_list(), f["quantity"].to_list()) for d, f in feed.periods()] == [
        (dt.date(2022, 8, 8), [42.0], [None]), (dt.date(2022, 8, 15), [1.0], [None]),
    ]  # fmt: skip
    assert dict(feed.findings.select("finding", "rows").iter_rows()) == {
        "duplicate rows": 1, "observations before their period's last": 1,
    }  # fmt: skip


def test_dates_as_text_and_huge_row_groups_take_the_other_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = table().sort("date")
    assert not lies(written(frame.with_columns(pl.col("date").cast(pl.String)), tmp_path))
    monkeypatch.setattr(ordered, "LARGEST_GROUP", 40)
    assert not lies(written(frame, tmp_path))


def named(*tokens: str) -> pl.DataFrame:
    return pl.DataFrame({
        "date": dt.date(2022, 8, 1), "protocol_id": [f"p{n}" for n, _ in enumerate(tokens)], "chain": "e",
        "token": tokens, "value_usd": 1.0,
    })  # fmt: skip


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_control_characters_go_and_are_told_where_the_name_stays_its_own(suffix: str, tmp_path: Path) -> None:
    frame, path = named("U\x07SDC", "DAI\n", "WETH"), tmp_path / f"holdings.{suffix}"
    frame.write_parquet(path) if suffix == "parquet" else frame.write_csv(path)
    feed = holdings.read(path)
    assert sorted(feed.load(feed.dates[0])["token"]) == ["DAI", "USDC", "WETH"]
    found = feed.findings.row(0, named=True)
    assert (found["severity"], found["finding"], found["rows"]) == ("warning", "control characters in token", 2)
    assert "USDC" in found["action"]


@pytest.mark.parametrize("tokens", [("USDC", "US\x07DC"), ("US\x07DC", "U\x07SDC")])
def test_control_characters_that_make_one_name_of_two_are_refused(tokens: tuple[str, ...], tmp_path: Path) -> None:
    path = written(named(*tokens), tmp_path)
    check_refused(lambda: holdings.read(path), "row 2", "column token", "'USDC'", "another name", "correct one")


def test_a_name_of_control_characters_only_is_refused(tmp_path: Path) -> None:
    path = written(named("\x07\x07"), tmp_path)
    check_refused(lambda: holdings.read(path), "row 1", "nothing but control characters")
