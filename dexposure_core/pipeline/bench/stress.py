"""Speed of stress tests on a network of the real size: 11,000 protocols, 74,000 exposures."""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

from dexposure_core.network import Snapshot
from dexposure_core.progress import Progress, silent
from dexposure_core.stress import RULES, SCENARIOS, run
from dexposure_core.stress.failures import all_failures
from dexposure_core.stress.montecarlo import Factors, monte_carlo
from dexposure_core.stress.oracle import loss_sharing
from dexposure_core.stress.reverse import Candidate, reverse

PROTOCOLS: Final = 11_000
EXPOSURES: Final = 74_000
DRAWS: Final = 1_000
_FACTORS: Final = Factors(market=0.05, sectors={}, usual=(0.03, 0.07))


def bench_stress(
    *, protocols: int = PROTOCOLS, exposures: int = EXPOSURES, repeat: int = 15, progress: Progress = silent
) -> dict[str, Any]:
    """Return `{"protocols", "exposures", "figures": [{"task", "seconds", "target_seconds"}], "loops_over_engine"}`.

    Args:
        protocols: of the made-up network.
        exposures: of the same.
        repeat: runs of a single scenario, of which the median counts; longer tasks run once.
        progress: told of every task.
    """
    network = made_up(protocols, exposures)
    shock = dict(SCENARIOS[1].shock(network).fractions)
    tasks: list[tuple[str, Callable[[], object], int, float | None]] = [
        (f"one scenario, {rule.name}", partial(run, network, shock, rule.name), repeat, 2.0 if rule.clears else 0.003)
        for rule in RULES
    ]
    tasks += [
        (f"{DRAWS:,} Monte Carlo draws", lambda: monte_carlo(network, _FACTORS, draws=DRAWS), 1, 1.5),
        (f"all {protocols:,} single failures", lambda: all_failures(network), 1, 15.0),
        ("reverse, over protocols", lambda: reverse(network, _each(network), 0.1 * network.tvl_usd.sum()), 1, None),
        ("loss sharing by loops over dictionaries", lambda: loss_sharing(network, shock), 3, None),
    ]
    taken: dict[str, float] = {}
    for done, (task, work, runs, _) in enumerate(tasks):
        progress(done, len(tasks), task)
        taken[task] = _median(work, runs)
    figures = [{"task": task, "seconds": taken[task], "target_seconds": target} for task, _, _, target in tasks]
    ratio = taken["loss sharing by loops over dictionaries"] / taken["one scenario, dexposure-loss-sharing"]
    return {
        "protocols": protocols, "exposures": len(network.exposure_usd), "figures": figures, "loops_over_engine": ratio,
    }  # fmt: skip


def made_up(protocols: int, exposures: int, seed: int = 1) -> Snapshot:
    """Return a network of that size: few large issuers that many hold, three in ten protocols without assets."""
    random = np.random.default_rng(seed)
    held, holds = random.pareto(0.8, protocols) + 0.02, random.pareto(1.0, protocols) + 0.02
    holds[random.random(protocols) < 0.3] = 0.0
    debtor = random.choice(protocols, 4 * exposures, p=held / held.sum())
    creditor = random.choice(protocols, 4 * exposures, p=holds / holds.sum())
    pairs = np.unique((creditor * protocols + debtor)[creditor != debtor])
    pairs = np.sort(random.permutation(pairs)[:exposures])
    creditor, debtor = pairs // protocols, pairs % protocols
    usd = random.lognormal(10, 3, len(pairs))
    tvl = np.bincount(creditor, weights=usd, minlength=protocols) * (1 + random.exponential(1, protocols))
    return Snapshot(
        date=dt.date(2025, 1, 6), basis="holdings", protocols=[f"p{i:05d}" for i in range(protocols)],
        names=[f"Protocol {i}" for i in range(protocols)], sectors=[f"Sector {i % 7}" for i in range(protocols)],
        tvl_usd=tvl, creditor=creditor, debtor=debtor, exposure_usd=usd,
    )  # fmt: skip


def _each(network: Snapshot) -> list[Candidate]:
    return [
        Candidate(name=str(i), value_usd=float(usd), rows=np.array([i]), fractions=np.ones(1))
        for i, usd in enumerate(network.tvl_usd)
    ]


def _median(work: Callable[[], object], runs: int) -> float:
    if runs > 1:
        work()  # the first one finds how the network lies in memory
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
