"""What drawn futures say: measures and stress losses with intervals, protocols' importance, sector cells.

With learnt uncertainty the futures are joint (`forecast.futures`), and a number is served by the recipe of its
past (`forecast.blend`) with its 90 % interval. Without, exposures are drawn one by one: the means are right, and no
interval is given. Importance and sector cells carry the 5 % and 95 % quantiles of the joint futures as they are.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from dexposure_core.forecast import Forecast
from dexposure_core.forecast.blend import LEVELS, LOOK_BACK
from dexposure_core.forecast.futures import drawn_futures
from dexposure_core.forecast.networks import drawn_networks
from dexposure_core.forecast.record import Floats
from dexposure_core.forecast.uncertainty import Uncertainty
from dexposure_core.measures import Facts, measure_facts
from dexposure_core.network import Snapshot
from dexposure_core.pipeline.uncertainty import track
from dexposure_core.stress import standard_losses

DRAWS: Final = 200
LARGE: Final = 20_000  # exposures from which fewer draws do: each costs 0.2 s of measuring at 74,000
LARGE_DRAWS: Final = 24
ALONE_DRAWS: Final = 16  # means only
SCORES: Final = {"sis": "sis", "loss": "default_loss"}  # ours → column of `systemic_importance`
TOLD: Final = 20  # fewer draws say nothing about a 5 % quantile


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """What M drawn futures say.

    Attributes:
        numbers: name, forecast, low, high, source: measures, then `loss:<scenario>:<rule>`; NaN = not defined.
        importance: protocol and, for the published score (`sis`) and the share of system TVL that its direct creditors
            lose if its tokens go to zero (`loss`): today, mean, low, high and the share of futures in which it rises.
        cells: creditor_sector, debtor_sector, today_usd, forecast_usd, low_usd, high_usd; scaled so that the forecast
            sums to the total exposure of `numbers`.
        draws: M.
        joint: whether they were drawn jointly, from past misses.
    """

    numbers: pl.DataFrame
    importance: pl.DataFrame
    cells: pl.DataFrame
    draws: int
    joint: bool


def how_many(origin: Snapshot, *, joint: bool, asked: int | None = None) -> int:
    """Return how many futures to draw from a network of this size."""
    if asked is not None:
        return asked
    large = len(origin.exposure_usd) >= LARGE
    return (LARGE_DRAWS if large else DRAWS) if joint else (ALONE_DRAWS // 4 if large else ALONE_DRAWS)


def draw(
    forecast: Forecast, history: Sequence[Snapshot], date: dt.date, learnt: Uncertainty | None, draws: int
) -> Drawn:
    """Draw `draws` futures of `forecast`, made from the last of `history`, and measure them."""
    origin, place = history[-1], (forecast.basis, forecast.horizon_weeks)
    joint = learnt is not None and place in learnt.residuals
    if learnt is not None and joint:
        futures: Iterable[Snapshot] = drawn_futures(forecast, origin, date, learnt.residuals[place], draws)
    else:
        futures = drawn_networks(forecast, origin, date, draws)
    seen = [_seen(network) for network in futures]
    names = list(seen[0][0])
    numbers = np.array([[values[name] for name in names] for values, _, _ in seen])
    value, low, high = _means(numbers), *np.full((2, len(names)), np.nan)
    source = ["drawn futures"] * len(names)
    if learnt is not None and joint and tuple(names) == learnt.measures:
        blend = learnt.blends[place]
        value, low, high = blend.served(track(history[-LOOK_BACK:])[1], numbers, forecast.horizon_weeks)
        source = blend.main_sources()
    _, scores_today, cells_today = _seen(origin)
    total = float(value[names.index("total_exposure_usd")])
    return Drawn(
        numbers=pl.DataFrame({"name": names, "forecast": value, "low": low, "high": high, "source": source}),
        importance=_importance(origin, np.array([scores for _, scores, _ in seen]), scores_today, joint=joint),
        cells=_cells(origin, np.array([cells for _, _, cells in seen]), cells_today, total, joint=joint),
        draws=len(seen), joint=joint,
    )  # fmt: skip


def _seen(network: Snapshot) -> tuple[dict[str, float], Floats, Floats]:
    """Return the measures and losses by name, SCORES of every protocol (2, N) and the sector cells (S, S)."""
    facts = Facts(network)
    values = {**measure_facts(facts), **standard_losses(network)}
    return values, facts.importance.select(SCORES.values()).to_numpy().T, facts.sectors[1]


def _means(values: Floats) -> Floats:
    """Return the mean over the draws in which a number is defined; NaN when it is in none."""
    some = np.isfinite(values).any(axis=0)
    return np.where(some, np.nanmean(np.where(some, values, 0.0), axis=0), np.nan)


def _ends(values: Floats, *, joint: bool) -> tuple[Floats, Floats]:
    if not joint or len(values) < TOLD:
        return np.full(values.shape[1:], np.nan), np.full(values.shape[1:], np.nan)
    low, high = np.quantile(values, LEVELS, axis=0)
    return low, high


def _importance(origin: Snapshot, scores: Floats, today: Floats, *, joint: bool) -> pl.DataFrame:
    low, high = _ends(scores, joint=joint)
    columns = {"protocol": pl.Series(origin.protocols.tolist(), dtype=pl.String)}
    for k, name in enumerate(SCORES):
        columns |= {
            f"{name}_today": pl.Series(today[k]), name: pl.Series(scores[:, k].mean(axis=0)),
            f"{name}_low": pl.Series(low[k]), f"{name}_high": pl.Series(high[k]),
            f"{name}_rises": pl.Series((scores[:, k] > today[k]).mean(axis=0)),
        }  # fmt: skip
    return pl.DataFrame(columns)


def _cells(origin: Snapshot, cells: Floats, today: Floats, total: float, *, joint: bool) -> pl.DataFrame:
    sectors = Facts(origin).sectors[0]
    mean_total = float(cells.sum(axis=(1, 2)).mean())
    cells = cells * (total / mean_total if math.isfinite(total) and mean_total > 0 else 1.0)
    low, high = _ends(cells, joint=joint)
    size = len(sectors)
    return pl.DataFrame({
        "creditor_sector": pl.Series(np.repeat(np.array(sectors, dtype=object), size).tolist(), dtype=pl.String),
        "debtor_sector": pl.Series(sectors * size, dtype=pl.String),
        "today_usd": today.ravel(), "forecast_usd": cells.mean(axis=0).ravel(),
        "low_usd": low.ravel(), "high_usd": high.ravel(),
    })  # fmt: skip
