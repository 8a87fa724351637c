"""Queries over many dates, against the arithmetic in conftest."""

import datetime as dt

import pytest

from dexposure_core.errors import UnknownMeasure, UnknownProtocol
from dexposure_core.store import Store

from .conftest import MONDAYS

FIRST, SECOND, THIRD = MONDAYS


def test_a_measure_over_time_keeps_what_is_not_defined(store: Store) -> None:
    assert store.history("tvl_hhi", "holdings").rows() == [(FIRST, 0.5), (SECOND, 0.6), (THIRD, None)]
    assert store.history("tvl_hhi", "flow").rows() == [(SECOND, 0.4), (THIRD, None)]  # never measured on the third
    assert store.history("density", "holdings")["value"].to_list() == [2 / 6, 3 / 6, None]


def test_several_measures_side_by_side(store: Store) -> None:
    table = store.measure_table("holdings", ["density", "tvl_hhi", "density"])
    assert table.columns == ["date", "density", "tvl_hhi"]
    assert table.row(1) == (SECOND, 0.5, 0.6)
    with pytest.raises(UnknownMeasure, match=r"No measure 'tvl_hi' .*did you mean 'tvl_hhi'"):
        store.measure_table("holdings", ["tvl_hi"])


def test_importance_over_time_has_a_rank(store: Store) -> None:
    history = store.importance_history("3")
    assert history.select("date", "sis", "rank").rows() == [(FIRST, 0.2, 2)]  # 0.9 is higher, the other 0.2 is not
    assert store.importance_history("2")["rank"].to_list() == [1, 1]
    assert store.importance_history("1")["rank"].to_list() == [2, None]  # no score, no rank
    assert history.columns[3:] == ["pagerank", "tail_exposure", "log_tvl", "default_loss"]


def test_a_protocol_over_time(store: Store) -> None:
    assert store.protocol_history("1").rows() == [
        (FIRST, 100.0, 100.0, 0.0),
        (SECOND, 108.0, 108.0, 20.0),  # Farm holds 20 of LEND
        (THIRD, 0.0, 0.0, 30.0),
    ]
    assert store.protocol_history("1", "flow").rows() == [(SECOND, 100.0, 20.0, 8.0), (THIRD, 108.0, 118.0, 0.0)]
    with pytest.raises(UnknownProtocol):
        store.protocol_history("nobody")


def test_an_exposure_over_time_is_zero_where_there_is_none(store: Store) -> None:
    assert store.exposure_history("1", "2").rows() == [(FIRST, 100.0), (SECOND, 108.0), (THIRD, 0.0)]
    assert store.exposure_history("1", "2", "flow").rows() == [(SECOND, 0.0), (THIRD, 108.0)]


def test_ranges_include_both_ends(store: Store) -> None:
    assert store.edge_history("holdings", SECOND, SECOND).rows() == [
        (SECOND, "1", "2", 108.0),
        (SECOND, "3", "1", 20.0),
        (SECOND, "3", "2", 45.0),
    ]
    assert store.edge_history("flow", end=SECOND)["exposure_usd"].sum() == 33.0  # 8 + 5 + 20
    assert len(store.edge_history("holdings")) == 7
    last = store.node_history("holdings", start=THIRD)
    assert last.rows() == [(THIRD, "1", 0.0), (THIRD, "2", 7.0), (THIRD, "3", 80.0)]
    assert store.node_history("flow", dt.date(2025, 1, 1)).is_empty()


def test_sectors_over_time(store: Store) -> None:
    assert len(store.sector_history("holdings")) == 3
    assert store.sector_history("holdings", debtor_sector="DeFi").rows() == [(SECOND, "DeFi", "DeFi", 20.0)]
    assert store.sector_history("holdings", "Stablecoins").is_empty()
