"""How likely a threshold is passed some snapshots ahead, read from a forecast's interval.

A forecast keeps the expectation and the 5 % and 95 % quantiles of its joint futures, not the futures. The probability
is therefore read from these three: half of the futures on either side of the expectation m, each half a normal
distribution through its own quantile,

    P(X > T) = 1 - Phi((T - m) / s),   s = (high - m) / 1.645 where T >= m, (m - low) / 1.645 where T < m

(two-piece normal, Wallis 2014). Without an interval (no joint futures) there is no probability: NaN. Single
exposures have no interval either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from dexposure_core.pipeline.alerts.rules import Rule
from dexposure_core.pipeline.indicators import LOSS, WORST

if TYPE_CHECKING:
    from dexposure_core.pipeline.forecast_cache import Kept

_SPREAD: Final = 1.6448536269514722  # 95 % quantile of the standard normal distribution
HOW: Final = "read from the forecast's 90 % interval, half of the futures on either side of the expectation"
_SCORES: Final = {"sis": "sis", "default_loss": "loss"}


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What is expected of one number: expectation and 5 % and 95 % quantiles; NaN where not known."""

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan

    def passes(self, rule: Rule) -> float:
        """Return the probability of being beyond a rule's threshold; NaN when it is not known."""
        m, t = self.value, rule.threshold
        if not all(math.isfinite(x) for x in (m, t, self.low, self.high)) or not self.low <= m <= self.high:
            return math.nan
        spread = (self.high - m if t >= m else m - self.low) / _SPREAD
        above = 0.5 * math.erfc((t - m) / (spread * math.sqrt(2))) if spread > 0 else float(m > t)
        return above if rule.above is not None else 1.0 - above


def outlook(kept: Kept, rule: Rule) -> Outlook:
    """Return what a forecast says of what a rule watches."""
    if rule.indicator == WORST:
        rows = kept.drawn.numbers.filter(pl.col("name").str.starts_with(LOSS), pl.col("forecast").is_finite())
        return _of(rows.sort("forecast", descending=True).head(1), ("forecast", "low", "high"))
    if rule.indicator:
        return _of(kept.drawn.numbers.filter(pl.col("name") == rule.indicator), ("forecast", "low", "high"))
    row = kept.drawn.importance.filter(pl.col("protocol") == rule.protocol)
    if rule.of in _SCORES:
        name = _SCORES[rule.of]
        return _of(row, (name, f"{name}_low", f"{name}_high"))
    if rule.of != "tvl_usd" or row.is_empty():
        return Outlook()
    place = kept.forecast.protocols.tolist().index(rule.protocol)
    span = _of(row, ("tvl_low", "tvl_low", "tvl_high"))
    return Outlook(value=float(kept.forecast.tvl_usd[place]), low=span.low, high=span.high)


def _of(rows: pl.DataFrame, columns: tuple[str, str, str]) -> Outlook:
    if rows.is_empty():
        return Outlook()
    value, low, high = (math.nan if x is None else float(x) for x in rows.select(
        value=columns[0], low=columns[1], high=columns[2]).row(0))  # fmt: skip
    return Outlook(value=value, low=low, high=high)
