"""How much is locked: the path of each protocol's size and the factor that holds the system on its known level.

A protocol's TVL is known at up to nine dates. Between them what is interpolated (log-linear) is not the TVL but what it
would be at constant prices: the TVL divided by the price index of the protocol's own portfolio. So the market moves the
protocol within a known interval and the facts hold at its ends. Hits (exploits, runs) multiply the quantities.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dexposure_core.sources.simulate.chance import Floats, generator
from dexposure_core.sources.simulate.facts import (
    EXCHANGES_ENTER,
    FIRST,
    KNOTS,
    MONDAYS,
    WEEKS,
    Facts,
    interpolate,
    week,
)

SMALL_START: Final = 0.12  # of the first known size, on the day of launch
OLD_START: Final = 0.55  # the same for a protocol launched before the data begin
LATE_WEEKS: Final = 3  # a size known this short before the first week holds in the first week
PROTOCOL_NOISE: Final = 0.035  # weekly, at constant prices
REVERSION: Final = 0.12
ANCHOR_EXCHANGE: Final = "2269"  # Binance: its size is known best, the other exchanges share the rest


def alive(row: dict[str, Any]) -> tuple[int, int]:
    """Return the first and last week (inclusive) of a protocol in the data; first > last when it never enters."""
    first: dt.date = row["first"] or FIRST
    if row["category"] == "CEX":
        first = max(first, EXCHANGES_ENTER)
    last: dt.date = row["last"] or MONDAYS[-1]
    if last < FIRST or first > MONDAYS[-1]:
        return 1, 0
    return week(first), min(WEEKS - 1, (min(last, MONDAYS[-1]) - FIRST).days // 7)


def known_sizes(row: dict[str, Any]) -> tuple[list[int], list[float]]:
    """Return the weeks at which a protocol's TVL is known or assumed, and the TVL in USD."""
    first, last = alive(row)
    sizes = [row[f"musd_{knot:%Y-%m}"] for knot in KNOTS]
    at = [week(knot) for knot in KNOTS]
    near = [max(w, first) if first - w <= LATE_WEEKS else w for w in at]
    known = {w: size * 1e6 for w, size in zip(near, sizes, strict=True) if size and first <= w <= last}
    if not known:
        biggest = max((size or 0.0 for size in sizes), default=0.0)
        return ([first, last], [biggest * 1e6 * 0.7, biggest * 1e6]) if biggest and first <= last else ([], [])
    earliest = min(known)
    if earliest - first > 2:
        known[first] = known[earliest] * (OLD_START if row["first"] and row["first"] < FIRST else SMALL_START)
    weeks = sorted(known)
    return weeks, [known[w] for w in weeks]


def shock_path(facts: Facts) -> dict[str, Floats]:
    """Return, per protocol that was ever hit, the factor (WEEKS,) on its quantities."""
    paths: dict[str, Floats] = {}
    for protocol, day, factor, recovery in facts.shocks.iter_rows():
        path = paths.setdefault(protocol, np.ones(WEEKS))
        start = week(day)
        since = np.arange(WEEKS) - start
        healed = np.clip(since / recovery, 0, 1) if recovery else np.zeros(WEEKS)
        path[start:] *= np.exp(np.log(factor) * (1 - healed))[start:]
    return paths


def scale_path(row: dict[str, Any], index: Floats, hits: Floats | None, seed: int) -> Floats:
    """Return (WEEKS,) USD per unit of `index` such that the product meets the known sizes; 0 outside its life.

    Args:
        row: the protocol's facts.
        index: (WEEKS,) value of its portfolio at constant quantities; 0 where it holds nothing.
        hits: its shock path, or None.
        seed: of the world.
    """
    weeks, sizes = known_sizes(row)
    path = np.zeros(WEEKS)
    good = [(w, s) for w, s in zip(weeks, sizes, strict=True) if index[w] > 0]
    if not good:
        return path
    at = np.array([w for w, _ in good])
    hit = np.ones(WEEKS) if hits is None else hits
    level = np.log([s for _, s in good]) - np.log(index[at] * hit[at])
    noise = slow_noise(generator(seed, "size", row["protocol"]).standard_normal(WEEKS), PROTOCOL_NOISE)
    first, last = alive(row)
    path = np.exp(np.interp(np.arange(WEEKS), at, level) + noise) * hit
    path[:first] = 0.0
    path[last + 1 :] = 0.0
    return path


def slow_noise(draws: npt.NDArray[np.float64], size: float, reversion: float = REVERSION) -> Floats:
    """Return mean-reverting noise along the last axis: x(t+1) = (1 - reversion) x(t) + size * draw, starting at its mean."""
    from scipy.signal import lfilter

    noise: Floats = lfilter([size], [1.0, reversion - 1.0], draws, axis=-1)
    return noise


def system_factors(facts: Facts, values: Floats, is_exchange: npt.NDArray[np.bool_], anchor: int) -> Floats:
    """Return (2, WEEKS) factors on all protocols (row 0) and on the exchanges but the anchor (row 1).

    The factor is fixed on the Mondays next to the dates at which the system's level is known and log-linear between
    them, so that weekly movement remains the market's.

    Args:
        facts: the fact tables.
        values: (P, WEEKS) TVL of every protocol before the factor, USD.
        is_exchange: (P,) whether it is an exchange.
        anchor: row of the exchange whose size is known.
    """
    days = facts.levels["day"].to_list()
    others = is_exchange.copy()
    others[anchor] = False
    protocols = facts.levels["protocols_busd"].to_numpy() * 1e9
    exchanges = np.maximum(facts.levels["exchanges_busd"].to_numpy() * 1e9, 1.0)
    targets = (interpolate(days, protocols), np.maximum(0.0, interpolate(days, exchanges) - values[anchor]))
    enter = week(EXCHANGES_ENTER)
    at = np.unique([week(day) for day in days])
    rows = []
    for members, target, start in ((~is_exchange, targets[0], 0), (others, targets[1], enter)):
        total = values[members].sum(axis=0)
        fixed = at[at >= start]
        ratio = np.log(np.maximum(target[fixed], 1.0) / np.maximum(total[fixed], 1.0))
        rows.append(np.exp(np.interp(np.arange(WEEKS), fixed, ratio)))
    return np.array(rows)
