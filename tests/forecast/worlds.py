"""Small made-up worlds for the forecaster's tests: by hand, and drawn from a seed."""

import datetime as dt

import numpy as np

from dexposure_core import Snapshot

START = dt.date(2023, 1, 2)
SECTORS = ("DEX", "Lending", "Bridge", "Stablecoins")


def week(k, exposures, tvl, basis="holdings", sectors=None):
    """A snapshot k weeks after START; `exposures` {"A>B": usd}, `tvl` {"A": usd} in the order of the protocols."""
    ids = list(tvl)
    ends = [pair.split(">") for pair in exposures]
    return Snapshot(
        date=START + dt.timedelta(weeks=k), protocols=ids, names=[f"Protocol {i}" for i in ids],
        sectors=sectors or ["DEX"] * len(ids), tvl_usd=list(tvl.values()),
        creditor=[ids.index(a) for a, _ in ends], debtor=[ids.index(b) for _, b in ends],
        exposure_usd=list(exposures.values()), basis=basis,
    )  # fmt: skip


def world(weeks=60, n=30, seed=0, basis="holdings", start=START):
    """Pairs with their own affinity are born and die; sizes and TVL walk; on the flow basis directions turn."""
    rng = np.random.default_rng(seed)
    sectors = [SECTORS[i % 4] for i in range(n)]
    tvl, size = rng.lognormal(15, 2, n), rng.lognormal(12, 2, (n, n))
    affinity = rng.random((n, n)) ** 4
    alive = rng.random((n, n)) < affinity
    return [_next(rng, start + dt.timedelta(weeks=k), sectors, tvl, size, affinity, alive, basis) for k in range(weeks)]


def _next(rng, date, sectors, tvl, size, affinity, alive, basis):
    n = len(tvl)
    tvl *= np.exp(rng.normal(0, 0.05, n))
    size *= np.exp(rng.normal(0, 0.1, (n, n)))
    change = rng.random((n, n))
    alive[:] = np.where(alive, change > 0.03, change < 0.03 * affinity)
    np.fill_diagonal(alive, False)
    creditor, debtor = np.nonzero(np.triu(alive) if basis == "flow" else alive)
    usd = size[creditor, debtor]
    if basis == "flow":
        turned = rng.random(len(usd)) < 0.5
        creditor, debtor = np.where(turned, debtor, creditor), np.where(turned, creditor, debtor)
        usd = usd * rng.lognormal(0, 1, len(usd))
    return Snapshot(
        date=date, protocols=[f"p{i}" for i in range(n)], names=[f"Protocol {i}" for i in range(n)], sectors=sectors,
        tvl_usd=tvl, creditor=creditor, debtor=debtor, exposure_usd=usd, basis=basis,
    )  # fmt: skip


def relabelled(snapshot, order):
    """The same network with its rows in another order: row i is the old row order[i]."""
    place = np.argsort(order)
    edges = np.random.default_rng(1).permutation(len(snapshot.exposure_usd))
    return Snapshot(
        date=snapshot.date, protocols=snapshot.protocols[order], names=snapshot.names[order],
        sectors=snapshot.sectors[order], tvl_usd=snapshot.tvl_usd[order], creditor=place[snapshot.creditor][edges],
        debtor=place[snapshot.debtor][edges], exposure_usd=snapshot.exposure_usd[edges], basis=snapshot.basis,
    )  # fmt: skip


def scrambled(snapshot, seed=3):
    """The same date with everything on it made up anew."""
    rng = np.random.default_rng(seed)
    n = len(snapshot.protocols)
    key = rng.choice(n * n, size=n, replace=False)
    key = key[key // n != key % n]
    return Snapshot(
        date=snapshot.date, protocols=snapshot.protocols, names=snapshot.names, sectors=snapshot.sectors,
        tvl_usd=rng.lognormal(10, 3, n), creditor=key // n, debtor=key % n, exposure_usd=rng.lognormal(10, 3, len(key)),
        basis=snapshot.basis,
    )  # fmt: skip


def as_dict(forecast):
    """{(creditor id, debtor id): (probability, usd)} and {id: tvl}, so that row order does not matter."""
    ids = forecast.protocols
    pairs = zip(ids[forecast.creditor], ids[forecast.debtor], strict=True)
    values = zip(forecast.probability.tolist(), forecast.exposure_usd.tolist(), strict=True)
    return dict(zip(pairs, values, strict=True)), dict(zip(ids, forecast.tvl_usd.tolist(), strict=True))
