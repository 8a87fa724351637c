"""Stress tests that are many at once, of a stored snapshot: each protocol in turn, drawn shocks, the smallest shock."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
import polars as pl

from dexposure_core.errors import BadOption
from dexposure_core.network import Snapshot
from dexposure_core.pipeline.chains.system import balances
from dexposure_core.pipeline.stress.terms import Terms
from dexposure_core.pipeline.tokens.kinds import tokens_lose
from dexposure_core.progress import Progress, silent
from dexposure_core.store import Store
from dexposure_core.stress.failures import all_failures
from dexposure_core.stress.montecarlo import Factors, LossDistribution, monte_carlo
from dexposure_core.stress.reverse import Candidate, Reverse, reverse

Over = Literal["protocols", "sectors", "tokens"]
OVER: Final[tuple[Over, ...]] = ("protocols", "sectors", "tokens")
WEEKS_OF_HISTORY: Final = 104
_MATERIAL_USD: Final = 1e6
"""Changes of smaller protocols are left out of the estimate: they are mostly entries, exits and rounding."""
_TRIMMED: Final = 0.01


def failures(store: Store, date: dt.date, basis: str, terms: Terms, *, progress: Progress = silent) -> pl.DataFrame:
    """Return what the failure of each protocol alone does, largest impact first.

    Columns: rank (by impact), protocol, name, sector, tvl_usd, impact_usd (lost by all others), impact_share (of
    system TVL), hurt (others that lose a tenth of what they have), vulnerability (mean share it loses when another
    fails), threats (others that cost it a tenth), worst (id of the one that costs it most, null where none does).

    Raises:
        UnknownDate, UnknownRule, BadOption: as `pipeline.stress.stored`.
    """
    snapshot = store.snapshot(date, basis)
    rule, options = terms.chosen()
    found = all_failures(
        snapshot, rule.name, snapshot.tvl_usd * terms.absorbing_fraction,
        tokens_lose=tokens_lose(store, snapshot, terms),
        tick=lambda done, total: progress(done, total, "each protocol in turn"), **options,
    )  # fmt: skip
    system = float(snapshot.tvl_usd.sum())
    ids = pl.Series("protocol", snapshot.protocols.tolist(), dtype=pl.String)
    worst = [str(snapshot.protocols[i]) if i >= 0 else None for i in found.worst]
    table = pl.DataFrame({
        "protocol": ids,
        "name": pl.Series(snapshot.names.tolist(), dtype=pl.String),
        "sector": pl.Series(snapshot.sectors.tolist(), dtype=pl.String),
        "tvl_usd": snapshot.tvl_usd,
        "impact_usd": found.impact_usd,
        "impact_share": found.impact_usd / system if system > 0 else np.full(len(ids), math.nan),
        "hurt": found.hurt,
        "vulnerability": found.vulnerability,
        "threats": found.threats,
        "worst": pl.Series(worst, dtype=pl.String),
    })  # fmt: skip
    return table.sort("impact_usd", "protocol", descending=[True, False]).with_row_index("rank", offset=1)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A loss distribution with the movements it was drawn from.

    Attributes:
        snapshot: the network.
        losses: over the draws.
        factors: standard deviations of log changes over the horizon.
        horizon: in snapshots.
        weeks: how many changes the factors were estimated from.
    """

    snapshot: Snapshot
    losses: LossDistribution
    factors: Factors
    horizon: int
    weeks: int

    def protocols(self) -> pl.DataFrame:
        """Return protocol, name, sector, contribution_usd, share (of expected shortfall), largest first; sums to it."""
        s, lost = self.snapshot, self.losses.contribution_usd
        table = pl.DataFrame({
            "protocol": pl.Series(s.protocols.tolist(), dtype=pl.String),
            "name": pl.Series(s.names.tolist(), dtype=pl.String),
            "sector": pl.Series(s.sectors.tolist(), dtype=pl.String),
            "contribution_usd": lost,
            "share": lost / self.losses.es_usd if self.losses.es_usd > 0 else np.full(len(lost), math.nan),
        })  # fmt: skip
        return table.filter(pl.col("contribution_usd") > 0).sort(
            "contribution_usd", "protocol", descending=[True, False]
        )

    def sectors(self) -> pl.DataFrame:
        """Return sector, contribution_usd, share, largest first; sums to the expected shortfall."""
        sums = self.protocols().group_by("sector").agg(pl.sum("contribution_usd", "share"))
        return sums.sort("contribution_usd", "sector", descending=[True, False])

    def json(self) -> dict[str, Any]:
        """Return the outcome ready for `json.dumps`."""
        x, f = self.losses, self.factors
        return {
            "draws": len(x.total_usd), "horizon": self.horizon, "confidence": x.confidence,
            "mean_usd": x.mean_usd, "mean_se_usd": x.mean_se_usd, "var_usd": x.var_usd, "var_se_usd": x.var_se_usd,
            "expected_shortfall_usd": x.es_usd, "expected_shortfall_se_usd": _defined(x.es_se_usd),
            "system_tvl_usd": float(self.snapshot.tvl_usd.sum()),
            "factors": {
                "market": f.market, "freedom": f.freedom, "weeks": self.weeks,
                "sectors": {name: {"sector": pair[0], "own": pair[1]} for name, pair in f.sectors.items()},
                "usual": {"sector": f.usual[0], "own": f.usual[1]},
            },
            "sectors": self.sectors().to_dicts(),
            "protocols": [{"id": row.pop("protocol"), **row} for row in self.protocols().to_dicts()],
        }  # fmt: skip


