"""From a forecast back to networks: the expected one, the likely one, and drawn ones.

- expected: every candidate with probability × size × mean factor. Right for sums of USD, not for counting edges.
- likely: only pairs with probability >= a threshold, at their size. For the eye, not for aggregates.
- drawn: each pair exists or not by its probability. A measure's forecast is its mean over draws, which is an
  expectation for every measure, counted or summed. Pairs are drawn independently here, so the spread of the
  draws is too narrow to serve as an interval and is not shown as one.

On the flow basis only one direction of a pair can exist, so both directions share one random number.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import numpy as np

from dexposure_core.forecast.record import Flags, Floats, Forecast
from dexposure_core.network import Snapshot

LIKELY: Final = 0.5
CENT: Final = 0.01  # USD below which an expected exposure is left out


def expected_network(forecast: Forecast, origin: Snapshot, date: dt.date) -> Snapshot:
    """Return the network of expected exposures, probability × size × mean factor, from one cent up."""
    usd = forecast.expected_usd()
    return _network(forecast, origin, date, usd >= CENT, usd)


def likely_network(forecast: Forecast, origin: Snapshot, date: dt.date, threshold: float = LIKELY) -> Snapshot:
    """Return the network of the exposures with at least that probability, at their typical size."""
    return _network(forecast, origin, date, forecast.probability >= threshold, forecast.exposure_usd)


def drawn_networks(forecast: Forecast, origin: Snapshot, date: dt.date, draws: int, seed: int = 0) -> list[Snapshot]:
    """Return `draws` networks; one when every probability is 0 or 1, because all would be alike."""
    sure = bool(np.isin(forecast.probability, (0.0, 1.0)).all())
    usd = forecast.exposure_usd * forecast.mean_factor
    rng = np.random.default_rng([seed, forecast.origin.toordinal(), forecast.horizon_weeks])
    return [_network(forecast, origin, date, _exists(forecast, rng), usd) for _ in range(1 if sure else draws)]


def _exists(forecast: Forecast, rng: np.random.Generator) -> Flags:
    p = forecast.probability
    if forecast.basis != "flow":
        return np.asarray(rng.random(len(p)) < p)
    low, high = np.minimum(forecast.creditor, forecast.debtor), np.maximum(forecast.creditor, forecast.debtor)
    pair, where = np.unique(low * len(forecast.protocols) + high, return_inverse=True)
    u = rng.random(len(pair))[where]
    # p→q takes the numbers below P(p→q), q→p those above 1 − P(q→p): never both, as the two sum to at most 1.
    return np.where(forecast.creditor == low, u < p, u >= 1.0 - p)


def _network(forecast: Forecast, origin: Snapshot, date: dt.date, keep: Flags, usd: Floats) -> Snapshot:
    return Snapshot(
        date=date, protocols=origin.protocols, names=origin.names, sectors=origin.sectors, categories=origin.categories,
        tvl_usd=forecast.tvl_usd, creditor=forecast.creditor[keep], debtor=forecast.debtor[keep],
        exposure_usd=usd[keep], basis=forecast.basis,
    )  # fmt: skip
