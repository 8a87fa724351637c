"""From a forecast back to networks: the expected one, the likely one, and drawn ones.

- expected: every candidate with probability × size. Right for sums of USD, not for counting edges.
- likely: only pairs with probability >= a threshold, at their size. For the eye, not for aggregates.
- drawn: each pair exists or not by its probability. A measure's forecast is its mean over draws, which is an
  expectation for every measure, counted or summed. Pairs are drawn independently here: the spread of the draws is
  too narrow to serve as an interval. Intervals come from `futures`, where whole past misses are drawn.

The expected network and drawn ones have the sizes and TVL that sums are made with (`Forecast.summed_usd`), the likely
one the typical ones.

On the flow basis only one direction of a pair can exist, so both directions share one random number.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Final

import numpy as np

from dexposure_core.forecast.record import Flags, Floats, Forecast, Indices
from dexposure_core.network import Snapshot

LIKELY: Final = 0.5
CENT: Final = 0.01  # USD below which an expected exposure is left out


def expected_network(forecast: Forecast, origin: Snapshot, date: dt.date) -> Snapshot:
    """Return the network of expected exposures, probability × size, from one cent up."""
    usd = forecast.expected_usd()
    keep = usd >= CENT
    return network_of(forecast, origin, date, keep, usd[keep], forecast.summed_tvl_usd)


def likely_network(forecast: Forecast, origin: Snapshot, date: dt.date, threshold: float = LIKELY) -> Snapshot:
    """Return the network of the exposures with at least that probability, at their typical size."""
    keep = forecast.probability >= threshold
    return network_of(forecast, origin, date, keep, forecast.exposure_usd[keep], forecast.tvl_usd)


def drawn_networks(forecast: Forecast, origin: Snapshot, date: dt.date, draws: int, seed: int = 0) -> list[Snapshot]:
    """Return `draws` networks; one when every probability is 0 or 1, because all would be alike."""
    sure = bool(np.isin(forecast.probability, (0.0, 1.0)).all())
    forecast = open_pairs(forecast)
    usd, tvl = forecast.summed_usd, forecast.summed_tvl_usd
    rng = np.random.default_rng([seed, forecast.origin.toordinal(), forecast.horizon_weeks])
    kept = (present(forecast, forecast.probability, rng) for _ in range(1 if sure else draws))
    return [network_of(forecast, origin, date, keep, usd[keep], tvl) for keep in kept]


def open_pairs(forecast: Forecast) -> Forecast:
    """Return the forecast without the pairs that cannot exist: nothing can be drawn from them."""
    able = forecast.probability > 0
    if able.all():
        return forecast
    names = ("creditor", "debtor", "probability", "exposure_usd", "summed_usd")
    return replace(forecast, **{name: getattr(forecast, name)[able] for name in names})


def present(forecast: Forecast, probability: Floats, rng: np.random.Generator) -> Flags:
    """Return (C,) bool, which candidates exist in one draw; on the flow basis never both directions of a pair."""
    if forecast.basis != "flow":
        return np.asarray(rng.random(len(probability)) < probability)
    low, high = np.minimum(forecast.creditor, forecast.debtor), np.maximum(forecast.creditor, forecast.debtor)
    pair = low * len(forecast.protocols) + high
    # one number per unordered pair, by hashing: the two directions share it without sorting for them in every draw
    u = _shared(pair, rng)
    first = forecast.creditor == low
    # p→q takes the numbers below P(p→q), q→p those above 1 − P(q→p): apart as long as the two sum to at most 1
    keep = np.where(first, u < probability, u >= 1.0 - probability)
    back = np.flatnonzero(keep & ~first)
    keep[back[np.isin(pair[back], pair[keep & first])]] = False
    return keep


def _shared(pair: Indices, rng: np.random.Generator) -> Floats:
    """Return a uniform number per pair key that depends on the key and on one number drawn from `rng` (splitmix64)."""
    x = pair.astype(np.uint64) + np.uint64(rng.integers(0, 2**63))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray((x ^ (x >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / 2**53


def network_of(
    forecast: Forecast, origin: Snapshot, date: dt.date, keep: Flags, exposure_usd: Floats, tvl_usd: Floats
) -> Snapshot:
    """Return the network of the kept candidates with the given sizes (K,) and TVL (N,)."""
    return Snapshot(
        date=date, protocols=origin.protocols, names=origin.names, sectors=origin.sectors, categories=origin.categories,
        tvl_usd=tvl_usd, creditor=forecast.creditor[keep], debtor=forecast.debtor[keep],
        exposure_usd=exposure_usd, basis=forecast.basis,
    )  # fmt: skip
