"""What was revised between two vintages, checked by hand on two small files."""

import datetime as dt
from pathlib import Path

import pytest

from dexposure_core.errors import UnknownDate
from dexposure_core.pipeline.building.ingest import ingest_holdings
from dexposure_core.pipeline.revising.compare import compare
from dexposure_core.pipeline.revising.revision import revision_of
from dexposure_core.store import Store, open_store

FIRST, SECOND, THIRD = (dt.date(2024, 1, day) for day in (1, 8, 15))
HEAD = "date,protocol_id,chain,token,quantity,value_usd\n"
# 111 holds DAI (issued by 118) and WETH (its own issuer); 118 holds WETH.
WEEK = "{0},111,Ethereum,DAI,100,{1}\n{0},111,Ethereum,WETH,1,1000\n{0},118,Ethereum,WETH,2,2000\n"


def vintage(folder: Path, name: str, rows: str, **options: object) -> Store:
    path = folder / f"{name}.csv"
    path.write_text(HEAD + rows)
    return open_store(folder / "store", ingest_holdings(path, folder / "store", **options))


@pytest.fixture
def older(tmp_path: Path) -> Store:
    return vintage(tmp_path, "older", WEEK.format(FIRST, 100) + WEEK.format(SECOND, 100))


def test_a_revised_week_and_a_new_one(older: Store, tmp_path: Path) -> None:
    # DAI of the second week is 90 instead of 100, and 118's WETH is gone: TVL 3,100 -> 1,090
    second = WEEK.format(SECOND, 90).rsplit(f"{SECOND}", 1)[0]
    newer = vintage(tmp_path, "newer", WEEK.format(FIRST, 100) + second + WEEK.format(THIRD, 100))
    found = compare(older, newer)
    assert (found.same, found.of("added"), found.of("removed"), found.of("revised")) == (1, [THIRD], [], [SECOND])
    totals = {r["date"]: (r["before_usd"], r["after_usd"]) for r in found.dates.iter_rows(named=True)}
    assert totals == {SECOND: (3100.0, 1090.0), THIRD: (None, 3100.0)}
    assert "holdings" in found.tables["table"].to_list()
    assert found.issuers.is_empty()
    assert found.choices.is_empty()

    revision = revision_of(older, newer, SECOND)
    tables = {r["table"]: r for r in revision.tables.iter_rows(named=True)}
    held = tables["holdings"]
    assert (held["added"], held["removed"], held["changed"], held["moved_usd"]) == (0, 1, 1, 2010.0)
    assert tables["exposures"]["moved_usd"] == 2010.0
    assert revision.tokens.select("token", "change_usd").rows() == [("WETH", -2000.0), ("DAI", -10.0)]
    assert revision.protocols.select("protocol", "change_usd", "moved_usd").rows() == [
        ("118", -2000.0, 2010.0), ("WETH", 0.0, 2000.0), ("111", -10.0, 10.0),
    ]  # fmt: skip
    moved = {(r["basis"], r["measure"]): r["change"] for r in revision.measures.iter_rows(named=True)}
    assert moved["holdings", "system_tvl_usd"] == -2010.0
    assert revision.json(1)["tokens"] == [
        {"token": "WETH", "issuer_before": "WETH", "issuer_after": "WETH",
         "before_usd": 3000.0, "after_usd": 1000.0, "change_usd": -2000.0},
    ]  # fmt: skip


def test_another_issuer_is_named_with_its_weight(older: Store, tmp_path: Path) -> None:
    overrides = tmp_path / "overrides.csv"
    overrides.write_text("token,issuer,note\nWETH,118,wrapped by it\n")
    newer = vintage(tmp_path, "same", WEEK.format(FIRST, 100) + WEEK.format(SECOND, 100), overrides=overrides)
    found = compare(older, newer)
    assert found.of("revised") == [FIRST, SECOND]
    assert found.issuers.rows() == [("WETH", "WETH", "curated", "118", "override", 6000.0)]
    assert found.protocols.select("protocol", "change").rows() == [("WETH", "removed")]
    assert found.choices["parameter"].to_list() == ["overrides"]
    revision = revision_of(older, newer, FIRST)
    assert revision.tokens.row(0) == ("WETH", "WETH", "118", 3000.0, 3000.0, 0.0)
    assert "holdings" not in revision.tables["table"].to_list()
    # 111's claim of 1,000 on WETH is now one on 118; 118's own 2,000 are no exposure any more
    assert revision.tables.filter(table="exposures")["moved_usd"].item() == 1000.0 + 1000.0 + 2000.0


def test_a_vintage_does_not_differ_from_itself(older: Store) -> None:
    found = compare(older, older)
    assert found.same == 2
    assert found.json()["dates"] == []
    revision = revision_of(older, older, FIRST)
    assert revision.tables.is_empty()
    assert revision.measures.is_empty()


def test_a_date_that_one_lacks_is_refused(older: Store) -> None:
    with pytest.raises(UnknownDate, match=f"No snapshot on {THIRD} in vintage {older.vintage}"):
        revision_of(older, older, THIRD)
