"""How likely a threshold is passed some snapshots ahead, read from a forecast's interval.

A forecast keeps the expectation and the 5 % and 95 % quantiles of its joint futures, not the futures. The probability
is therefore read from these three: half of the futures on either side of the expectation m, each half a normal
distribution through its own quantile,

    P(X > T) = 1 - Phi((T - m) / s),   s = (high - m) / 1.645 where T >= m, (m - low) / 1.645 where T < m

(two-piece normal, Wallis 2014). An early warning asks of h snapshots what it asks of one, with the limit of a random
walk: |X - x(t)| > k sigma sqrt(h), sigma the usual change in the window that ends with the origin.

The TVL and exposures of one protocol and one exposure have no interval, but the joint futures know them: they are
drawn again, the same ones (nothing is forecast), and the probability is the share of futures beyond the threshold.
What no joint future knows has no probability: NaN, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dexposure_core.network.snapshot import Floats, Snapshot
from dexposure_core.pipeline.alerts.rules import Rule
from dexposure_core.pipeline.indicators import LOSS, WORST

if TYPE_CHECKING:
    from dexposure_core.pipeline.forecasting.cache import Kept

_SPREAD: Final = 1.6448536269514722  # 95 % quantile of the standard normal distribution
HOW: Final = (
    "read from the forecast's 90 % interval, half of the futures on either side of the expectation; for USD of one "
    "protocol or exposure they are the share of its drawn futures"
)
SHARE: Final = "share of futures"
INTERVAL: Final = "interval"
NO_INTERVAL: Final = "the forecast gives no interval: its futures are not drawn from past misses"
UNKNOWN: Final = "the forecast does not know it"
NOT_TODAY: Final = "not defined today"
NO_USUAL: Final = "too few changes to know what is usual"
_SCORES: Final = {"sis": "sis", "default_loss": "loss"}
Futures = Callable[[], "tuple[Snapshot, ...]"]  # the joint futures of a forecast, drawn when first asked for


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What is expected of one number: expectation, 5 % and 95 % quantiles (NaN: not known), (M,) its values drawn."""

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    drawn: Floats | None = field(default=None, compare=False)

    def above(self, threshold: float) -> float:
        """Return the probability of being above a threshold; NaN when it is not known."""
        m, t = self.value, threshold
        if self.drawn is not None:
            return float((self.drawn > t).mean()) if math.isfinite(t) else math.nan
        if not all(math.isfinite(x) for x in (m, t, self.low, self.high)) or not self.low <= m <= self.high:
            return math.nan
        spread = (self.high - m if t >= m else m - self.low) / _SPREAD
        return 0.5 * math.erfc((t - m) / (spread * math.sqrt(2))) if spread > 0 else float(m > t)

    def below(self, threshold: float) -> float:
        """Return the probability of being below a threshold; NaN when it is not known."""
        if self.drawn is not None:
            return float((self.drawn < threshold).mean()) if math.isfinite(threshold) else math.nan
        return 1.0 - self.above(threshold)

    def passes(self, rule: Rule) -> float:
        """Return the probability of being beyond a rule's threshold; NaN when it is not known."""
        return self.above(rule.threshold) if rule.above is not None else self.below(rule.threshold)

    @property
    def how(self) -> str:
        """Where its probabilities come from."""
        return INTERVAL if self.drawn is None else SHARE


def outlook(kept: Kept, rule: Rule, futures: Futures | None = None) -> Outlook:
    """Return what a forecast says of what a rule watches; `futures` draws its joint futures again."""
    if not rule.indicator and rule.of not in _SCORES and futures is not None:
        return _drawn(rule, kept, futures())
    if rule.indicator == WORST:
        rows = kept.drawn.numbers.filter(pl.col("name").str.starts_with(LOSS), pl.col("forecast").is_finite())
        return _of(rows.sort("forecast", descending=True).head(1), ("forecast", "low", "high"))
    if rule.indicator:
        return _of(kept.drawn.numbers.filter(pl.col("name") == rule.indicator), ("forecast", "low", "high"))
    row = kept.drawn.importance.filter(pl.col("protocol") == rule.protocol)
    if rule.of == "tvl_usd" and not row.is_empty():
        place = kept.forecast.protocols.tolist().index(rule.protocol)
        span = _of(row, ("tvl_low", "tvl_low", "tvl_high"))
        return Outlook(value=float(kept.forecast.tvl_usd[place]), low=span.low, high=span.high)
    if rule.of not in _SCORES:
        return Outlook()
    name = _SCORES[rule.of]
    return _of(row, (name, f"{name}_low", f"{name}_high"))


def _drawn(rule: Rule, kept: Kept, futures: tuple[Snapshot, ...]) -> Outlook:
    """Return what joint futures say of an exposure, or of USD of a protocol; what is not in one of them is 0 there."""
    ends = (rule.protocol,) if rule.protocol else (rule.creditor, rule.debtor)
    if not futures or not set(ends) <= set(kept.forecast.protocols.tolist()):
        return Outlook()
    values = np.array([_held(network, rule) for network in futures])
    low, high = np.quantile(values, (0.05, 0.95))
    return Outlook(value=float(values.mean()), low=float(low), high=float(high), drawn=values)


def _held(network: Snapshot, rule: Rule) -> float:
    ends = np.array([rule.protocol, rule.creditor, rule.debtor], dtype=object)
    own, creditor, debtor = network.rows(ends)  # -1: it has left
    if rule.protocol and rule.of == "tvl_usd":
        return float(network.tvl_usd[own]) if own >= 0 else 0.0
    owed = np.ones(len(network.exposure_usd), dtype=bool)
    if rule.creditor or rule.of == "as_creditor_usd":
        owed &= network.creditor == (creditor if rule.creditor else own)
    if rule.debtor or rule.of == "as_debtor_usd":
        owed &= network.debtor == (debtor if rule.debtor else own)
    return float(network.exposure_usd[owed].sum())


def _of(rows: pl.DataFrame, columns: tuple[str, str, str]) -> Outlook:
    if rows.is_empty():
        return Outlook()
    value, low, high = (math.nan if x is None else float(x) for x in rows.select(
        value=columns[0], low=columns[1], high=columns[2]).row(0))  # fmt: skip
    return Outlook(value=value, low=low, high=high)
