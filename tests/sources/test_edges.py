"""Exposure tables: any dates, aliases, nodes beside them, and every refusal."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexposure_core.errors import BadOption
from dexposure_core.sources import edges
from tests.sources.refusals import check_refused

HEADER = "date,creditor,debtor,exposure_usd\n"
GOOD = "2020-12-31,DE,FR,5\n2020-12-31,FR,IT,2\n2021-12-31,DE,IT,1.5\n"
YEAR, NEXT = dt.date(2020, 12, 31), dt.date(2021, 12, 31)


def table(folder: Path, text: str, name: str = "edges.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_dates_are_taken_as_they_stand(tmp_path: Path) -> None:
    feed = edges.read(table(tmp_path, HEADER + GOOD))
    read = [(date, set(frame.rows()), nodes) for date, frame, nodes in feed.periods()]
    assert read == [(YEAR, {("DE", "FR", 5.0), ("FR", "IT", 2.0)}, None), (NEXT, {("DE", "IT", 1.5)}, None)]
    assert feed.protocols.rows() == [(c, c, "Unknown", "Unknown") for c in ("DE", "FR", "IT")]


@pytest.mark.parametrize("header", ["date,source,target,value\n", "date,source,target,weight\n", HEADER])
def test_aliases_of_the_columns_are_accepted(tmp_path: Path, header: str) -> None:
    feed = edges.read(table(tmp_path, header + GOOD))
    assert feed.load(NEXT)[0].rows() == [("DE", "IT", 1.5)]


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = table(tmp_path, "when,bank,to,amount\n" + GOOD)
    given = {"date": "when", "creditor": "bank", "debtor": "to", "exposure_usd": "amount"}
    assert edges.read(path, columns=given).dates == [YEAR, NEXT]
    with pytest.raises(BadOption, match="lender"):
        edges.read(path, columns={"lender": "bank"})


def test_duplicates_are_summed_when_asked(tmp_path: Path) -> None:
    path = table(tmp_path, HEADER + GOOD + "2020-12-31,DE,FR,0.5\n")
    check_refused(lambda: edges.read(path), "edges.csv", "lines 2 and 5", "'DE', 'FR'", "--duplicates sum")
    feed = edges.read(path, duplicates="sum")
    assert set(feed.load(YEAR)[0].rows()) == {("DE", "FR", 5.5), ("FR", "IT", 2.0)}
    assert feed.findings.row(0, named=True)["rows"] == 1


NODES = "date,protocol_id,tvl_usd,sector,name\n"
SIZES = "2020-12-31,DE,100,Euro,Germany\n2020-12-31,FR,80,Euro,\n2020-12-31,IT,60,,Italy\n"
SIZES += "2021-12-31,DE,90,,\n2021-12-31,IT,0,South,\n"


def test_nodes_give_sizes_sectors_and_names(tmp_path: Path) -> None:
    nodes = table(tmp_path, NODES + SIZES, "nodes.csv")
    feed = edges.read(table(tmp_path, HEADER + GOOD), nodes=nodes)
    assert feed.protocols.rows() == [
        ("DE", "Germany", "Euro", "Euro"),
        ("FR", "FR", "Euro", "Euro"),
        ("IT", "Italy", "South", "South"),
    ]
    sizes = feed.load(NEXT)[1]
    assert sizes is not None
    assert set(sizes.rows()) == {("DE", 90.0), ("IT", 0.0)}
    assert [s.name for s in feed.sources] == ["edges.csv", "nodes.csv"]


def test_an_end_that_the_nodes_lack_is_refused(tmp_path: Path) -> None:
    nodes = table(tmp_path, NODES + SIZES.replace("2021-12-31,IT,0,South,\n", ""), "nodes.csv")
    feed_of = lambda: list(edges.read(table(tmp_path, HEADER + GOOD), nodes=nodes).periods())  # noqa: E731
    check_refused(
        feed_of, "edges.csv", "line 4", "debtor", "'IT'", "2021-12-31", "nodes.csv", "leave the nodes file out"
    )


BAD_NODES = [
    ("2020-12-31,DE,100,,\n", ["lines 2 and 7", "twice", "'DE'"]),
    ("2020-12-31,ES,-1,,\n", ["line 7", "tvl_usd", "negative"]),
    ("2020-12-31,ES,nan,,\n", ["line 7", "tvl_usd", "finite"]),
    ("2020-12-31,,1,,\n", ["line 7", "protocol_id", "missing"]),
    ("2020-12-31,ES,1," + "s" * 300 + ",\n", ["line 7", "sector", "300 characters"]),
    ("2020-02-30,ES,1,,\n", ["line 7", "2020-02-30", "does not exist"]),
]


@pytest.mark.parametrize(("row", "parts"), BAD_NODES, ids=[p[1] for _, p in BAD_NODES])
def test_a_bad_row_of_nodes_is_refused(tmp_path: Path, row: str, parts: list[str]) -> None:
    nodes = table(tmp_path, NODES + SIZES + row, "nodes.csv")
    check_refused(lambda: edges.read(table(tmp_path, HEADER + GOOD), nodes=nodes), "nodes.csv", *parts)


BAD_ROWS = [
    ("2020-12-31,ES,ES,1\n", ["line 5", "'ES'", "exposed to itself"]),
    ("2020-12-31,ES,FR,many\n", ["line 5", "exposure_usd", "'many'"]),
    ("2020-12-31,ES,FR,NaN\n", ["line 5", "exposure_usd", "finite"]),
    ("2020-12-31,ES,FR,-1\n", ["line 5", "exposure_usd", "negative"]),
    ("2020-12-31,ES,FR,\n", ["line 5", "exposure_usd", "missing"]),
    ("2020-12-31,,FR,1\n", ["line 5", "creditor", "missing"]),
    ("2020-12-31,ES,nan,1\n", ["line 5", "debtor", "missing"]),
    ("2021-02-29,ES,FR,1\n", ["line 5", "2021-02-29", "does not exist"]),
    ("2020-12-31T00:00:00Z,ES,FR,1\n", ["line 5", "UTC", "one time zone"]),
    ("1899-12-31,ES,FR,1\n", ["line 5", "1899-12-31", "1900"]),
    ("2020-12-31,ES," + "x" * 1_000_000 + ",1\n", ["line 5", "debtor", "1000000 characters"]),
    ("2020-12-31,E\x00S,FR,1\n", ["line 5", "creditor", "control characters"]),
    ("2020-12-31,ES,FR,1,2\n", ["line 5", "5 fields"]),
    ("2020-12-31,ES", ["2 of 4 fields", "truncated"]),
]


@pytest.mark.parametrize(("row", "parts"), BAD_ROWS, ids=[p[1] + f"-{i}" for i, (_, p) in enumerate(BAD_ROWS)])
def test_a_bad_row_is_refused_by_line(tmp_path: Path, row: str, parts: list[str]) -> None:
    check_refused(lambda: edges.read(table(tmp_path, HEADER + GOOD + row)), "edges.csv", *parts)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["empty"]),
        (HEADER, ["no rows"]),
        ("date,creditor,debtor\n2020-01-01,a,b\n", ["no column 'exposure_usd'", "'creditor'", "--column"]),
        ("[1]", ["not a CSV"]),
    ],
)
def test_a_file_that_is_no_edges_table_is_refused(tmp_path: Path, text: str, parts: list[str]) -> None:
    check_refused(lambda: edges.read(table(tmp_path, text)), "edges.csv", *parts)


def test_old_years_are_accepted(tmp_path: Path) -> None:
    assert edges.read(table(tmp_path, HEADER + "1977-12-31,DE,FR,5\n")).dates == [dt.date(1977, 12, 31)]


KEYS = st.tuples(st.dates(dt.date(1950, 1, 1), dt.date(2050, 1, 1)), st.sampled_from("abc"), st.sampled_from("xyz"))


@given(rows=st.dictionaries(KEYS, st.floats(0, 1e15), min_size=1, max_size=20), parquet=st.booleans())
@settings(max_examples=20, deadline=None)
def test_what_was_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: dict[tuple[dt.date, str, str], float], parquet: bool
) -> None:
    written = [(*key, usd) for key, usd in rows.items()]
    frame = pl.DataFrame(written, schema=["date", "creditor", "debtor", "exposure_usd"], orient="row")
    path = tmp_path_factory.mktemp("edges") / "edges.any"
    frame.write_parquet(path) if parquet else frame.write_csv(path)
    read = [(date, *row) for date, part, _ in edges.read(path).periods() for row in part.rows()]
    assert sorted(read) == sorted(written)
