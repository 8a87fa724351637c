"""schema.sql is the one place that says what the tables are."""

import duckdb
import polars as pl
import pytest

from dexposure_core.store import TABLES
from dexposure_core.store.schema import parse, schema_sql


def test_a_line_gives_name_type_null_and_meaning() -> None:
    text = """-- Free text.

-- sizes: how large.
CREATE TABLE sizes (
    date DATE NOT NULL,       -- snapshot date
    usd DOUBLE                -- USD; null when not known
);
"""
    table = parse(text)["sizes"]
    assert (table.name, table.help, table.dated) == ("sizes", "how large.", True)
    assert [(c.name, c.type, c.nullable, c.help) for c in table.columns] == [
        ("date", "DATE", False, "snapshot date"),
        ("usd", "DOUBLE", True, "USD; null when not known"),
    ]
    assert table.polars == {"date": pl.Date(), "usd": pl.Float64()}
    assert [f.nullable for f in table.arrow] == [False, True]


def test_a_line_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match=r"schema.sql, line 2: not a column .*usd DOUBLE$"):
        parse("CREATE TABLE sizes (\n    usd DOUBLE\n);")


def test_duckdb_reads_the_schema_as_we_do() -> None:
    """Every column, type and NOT NULL is found: DuckDB, given the same text, makes the same tables."""
    connection = duckdb.connect()
    connection.execute(schema_sql())
    for table in TABLES.values():
        query = 'SELECT name, type, "notnull" FROM pragma_table_info(?)'
        described = connection.execute(query, [table.name]).fetchall()
        assert described == [(c.name, c.type, not c.nullable) for c in table.columns]
    assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (len(TABLES),)


def test_units_are_in_the_meaning_of_every_amount() -> None:
    amounts = [c for t in TABLES.values() for c in t.columns if c.name.endswith("_usd")]
    assert len(amounts) >= 8
    assert all("USD" in c.help or "flow_usd" in c.help for c in amounts)


def test_columns_may_come_in_any_order() -> None:
    given = pl.DataFrame({"value": [float("nan")], "measure": ["m"], "basis": ["flow"], "date": [None]})
    with pytest.raises(ValueError, match="table measures, column date: 1 of 1 values are null"):
        TABLES["measures"].check(given)
    with_date = given.with_columns(date=pl.lit("2024-01-01").str.to_date())
    checked = TABLES["measures"].check(with_date)
    assert checked.columns == ["date", "basis", "measure", "value"]
    assert checked["value"].to_list() == [None]  # undefined is null at rest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tvl_usd": None}, "missing columns \\['tvl_usd'\\]"),
        ({"extra": pl.lit(1)}, "unknown columns \\['extra'\\]"),
        ({"tvl_usd": pl.lit("5")}, "column tvl_usd: expected Float64, got String"),
        ({"tvl_usd": pl.lit(5)}, "column tvl_usd: expected Float64, got Int32"),
        ({"tvl_usd": pl.lit(float("inf"))}, "column tvl_usd: infinite value"),
        ({"tvl_usd": pl.lit(float("nan"))}, "column tvl_usd: 1 of 1 values are null"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict, message: str) -> None:
    frame = pl.DataFrame({"basis": ["flow"], "protocol": ["a"], "tvl_usd": [1.0]})
    frame = frame.with_columns(date=pl.lit("2024-01-01").str.to_date())
    for name, value in change.items():
        frame = frame.drop(name) if value is None else frame.with_columns(value.alias(name))
    with pytest.raises(ValueError, match=message):
        TABLES["nodes"].check(frame)
