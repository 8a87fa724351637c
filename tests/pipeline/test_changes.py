"""What moved TVL and concentration, by hand."""

import datetime as dt

import polars as pl
import pytest

from dexposure_core.pipeline.changes import PARTS, summary, tvl_changes
from dexposure_core.store import open_store
from tests.app.conftest import world

FIRST, SECOND = dt.date(2025, 8, 11), dt.date(2025, 8, 18)


# A: 10 x at 1 → 10 x at 2 (price +10); B: 20 y at 1 → 30 y at 1 (quantity +10); C leaves (30); D enters (30);
# E: 10 → 10 without a quantity
HELD = {
    FIRST: [("A", "x", 10.0, 10.0), ("B", "y", 20.0, 20.0), ("C", "y", 30.0, 30.0), ("E", "z", None, 10.0)],
    SECOND: [("A", "x", 10.0, 20.0), ("B", "y", 30.0, 30.0), ("D", "y", 30.0, 30.0), ("E", "z", None, 10.0)],
}


class Books:
    """A store of two dates, as far as `tvl_changes` asks it."""

    def dates(self, basis):
        return [FIRST, SECOND]

    def holdings(self, date):
        schema = {"protocol": pl.String, "token": pl.String, "quantity": pl.Float64, "value_usd": pl.Float64}
        return pl.DataFrame(HELD[date], schema=schema, orient="row").with_columns(chain=pl.lit("Ethereum"))

    def node_history(self, basis, start, end):
        held = [self.holdings(d).select(pl.lit(d).alias("date"), "protocol", tvl_usd="value_usd") for d in (start, end)]
        return pl.concat(held)

    def protocols(self):
        return pl.DataFrame({"protocol": list("ABCDE"), "name": list("ABCDE"), "sector": ["S"] * 5})


def test_each_cause_by_hand():
    # price, quantity, entry, exit, mapping (which TVL does not know)
    rows = {r["protocol"]: r for r in tvl_changes(Books(), SECOND).iter_rows(named=True)}
    assert [rows["A"][p] for p in PARTS] == [10, 0, 0, 0, 0]
    assert [rows["B"][p] for p in PARTS] == [0, 10, 0, 0, 0]
    assert [rows["C"][p] for p in PARTS] == [0, 0, 0, -30, 0]
    assert [rows["D"][p] for p in PARTS] == [0, 0, 30, 0, 0]
    assert [rows["E"][p] for p in PARTS] == [None, None, 0, 0, 0]


def test_concentration_by_protocol_by_hand():
    rows = {r["protocol"]: r for r in tvl_changes(Books(), SECOND).iter_rows(named=True)}
    # before 70: A 10, B 20, C 30, E 10; after 90: A 20, B 30, D 30, E 10
    assert rows["A"]["hhi_contribution"] == pytest.approx((20 / 90) ** 2 - (10 / 70) ** 2)
    assert rows["C"]["hhi_contribution"] == pytest.approx(-((30 / 70) ** 2))
    after, before = (900 + 900 + 400 + 100) / 90**2, (100 + 400 + 900 + 100) / 70**2
    assert sum(r["hhi_contribution"] for r in rows.values()) == pytest.approx(after - before)


def test_the_first_date_has_no_changes():
    assert tvl_changes(Books(), FIRST).is_empty()


def test_totals_keep_what_is_not_split():
    totals = summary(tvl_changes(Books(), SECOND))
    assert (totals.before_usd, totals.after_usd, totals.change_usd) == (70, 90, 20)
    assert (totals.price_usd, totals.quantity_usd, totals.entry_usd, totals.exit_usd) == (10, 10, 30, -30)
    assert totals.unsplit_usd == 0


def test_on_a_vintage_contributions_add_up_to_the_change_of_the_measure(tmp_path):
    world(tmp_path, weeks=14)
    store = open_store(tmp_path)
    hhi = store.history("tvl_hhi")["value"].to_list()
    for place in (1, 10, 12):  # a calm week, the slip of the dollar, the week an exchange enters
        moved = tvl_changes(store, store.dates()[place])
        assert moved["hhi_contribution"].sum() == pytest.approx(hhi[place] - hhi[place - 1], abs=1e-12)
        assert moved.select(pl.sum_horizontal(PARTS)).to_series().to_list() == pytest.approx(
            moved["change_usd"].to_list()
        )
