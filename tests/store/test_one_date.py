"""Queries about one date, against the arithmetic in conftest."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from dexposure_core.errors import BadOption, UnknownDate, UnknownProtocol, UnknownToken
from dexposure_core.store import Store

from .conftest import MONDAYS, WORLD

FIRST, SECOND, THIRD = MONDAYS


def test_dates_are_those_of_the_basis(store: Store) -> None:
    assert store.bases() == ("holdings", "flow")
    assert store.dates() == [FIRST, SECOND, THIRD]
    assert store.dates("flow") == [SECOND, THIRD]  # nothing flows before the first snapshot


def test_a_snapshot_is_the_network_of_its_date(store: Store) -> None:
    snapshot = store.snapshot(SECOND)
    assert list(snapshot.protocols) == ["1", "2", "3"]
    assert list(snapshot.names) == ["Lender", "Mint 100%_real", "Farm"]
    assert list(snapshot.sectors) == ["DeFi", "Stablecoins", "DeFi"]
    assert list(snapshot.categories) == ["Lending", "CDP", "Yield"]
    assert list(snapshot.tvl_usd) == [108.0, 6.3, 65.0]
    expected = [[0, 108, 0], [0, 0, 0], [20, 45, 0]]  # Lender → Mint 108; Farm → Lender 20, Farm → Mint 45
    assert np.array_equal(snapshot.matrix().toarray(), expected)


def test_a_flow_snapshot_holds_the_flows(store: Store) -> None:
    snapshot = store.snapshot(SECOND, "flow")
    assert snapshot.basis == "flow"
    assert list(snapshot.tvl_usd) == [100.0, 7.0, 50.0]  # opening balances
    assert np.array_equal(snapshot.matrix().toarray(), [[0, 0, 20], [8, 0, 0], [0, 5, 0]])


def test_holdings_come_largest_first_with_their_issuer(store: Store) -> None:
    rows = store.holdings(SECOND)
    assert rows["value_usd"].to_list() == [108.0, 45.0, 20.0, 6.3]
    assert rows.row(0) == ("1", "Ethereum", "USDX", "2", 120.0, 108.0)
    assert store.holdings(THIRD, "3").rows() == [
        ("3", "Ethereum", "USDX", "2", 50.0, 50.0),
        ("3", "Base", "LEND", "1", None, 30.0),
    ]
    assert store.holdings(THIRD, "1").is_empty()


def test_holders_leave_out_the_issuer_and_token_holders_do_not(store: Store) -> None:
    assert store.holders(SECOND, "2").rows() == [
        ("1", "Lender", "DeFi", "USDX", 108.0),
        ("3", "Farm", "DeFi", "USDX", 45.0),
    ]
    assert store.token_holders(SECOND, "USDX").rows() == [("1", 108.0), ("3", 45.0), ("2", 6.3)]
    assert store.token_holders(SECOND, "LP").is_empty()


def test_exposure_tokens_of_a_pair(store: Store) -> None:
    assert store.exposure_tokens(SECOND, creditor="3").rows() == [("3", "2", "USDX", 45.0), ("3", "1", "LEND", 20.0)]
    assert store.exposure_tokens(SECOND, "3", "1").rows() == [("3", "1", "LEND", 20.0)]


def test_flows_keep_an_unknown_split_undefined(store: Store) -> None:
    assert store.flows(THIRD).rows()[1] == ("1", "3", 10.0, None, None)


def test_scores_of_a_date(store: Store) -> None:
    assert store.measures(SECOND).rows() == [("density", 0.5), ("tvl_hhi", 0.6)]
    assert store.measures(THIRD).rows() == [("tvl_hhi", None)]
    assert store.importance(FIRST)["protocol"].to_list() == ["2", "1", "3"]  # ties by id
    assert store.importance(SECOND)["protocol"].to_list() == ["2", "1"]  # undefined last
    assert store.importance(FIRST).row(0) == ("2", "Mint 100%_real", "Stablecoins", 0.9, 1.0, None, 0.1, 0.5)
    assert store.sector_exposures(SECOND).rows() == [("DeFi", "DeFi", 20.0), ("DeFi", "Stablecoins", 153.0)]


def test_a_cell_holds_the_exposures_behind_it(store: Store) -> None:
    rows = store.cell(SECOND, "holdings", "DeFi", "Stablecoins")
    assert rows.row(0) == ("1", "Lender", "2", "Mint 100%_real", 108.0)
    assert rows["exposure_usd"].sum() == 153.0  # the cell in sector_exposures
    assert len(store.cell(SECOND, "holdings", "DeFi", "Stablecoins", limit=1)) == 1
    assert store.cell(SECOND, "holdings", "Stablecoins", "DeFi").is_empty()


@pytest.mark.parametrize("day", [dt.date(2024, 1, 9), dt.date(2023, 1, 1), dt.date(2030, 1, 1)])
def test_a_date_without_snapshot_names_its_neighbours(store: Store, day: dt.date) -> None:
    expected = {2024: "2024-01-08 and 2024-01-15", 2023: "2024-01-01", 2030: "2024-01-15"}[day.year]
    with pytest.raises(UnknownDate, match=f"^No holdings snapshot on {day}; nearest: {expected}$"):
        store.snapshot(day)


def test_a_date_of_the_other_basis_is_unknown(store: Store) -> None:
    with pytest.raises(UnknownDate, match="No flow snapshot on 2024-01-01; nearest: 2024-01-08"):
        store.snapshot(FIRST, "flow")


def test_what_does_not_exist_is_named_with_what_does(store: Store) -> None:
    with pytest.raises(UnknownProtocol, match=r"No protocol 'lendr'.*did you mean 'Lender'"):
        store.holdings(FIRST, "lendr")
    with pytest.raises(UnknownToken, match=r"No token 'USDXX'.*did you mean 'USDX'"):
        store.token_holders(FIRST, "USDXX")
    with pytest.raises(BadOption, match="basis: 'stock' is not one of holdings, flow"):
        store.snapshot(FIRST, "stock")
    with pytest.raises(BadOption, match=r"expected datetime.date, got '2024-01-01'"):
        store.snapshot("2024-01-01")
    with pytest.raises(BadOption, match=r"No table '../LATEST'"):
        store.table("../LATEST")


def test_whole_tables_come_back_as_written(store: Store) -> None:
    for name, rows in WORLD.items():
        assert store.table(name).equals(rows.sort(rows.columns)), name
    assert store.findings().row(0)[0] is None
    assert store.events().height == store.coverage().height - 1 == 1
    assert [path.name for path in store.parquet_paths("nodes")] == ["2024-01-01.parquet"]
    assert isinstance(store.tokens(), pl.DataFrame)
