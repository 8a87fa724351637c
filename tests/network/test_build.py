"""Both networks of three protocols, worked out by hand."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from dexposure_core.network.build import Period, from_holdings, snapshot_of
from dexposure_core.network.period import PROTOCOLS

WEEK_1, WEEK_2 = dt.date(2022, 1, 3), dt.date(2022, 1, 10)
# b is issued by B, c by C, a by A; "A-B" is a pair, "x" nobody knows.
TOKENS = pl.DataFrame(
    {
        "token": ["a", "b", "c", "A-B"],
        "issuer": ["A", "B", "C", None],
        "method": ["given", "curated", "curated", "bucket"],
    }
)
NO_NAMES = pl.DataFrame(schema=PROTOCOLS)
Row = tuple[str, str, str, float | None, float | None]


def holdings(*rows: Row) -> pl.DataFrame:
    schema = {
        "protocol": pl.String,
        "chain": pl.String,
        "token": pl.String,
        "quantity": pl.Float64,
        "value_usd": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def change(before: list[Row], after: list[Row]) -> Period:
    first = from_holdings(WEEK_1, holdings(*before), None, TOKENS)
    return from_holdings(WEEK_2, holdings(*after), first.holdings, TOKENS)


def coverage(period: Period) -> dict[tuple[str, str], tuple[int, int]]:
    return {(side, reason): (rows, cents) for side, reason, rows, cents in period.coverage.iter_rows()}


def test_exposures_sum_the_issuers_tokens_over_chains_and_leave_out_what_is_none() -> None:
    period = from_holdings(
        WEEK_1,
        holdings(
            ("A", "Ethereum", "b", 1.0, 60.00),
            ("A", "Solana", "b", 1.0, 40.25),  # A holds b twice: 60.00 + 40.25 = 100.25 of B
            ("A", "Ethereum", "c", 1.0, 30.00),
            ("B", "Ethereum", "b", 1.0, 7.00),  # its own token: no exposure, but TVL
            ("B", "Ethereum", "c", 1.0, 5.00),
            ("C", "Ethereum", "A-B", 1.0, 2.50),  # a pair: no single issuer
            ("C", "Ethereum", "x", 1.0, 1.25),  # nobody knows
            ("C", "Ethereum-borrowed", "a", 1.0, 900.0),  # a debt, not a holding
            ("C", "Ethereum", "a", 0.0, 0.0),
        ),
        None,
        TOKENS,
    )
    assert period.exposures.rows() == [("A", "B", 100.25), ("A", "C", 30.0), ("B", "C", 5.0)]
    assert period.exposure_tokens.rows() == [("A", "B", "b", 100.25), ("A", "C", "c", 30.0), ("B", "C", "c", 5.0)]
    # TVL counts own tokens, pairs and unknown ones, not debts: A 130.25, B 7 + 5, C 2.50 + 1.25
    assert period.nodes.rows() == [("holdings", "A", 130.25), ("holdings", "B", 12.0), ("holdings", "C", 3.75)]
    assert coverage(period) == {
        ("in", "total"): (9, 104600),
        ("mapped", "curated"): (4, 13525),
        ("dropped", "borrowed"): (1, 90000),
        ("dropped", "bucket"): (1, 250),
        ("dropped", "no issuer"): (1, 125),
        ("dropped", "non-positive"): (1, 0),
        ("dropped", "self-holding"): (1, 700),
    }
    assert period.flows.is_empty()


@pytest.mark.parametrize(
    ("before", "after", "flow"),
    [
        # price 10 → 7.5, quantity 10 → 12: Δ = 90 − 100 = −10 = 10·(7.5−10) + 7.5·(12−10) = −25 + 15; Δ < 0: A → B
        pytest.param((10.0, 100.0), (12.0, 90.0), ("A", "B", 10.0, 25.0, -15.0), id="both"),
        # price 10 → 12 alone: Δ = 20, B → A, all of it price
        pytest.param((10.0, 100.0), (10.0, 120.0), ("B", "A", 20.0, 20.0, 0.0), id="price only"),
        # quantity 10 → 8 at price 10: Δ = −20, A → B, all of it quantity
        pytest.param((10.0, 100.0), (8.0, 80.0), ("A", "B", 20.0, 0.0, 20.0), id="quantity only"),
        pytest.param((None, 100.0), (8.0, 80.0), ("A", "B", 20.0, None, None), id="quantity missing before"),
        pytest.param((10.0, 100.0), (None, 80.0), ("A", "B", 20.0, None, None), id="quantity missing after"),
        pytest.param((10.0, 100.0), (float("nan"), 80.0), ("A", "B", 20.0, None, None), id="quantity NaN"),
        pytest.param((0.0, 100.0), (8.0, 80.0), ("A", "B", 20.0, None, None), id="no price without quantity"),
        # entry: everything is new, B → A; exit: everything leaves, A → B; both are quantity
        pytest.param(None, (5.0, 50.0), ("B", "A", 50.0, 0.0, 50.0), id="entry"),
        pytest.param((5.0, 50.0), None, ("A", "B", 50.0, 0.0, 50.0), id="exit"),
        pytest.param(None, (None, 50.0), ("B", "A", 50.0, 0.0, 50.0), id="entry without quantity"),
    ],
)
def test_flow_of_one_holding(
    before: tuple[float | None, float] | None, after: tuple[float | None, float] | None, flow: tuple[object, ...]
) -> None:
    # C's holding of a never changes and keeps both dates alive.
    still: Row = ("C", "Ethereum", "a", 1.0, 1.0)
    rows = [[still] if side is None else [still, ("A", "Ethereum", "b", *side)] for side in (before, after)]
    period = change(*rows)
    assert period.flows.rows() == [flow]


def test_flows_of_a_pair_are_netted_over_tokens_chains_and_both_directions() -> None:
    period = change(
        [("A", "x", "b", 1.0, 100.0), ("A", "y", "b", 1.0, 10.0), ("B", "x", "a", 1.0, 50.0)],
        [("A", "x", "b", 1.0, 130.0), ("A", "y", "b", 1.0, 5.0), ("B", "x", "a", 1.0, 60.0)],
    )
    # A's b on x: +30, B → A. A's b on y: −5, A → B. B's a: +10, A → B. Net B → A: 30 − 5 − 10 = 15, all price.
    assert period.flows.rows() == [("B", "A", 15.0, 15.0, 0.0)]


def test_one_unknown_quantity_makes_the_split_of_the_whole_pair_unknown() -> None:
    period = change(
        [("A", "x", "b", 1.0, 100.0), ("A", "y", "b", None, 10.0), ("A", "x", "c", 1.0, 10.0)],
        [("A", "x", "b", 1.0, 130.0), ("A", "y", "b", None, 20.0), ("A", "x", "c", 1.0, 11.0)],
    )
    assert period.flows.rows() == [("B", "A", 40.0, None, None), ("C", "A", 1.0, 1.0, 0.0)]


def test_a_net_of_exactly_zero_is_no_flow() -> None:
    period = change(
        [("A", "x", "b", 1.0, 100.0), ("B", "x", "a", 1.0, 50.0)],
        [("A", "x", "b", 1.0, 110.0), ("B", "x", "a", 1.0, 60.0)],
    )
    assert period.flows.is_empty()  # +10 B → A, +10 A → B


def test_flow_basis_nodes_have_the_opening_balance() -> None:
    period = change([("A", "x", "b", 1.0, 100.0)], [("A", "x", "b", 1.0, 130.0), ("C", "x", "b", 1.0, 7.0)])
    flow = period.nodes.filter(pl.col("basis") == "flow").select("protocol", "tvl_usd").rows()
    # A opened with 100; B only issues; C held nothing yet, but a flow reaches it
    assert flow == [("A", 100.0), ("B", 0.0), ("C", 0.0)]


def test_self_held_and_bucket_tokens_make_no_flow() -> None:
    period = change(
        [("A", "x", "b", 1.0, 5.0), ("B", "x", "b", 1.0, 100.0), ("A", "x", "A-B", 1.0, 10.0)],
        [("A", "x", "b", 1.0, 5.0), ("B", "x", "b", 1.0, 300.0), ("A", "x", "A-B", 1.0, 90.0)],
    )
    assert period.flows.is_empty()


@pytest.mark.parametrize(
    ("chains", "debtors", "reason"),
    [
        ("default", {"B"}, "borrowed"),
        ("all", {"B", "C"}, None),
        ("borrowed", {"C"}, "other chain"),
        ("ethereum", {"B"}, "other chain"),
    ],
)
def test_chains_choose_what_counts(chains: str, debtors: set[str], reason: str | None) -> None:
    rows = holdings(("A", "Ethereum", "b", 1.0, 10.0), ("A", "Ethereum-Borrowed", "c", 1.0, 20.0))
    period = from_holdings(WEEK_1, rows, None, TOKENS, chains=chains)
    assert set(period.exposures["debtor"]) == debtors
    dropped = period.coverage.filter(pl.col("side") == "dropped")["reason"].to_list()
    assert dropped == ([] if reason is None else [reason])


def test_rows_of_one_holding_are_added_up() -> None:
    rows = holdings(
        ("A", "x", "b", 1.0, 10.0), ("A", "x", "b", 2.0, 20.0), ("C", "x", "b", 1.0, 1.0), ("C", "x", "b", None, 1.0)
    )
    period = from_holdings(WEEK_1, rows, None, TOKENS)
    assert period.holdings.rows() == [("A", "x", "b", 3.0, 30.0, True), ("C", "x", "b", None, 2.0, True)]


def test_what_is_no_amount_is_dropped_with_a_finding() -> None:
    rows = holdings(
        ("A", "x", "b", 1.0, 10.0), ("A", "x", "c", 1.0, float("nan")), ("B", "x", "c", 1.0, None),
        ("C", "x", "a", 1.0, float("inf")), ("C", "x", "b", 1.0, -3.0), ("B", "x", "a", 1.0, 1e17),
    )  # fmt: skip
    period = from_holdings(WEEK_1, rows, None, TOKENS)
    assert period.exposures.rows() == [("A", "B", 10.0)]
    assert coverage(period)["dropped", "not an amount"] == (4, 0)
    assert coverage(period)["dropped", "non-positive"] == (1, -300)
    told = {(row["severity"], row["finding"], row["rows"], row["usd"]) for row in period.findings.iter_rows(named=True)}
    assert told == {("warning", "not an amount value", 4, None), ("warning", "non-positive value", 1, -3.0)}


def test_snapshot_of_a_period_names_what_is_known() -> None:
    period = change([("A", "x", "b", 1.0, 100.0)], [("A", "x", "b", 1.0, 130.0)])
    names = pl.DataFrame({"protocol": ["B"], "name": ["Bank"], "category": ["CDP"], "sector": ["Lending"]})
    stock = snapshot_of(period, "holdings", names)
    assert list(stock.protocols) == ["A", "B"]
    assert list(stock.names) == ["A", "Bank"]
    assert list(stock.sectors) == ["Unknown", "Lending"]
    assert list(stock.categories) == ["Unknown", "CDP"]
    assert stock.matrix().toarray().tolist() == [[0.0, 130.0], [0.0, 0.0]]
    flow = snapshot_of(period, "flow", NO_NAMES)
    assert flow.matrix().toarray().tolist() == [[0.0, 0.0], [30.0, 0.0]]  # a growing holding flows from its issuer
    assert flow.tvl_usd.tolist() == [100.0, 0.0]
