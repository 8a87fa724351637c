"""Units: supplies booked as balances, prices that cannot be, and what is wrong for one snapshot only.

Every week: the signs of `network.health_amounts` and `network.health_prices`. Over the weeks, two kinds of spike, which
end as they began: a token's price that is three times or a third of what it was and is back at the next snapshot, and
a holding that is five times or a fifth of what it was (0.001 % of the system or 1 m USD at least) and is back then.
"Back" means: the first move is undone by three quarters or more, in logarithms. Money can come and go, a power of ten
cannot: a holding's spike is an error only when its factor is one.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Final

import polars as pl

from dexposure_core.network.health import holding_flags
from dexposure_core.network.health_flags import graded, written
from dexposure_core.network.health_prices import POWER_SLACK
from dexposure_core.pipeline.checks.findings import findings
from dexposure_core.pipeline.checks.material import Material, Week

PRICE_FACTOR: Final = 3.0
HOLDING_FACTOR: Final = 5.0
BACK: Final = 0.75
LEAST_USD: Final = 1e6
LEAST_SHARE: Final = 1e-5
PRICE_SPIKE: Final = "price spike"
HOLDING_SPIKE: Final = "holding spike"
OUTGROWN: Final = "outgrown"
_KEY: Final = ("protocol", "chain", "token")


class Units:
    """Flags each week by itself, and compares what moved last week with what became of it this week."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._found: list[pl.DataFrame] = []
        self._moved_prices: pl.DataFrame | None = None
        self._moved_holdings: pl.DataFrame | None = None
        self._last: tuple[dt.date, float] | None = None

    def see(self, week: Week) -> None:
        """Flag what is wrong this week, and what turned out to have been wrong last week."""
        before = week.before
        flags = holding_flags(week.holdings, None if before is None else before.holdings, week.prices,
                              None if before is None else before.prices)  # fmt: skip
        flags = flags.filter(pl.col("finding") != OUTGROWN)
        if not flags.is_empty():
            self._found.append(findings(flags.with_columns(date=pl.lit(week.date))))
        prices, holdings = _middle(week.prices), _large(week)
        if self._last is not None:
            self._settle(prices, holdings)
        if before is not None:
            self._moved_prices = _moved(prices, _middle(before.prices), ("token",), PRICE_FACTOR)
            self._moved_holdings = _moved(holdings, _large(before), _KEY, HOLDING_FACTOR)
        self._last = (week.date, week.system_usd)

    def _settle(self, prices: pl.DataFrame, holdings: pl.DataFrame) -> None:
        """Report the moves of last week that this week took back."""
        if self._last is None or self._moved_prices is None or self._moved_holdings is None:
            return
        date, system = self._last
        least = max(min(LEAST_USD, LEAST_SHARE * system), 1.0)
        for moved, now, keys, name in (
            (self._moved_prices, prices, ("token",), PRICE_SPIKE),
            (self._moved_holdings, holdings, _KEY, HOLDING_SPIKE),
        ):
            if moved.is_empty():
                continue
            back = _taken_back(moved, now, keys).filter(pl.col("usd") >= least)
            power = (pl.col("level") / pl.col("was")).log10()
            sure = ((power - power.round()).abs() < POWER_SLACK) if name == HOLDING_SPIKE else pl.lit(value=True)
            doubtful = graded(pl.col("usd"), system, conclusive=False)
            severity = pl.when(sure).then(graded(pl.col("usd"), system)).otherwise(doubtful)
            told = back.with_columns(severity=severity, finding=pl.lit(name), date=pl.lit(date))
            self._found.append(findings(told.with_columns(rows=pl.lit(1))))

    def findings(self) -> pl.DataFrame:
        """Return FINDING rows."""
        return self._material.wanted(pl.concat([findings(), *self._found]))


def _middle(prices: pl.DataFrame) -> pl.DataFrame:
    """Return token, level (price between lowest and highest), usd."""
    return prices.select("token", level=(pl.col("low") * pl.col("high")).sqrt(), usd="usd")


def _large(week: Week) -> pl.DataFrame:
    """Return protocol, chain, token, level (value), usd of the holdings that could be part of a spike."""
    least = max(min(LEAST_USD, LEAST_SHARE * week.system_usd) / 100, 1.0)
    kept = week.holdings.filter(pl.col("value_usd") >= least)
    return kept.select(*_KEY, level="value_usd", usd="value_usd")


def _moved(now: pl.DataFrame, before: pl.DataFrame, keys: tuple[str, ...], factor: float) -> pl.DataFrame:
    """Return keys, level, was, usd of what moved by a factor since the week before."""
    past = before.lazy().rename({"level": "was", "usd": "was_usd"})
    log = (pl.col("level") / pl.col("was")).log().abs()
    kept = now.lazy().join(past, on=list(keys), how="inner").filter(log >= math.log(factor))
    return kept.select(*keys, "level", "was", usd=pl.max_horizontal("usd", "was_usd")).collect()


def _taken_back(moved: pl.DataFrame, now: pl.DataFrame, keys: tuple[str, ...]) -> pl.DataFrame:
    both = moved.join(now.select(*keys, then="level"), on=list(keys), how="inner")
    move, rest = (pl.col("level") / pl.col("was")).log(), (pl.col("then") / pl.col("was")).log()
    course = [written(pl.col(name)) for name in ("was", "level", "then")]
    return both.filter(rest.abs() <= (1 - BACK) * move.abs()).with_columns(
        text=pl.format("from {} to {} and back to {}", *course)
    )
