"""What must hold for any network."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexposure_core.measures import MEASURES, measure_all, pagerank, sector_exposure, systemic_importance
from tests.networks import relabelled, scaled, snapshots

SHARES = [m.name for m in MEASURES if m.unit in {"share", "index"}]
MONEY = [m.name for m in MEASURES if m.unit == "USD"]
SCORES = ["mean_sis", "max_sis", "sis_gini"]  # log(1 + TVL) depends on the currency, so the score does too


def same(first: float, second: float) -> bool:
    return (math.isnan(first) and math.isnan(second)) or first == pytest.approx(second, rel=1e-7, abs=1e-9)


@given(snapshots())
def test_shares_lie_between_nothing_and_everything(snapshot):
    measures = measure_all(snapshot)
    assert [n for n in SHARES if not (math.isnan(measures[n]) or 0 <= measures[n] <= 1 + 1e-12)] == []


@given(snapshots(), st.floats(1e-3, 1e3))
def test_currency_changes_amounts_but_no_share(snapshot, factor):
    before, after = measure_all(snapshot), measure_all(scaled(snapshot, factor))
    for name in before:
        if name in MONEY:
            assert same(before[name] * factor, after[name]), name
        elif name not in SCORES:
            assert same(before[name], after[name]), name


@given(snapshots(), st.randoms(use_true_random=False))
def test_the_order_of_protocols_and_exposures_changes_nothing(snapshot, random):
    order = list(range(len(snapshot.protocols)))
    random.shuffle(order)
    other = relabelled(snapshot, np.array(order, dtype=np.int64))
    before, after = measure_all(snapshot), measure_all(other)
    assert [n for n in before if not same(before[n], after[n])] == []
    first, second = systemic_importance(snapshot).sort("protocol"), systemic_importance(other).sort("protocol")
    assert first["sis"].to_numpy() == pytest.approx(second["sis"].to_numpy(), rel=1e-7, nan_ok=True)


@given(snapshots())
def test_one_measure_alone_equals_the_same_measure_among_all(snapshot):
    together = measure_all(snapshot)
    assert [m.name for m in MEASURES if not same(m.of(snapshot), together[m.name])] == []


@given(snapshots())
def test_sector_cells_are_positive_and_sum_to_total_exposure(snapshot):
    cells = sector_exposure(snapshot)["exposure_usd"]
    assert (cells > 0).all()
    assert cells.sum() == pytest.approx(snapshot.exposure_usd.sum(), rel=1e-12)


@given(snapshots(smallest=2), st.floats(0.0, 0.99))
@settings(max_examples=50)
def test_pagerank_solves_its_own_equation(snapshot, damping):
    n = len(snapshot.protocols)
    exposure = snapshot.matrix().toarray()
    out = exposure.sum(axis=1, keepdims=True)
    walk = np.where(out > 0, exposure / np.where(out > 0, out, 1), 1 / n)  # who holds nothing goes anywhere
    rank = pagerank(snapshot, damping)
    assert rank.sum() == pytest.approx(1)
    assert rank == pytest.approx(damping * walk.T @ rank + (1 - damping) / n, abs=1e-8)


@given(snapshots())
def test_parts_of_the_score_lie_between_0_and_1_and_average_to_it(snapshot):
    table = systemic_importance(snapshot)
    parts = table.select("pagerank", "tail_exposure", "log_tvl").to_numpy()
    assert ((parts >= 0) & (parts <= 1) | np.isnan(parts)).all()
    assert table["sis"].to_numpy() == pytest.approx(parts.mean(axis=1), nan_ok=True)
