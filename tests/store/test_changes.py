"""What changed between two dates, and why; the arithmetic is that of the world in conftest."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexposure_core.store import Store, open_store

from .conftest import MONDAYS, frame, publish

FIRST, SECOND, THIRD = MONDAYS
SPLIT = ["price_usd", "quantity_usd", "entry_usd", "exit_usd", "mapping_usd"]


def of(changes: pl.DataFrame, creditor: str, debtor: str) -> dict:
    return changes.row(by_predicate=(pl.col("creditor") == creditor) & (pl.col("debtor") == debtor), named=True)


def test_each_change_is_split_into_its_causes(store: Store) -> None:
    changes = store.changes(SECOND)
    assert changes["change_usd"].to_list() == [20.0, 8.0, -5.0]  # largest move first
    lender = of(changes, "1", "2")
    assert (lender["creditor_name"], lender["before_usd"], lender["after_usd"]) == ("Lender", 100.0, 108.0)
    # price 100 (0.90 - 1.00) = -10, quantity 0.90 (120 - 100) = 18
    assert [lender[c] for c in SPLIT] == pytest.approx([-10.0, 18.0, 0.0, 0.0, 0.0])
    assert [of(changes, "3", "2")[c] for c in SPLIT] == pytest.approx(
        [-5.0, 0.0, 0.0, 0.0, 0.0]
    )  # only the price moved
    assert [of(changes, "3", "1")[c] for c in SPLIT] == [0.0, 0.0, 20.0, 0.0, 0.0]  # Farm did not hold LEND before


def test_an_exit_counts_and_a_missing_quantity_leaves_the_split_undefined(store: Store) -> None:
    changes = store.changes(THIRD)
    assert [of(changes, "1", "2")[c] for c in SPLIT] == [0.0, 0.0, 0.0, -108.0, 0.0]
    assert [of(changes, "3", "1")[c] for c in SPLIT] == [None, None, 0.0, 0.0, 0.0]
    assert of(changes, "3", "1")["change_usd"] == 10.0


def test_nothing_changed_before_the_first_date(store: Store) -> None:
    assert store.changes(FIRST).is_empty()
    assert store.changes(FIRST).columns == store.changes(SECOND).columns


def test_nothing_changes_since_the_same_date(store: Store) -> None:
    changes = store.changes(SECOND, SECOND)
    assert changes["before_usd"].sum() > 0
    assert changes["before_usd"].to_list() == changes["after_usd"].to_list()
    assert changes["change_usd"].abs().sum() == 0


def test_exposures_without_holdings_know_only_entry_and_exit(tmp_path: Path) -> None:
    exposures = frame(
        "exposures",
        (FIRST, "A", "B", 10.0),
        (FIRST, "B", "C", 3.0),
        (SECOND, "A", "B", 12.0),
        (SECOND, "A", "C", 4.0),
    )
    nodes = frame("nodes", *((d, "holdings", p, 10.0) for d in (FIRST, SECOND) for p in "ABC"))
    publish(tmp_path, {"exposures": exposures, "nodes": nodes})
    changes = open_store(tmp_path).changes(SECOND)
    assert [of(changes, "A", "B")[c] for c in SPLIT] == [None, None, 0.0, 0.0, 0.0]
    assert [of(changes, "B", "C")[c] for c in SPLIT] == [0.0, 0.0, 0.0, -3.0, 0.0]
    assert [of(changes, "A", "C")[c] for c in SPLIT] == [0.0, 0.0, 4.0, 0.0, 0.0]
    assert of(changes, "A", "B")["creditor_name"] == "A"  # no name known


def test_holdings_that_do_not_make_the_exposure_do_not_explain_it(tmp_path: Path) -> None:
    """No token is told to make the exposures: T cannot explain them, on either date."""
    tables = {
        "tokens": frame("tokens", ("T", "B", "composition", 1.0, "unknown", "", 0)),
        "holdings": frame("holdings", (FIRST, "A", "", "T", 1.0, 10.0, True), (SECOND, "A", "", "T", 1.0, 11.0, True)),
        "exposures": frame("exposures", (FIRST, "A", "C", 10.0), (SECOND, "A", "B", 11.0)),
        "nodes": frame("nodes", *((d, "holdings", p, 10.0) for d in (FIRST, SECOND) for p in "ABC")),
    }
    publish(tmp_path, tables)
    changes = open_store(tmp_path).changes(SECOND)
    assert [of(changes, "A", "B")[c] for c in SPLIT] == [0.0, 0.0, 11.0, 0.0, 0.0]
    assert [of(changes, "A", "C")[c] for c in SPLIT] == [0.0, 0.0, 0.0, -10.0, 0.0]


def test_a_token_with_another_issuer_than_before_is_a_part_of_its_own(tmp_path: Path) -> None:
    # A holds 10 T at 1.00, issued by C at first and by B then, when it holds 12 at 1.50:
    # C loses the 10; B gets them, + 10 (1.50 - 1.00) by price + 1.50 (12 - 10) by quantity. B's own T is no exposure.
    tables = {
        "tokens": frame("tokens", ("T", "B", "composition", 1.0, "unknown", "", 0)),
        "holdings": frame("holdings", (FIRST, "A", "", "T", 10.0, 10.0, True), (SECOND, "A", "", "T", 12.0, 18.0, True),
                          (FIRST, "B", "", "T", 1.0, 1.0, True), (SECOND, "B", "", "T", 1.0, 1.5, True)),
        "exposures": frame("exposures", (FIRST, "A", "C", 10.0), (FIRST, "B", "C", 1.0), (SECOND, "A", "B", 18.0)),
        "exposure_tokens": frame("exposure_tokens", (FIRST, "A", "C", "T", 10.0), (FIRST, "B", "C", "T", 1.0),
                                 (SECOND, "A", "B", "T", 18.0)),
        "nodes": frame("nodes", *((d, "holdings", p, 10.0) for d in (FIRST, SECOND) for p in "ABC")),
    }  # fmt: skip
    publish(tmp_path, tables)
    changes = open_store(tmp_path).changes(SECOND)
    assert [of(changes, "A", "C")[c] for c in SPLIT] == [0.0, 0.0, 0.0, 0.0, -10.0]
    assert [of(changes, "A", "B")[c] for c in SPLIT] == pytest.approx([5.0, 3.0, 0.0, 0.0, 10.0])
    assert [of(changes, "B", "C")[c] for c in SPLIT] == [0.0, 0.0, 0.0, 0.0, -1.0]


cents = st.integers(1, 10**12).map(lambda c: c / 100)
quantities = st.one_of(st.none(), st.floats(1e-6, 1e9))
balances = st.dictionaries(
    st.tuples(st.sampled_from("ABC"), st.sampled_from(["", "Base"]), st.sampled_from(["tA", "tB", "tC", "tD"])),
    st.tuples(quantities, cents),
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(before=balances, after=balances, moved=st.dictionaries(st.sampled_from("ABCD"), st.sampled_from("ABCD")))
def test_changes_reconcile(
    before: dict, after: dict, moved: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Sum of changes = sum after - sum before, and every known split adds up to its change; so with other issuers."""
    rows = [
        (date, *key, *value, True) for date, held in ((FIRST, before), (SECOND, after)) for key, value in held.items()
    ]
    tokens = frame("tokens", *((f"t{i}", i, "given", 1.0, "unknown", "", 0) for i in "ABCD"))
    issuers = [(FIRST, f"t{i}", i) for i in "ABCD"] + [(SECOND, f"t{i}", moved.get(i, i)) for i in "ABCD"]
    mapping = pl.DataFrame(issuers, schema=["date", "token", "debtor"], orient="row")
    holdings = frame("holdings", *rows)
    parts = holdings.join(mapping, on=["date", "token"]).filter(pl.col("protocol") != pl.col("debtor"))
    ends = ["date", pl.col("protocol").alias("creditor"), "debtor"]
    by_token = parts.group_by(*ends, "token").agg(pl.sum("value_usd").alias("exposure_usd"))
    exposures = by_token.group_by("date", "creditor", "debtor").agg(pl.sum("exposure_usd"))
    nodes = frame("nodes", *((d, "holdings", p, 0.0) for d in (FIRST, SECOND) for p in "ABCD"))
    folder = tmp_path_factory.mktemp("law")
    tables = {"tokens": tokens, "holdings": holdings, "exposures": exposures, "exposure_tokens": by_token}
    publish(folder, tables | {"nodes": nodes})
    changes = open_store(folder).changes(SECOND)

    totals = {d: exposures.filter(pl.col("date") == d)["exposure_usd"].sum() for d in (FIRST, SECOND)}
    assert changes["change_usd"].sum() == pytest.approx(totals[SECOND] - totals[FIRST], abs=0.01, rel=1e-9)
    known = changes.drop_nulls(["price_usd", "quantity_usd"])
    # Huge effects of opposite sign leave the rounding of their size, not of their sum.
    scale = 1 + changes.select(pl.col("before_usd", "after_usd", *SPLIT).abs().sum().fill_null(0)).sum_horizontal()[0]
    gaps = known.select(pl.sum_horizontal(SPLIT) - pl.col("change_usd")).to_series().abs()
    assert (gaps <= 1e-6 * scale).all()
    if not {i: j for i, j in moved.items() if i != j}:
        assert (changes["mapping_usd"] == 0).all()
