"""Thousands of drawn shocks: the distribution of the system's loss, and who it comes from.

Everything moves with one market factor, each sector with a factor of its own, and every protocol on its own:

    r_i = s · (market · m + sector_k · f_k + own_k · e_i)          loss_i = max(0, 1 − exp(r_i))

m, f and e are independent Student t of the same degrees of freedom, scaled to variance 1; r is a change of log value
over the horizon. Only protocols with something to lose are struck; the engine adds what they lose through each other.
Contributions are means of a protocol's (a sector's) loss over the draws of the tail: they add up to the expected
shortfall.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from dexposure_core.errors import BadOption
from dexposure_core.jobs import in_order
from dexposure_core.network.snapshot import Floats, Indices, Snapshot
from dexposure_core.settings import processors
from dexposure_core.stress.engine import Channel, absorbing_value, channel, final
from dexposure_core.stress.rules import find_rule

COLUMNS: Final = 32
LARGEST: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Factors:
    """How values move over the horizon, as standard deviations of log changes.

    Attributes:
        market: of the factor that all share.
        sectors: sector → (of its own factor, of a protocol's own movement); others move as `usual`.
        usual: the same pair for sectors that are not named.
        freedom: degrees of freedom of all of them, above 2; infinite: normal.
    """

    market: float
    sectors: dict[str, tuple[float, float]]
    usual: tuple[float, float]
    freedom: float = 4.0

    def __post_init__(self) -> None:
        """Check every number."""
        for name, value in (("market", self.market), ("usual", self.usual), *self.sectors.items()):
            pair = value if isinstance(value, tuple) else (value,)
            if not all(math.isfinite(each) and each >= 0 for each in pair):
                raise BadOption(f"factor {name} = {value!r}; a standard deviation must be finite and >= 0")
        if not self.freedom > 2:
            raise BadOption(f"freedom = {self.freedom!r}; a Student t has a variance above 2 degrees of freedom only")


@dataclass(frozen=True, kw_only=True)
class LossDistribution:
    """The system's loss over K draws.

    Attributes:
        total_usd, direct_usd: (K,) of each draw.
        confidence: of value at risk and expected shortfall, below 1.
        var_usd: value at risk: the smallest loss that all but a share 1 − confidence of the draws stay below.
        es_usd: expected shortfall: the mean of the draws of the tail.
        mean_usd, mean_se_usd, var_se_usd, es_se_usd: mean loss, and standard errors of the three (of the draws alone).
        contribution_usd: (N,) mean loss of each protocol over the draws of the tail; sums to `es_usd`.
        tail: (T,) the draws of the tail.
    """

    total_usd: Floats
    direct_usd: Floats
    confidence: float
    var_usd: float
    es_usd: float
    mean_usd: float
    mean_se_usd: float
    var_se_usd: float
    es_se_usd: float
    contribution_usd: Floats
    tail: Indices


def monte_carlo(
    snapshot: Snapshot, factors: Factors, rule: str = "linear-debtrank", absorbing_usd: npt.ArrayLike | None = None, *,
    tokens_lose: npt.ArrayLike | None = None, draws: int = 1_000, seed: int = 7, confidence: float = 0.99,
    scale: float = 1.0, tick: Callable[[int, int], None] = lambda _done, _total: None, **options: float,
) -> LossDistribution:  # fmt: skip
    """Draw shocks and return the distribution of the loss; the same seed gives the same draws.

    Args:
        snapshot: the network.
        factors: how values move.
        rule: name of one of `RULES`.
        absorbing_usd: (N,) what each protocol can lose; its TVL when None.
        tokens_lose: (E,) share of the debtor's distress that the tokens of each exposure lose; all when None.
        draws: how many, 100 at least.
        seed: of the random numbers.
        confidence: 0.5 up to, not including, 1.
        scale: s, what all movements are multiplied by.
        tick: told (draws done, draws).
        **options: the rule's options.

    Raises:
        UnknownRule, BadOption: as `contagion.run`, or a number outside its range.
    """
    if not 100 <= draws <= LARGEST:
        raise BadOption(f"draws = {draws!r}; must be a whole number from 100 to {LARGEST:,}")
    if not 0.5 <= confidence < 1:
        raise BadOption(f"confidence = {confidence!r}; must be from 0.5 to below 1 (0.99 for 99 %)")
    if not (math.isfinite(scale) and scale >= 0):
        raise BadOption(f"scale = {scale!r}; must be finite and >= 0")
    chosen = find_rule(rule)
    absorbing = absorbing_value(snapshot, absorbing_usd)
    net = channel(snapshot, chosen, absorbing, chosen.settings(options), tokens_lose=tokens_lose)
    strikes = _Strikes(snapshot, net, factors, seed, scale)
    direct, total = np.empty(draws), np.empty(draws)
    for at, (begun, ended) in _batches(net, strikes, np.arange(draws)):
        direct[at], total[at] = begun.sum(axis=0), ended.sum(axis=0)
        tick(int(at[-1]) + 1, draws)
    tail = np.sort(np.argsort(-total, kind="stable")[: max(1, round((1 - confidence) * draws))])
    lost = np.zeros(len(net.absorbing_usd))
    for _, (_, ended) in _batches(net, strikes, tail):
        lost += ended.sum(axis=1)
    return _summary(total, direct, tail, lost / len(tail), confidence)


def _summary(total: Floats, direct: Floats, tail: Indices, contribution: Floats, confidence: float) -> LossDistribution:
    worst = total[tail]
    var, es = float(worst.min()), float(contribution.sum())
    draws, share = len(total), len(tail) / len(total)
    spread = float(np.quantile(total, min(1.0, confidence + _width(draws, share)))) - float(
        np.quantile(total, max(0.0, confidence - _width(draws, share)))
    )
    excess = float(worst.var(ddof=1)) if len(worst) > 1 else math.nan
    es_variance = (excess + (1 - share) * (es - var) ** 2) / len(tail)  # of a mean above an estimate
    return LossDistribution(
        total_usd=total, direct_usd=direct, confidence=confidence, var_usd=var, es_usd=es,
        mean_usd=float(total.mean()), mean_se_usd=float(total.std(ddof=1) / math.sqrt(draws)),
        var_se_usd=spread / 2, es_se_usd=math.sqrt(es_variance), contribution_usd=contribution, tail=tail,
    )  # fmt: skip


def _width(draws: int, share: float) -> float:
    """Return the standard error of the share of draws above a quantile."""
    return math.sqrt(share * (1 - share) / draws)


class _Strikes:
    """The shocks of draws by their numbers: a draw is the same whichever draws it is made with."""

    def __init__(self, snapshot: Snapshot, net: Channel, factors: Factors, seed: int, scale: float) -> None:
        names, of = np.unique(snapshot.sectors.astype(str), return_inverse=True)
        pairs = np.array([factors.sectors.get(str(name), factors.usual) for name in names]).reshape(len(names), 2)
        self._market, self._common, self._own = factors.market * scale, pairs[:, 0] * scale, pairs[of, 1] * scale
        self._of, self._sectors = of, len(names)
        self._struck = net.absorbing_usd > 0
        self._freedom, self._seed = factors.freedom, seed

    def __call__(self, draws: Indices) -> Floats:
        """Return (N, K) fractions lost at once."""
        moves = np.stack([self._one(int(draw)) for draw in draws], axis=1)
        return np.where(self._struck[:, None], -np.expm1(np.minimum(moves, 0.0)), 0.0)

    def _one(self, draw: int) -> Floats:
        random = np.random.Generator(np.random.SFC64((self._seed, draw)))
        normal = random.standard_normal(1 + self._sectors + len(self._of))
        market, common, own = normal[0], normal[1 : 1 + self._sectors], normal[1 + self._sectors :]
        if math.isfinite(self._freedom):  # the size of each movement of its own, so that the factors stay independent
            sizes = np.sqrt((self._freedom - 2) / random.chisquare(self._freedom, len(normal)))
            market, common = market * sizes[0], common * sizes[1 : 1 + self._sectors]
            own = own * sizes[1 + self._sectors :]
        moved: Floats = self._market * market + (self._common * common)[self._of] + self._own * own
        return moved


def _batches(net: Channel, strikes: _Strikes, draws: Indices) -> Iterator[tuple[Indices, tuple[Floats, Floats]]]:
    """Yield places (K,) among `draws`, and (N, K) USD lost at once and in all."""
    places = [np.arange(at, min(at + COLUMNS, len(draws))) for at in range(0, len(draws), COLUMNS)]
    jobs = (partial(_losses, net, strikes, draws[place]) for place in places)
    yield from zip(places, in_order(jobs, processors()), strict=True)


def _losses(net: Channel, strikes: _Strikes, draws: Indices) -> tuple[Floats, Floats]:
    fractions = strikes(draws)
    start, end, _ = final(net, fractions, np.zeros_like(fractions))
    absorbing = net.absorbing_usd[:, None]
    return start.distress * absorbing, end.distress * absorbing
