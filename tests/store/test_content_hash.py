"""The fingerprint depends on what a vintage says, and on nothing else."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexposure_core.store import VintageWriter, list_vintages, open_store
from dexposure_core.store.canonical import canonical, digest

from .conftest import MONDAYS, WORLD, frame, publish


def fingerprint(folder: Path, tables: dict[str, pl.DataFrame], **options: object) -> str:
    publish(folder, tables, **options)
    return list_vintages(folder)[0].content_hash


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> str:
    return fingerprint(tmp_path_factory.mktemp("known"), WORLD)


def test_the_fingerprint_is_the_same_on_every_machine(known: str) -> None:
    assert known == "97764e3affdb9619b5e197ca72c050dd7717a04ec7a74c8262fc3d23051831ed"


def test_row_order_sources_and_time_do_not_matter(known: str, tmp_path: Path) -> None:
    shuffled = {name: rows.sample(fraction=1, shuffle=True, seed=3) for name, rows in WORLD.items()}
    assert fingerprint(tmp_path / "a", shuffled) == known
    assert fingerprint(tmp_path / "b", {**WORLD, "measures": WORLD["measures"].clear()}) == known


def test_one_append_or_many_do_not_matter(known: str, tmp_path: Path) -> None:
    with VintageWriter(tmp_path) as writer:
        for name, rows in WORLD.items():
            for row in reversed(range(len(rows))):
                writer.append(name, rows[row])
        writer.publish(sources=(), parameters={}, frequency="week", simulated=True)
    assert list_vintages(tmp_path)[0].content_hash == known


@pytest.mark.parametrize(
    ("table", "column", "change"),
    [
        ("holdings", "value_usd", pl.col("value_usd") + 0.01),
        ("exposures", "exposure_usd", pl.col("exposure_usd") + 0.01),
        ("exposure_tokens", "exposure_usd", pl.col("exposure_usd") + 0.01),
        ("flows", "flow_usd", pl.col("flow_usd") + 0.01),
        ("nodes", "tvl_usd", pl.col("tvl_usd") + 0.01),
        ("holdings", "quantity", pl.col("quantity") * 1.000001),
        ("holdings", "chain", pl.lit("")),
        ("protocols", "name", pl.col("name") + "x"),
        ("tokens", "issuer", pl.col("issuer").fill_null("")),
        ("flows", "price_usd", pl.col("price_usd").fill_null(0.0)),
        ("nodes", "date", pl.col("date").dt.offset_by("1d")),
    ],
)
def test_every_change_of_content_shows(known: str, tmp_path: Path, table: str, column: str, change: pl.Expr) -> None:
    assert fingerprint(tmp_path, {**WORLD, table: WORLD[table].with_columns(change.alias(column))}) != known


def test_text_moved_to_the_neighbour_shows() -> None:
    """'ab' + 'c' is not 'a' + 'bc', nor 'a', 'bc' in two rows."""
    texts = [pl.DataFrame({"x": x, "y": y}) for x, y in [(["ab"], ["c"]), (["a"], ["bc"]), (["a", "b"], ["c", ""])]]
    assert len({digest(t) for t in texts}) == 3
    assert digest(pl.DataFrame({"x": [None]}, schema={"x": pl.String})) != digest(pl.DataFrame({"x": [""]}))


def test_the_last_bits_of_a_sum_do_not_matter() -> None:
    some = pl.DataFrame({"quantity": [0.1 + 0.2], "value_usd": [0.1 + 0.2]})  # 0.30000000000000004
    other = pl.DataFrame({"quantity": [0.3], "value_usd": [-0.0 + 0.3]})
    assert digest(some) == digest(other)
    assert digest(some) != digest(other.with_columns(value_usd=0.31))


rows = st.lists(
    st.tuples(
        st.sampled_from(MONDAYS), st.text(max_size=4), st.text(max_size=4), st.text(max_size=4),
        st.one_of(st.none(), st.floats(0, 1e12)), st.floats(0.01, 1e15), st.booleans(),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(rows=rows, seed=st.integers(0, 99))
def test_what_is_written_is_what_is_read(rows: list, seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("law")
    holdings = frame("holdings", *rows)
    nodes = frame("nodes", *((date, "holdings", "p", 1.0) for date in MONDAYS))
    shuffled = holdings.sample(fraction=1, shuffle=True, seed=seed)
    tables = {"tokens": frame("tokens"), "holdings": shuffled, "nodes": nodes}
    vintage = publish(folder, tables)
    read = open_store(folder).table("holdings")
    assert read.equals(canonical(holdings))
    assert publish(folder, {**tables, "holdings": holdings}) == vintage
    assert len(list_vintages(folder)) == 1
    assert dt.datetime.now(dt.UTC) >= list_vintages(folder)[0].created_at
