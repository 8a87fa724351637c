"""What drawn futures say: measures and stress losses with intervals, protocols' importance, sector cells.

With learnt uncertainty the futures are joint, protocols enter and leave in them, and a number is served by the recipe
of its past with its 90 % interval (`futures`, `turnover` and `blend` in `forecast.intervals`).
Without, exposures are drawn one by one: the means are right for what is there today, and no interval is given.
Importance and sector cells carry the 5 % and 95 % quantiles of the joint futures, and their expectation leans on
today as far as the system-wide number of the same kind does: where the mean of the futures was not to be trusted for
the whole, it is not for its parts.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Final

import numpy as np
import polars as pl

from dexposure_core.forecast import Forecast
from dexposure_core.forecast.intervals.blend import LEVELS, LOOK_BACK
from dexposure_core.forecast.intervals.futures import drawn_futures
from dexposure_core.forecast.intervals.turnover import expected_newcomers, turned_over
from dexposure_core.forecast.intervals.uncertainty import Uncertainty
from dexposure_core.forecast.networks import drawn_networks
from dexposure_core.forecast.record import Floats
from dexposure_core.measures import Facts, measure_facts
from dexposure_core.network import Snapshot
from dexposure_core.pipeline.forecasting.uncertainty import track
from dexposure_core.stress import standard_losses

DRAWS: Final = 200
LARGE: Final = 20_000  # exposures from which fewer draws do: each costs 0.2 s of measuring at 74,000
LARGE_DRAWS: Final = 24
ALONE_DRAWS: Final = 16  # means only
# ours → the system-wide measure of the same kind, column of `systemic_importance`
SCORES: Final = {"sis": "mean_sis", "loss": "mean_default_loss"}
COLUMNS: Final = ("sis", "default_loss")
TOLD: Final = 20  # fewer draws say nothing about a 5 % quantile


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """What M drawn futures say.

    Attributes:
        numbers: name, forecast, low, high, source: measures, then `loss:<scenario>:<rule>`; NaN = not defined.
        importance: protocol and, for the published score (`sis`) and the share of system TVL that its direct creditors
            lose if its tokens go to zero (`loss`): today, mean, low, high and the share of futures in which it rises;
            of its TVL low, high and that share (`tvl_low`, `tvl_high`, `tvl_rises`; the forecast itself has the mean).
        cells: creditor_sector, debtor_sector, today_usd, forecast_usd, low_usd, high_usd; scaled so that the forecast
            sums to the total exposure of `numbers`.
        draws: M.
        joint: whether they were drawn jointly, from past misses.
        newcomers: protocols that enter in a future, on average, and exposures that they bring; 0 unless joint.
    """

    numbers: pl.DataFrame
    importance: pl.DataFrame
    cells: pl.DataFrame
    draws: int
    joint: bool
    newcomers: tuple[float, float] = (0.0, 0.0)


def how_many(origin: Snapshot, *, joint: bool, asked: int | None = None) -> int:
    """Return how many futures to draw from a network of this size."""
    if asked is not None:
        return asked
    large = len(origin.exposure_usd) >= LARGE
    return (LARGE_DRAWS if large else DRAWS) if joint else (ALONE_DRAWS // 4 if large else ALONE_DRAWS)


def draw(
    forecast: Forecast, history: Sequence[Snapshot], date: dt.date, learnt: Uncertainty | None, draws: int,
    past: Floats | None = None,
) -> Drawn:  # fmt: skip
    """Draw `draws` futures of `forecast`, made from the last of `history`, and measure them.

    `past` (L, K) are `learnt.measures` of the last snapshots where they are known; None: they are measured now.
    """
    origin, place = history[-1], (forecast.basis, forecast.horizon_weeks)
    joint = learnt is not None and place in learnt.residuals
    seen = [_seen(network, origin) for network in networks(forecast, history, date, learnt, draws)]
    names = list(seen[0][0])
    numbers = np.array([[values[name] for name in names] for values, _, _ in seen])
    value, low, high = _means(numbers), *np.full((2, len(names)), np.nan)
    source, trust = ["drawn futures"] * len(names), np.ones(len(names))
    if learnt is not None and joint and tuple(names) == learnt.measures:
        blend = learnt.blends[place]
        known = track(history[-LOOK_BACK:])[1] if past is None else past
        value, low, high = blend.served(known, numbers, forecast.horizon_weeks)
        source, trust = blend.main_sources(), blend.weights[-1]
    _, scores_today, cells_today = _seen(origin, origin)
    at = {name: k for k, name in enumerate(names)}
    scores = _Parts(np.array([part for _, part, _ in seen]), scores_today, joint=joint)
    cells = _Parts(np.array([part for _, _, part in seen]), cells_today, joint=joint)
    total = at["total_exposure_usd"]
    return Drawn(
        numbers=pl.DataFrame({"name": names, "forecast": value, "low": low, "high": high, "source": source}),
        importance=_importance(origin, scores, trust[[at[name] for name in SCORES.values()]]),
        cells=_cells(origin, cells, float(trust[total]), float(value[total])),
        draws=len(seen), joint=joint,
        newcomers=expected_newcomers(history, forecast.horizon_weeks) if joint else (0.0, 0.0),
    )  # fmt: skip


def networks(
    forecast: Forecast, history: Sequence[Snapshot], date: dt.date, learnt: Uncertainty | None, draws: int
) -> Iterable[Snapshot]:
    """Return the futures that `draw` measures: joint ones where past misses of this basis and horizon are known."""
    origin, place = history[-1], (forecast.basis, forecast.horizon_weeks)
    if learnt is not None and place in learnt.residuals:
        joint = drawn_futures(forecast, origin, date, learnt.residuals[place], draws)
        return turned_over(joint, history, forecast.horizon_weeks)
    return drawn_networks(forecast, origin, date, draws)


def _seen(network: Snapshot, origin: Snapshot) -> tuple[dict[str, float], Floats, Floats]:
    """Return what is measured on a network.

    By name the measures and losses; of the N protocols and S sectors of `origin`, in its order, SCORES and TVL (3, N)
    and the sector cells (S, S): 0 for what has left.
    """
    facts = Facts(network)
    values = {**measure_facts(facts), **standard_losses(network)}
    parts = np.vstack([facts.importance.select(COLUMNS).to_numpy().T, network.tvl_usd])
    sectors, cells = facts.sectors
    kept = [sectors.index(s) if s in sectors else -1 for s in Facts(origin).sectors[0]]
    nothing = ((0, 0), (0, 1))  # one column of zeros at the end, where row -1 points to
    return (
        values, np.pad(parts, nothing)[:, network.rows(origin.protocols)], np.pad(cells, (0, 1))[np.ix_(kept, kept)]
    )  # fmt: skip


def _means(values: Floats) -> Floats:
    """Return the mean over the draws in which a number is defined; NaN when it is in none."""
    some = np.isfinite(values).any(axis=0)
    return np.where(some, np.nanmean(np.where(some, values, 0.0), axis=0), np.nan)


@dataclass(frozen=True)
class _Parts:
    """Parts of the system (protocols, sector cells) in M futures (M, ...) and today (...)."""

    drawn: Floats
    today: Floats
    _: KW_ONLY
    joint: bool

    def ends(self) -> tuple[Floats, Floats]:
        """Return the 5 % and 95 % quantiles of joint futures; NaN without them."""
        if not self.joint or len(self.drawn) < TOLD:
            return np.full(self.today.shape, np.nan), np.full(self.today.shape, np.nan)
        low, high = np.quantile(self.drawn, LEVELS, axis=0)
        return low, high

    def rises(self) -> Floats:
        """Return the share of futures above today."""
        return np.asarray((self.drawn > self.today).mean(axis=0))


def _importance(origin: Snapshot, scores: _Parts, trust: Floats) -> pl.DataFrame:
    low, high = scores.ends()
    scored = slice(0, len(SCORES))
    expected = scores.today[scored] + trust[:, None] * (scores.drawn.mean(axis=0) - scores.today)[scored]
    rises = scores.rises()
    columns = {"protocol": pl.Series(origin.protocols.tolist(), dtype=pl.String)}
    for k, name in enumerate(SCORES):
        columns |= {
            f"{name}_today": pl.Series(scores.today[k]), name: pl.Series(expected[k]), f"{name}_low": pl.Series(low[k]),
            f"{name}_high": pl.Series(high[k]), f"{name}_rises": pl.Series(rises[k]),
        }  # fmt: skip
    tvl = len(SCORES)
    columns |= {"tvl_low": pl.Series(low[tvl]), "tvl_high": pl.Series(high[tvl]), "tvl_rises": pl.Series(rises[tvl])}
    return pl.DataFrame(columns)


def _cells(origin: Snapshot, cells: _Parts, trust: float, total: float) -> pl.DataFrame:
    sectors = Facts(origin).sectors[0]
    totals = cells.drawn.sum(axis=(1, 2))
    usual = _over(total, float(np.median(totals)))
    low, high = (usual * end for end in cells.ends())
    drawn = cells.drawn.mean(axis=0) * _over(total, float(totals.mean()))
    expected = trust * drawn + (1.0 - trust) * cells.today * _over(total, float(cells.today.sum()))
    size = len(sectors)
    return pl.DataFrame({
        "creditor_sector": pl.Series(np.repeat(np.array(sectors, dtype=object), size).tolist(), dtype=pl.String),
        "debtor_sector": pl.Series(sectors * size, dtype=pl.String),
        "today_usd": cells.today.ravel(), "forecast_usd": expected.ravel(),
        "low_usd": low.ravel(), "high_usd": high.ravel(),
    })  # fmt: skip


def _over(total: float, whole: float) -> float:
    """Return total / whole, 1 where that says nothing."""
    return total / whole if math.isfinite(total) and whole > 0 else 1.0
