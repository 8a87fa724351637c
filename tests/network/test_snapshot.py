"""A snapshot is checked once and never changes."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
from typing import Any

import numpy as np
import pytest

from dexposure_core import Snapshot
from dexposure_core.errors import InvalidSnapshot, UnknownProtocol

GOOD: dict[str, Any] = {
    "date": dt.date(2024, 1, 1), "protocols": ["aave-v3", "lido", "usdc"], "names": ["Aave V3", "Lido", "Circle"],
    "sectors": ["Lending", "Staking", "Tokens"], "tvl_usd": [100.0, 50.0, 0.0],
    "creditor": [0, 0, 1], "debtor": [1, 2, 2], "exposure_usd": [30.0, 20.0, 5.0], "basis": "holdings",
}  # fmt: skip


def made(**changes: Any) -> Snapshot:
    return Snapshot(**{**GOOD, **changes})


def test_matrix_has_creditors_in_rows() -> None:
    assert made().matrix().toarray().tolist() == [[0, 30, 20], [0, 0, 5], [0, 0, 0]]


def test_whether_a_protocol_is_there_is_asked_by_its_id() -> None:
    there = made()
    assert all(protocol in there for protocol in there.protocols)
    assert "nobody" not in there
    assert 0 not in there


def test_rows_of_ids_that_are_not_there_are_minus_one() -> None:
    there = made()
    wanted = np.array([*there.protocols[::-1], "nobody", None], dtype=object)
    assert there.rows(wanted).tolist() == [2, 1, 0, -1, -1]


def test_an_empty_network_is_a_network() -> None:
    nothing = made(creditor=[], debtor=[], exposure_usd=[])
    assert nothing.matrix().nnz == 0
    assert (
        len(made(protocols=[], names=[], sectors=[], tvl_usd=[], creditor=[], debtor=[], exposure_usd=[]).tvl_usd) == 0
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"date": dt.datetime(2024, 1, 1)}, "date"),  # noqa: DTZ001
        ({"date": "2024-01-01"}, "date"),
        ({"basis": "stock"}, "basis"),
        ({"protocols": ["a", "a", "b"]}, "unique"),
        ({"names": ["Aave", "Lido"]}, "names"),
        ({"names": ["Aave", "Lido", None]}, "names"),
        ({"sectors": ["x", "y", 3]}, "sectors"),
        ({"categories": ["x", "y"]}, "categories"),
        ({"tvl_usd": [100.0, -1.0, 0.0]}, r"tvl_usd\[1\] = -1.0"),
        ({"tvl_usd": [100.0, float("nan"), 0.0]}, r"tvl_usd\[1\] = nan"),
        ({"tvl_usd": ["much", 0.0, 0.0]}, "not numbers"),
        ({"exposure_usd": [30.0, 0.0, 5.0]}, r"exposure_usd\[1\] = 0.0"),
        ({"exposure_usd": [30.0, float("inf"), 5.0]}, r"exposure_usd\[1\] = inf"),
        ({"exposure_usd": [[30.0, 20.0, 5.0]]}, "shape"),
        ({"creditor": [0, 0]}, "creditor"),
        ({"creditor": [0, 0, 3]}, r"0\.\.2"),
        ({"debtor": [1, 2, -1]}, r"0\.\.2"),
        ({"debtor": [1.0, 2.0, 2.5]}, "integers"),
        ({"debtor": [1, 2, 1]}, "exposure to itself"),
        ({"debtor": [1, 1, 2]}, "one row per ordered"),
    ],
)
def test_what_describes_no_network_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidSnapshot, match=told):
        made(**changes)


def test_nothing_can_be_changed_afterwards() -> None:
    sizes = np.array([100.0, 50.0, 0.0])
    snapshot = made(tvl_usd=sizes)
    sizes[0] = 7.0  # the caller's array is not the snapshot's
    assert snapshot.tvl_usd[0] == 100.0
    with pytest.raises(ValueError, match="read-only"):
        snapshot.exposure_usd[0] = 1.0
    with pytest.raises(AttributeError, match="immutable"):
        snapshot.basis = "flow"
    with pytest.raises(AttributeError, match="immutable"):
        del snapshot.names


@pytest.mark.parametrize("again", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))], ids=["copy", "pickle"])  # noqa: S301
def test_a_copy_is_as_good_and_as_frozen(again: Any) -> None:
    snapshot = made(categories=["Lending", "LST", "Stablecoin"])
    other = again(snapshot)
    for name in GOOD:
        assert np.array_equal(getattr(other, name), getattr(snapshot, name))
    assert list(other.categories) == ["Lending", "LST", "Stablecoin"]
    assert not other.tvl_usd.flags.writeable


def test_an_unknown_protocol_is_named_with_the_closest_one() -> None:
    assert made().row("lido") == 1
    with pytest.raises(UnknownProtocol, match="No protocol 'aave' in the 2024-01-01 snapshot; did you mean 'aave-v3'"):
        made().row("aave")
