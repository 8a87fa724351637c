"""Networks for tests: built by hand, recorded, or drawn by hypothesis."""

import datetime as dt
import json
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from dexposure_core import Snapshot

DATE = dt.date(2025, 1, 6)
RECORDED = Path(__file__).parent / "recorded" / "reference_vectors.json"


def network(tvl: dict[str, float], exposures: list[tuple[str, str, float]], sectors=None, basis="holdings") -> Snapshot:
    """A snapshot from {protocol: tvl} and (creditor, debtor, usd) rows; sectors 'Unknown' where not given."""
    rows = {protocol: i for i, protocol in enumerate(tvl)}
    kinds = [(sectors or {}).get(p, "Unknown") for p in tvl]
    return Snapshot(
        date=DATE, basis=basis, protocols=list(tvl), names=[p.title() for p in tvl], sectors=kinds,
        tvl_usd=list(tvl.values()), creditor=[rows[c] for c, _, _ in exposures],
        debtor=[rows[d] for _, d, _ in exposures], exposure_usd=[usd for _, _, usd in exposures],
    )  # fmt: skip


@cache
def recorded() -> dict:
    return json.loads(RECORDED.read_text("utf-8"))


def recorded_network(name: str) -> Snapshot:
    given = recorded()["networks"][name]
    sectors = {p["id"]: p["category"] for p in given["protocols"]}
    return network({p["id"]: p["tvl_usd"] for p in given["protocols"]}, given["exposures"], sectors)


def relabelled(snapshot: Snapshot, order: np.ndarray) -> Snapshot:
    """The same network with its protocols in another order and its exposures reversed."""
    place = np.argsort(order)
    return Snapshot(
        date=snapshot.date, basis=snapshot.basis, protocols=snapshot.protocols[order], names=snapshot.names[order],
        sectors=snapshot.sectors[order], tvl_usd=snapshot.tvl_usd[order], creditor=place[snapshot.creditor][::-1],
        debtor=place[snapshot.debtor][::-1], exposure_usd=snapshot.exposure_usd[::-1],
    )  # fmt: skip


def scaled(snapshot: Snapshot, factor: float) -> Snapshot:
    """The same network in another currency."""
    return Snapshot(
        date=snapshot.date, basis=snapshot.basis, protocols=snapshot.protocols, names=snapshot.names,
        sectors=snapshot.sectors, tvl_usd=snapshot.tvl_usd * factor, creditor=snapshot.creditor,
        debtor=snapshot.debtor, exposure_usd=snapshot.exposure_usd * factor,
    )  # fmt: skip


@st.composite
def snapshots(draw, smallest: int = 1, largest: int = 7, *, covered: bool = False) -> Snapshot:
    """Any network of a few protocols; TVL may be 0, exposures may exceed it, and there may be none.

    With `covered`, what a protocol holds of others is part of its TVL, as on the holdings basis.
    """
    count = draw(st.integers(smallest, largest))
    names = [f"p{i}" for i in range(count)]
    money = st.floats(0.01, 1e9, allow_subnormal=False)
    tvl = draw(st.lists(st.one_of(st.just(0.0), money), min_size=count, max_size=count))
    pairs = [(a, b) for a in names for b in names if a != b]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=15)) if pairs else []
    sizes = draw(st.lists(money, min_size=len(chosen), max_size=len(chosen)))
    sectors = dict(zip(names, draw(st.lists(st.sampled_from("ABC"), min_size=count, max_size=count)), strict=True))
    exposures = [(a, b, usd) for (a, b), usd in zip(chosen, sizes, strict=True)]
    if covered:
        tvl = [x + sum(usd for a, _, usd in exposures if a == p) for p, x in zip(names, tvl, strict=True)]
    return network(dict(zip(names, tvl, strict=True)), exposures, sectors)
