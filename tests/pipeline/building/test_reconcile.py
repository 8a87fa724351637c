"""USD in = USD mapped + USD dropped, to the cent."""

import datetime as dt

import polars as pl
import pytest

from dexposure_core.pipeline.building.reconcile import coverage_history, reconciliation
from dexposure_core.store import open_store
from tests.app.conftest import world

DAY, NEXT = dt.date(2025, 8, 11), dt.date(2025, 8, 18)


class Covered:
    def __init__(self, rows):
        self.rows = rows

    def coverage(self):
        schema = {"date": pl.Date, "side": pl.String, "reason": pl.String, "rows": pl.Int64, "usd_cents": pl.Int64}
        return pl.DataFrame(self.rows, schema=schema, orient="row")


BOOKS = Covered(
    [
        (DAY, "dropped", "bucket", 1, 25), (DAY, "in", "total", 4, 100), (DAY, "mapped", "metadata", 1, 30),
        (DAY, "mapped", "curated", 2, 45), (NEXT, "in", "total", 1, 10), (NEXT, "mapped", "curated", 1, 9),
    ]
)  # fmt: skip


def test_one_date():
    books = reconciliation(BOOKS, DAY)
    assert (books.in_cents, books.mapped_cents, books.dropped_cents, books.difference_cents) == (100, 75, 25, 0)
    assert books.mapped_share == 0.75
    assert books.rows.select("side", "reason").rows() == [
        ("in", "total"), ("mapped", "curated"), ("mapped", "metadata"), ("dropped", "bucket")
    ]  # fmt: skip


def test_a_missing_cent_is_seen():
    assert reconciliation(BOOKS, NEXT).difference_cents == 1
    assert reconciliation(BOOKS).difference_cents == 1


def test_nothing_came_in():
    books = reconciliation(Covered([]), DAY)
    assert books.in_cents == 0
    assert books.mapped_share != books.mapped_share  # not defined


def test_shares_over_time():
    shares = coverage_history(BOOKS).filter(pl.col("date") == DAY)
    assert dict(shares.select("reason", "share").iter_rows()) == {"bucket": 0.25, "curated": 0.45, "metadata": 0.30}


def test_a_vintage_balances_on_every_date(tmp_path):
    world(tmp_path, weeks=3)
    store = open_store(tmp_path)
    for day in store.dates():
        books = reconciliation(store, day)
        assert books.difference_cents == 0
        # the one bucket token of the small world: 1e6 UNKNOWN at about 1 USD
        dropped = books.rows.filter(pl.col("side") == "dropped")
        assert dropped["reason"].to_list() == ["bucket"]
        assert dropped["usd_cents"].sum() == pytest.approx(1e8, rel=0.1)
