"""Sums by group do not depend on the order of the rows, and every way to take them gives the same bits."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from dexposure_core.network import sums
from dexposure_core.network.coverage import chains_of


@pytest.mark.parametrize("groups", [1, 7, 300, sums.VERY_FEW + 5])
def test_one_amount_is_added_in_ascending_order(groups: int) -> None:
    rng = np.random.default_rng(groups)
    key, usd = rng.integers(0, groups, 5_000), rng.lognormal(8, 4, 5_000).round(2)
    first, (found,) = sums.sums_by_key(key, (usd,))
    assert np.array_equal(key[first], np.unique(key))
    assert [np.add.reduceat(np.sort(usd[key == k]), [0])[0] for k in key[first]] == found.tolist()
    shuffled = rng.permutation(len(key))
    assert np.array_equal(sums.sums_by_key(key[shuffled], (usd[shuffled],))[1][0], found)


def test_few_groups_give_the_bits_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    key, usd = rng.integers(0, 50, 4_000), rng.lognormal(8, 4, 4_000)
    few = sums.sums_by_key(key, (usd,))
    monkeypatch.setattr(sums, "VERY_FEW", 0)
    many = sums.sums_by_key(key, (usd,))
    assert np.array_equal(key[few[0]], key[many[0]])
    assert np.array_equal(few[1][0], many[1][0])


def test_chains_by_hand() -> None:
    held = pl.DataFrame({
        "protocol": ["a", "a", "b", "b", "c"], "chain": ["x", "y", "x", "x", "z-borrowed"],
        "value_usd": [1.0, 2.0, 4.0, 8.0, 16.0], "counts": [True, True, True, True, False],
    })  # fmt: skip
    found = chains_of(held)
    assert found.select("chain", "counts", "protocols", "rows", "tvl_usd").rows() == [
        ("x", True, 2, 3, 13.0), ("y", True, 1, 1, 2.0), ("z-borrowed", False, 1, 1, 16.0),
    ]  # fmt: skip
    assert chains_of(held.clear()).is_empty()
