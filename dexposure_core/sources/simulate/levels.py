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

from dexposure_core.sources.simulate.chance import Floats, bridge, generator, slow_noise
from dexposure_core.sources.simulate.facts import (
    EXCHANGES_ENTER,
    FIRST,
    KNOTS,
    MONDAYS,
    WEEKS,
    Facts,
    interpolate,
    is_crowd,
    week,
)

SMALL_START: Final = 0.12  # of the first known size, on the day of launch
OLD_START: Final = 0.55  # the same for a protocol launched before the data begin
LATE_WEEKS: Final = 3  # a size known this short before the first week holds in the first week
PROTOCOL_NOISE: Final = 0.05  # weekly, at constant prices
SEEN_SMALL: Final = 1e7  # USD: protocols up to this size are seen as late as any
SEEN_DECADES: Final = 2.5  # so many powers of ten above it they are seen at once
ANCHOR_EXCHANGE: Final = "2269"  # Binance: its size is known best, the other exchanges share the rest


def alive(row: dict[str, Any], nodes: Floats, seed: int) -> tuple[int, int]:
    """Return the first and last week (inclusive) of a protocol in the data; first > last when it never enters.

    A large protocol is seen from its launch; a small one only once the data cover enough of the field, which they do
    as the real network grew. A numbered one enters when it is born.

    Args:
        row: the protocol's facts.
        nodes: (WEEKS,) the real network's size as a share of its largest.
        seed: of the world.
    """
    start: dt.date = row["first"] or FIRST
    if row["category"] == "CEX":
        start = max(start, EXCHANGES_ENTER)
    end: dt.date = row["last"] or MONDAYS[-1]
    if end < FIRST or start > MONDAYS[-1]:
        return 1, 0
    first, last = week(start), min(WEEKS - 1, (min(end, MONDAYS[-1]) - FIRST).days // 7)
    if is_crowd(row["protocol"]):
        return first, last
    smallness = float(
        np.clip(
            1 - np.log10(max(largest_size(row) / SEEN_SMALL, 1e-3)) / SEEN_DECADES,
            0.0,
            1.0,
        )
    )
    listed = int(np.searchsorted(nodes, smallness * generator(seed, "listed", row["protocol"]).uniform()))
    return max(first, min(listed, first + (last - first) // 3)), last


def largest_size(row: dict[str, Any]) -> float:
    """Return the largest known TVL of a protocol, USD; 0 when none is known."""
    return 1e6 * max((row[f"musd_{knot:%Y-%m}"] or 0.0 for knot in KNOTS), default=0.0)


def known_sizes(row: dict[str, Any], life: tuple[int, int]) -> tuple[list[int], list[float]]:
    """Return the weeks of a protocol's life at which its TVL is known or assumed, and the TVL in USD.

    Known are the nine columns of `protocols.csv` and the rows of `sizes.csv` (in `row["sizes"]`, the later win); of a
    numbered protocol only the latter. A size given only outside the protocol's life is its peak.
    """
    first, last = life
    columns = () if is_crowd(row["protocol"]) else KNOTS
    knots = [(knot, row[f"musd_{knot:%Y-%m}"]) for knot in columns] + row.get("sizes", [])
    known = {}
    for day, size in knots:
        at = week(day)
        at = first if 0 < first - at <= LATE_WEEKS else at
        if size and first <= at <= last:
            known[at] = size * 1e6
    if not known:
        biggest = largest_size(row)
        return ([first, last], [biggest * 0.7, biggest]) if biggest and first <= last else ([], [])
    earliest = min(known)
    if earliest - first > LATE_WEEKS:
        known[first] = known[earliest] * (OLD_START if row["first"] and row["first"] < FIRST else SMALL_START)
    weeks = sorted(known)
    return weeks, [known[w] for w in weeks]


def calm(size: float) -> float:
    """Return the share of the usual noise that a protocol of `size` USD has: the large ones move less."""
    return float(1 - 0.5 * np.clip(np.log10(max(size, 1.0) / 1e8) / 2, 0, 1))


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


def scale_path(
    row: dict[str, Any],
    life: tuple[int, int],
    index: Floats,
    hits: Floats | None,
    seed: int,
) -> Floats:
    """Return (WEEKS,) USD per unit of `index` such that the product meets the known sizes; 0 outside its life.

    Args:
        row: the protocol's facts.
        life: its first and last week.
        index: (WEEKS,) value of its portfolio at constant quantities; 0 where it holds nothing.
        hits: its shock path, or None.
        seed: of the world.
    """
    weeks, sizes = known_sizes(row, life)
    path = np.zeros(WEEKS)
    good = [(w, s) for w, s in zip(weeks, sizes, strict=True) if index[w] > 0]
    if not good:
        return path
    at = np.array([w for w, _ in good])
    hit = np.ones(WEEKS) if hits is None else hits
    level = np.log([s for _, s in good]) - np.log(index[at] * hit[at])
    noise = slow_noise(
        generator(seed, "size", row["protocol"]).standard_normal(WEEKS),
        PROTOCOL_NOISE * calm(max(sizes)),
    )
    first, last = life
    path = np.asarray(np.exp(np.interp(np.arange(WEEKS), at, level) + bridge(noise, at)) * hit)
    path[:first] = 0.0
    path[last + 1 :] = 0.0
    return path


def system_factors(facts: Facts, *, protocols: Floats, exchanges: Floats, anchor: Floats) -> dict[str, Floats]:
    """Return the factors (WEEKS,) by which the protocols and the other exchanges are multiplied.

    A factor is fixed on the Mondays next to the dates at which the system's level is known and log-linear between
    them, so that weekly movement remains the market's.

    Args:
        facts: the fact tables.
        protocols: (WEEKS,) TVL of all protocols but exchanges before the factor, USD.
        exchanges: (WEEKS,) TVL of the exchanges but the anchor, USD.
        anchor: (WEEKS,) TVL of the exchange whose size is known, USD.
    """
    days = facts.levels["day"].to_list()
    level = interpolate(days, 1e9 * facts.levels["protocols_busd"].to_numpy())
    held = interpolate(days, np.maximum(1e9 * facts.levels["exchanges_busd"].to_numpy(), 1.0))
    at = np.unique([week(day) for day in days])
    late = at[at >= week(EXCHANGES_ENTER)]
    return {
        "protocols": _ratio(level, protocols, at),
        "exchanges": _ratio(held - anchor, exchanges, late),
    }


def _ratio(target: Floats, total: Floats, at: npt.NDArray[np.int64]) -> Floats:
    logs = np.log(np.maximum(target[at], 1.0) / np.maximum(total[at], 1.0))
    return np.asarray(np.exp(np.interp(np.arange(WEEKS), at, logs)))