def drawn(
    store: Store, date: dt.date, basis: str, terms: Terms, *, draws: int = 1_000, seed: int = 7,
    confidence: float = 0.99, horizon: int = 4, progress: Progress = silent,
) -> Drawn:  # fmt: skip
    """Draw shocks whose movements are those of the history before the date.

    Args:
        store: a vintage.
        date: snapshot date; later snapshots are not looked at.
        basis: holdings or flow.
        terms: how losses travel.
        draws: how many, 100 at least.
        seed: of the random numbers.
        confidence: of value at risk and expected shortfall.
        horizon: snapshots ahead; movements grow with its square root.
        progress: told of the draws.

    Raises:
        UnknownDate, UnknownRule, BadOption: as `pipeline.stress.stored`; or a history too short to say how values move.
    """
    if not 1 <= horizon <= WEEKS_OF_HISTORY:
        raise BadOption(f"horizon = {horizon!r}; must be a whole number of snapshots from 1 to {WEEKS_OF_HISTORY}")
    snapshot = store.snapshot(date, basis)
    factors, weeks = estimated(store, date)
    rule, options = terms.chosen()
    losses = monte_carlo(
        snapshot, factors, rule.name, snapshot.tvl_usd * terms.absorbing_fraction,
        tokens_lose=tokens_lose(store, snapshot, terms), draws=draws, seed=seed,
        confidence=confidence, scale=math.sqrt(horizon),
        tick=lambda done, total: progress(done, total, "drawing shocks"), **options,
    )  # fmt: skip
    return Drawn(snapshot=snapshot, losses=losses, factors=factors, horizon=horizon, weeks=weeks)


def estimated(store: Store, date: dt.date) -> tuple[Factors, int]:
    """Return how values moved from one snapshot to the next in the two years up to a date, and over how many steps.

    A protocol's movement is the change of its log TVL; the market's is their mean, weighted by TVL; a sector's the mean
    of what is left; a protocol's own the rest. The largest and smallest hundredth of the rest are drawn in to the
    limit: they are entries, exits and errors. TVL moves by withdrawals as well as by losses: this is on the safe side.

    Raises:
        BadOption: fewer than 13 steps before the date.
    """
    dates = [day for day in store.dates("holdings") if day <= date][-WEEKS_OF_HISTORY - 1 :]
    if len(dates) < 14:
        raise BadOption(f"{max(0, len(dates) - 1)} steps of history up to {date}; 13 at least are needed")
    moves = pl.concat([_moves(store, *pair) for pair in pairwise(dates)])
    weighted = (pl.col("move") * pl.col("weight")).sum() / pl.col("weight").sum()
    moves = moves.with_columns(market=weighted.over("step"))
    moves = moves.with_columns(rest=pl.col("move") - pl.col("market"))
    common = (pl.col("rest") * pl.col("weight")).sum() / pl.col("weight").sum()
    moves = moves.with_columns(common=common.over("step", "sector"))
    own = pl.col("rest") - pl.col("common")
    low, high = (own.quantile(q) for q in (_TRIMMED, 1 - _TRIMMED))
    moves = moves.with_columns(own=own.clip(moves.select(low).item(), moves.select(high).item()))
    market = _spread(moves.group_by("step").agg(pl.first("market"))["market"])
    steps = moves.group_by("sector", "step").agg(pl.first("common"))
    factor = steps.group_by("sector").agg(factor=pl.col("common").std(), steps=pl.len())
    spread = moves.group_by("sector").agg(own=pl.col("own").std())
    table = factor.join(spread, on="sector").filter(pl.col("steps") >= 13).sort("sector").fill_null(0.0)
    sectors = {name: (float(a), float(b)) for name, a, b in table.select("sector", "factor", "own").iter_rows()}
    usual = (_spread(moves["common"]), _spread(moves["own"]))
    return Factors(market=market, sectors=sectors, usual=usual), len(dates) - 1


