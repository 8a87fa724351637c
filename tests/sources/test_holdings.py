"""Holdings tables: what is read, which date a balance belongs to, and every refusal."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexposure_core.errors import BadOption
from dexposure_core.sources import holdings, tabular
from tests.sources.refusals import check_refused

HEADER = "date,protocol_id,chain,token,quantity,value_usd\n"
GOOD = "2022-07-29,lido,ethereum,ETH,2,4\n"


def csv_file(folder: Path, rows: str, header: str = HEADER) -> Path:
    path = folder / "holdings.csv"
    path.write_bytes((header + rows).encode())
    return path


def as_rows(frame: pl.DataFrame) -> set[tuple[object, ...]]:
    return set(frame.select("protocol", "chain", "token", "quantity", "value_usd").iter_rows())


def test_a_week_closes_on_monday_with_the_last_observation_of_each_protocol_and_chain(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path,
        "2022-08-02,lido,ethereum,ETH,1,10\n"  # Tuesday: replaced by Thursday's balance
        "2022-08-04,lido,ethereum,ETH,2,30\n"  # Thursday: last of lido on ethereum before Monday 8 August
        "2022-08-03,lido,solana,SOL,5,7\n"  # lido on solana was last seen on Wednesday: it stays
        "2022-08-08,aave,ethereum,DAI,,3\n"  # Monday 8 August belongs to the week it closes
        "2022-08-09,aave,ethereum,DAI,1,1\n",  # Tuesday 9 August: the week to 15 August
    )
    feed = holdings.read(path)
    weeks = dict(feed.periods())
    assert feed.dates == [dt.date(2022, 8, 8), dt.date(2022, 8, 15)]
    assert as_rows(weeks[dt.date(2022, 8, 8)]) == {
        ("lido", "ethereum", "ETH", 2.0, 30.0),
        ("lido", "solana", "SOL", 5.0, 7.0),
        ("aave", "ethereum", "DAI", None, 3.0),
    }
    assert as_rows(weeks[dt.date(2022, 8, 15)]) == {("aave", "ethereum", "DAI", 1.0, 1.0)}
    left_out = feed.findings.row(0, named=True)
    assert (left_out["finding"], left_out["rows"]) == ("observations before their period's last", 1)


@pytest.mark.parametrize(
    ("frequency", "dates", "usd"),
    [
        ("day", [dt.date(2022, 8, 30), dt.date(2022, 8, 31), dt.date(2022, 9, 1)], [1.0, 2.0, 4.0]),
        ("week", [dt.date(2022, 9, 5)], [4.0]),
        ("month", [dt.date(2022, 8, 31), dt.date(2022, 9, 30)], [2.0, 4.0]),
    ],
)
def test_frequency_decides_the_snapshots(
    tmp_path: Path, frequency: str, dates: list[dt.date], usd: list[float]
) -> None:
    path = csv_file(
        tmp_path, "".join(f"{day},a,,T,,{v}\n" for day, v in [("2022-08-30", 1), ("2022-08-31", 2), ("2022-09-01", 4)])
    )
    feed = holdings.read(path, frequency=frequency)  # type: ignore[arg-type]
    assert feed.dates == dates
    assert [frame["value_usd"].sum() for _, frame in feed.periods()] == usd


def test_the_tvl_of_a_protocols_file_decides_between_claimants(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "2022-08-01,1,e,ETH,1,10\n")
    protocols = tmp_path / "protocols.csv"
    protocols.write_text("protocol_id,symbol,tvl_usd\n1,,\n2,ABC,5\n3,ABC,70.5\n")
    feed = holdings.read(path, protocols=protocols)
    assert feed.protocols.select("protocol", "symbol", "tvl_usd").rows() == [
        ("1", None, None), ("2", "ABC", 5.0), ("3", "ABC", 70.5),
    ]  # fmt: skip
    protocols.write_text("protocol_id,tvl_usd\n1,much\n")
    check_refused(lambda: holdings.read(path, protocols=protocols), "protocols.csv", "line 2", "'much'", "tvl_usd")


def test_tokens_carry_their_usd_and_protocols_their_names(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "2022-08-01,1,e,ETH,1,10\n2022-08-08,1,e,ETH,1,12\n2022-08-08,2,e,DAI,1,5\n")
    protocols = tmp_path / "protocols.csv"
    protocols.write_text(
        "protocol_id,name,category,sector,symbol\n1,Lido,Liquid Staking,Staking,LDO\n2,Maker,CDP,,\n3,Other,,,\n"
    )
    tokens = tmp_path / "tokens.csv"
    tokens.write_text("token,issuer\nDAI,2\n")
    feed = holdings.read(path, protocols=protocols, tokens=tokens)
    assert feed.tokens.rows() == [("DAI", 5.0, "2"), ("ETH", 22.0, None)]
    assert feed.protocols.rows() == [
        ("1", "Lido", "Liquid Staking", "Staking", "LDO"),
        ("2", "Maker", "CDP", "CDP", None),
        ("3", "Other", "Unknown", "Unknown", None),  # holds nothing here, but may issue a token
    ]
    assert [s.name for s in feed.sources] == ["holdings.csv", "protocols.csv", "tokens.csv"]
    assert all(s.bytes and len(s.sha256) == 64 for s in feed.sources)


def test_columns_can_be_named_and_the_date_given(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "eth,curve,3CRV,4.5\n", "chain,site,token,tvl\n")
    feed = holdings.read(path, columns={"protocol_id": "site", "value_usd": "tvl"}, date=dt.date(2021, 9, 6))
    assert [(date, as_rows(frame)) for date, frame in feed.periods()] == [
        (dt.date(2021, 9, 6), {("curve", "eth", "3CRV", None, 4.5)})
    ]


def test_duplicates_are_summed_when_asked_and_a_sum_with_a_missing_part_is_missing(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path, "2022-08-01,a,e,T,1,10\n2022-08-01,a,e,T,2,5\n2022-08-01,a,e,U,1,1\n2022-08-01,a,e,U,,1\n"
    )
    feed = holdings.read(path, duplicates="sum")
    assert as_rows(feed.load(feed.dates[0])) == {("a", "e", "T", 3.0, 15.0), ("a", "e", "U", None, 2.0)}
    assert feed.findings.row(0, named=True)["rows"] == 2


def test_zero_values_stay_for_the_coverage_report(tmp_path: Path) -> None:
    feed = holdings.read(csv_file(tmp_path, GOOD + "2022-07-29,lido,ethereum,DUST,1,0\n"))
    assert sorted(feed.load(feed.dates[0])["value_usd"]) == [0.0, 4.0]


@pytest.mark.parametrize(
    "text",
    [
        HEADER + GOOD,
        (HEADER + GOOD).replace("\n", "\r\n"),
        "\ufeff" + HEADER + GOOD,
        HEADER + GOOD + "\n\n",
        HEADER + GOOD.rstrip("\n"),
        HEADER + GOOD.replace("2022-07-29", "2022-07-29T23:59:59.5+02:00"),
        HEADER + GOOD.replace("2022-07-29", "2022-07-29 00:00"),
        "extra," + HEADER + "x," + GOOD,
        HEADER + GOOD.replace("lido", '"lido"'),
    ],
)
def test_harmless_variants_of_a_csv_are_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "holdings.csv"
    path.write_bytes(text.encode())
    feed = holdings.read(path, frequency="day")
    assert [(d, as_rows(f)) for d, f in feed.periods()] == [
        (dt.date(2022, 7, 29), {("lido", "ethereum", "ETH", 2.0, 4.0)})
    ]


BAD_ROWS = [
    ("2022-07-29,lido,ethereum,X,1,abc\n", ["line 3", "value_usd", "'abc'", "not a number"]),
    ("2022-07-29,lido,ethereum,X,one,1\n", ["line 3", "quantity", "'one'"]),
    ("2022-07-29,lido,ethereum,X,1,NaN\n", ["line 3", "value_usd", "finite"]),
    ("2022-07-29,lido,ethereum,X,1,inf\n", ["line 3", "value_usd", "inf"]),
    ("2022-07-29,lido,ethereum,X,-inf,1\n", ["line 3", "quantity", "-inf"]),
    ("2022-07-29,lido,ethereum,X,1,-4\n", ["line 3", "value_usd", "-4", "negative"]),
    ("2022-07-29,lido,ethereum,X,-4,1\n", ["line 3", "quantity", "negative"]),
    ("2022-07-29,lido,ethereum,X,1,\n", ["line 3", "value_usd", "missing"]),
    ("2022-07-29,,ethereum,X,1,1\n", ["line 3", "protocol_id", "missing"]),
    ("2022-07-29,nan,ethereum,X,1,1\n", ["line 3", "protocol_id", "missing"]),
    ("2022-07-29,lido,ethereum,,1,1\n", ["line 3", "token", "missing"]),
    (",lido,ethereum,X,1,1\n", ["line 3", "date", "missing"]),
    ("2022-07-29,lido,ethereum,ETH,3,5\n", ["lines 2 and 3", "twice", "--duplicates sum"]),
    ("2023-02-30,lido,ethereum,X,1,1\n", ["line 3", "2023-02-30", "does not exist"]),
    ("2022-13-01,lido,ethereum,X,1,1\n", ["line 3", "2022-13-01", "does not exist"]),
    ("07/29/2022,lido,ethereum,X,1,1\n", ["line 3", "07/29/2022", "ISO"]),
    ("1999-12-31,lido,ethereum,X,1,1\n", ["line 3", "1999-12-31", "2009"]),
    ("2101-01-01,lido,ethereum,X,1,1\n", ["line 3", "2101-01-01", "2100"]),
    ("2022-07-29T00:00:00,lido,ethereum,X,1,1\n", ["line 3", "time without zone", "one form"]),
    ("2022-07-29,lido,ethereum," + "x" * 1_000_000 + ",1,1\n", ["line 3", "token", "1000000 characters", "200"]),
    ("2022-07-29,li\x07do,ethereum,X,1,1\n", ["line 3", "protocol_id", "control characters"]),
    ("2022-07-29,li\u202edo,ethereum,X,1,1\n", ["line 3", "protocol_id", "control characters"]),
    ("2022-07-29,lido,ethereum,X,1,1,9\n", ["line 3", "7 fields", "6"]),
    ("2022-07-29,lido,eth", ["last line", "3 of 6 fields", "truncated"]),
]


@pytest.mark.parametrize(("row", "parts"), BAD_ROWS, ids=[p[1] + "-" + str(i) for i, (_, p) in enumerate(BAD_ROWS)])
def test_a_bad_row_is_refused_by_line(tmp_path: Path, row: str, parts: list[str]) -> None:
    path = csv_file(tmp_path, GOOD + row)
    check_refused(lambda: holdings.read(path), "holdings.csv", *parts)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", ["empty"]),
        (HEADER.encode(), ["no rows"]),
        (b"date,protocol,chain,token,value_usd\n", ["no column 'protocol_id'", "'protocol'", "--column"]),
        (b"protocol_id,chain,token,value_usd\nlido,e,T,1\n", ["no column 'date'", "--column"]),
        ((HEADER + GOOD).replace(",", ";").encode(), ["semicolons"]),
        (HEADER.replace("quantity", "token").encode(), ["line 1", "'token' occurs twice"]),
        (b'{"data": {}}', ["not a CSV"]),
        (b"<html>", ["not a CSV"]),
        (b"\x1f\x8b\x08\x00", ["gzip", "unpack"]),
        ((HEADER + GOOD).encode() + b"2022-07-29,l\xefdo,e,T,1,1\n", ["line 3", "byte 93", "UTF-8"]),
        ((HEADER + GOOD).encode() + b"2022-07-29,lido,e,T,1,1\xe2", ["middle of a UTF-8 character"]),
        (b"PAR1 and then nothing", ["Parquet", "truncated"]),
    ],
)
def test_a_file_that_is_no_holdings_table_is_refused(tmp_path: Path, content: bytes, parts: list[str]) -> None:
    path = tmp_path / "holdings.csv"
    path.write_bytes(content)
    check_refused(lambda: holdings.read(path), "holdings.csv", *parts)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    check_refused(lambda: holdings.read(tmp_path / "nowhere.csv"), "nowhere.csv", "no such file", "check the path")
    check_refused(lambda: holdings.read(tmp_path), tmp_path.name, "folder")


def test_mixed_time_zones_are_refused(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path, "2022-07-29T00:00:00Z,a,,T,,1\n2022-07-30T00:00:00+00:00,a,,T,,1\n2022-07-31T00:00:00+02:00,a,,T,,1\n"
    )
    check_refused(lambda: holdings.read(path), "line 4", "zone +0200", "UTC", "one time zone")


def test_unknown_ids_are_refused_when_the_protocols_are_given(tmp_path: Path) -> None:
    protocols = tmp_path / "protocols.csv"
    protocols.write_text("protocol_id,name\nlido-v1,Lido\n")
    path = csv_file(tmp_path, GOOD)
    check_refused(
        lambda: holdings.read(path, protocols=protocols), "line 2", "'lido'", "protocols.csv", "did you mean 'lido-v1'"
    )


def test_options_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = csv_file(tmp_path, GOOD)
    with pytest.raises(BadOption, match="fortnight"):
        holdings.read(path, frequency="fortnight")  # type: ignore[arg-type]
    with pytest.raises(BadOption, match="did you mean 'value_usd'"):
        holdings.read(path, columns={"value": "x"})
    with pytest.raises(BadOption, match="--date"):
        holdings.read(path, date=dt.date(2022, 1, 1))
    with pytest.raises(BadOption, match="--duplicates"):
        holdings.read(path, duplicates="keep")  # type: ignore[arg-type]
    check_refused(lambda: holdings.read(path, columns={"value_usd": "tvl"}), "no column 'tvl'")


def test_line_numbers_count_on_over_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabular, "_BATCH", 100)
    rows = [f"2022-07-29,p{i},e,T,1,1\n" for i in range(1000)]
    rows[777] = rows[777].replace(",1,1", ",1,oops")
    check_refused(lambda: holdings.read(csv_file(tmp_path, "".join(rows))), "line 779", "oops")
    rows[777] = rows[3]
    check_refused(lambda: holdings.read(csv_file(tmp_path, "".join(rows))), "lines 5 and 779", "twice")


PARQUET_TYPES = [
    ("date", pl.Series(["2022-07-29 23:00"]).str.to_datetime("%Y-%m-%d %H:%M")),
    ("date", pl.Series(["2022-07-29 03:00"]).str.to_datetime("%Y-%m-%d %H:%M").dt.replace_time_zone("Asia/Tokyo")),
    ("date", pl.Series(["2022-07-29"])),
    ("protocol_id", pl.Series(["lido"], dtype=pl.Categorical)),
    ("token", pl.Series(["ETH"], dtype=pl.Enum(["ETH", "DAI"]))),
    ("value_usd", pl.Series([Decimal("4.00")], dtype=pl.Decimal(38, 2))),
    ("value_usd", pl.Series([4], dtype=pl.Int32)),
    ("quantity", pl.Series([2], dtype=pl.Float32)),
    ("quantity", pl.Series([2], dtype=pl.UInt64)),
]


def parquet_file(folder: Path, column: str, values: pl.Series) -> Path:
    row = {
        "date": dt.date(2022, 7, 29),
        "protocol_id": "lido",
        "chain": "ethereum",
        "token": "ETH",
        "quantity": 2.0,
        "value_usd": 4.0,
    }
    path = folder / "holdings.parquet"
    pl.DataFrame({name: [value] for name, value in row.items()}).with_columns(values.alias(column)).write_parquet(path)
    return path


@pytest.mark.parametrize(("column", "values"), PARQUET_TYPES, ids=[f"{c}-{v.dtype}" for c, v in PARQUET_TYPES])
def test_parquet_with_proper_types_is_read(tmp_path: Path, column: str, values: pl.Series) -> None:
    feed = holdings.read(parquet_file(tmp_path, column, values), frequency="day")
    assert [(d, as_rows(f)) for d, f in feed.periods()] == [
        (dt.date(2022, 7, 29), {("lido", "ethereum", "ETH", 2.0, 4.0)})
    ]


@pytest.mark.parametrize(
    ("column", "values", "parts"),
    [
        ("value_usd", pl.Series([float("nan")]), ["row 1", "value_usd", "finite"]),
        ("value_usd", pl.Series([-1.0]), ["row 1", "negative"]),
        ("value_usd", pl.Series([None], dtype=pl.Float64), ["row 1", "missing"]),
        ("value_usd", pl.Series([True]), ["value_usd", "Boolean"]),
        ("date", pl.Series([20220729]), ["date", "Int64"]),
        ("token", pl.Series([b"ETH"]), ["token", "Binary"]),
        ("date", pl.Series([dt.date(1970, 1, 1)]), ["row 1", "1970-01-01", "2009"]),
    ],
)
def test_parquet_with_wrong_content_is_refused(
    tmp_path: Path, column: str, values: pl.Series, parts: list[str]
) -> None:
    path = parquet_file(tmp_path, column, values)
    check_refused(lambda: holdings.read(path), "holdings.parquet", *parts)


def test_broken_parquet_is_refused(tmp_path: Path) -> None:
    path = parquet_file(tmp_path, "token", pl.Series(["ETH"]))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    check_refused(lambda: holdings.read(path), "holdings.parquet", "truncated")
    path.write_bytes(whole[:4] + b"\x00" * (len(whole) - 8) + whole[-4:])
    check_refused(lambda: holdings.read(path), "holdings.parquet", "Parquet")
    path.write_text("date,token\n")
    check_refused(lambda: holdings.read(path), "not a Parquet file")


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12).filter(
    lambda s: s not in {"", "-", "nan", "NaN", "None", "null", "<NA>"}
)
ROWS = st.dictionaries(
    st.tuples(st.dates(dt.date(2019, 1, 1), dt.date(2025, 12, 31)), NAMES, NAMES, NAMES),
    st.tuples(st.none() | st.floats(0, 1e12), st.floats(0, 1e15)),
    min_size=1,
    max_size=20,
)


@given(rows=ROWS)
@settings(max_examples=20, deadline=None)
def test_what_was_written_is_what_is_read(tmp_path_factory: pytest.TempPathFactory, rows: dict) -> None:
    written = [(*key, *values) for key, values in rows.items()]
    frame = pl.DataFrame(
        written, schema=["date", "protocol_id", "chain", "token", "quantity", "value_usd"], orient="row"
    )
    frame = frame.with_columns(pl.col("quantity").cast(pl.Float64))
    for name in ("table.csv", "table.parquet"):
        path = tmp_path_factory.mktemp("holdings") / name
        frame.write_csv(path) if name.endswith("csv") else frame.write_parquet(path)
        read = [(date, *row) for date, part in holdings.read(path, frequency="day").periods() for row in part.rows()]
        assert sorted(map(repr, read)) == sorted(map(repr, written))
