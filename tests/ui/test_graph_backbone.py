"""The readable cut of the network: who is in it, which exposures, and that its caption counts right."""

import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexposure_core.errors import UnknownProtocol
from dexposure_core.network import Snapshot
from dexposure_core.pipeline.picture import backbone
from dexposure_core.ui.graph import ego

DAY = dt.date(2025, 8, 18)


def snapshot(exposures: list[tuple[str, str, float]], *, alone: tuple[str, ...] = ()) -> Snapshot:
    ids = [*dict.fromkeys(end for pair in exposures for end in pair[:2]), *alone]
    row = {name: i for i, name in enumerate(ids)}
    return Snapshot(
        date=DAY, protocols=ids, names=[f"Name of {i}" for i in ids], sectors=["Lending"] * len(ids),
        tvl_usd=[100.0] * len(ids), creditor=[row[c] for c, _, _ in exposures],
        debtor=[row[d] for _, d, _ in exposures], exposure_usd=[usd for _, _, usd in exposures], basis="holdings",
    )  # fmt: skip


def names(snap: Snapshot, rows: np.ndarray) -> list[str]:
    return [str(snap.protocols[row]) for row in rows]


def test_keeps_the_strongest_protocols_and_counts_what_is_left_out() -> None:
    # strengths: a 90 + 10 = 100, b 90, c 10 + 5 = 15, d 5
    snap = snapshot([("a", "b", 90), ("a", "c", 10), ("d", "c", 5)], alone=("e",))
    cut = backbone(snap, 3)
    assert names(snap, cut.protocols) == ["a", "b", "c"]
    assert len(cut.exposures) == 2
    # 90 + 10 of 105 → 95 %
    assert cut.share == pytest.approx(100 / 105)
    assert cut.caption() == "2 of 3 exposures, 95.2 % of value, between 3 of 5 protocols"


def test_the_searched_protocol_is_always_in() -> None:
    snap = snapshot([("a", "b", 90), ("a", "c", 10), ("d", "c", 5)])
    assert "d" in names(snap, backbone(snap, 2, keep=["d", "nobody"]).protocols)


def test_spanning_forest_comes_first_so_that_nobody_floats() -> None:
    # a-b, b-c, a-c are large, d hangs on c by 1: the forest is a-b, b-c, d-c; 0.75 × 4 protocols leave room for 3
    snap = snapshot([("a", "b", 900), ("b", "c", 800), ("a", "c", 700), ("d", "c", 1)])
    cut = backbone(snap, 4, per_protocol=0.75)
    shown = {(str(snap.protocols[snap.creditor[e]]), str(snap.protocols[snap.debtor[e]])) for e in cut.exposures}
    assert shown == {("a", "b"), ("b", "c"), ("d", "c")}


def test_a_telling_exposure_goes_before_a_larger_one_that_is_nobodys_main() -> None:
    # hub h holds 100 of each of 30: (1 − 1/30)^29 = 0.37, no; small s holds 50 of t and 1 of each of 29 others:
    # telling, (1 − 50/79)^29 < 0.05; per_protocol leaves room for the forest (31) and one more
    others = [f"o{i}" for i in range(29)]
    rows = [("h", o, 100.0) for o in [*others, "t"]] + [("s", "t", 50.0)] + [("s", o, 1.0) for o in others]
    snap = snapshot(rows)
    cut = backbone(snap, 50, per_protocol=1.0)
    shown = {(str(snap.protocols[snap.creditor[e]]), str(snap.protocols[snap.debtor[e]])) for e in cut.exposures}
    assert ("s", "t") in shown
    assert all(("h", o) in shown for o in others)


def test_nothing_to_show_is_said() -> None:
    snap = snapshot([], alone=("a", "b"))
    cut = backbone(snap)
    assert math.isnan(cut.share)
    assert cut.caption() == "No exposures among 2 protocols on this date."


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.floats(0.01, 1e9)), max_size=40), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_laws(rows: list[tuple[int, int, float]], size: int) -> None:
    unique = {(c, d): usd for c, d, usd in rows if c != d}
    snap = snapshot([(f"p{c}", f"p{d}", usd) for (c, d), usd in unique.items()])
    cut = backbone(snap, size)
    assert len(cut.protocols) <= size
    assert set(snap.creditor[cut.exposures]) | set(snap.debtor[cut.exposures]) <= set(cut.protocols)
    assert cut.shown_usd <= cut.total_usd * (1 + 1e-12)
    if size >= 10:  # with everybody in, everybody with a partner keeps one
        assert set(snap.creditor[cut.exposures]) | set(snap.debtor[cut.exposures]) == set(cut.protocols)


def test_ego_sums_to_the_whole_exposure_in_and_out() -> None:
    snap = snapshot([("c1", "x", 5), ("c2", "x", 7), ("c3", "x", 1), ("c4", "x", 2), ("x", "d1", 11)])
    near = ego(snap, "x", limit=2)
    assert [(p.name, p.exposure_usd) for p in near.creditors] == [
        ("Name of c2", 7.0), ("Name of c1", 5.0), ("2 others", 3.0),  # 7 + 5 + (2 + 1) = 15
    ]  # fmt: skip
    assert near.as_debtor_usd == 15.0
    assert near.as_creditor_usd == 11.0


def test_ego_names_one_more_rather_than_writing_1_others() -> None:
    snap = snapshot([("c1", "x", 5), ("c2", "x", 7), ("c3", "x", 1)])
    assert [p.protocol for p in ego(snap, "x", limit=2).creditors] == ["c2", "c1", "c3"]


def test_ego_of_nobody_is_refused() -> None:
    with pytest.raises(UnknownProtocol):
        ego(snapshot([("a", "b", 1)]), "z")