def _spread(values: pl.Series) -> float:
    return float(np.std(values.to_numpy(), ddof=1)) if len(values) > 1 else 0.0


def _moves(store: Store, before: dt.date, after: dt.date) -> pl.DataFrame:
    """Return step, sector, move, weight of the protocols that both snapshots have, large enough in each."""
    one, other = (store.snapshot(day, "holdings") for day in (before, after))
    tables = [
        pl.DataFrame({"protocol": pl.Series(s.protocols.tolist(), dtype=pl.String), "tvl_usd": s.tvl_usd})
        for s in (one, other)
    ]
    sectors = pl.DataFrame({
        "protocol": pl.Series(other.protocols.tolist(), dtype=pl.String),
        "sector": pl.Series(other.sectors.tolist(), dtype=pl.String),
    })  # fmt: skip
    both = tables[1].join(tables[0], on="protocol", suffix="_before").join(sectors, on="protocol").sort("protocol")
    large = both.filter(pl.min_horizontal("tvl_usd", "tvl_usd_before") >= _MATERIAL_USD)
    return large.select(
        pl.lit(after).alias("step"), "sector", move=(pl.col("tvl_usd") / pl.col("tvl_usd_before")).log(),
        weight="tvl_usd_before",
    )  # fmt: skip


def smallest(
    store: Store, date: dt.date, basis: str, terms: Terms, *, loss_usd: float | None = None,
    loss_share: float | None = None, over: Over = "protocols",
) -> Reverse:  # fmt: skip
    """Return the cheapest shock found that costs the system a loss, given in USD or as a share of system TVL.

    Args:
        store: a vintage.
        date: snapshot date.
        basis: holdings or flow.
        terms: how losses travel.
        loss_usd: USD, gross over holders.
        loss_share: the same as a share of system TVL; one of the two.
        over: what may lose value: protocols, sectors or tokens.

    Raises:
        UnknownDate, UnknownRule, BadOption: as `pipeline.stress.stored`; or both losses or neither.
    """
    if (loss_usd is None) == (loss_share is None):
        raise BadOption("Say which loss: either in USD or as a share of system TVL")
    if over not in OVER:
        raise BadOption(f"over = '{str(over)[:40]}'; choose from {', '.join(OVER)}")
    snapshot = store.snapshot(date, basis)
    wanted = loss_usd if loss_usd is not None else float(loss_share or 0.0) * float(snapshot.tvl_usd.sum())
    rule, options = terms.chosen()
    absorbing = snapshot.tvl_usd * terms.absorbing_fraction
    candidates, lose = _candidates(store, snapshot, absorbing, over), tokens_lose(store, snapshot, terms)
    return reverse(snapshot, candidates, wanted, rule.name, absorbing, tokens_lose=lose, **options)


def _candidates(store: Store, snapshot: Snapshot, absorbing: np.ndarray, over: Over) -> Sequence[Candidate]:
    if over == "tokens":
        return _tokens(store, snapshot, absorbing)
    owed = np.bincount(snapshot.debtor, weights=snapshot.exposure_usd, minlength=len(snapshot.protocols))
    values = np.where(absorbing > 0, absorbing, owed)
    if over == "protocols":
        return [
            Candidate(name=str(p), value_usd=float(v), rows=np.array([i]), fractions=np.ones(1))
            for i, (p, v) in enumerate(zip(snapshot.protocols, values, strict=True))
        ]
    rows = {str(sector): np.flatnonzero(snapshot.sectors == sector) for sector in np.unique(snapshot.sectors)}
    return [
        Candidate(name=name, value_usd=float(values[at].sum()), rows=at, fractions=np.ones(len(at)))
        for name, at in rows.items()
    ]


def _tokens(store: Store, snapshot: Snapshot, absorbing: np.ndarray) -> list[Candidate]:
    """Return every token: all holders of it that have something to lose, each by its holding."""
    place = {str(p): i for i, p in enumerate(snapshot.protocols) if absorbing[i] > 0}
    held = balances(store, snapshot.date).group_by("token", "protocol").agg(pl.sum("value_usd"))
    known = held.filter(pl.col("protocol").is_in(list(place))).sort("token", "protocol")
    found = []
    for (token,), rows in known.group_by("token", maintain_order=True):
        at = np.array([place[p] for p in rows["protocol"].to_list()])
        usd = rows["value_usd"].to_numpy()
        fractions = np.minimum(1.0, usd / absorbing[at])
        found.append(Candidate(name=str(token), value_usd=float(usd.sum()), rows=at, fractions=fractions))
    return found


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value
