"""A network given as exposures: stocks as they stand, flows as their changes."""

from __future__ import annotations

import datetime as dt

import polars as pl

from dexposure_core.network.edges import from_edges

Q1, Q2 = dt.date(2024, 3, 31), dt.date(2024, 6, 30)


def edges(*rows: tuple[str, str, float]) -> pl.DataFrame:
    return pl.DataFrame(rows, {"creditor": pl.String, "debtor": pl.String, "exposure_usd": pl.Float64}, orient="row")


def nodes(**sizes: float) -> pl.DataFrame:
    return pl.DataFrame({"protocol": list(sizes), "tvl_usd": list(sizes.values())})


def test_exposures_stand_as_given_and_size_is_what_a_creditor_lent() -> None:
    period = from_edges(Q1, edges(("A", "B", 30.0), ("A", "C", 12.0), ("B", "C", 5.0)), None, None)
    assert period.exposures.rows() == [("A", "B", 30.0), ("A", "C", 12.0), ("B", "C", 5.0)]
    assert period.exposure_tokens.rows()[0] == ("A", "B", "", 30.0)
    assert period.nodes.rows() == [("holdings", "A", 42.0), ("holdings", "B", 5.0), ("holdings", "C", 0.0)]
    assert period.coverage.rows() == [("in", "total", 3, 4700), ("mapped", "given", 3, 4700)]
    assert period.holdings.is_empty()
    assert period.findings["finding"].to_list() == ["no node sizes"]


def test_flows_are_the_changes_of_exposures_netted_per_pair() -> None:
    before = edges(("A", "B", 30.0), ("B", "A", 10.0), ("A", "C", 5.0))
    now = edges(("A", "B", 50.0), ("B", "A", 14.0), ("D", "C", 3.0))
    period = from_edges(Q2, now, None, before)
    # A-B: A's +20 flows B → A, B's +4 flows A → B: 16 B → A, no split. A's exit of 5: A → C. D's entry of 3: C → D.
    assert period.flows.rows() == [("A", "C", 5.0, 0.0, 5.0), ("B", "A", 16.0, None, None), ("C", "D", 3.0, 0.0, 3.0)]
    opening = period.nodes.filter(pl.col("basis") == "flow").select("protocol", "tvl_usd").rows()
    assert opening == [("A", 35.0), ("B", 10.0), ("C", 0.0), ("D", 0.0)]


def test_given_sizes_are_used_on_both_dates_and_missing_ones_reported() -> None:
    now = edges(("A", "B", 50.0), ("C", "B", 1.0))
    period = from_edges(Q2, now, nodes(A=100.0, B=7.0), edges(("A", "B", 30.0)), previous_nodes=nodes(A=90.0, B=8.0))
    sizes = {(basis, protocol): tvl for basis, protocol, tvl in period.nodes.iter_rows()}
    assert sizes == {
        ("holdings", "A"): 100.0, ("holdings", "B"): 7.0, ("holdings", "C"): 0.0,
        ("flow", "A"): 90.0, ("flow", "B"): 8.0, ("flow", "C"): 0.0,
    }  # fmt: skip
    assert period.findings.select("finding", "rows").rows() == [("protocol without size", 1)]


def test_what_is_no_exposure_is_dropped_and_counted() -> None:
    rows = edges(("A", "B", 30.0), ("A", "A", 9.0), ("B", "C", -2.0), ("B", "A", float("nan")))
    period = from_edges(Q1, rows, nodes(A=1.0, B=1.0), None)
    assert period.exposures.rows() == [("A", "B", 30.0)]
    dropped = period.coverage.filter(pl.col("side") == "dropped").select("reason", "usd_cents").rows()
    assert dropped == [("non-positive", -200), ("not an amount", 0), ("self-holding", 900)]
    assert set(period.findings["finding"]) == {
        "non-positive exposure",
        "not an amount exposure",
        "self-holding exposure",
    }
