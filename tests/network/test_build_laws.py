"""What must hold for any holdings, not only for the examples."""

from __future__ import annotations

import datetime as dt
import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexposure_core.network.build import Period, from_holdings
from dexposure_core.network.period import HOLDINGS

WEEK_1, WEEK_2 = dt.date(2022, 1, 3), dt.date(2022, 1, 10)
TOKENS = pl.DataFrame(
    {
        "token": ["a", "b", "c", "c2", "A-B"],
        "issuer": ["A", "B", "C", "C", None],
        "method": ["self", "curated", "curated", "similarity", "bucket"],
    }
)
SCHEMA = {
    "protocol": pl.String,
    "chain": pl.String,
    "token": pl.String,
    "quantity": pl.Float64,
    "value_usd": pl.Float64,
}
amounts = st.floats(1e-3, 1e11, allow_nan=False)
chains = st.sampled_from(["x", "x-borrowed", "y"])
keys = st.tuples(st.sampled_from("ABCD"), chains, st.sampled_from(["a", "b", "c", "c2", "A-B", "?"]))
balances = st.tuples(st.none() | amounts, amounts | st.just(-5.0) | st.just(0.0))
books = st.dictionaries(keys, balances, min_size=1, max_size=24)
Book = dict[tuple[str, str, str], tuple[float | None, float]]
few = settings(max_examples=60, deadline=None)


def frame(book: Book) -> pl.DataFrame:
    return pl.DataFrame([(*key, *row) for key, row in book.items()], schema=HOLDINGS, orient="row")


def built(before: Book, after: Book) -> Period:
    first = from_holdings(WEEK_1, frame(before), None, TOKENS)
    return from_holdings(WEEK_2, frame(after), first.holdings, TOKENS)


@few
@given(books)
def test_every_cent_is_mapped_or_dropped(book: Book) -> None:
    period = from_holdings(WEEK_1, frame(book), None, TOKENS)
    came = sum(round(value * 100) for _, value in book.values())
    sides = dict(period.coverage.group_by("side").agg(pl.col("usd_cents").sum()).iter_rows())
    assert sides["in"] == pytest.approx(came, abs=len(book))  # halves of a cent may round the other way
    assert sides["in"] == sides.get("mapped", 0) + sides.get("dropped", 0)
    rows = dict(period.coverage.group_by("side").agg(pl.col("rows").sum()).iter_rows())
    assert rows["in"] == len(book) == rows.get("mapped", 0) + rows.get("dropped", 0)


@few
@given(books, books, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_bit(before: Book, after: Book, random: object) -> None:
    def shuffled(book: Book) -> Book:
        rows = list(book.items())
        random.shuffle(rows)  # type: ignore[attr-defined]
        return dict(rows)

    one, two = built(before, after), built(shuffled(before), shuffled(after))
    for table in ("holdings", "exposures", "exposure_tokens", "flows", "nodes", "coverage"):
        assert getattr(one, table).equals(getattr(two, table)), table


@few
@given(books, books)
def test_price_and_quantity_effect_sum_to_the_flow(before: Book, after: Book) -> None:
    book_size = sum(abs(v) for _, v in (*before.values(), *after.values()))
    for _, _, flow, price, quantity in built(before, after).flows.iter_rows():
        assert flow > 0
        assert (price is None) == (quantity is None)
        if price is not None:
            # q₀/q₁ may lie 14 orders of magnitude apart here, so the parts can dwarf the flow
            assert price + quantity == pytest.approx(flow, rel=1e-9, abs=1e-9 * max(abs(price), book_size))


@few
@given(books, books)
def test_signed_changes_sum_to_the_difference_of_stocks(before: Book, after: Book) -> None:
    first = from_holdings(WEEK_1, frame(before), None, TOKENS)
    period = from_holdings(WEEK_2, frame(after), first.holdings, TOKENS)

    def pair_stock(exposures: pl.DataFrame) -> dict[tuple[str, str], float]:
        # holding d's token: a growth flows debtor → creditor, so the stock counts + towards (debtor, creditor)
        stock: dict[tuple[str, str], float] = {}
        for creditor, debtor, usd in exposures.iter_rows():
            low, high = sorted((creditor, debtor))
            stock[low, high] = stock.get((low, high), 0.0) + (usd if debtor == low else -usd)
        return stock

    was, now = pair_stock(first.exposures), pair_stock(period.exposures)
    net = {tuple(sorted((c, d))): (f if c < d else -f) for c, d, f, _, _ in period.flows.iter_rows()}
    size = sum(abs(v) for _, v in (*before.values(), *after.values()))
    for pair in {*was, *now, *net}:
        assert net.get(pair, 0.0) == pytest.approx(now.get(pair, 0.0) - was.get(pair, 0.0), abs=1e-12 * size)


@few
@given(books)
def test_token_parts_sum_to_their_exposure_and_exposures_are_below_tvl(book: Book) -> None:
    period = from_holdings(WEEK_1, frame(book), None, TOKENS)
    parts = period.exposure_tokens.group_by("creditor", "debtor").agg(pl.col("exposure_usd").sum())
    whole = {(c, d): usd for c, d, usd in period.exposures.iter_rows()}
    assert {(c, d) for c, d, _ in parts.iter_rows()} == set(whole)
    for creditor, debtor, usd in parts.iter_rows():
        assert usd == pytest.approx(whole[creditor, debtor], rel=1e-12)
    tvl = dict(period.nodes.select("protocol", "tvl_usd").iter_rows())
    for creditor, usd in period.exposures.group_by("creditor").agg(pl.col("exposure_usd").sum()).iter_rows():
        assert usd <= tvl[creditor] * (1 + 1e-12)


@few
@given(books, books, st.sampled_from([0.5, 2.0, 1024.0]))
def test_scaling_usd_scales_every_table(before: Book, after: Book, factor: float) -> None:
    def scaled(book: Book) -> Book:
        return {key: (quantity, value * factor) for key, (quantity, value) in book.items()}

    one, two = built(before, after), built(scaled(before), scaled(after))  # powers of two: exact
    usd = {"exposures": ["exposure_usd"], "flows": ["flow_usd", "price_usd", "quantity_usd"], "nodes": ["tvl_usd"]}
    for table, columns in usd.items():
        expected = getattr(one, table).with_columns(pl.col(columns) * factor)
        assert getattr(two, table).equals(expected), table


@few
@given(books)
def test_nothing_changes_when_nothing_changed(book: Book) -> None:
    period = built(book, book)
    assert period.flows.is_empty()
    assert all(math.isfinite(x) for x in period.nodes["tvl_usd"])
