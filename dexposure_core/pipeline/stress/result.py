"""The outcome of a stress test as tables and as JSON; every table sums to the same totals."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from dexposure_core.network import Snapshot
from dexposure_core.stress import Contagion, transmission

LINKS_PER_ROUND: Final = 200
JSON_COLUMNS: Final = ("name", "sector", "loss_usd", "direct_usd", "distress")


@dataclass(frozen=True, kw_only=True)
class StressResult:
    """What a shock did to a stored snapshot.

    Attributes:
        vintage: the data it was run on.
        scenario: name of the standard scenario; None for a shock of one's own.
        protocols_shocked: id → share of its TVL (or of its tokens' value, if it only issues).
        tokens_shocked: symbol → share of its value, with what wraps it.
        chains_shocked: chain → share of what is held on it.
        absorbing_fraction: share of TVL that absorbs losses.
        contagion: the path, per protocol.
        snapshot: the network.
        assumptions: what a reader of the numbers must know, one sentence each; the notes among them.
        notes: what the translation of the shock left out or added.
    """

    vintage: str
    scenario: str | None
    protocols_shocked: Mapping[str, float]
    tokens_shocked: Mapping[str, float]
    chains_shocked: Mapping[str, float]
    absorbing_fraction: float
    contagion: Contagion
    snapshot: Snapshot
    assumptions: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def date(self) -> dt.date:
        """Date of the snapshot."""
        return self.snapshot.date

    @property
    def direct_usd(self) -> float:
        """USD lost at round 0."""
        return float(self.contagion.direct_usd.sum())

    @property
    def induced_usd(self) -> float:
        """USD lost afterwards."""
        return float(self.contagion.induced_usd.sum())

    def protocols(self) -> pl.DataFrame:
        """Return who was hit or struck, largest loss first.

        Columns: protocol, name, sector, tvl_usd, direct_usd, induced_usd, loss_usd, distress (0..1), struck (bool),
        first_round (when it was first in distress).
        """
        s, c = self.snapshot, self.contagion
        frame = pl.DataFrame(
            {
                "protocol": s.protocols.tolist(),
                "name": s.names.tolist(),
                "sector": s.sectors.tolist(),
                "tvl_usd": s.tvl_usd,
                "direct_usd": c.direct_usd,
                "induced_usd": c.induced_usd,
                "loss_usd": c.total_usd,
                "distress": c.distress[-1],
                "struck": c.distress[0] > 0,
                "first_round": (c.distress > 0).argmax(axis=0),
            },
            schema_overrides=dict.fromkeys(("protocol", "name", "sector"), pl.String),
        )
        hit = frame.filter((pl.col("loss_usd") > 0) | pl.col("struck"))
        return hit.sort("loss_usd", "distress", "protocol", descending=[True, True, False])

    def sectors(self) -> pl.DataFrame:
        """Return sector, protocols_hit, tvl_usd (all its protocols), direct_usd, induced_usd, loss_usd, loss_share."""
        s, c = self.snapshot, self.contagion
        rows = pl.DataFrame(
            {
                "sector": pl.Series(s.sectors.tolist(), dtype=pl.String),
                "hit": c.total_usd > 0,
                "tvl_usd": s.tvl_usd,
                "direct_usd": c.direct_usd,
                "induced_usd": c.induced_usd,
                "loss_usd": c.total_usd,
            }
        )
        table = rows.group_by("sector").agg(
            pl.col("hit").sum().cast(pl.Int64).alias("protocols_hit"),
            pl.sum("tvl_usd", "direct_usd", "induced_usd", "loss_usd"),
        )
        share = pl.when(pl.col("tvl_usd") > 0).then(pl.col("loss_usd") / pl.col("tvl_usd")).alias("loss_share")
        return table.with_columns(share).sort("loss_usd", "sector", descending=[True, False])

    def rounds(self) -> pl.DataFrame:
        """Return round (0: the shock), loss_usd, total_usd (so far), loss_fraction (so far), protocols_hit (so far)."""
        c = self.contagion
        lost = c.loss_by_round_usd.sum(axis=1)
        system = float(self.snapshot.tvl_usd.sum())
        fraction = np.cumsum(lost) / system if system > 0 else np.full(lost.shape, math.nan)
        return pl.DataFrame(
            {
                "round": np.arange(len(lost)),
                "loss_usd": lost,
                "total_usd": np.cumsum(lost),
                "loss_fraction": fraction,
                "protocols_hit": ((c.distress > 0) & (c.absorbing_usd > 0)).sum(axis=1),
            }
        )

    def rounds_by_sector(self) -> pl.DataFrame:
        """Return round, sector, loss_usd: what each sector newly lost in each round, losses above 0 only."""
        lost = self.contagion.loss_by_round_usd
        round_number, row = np.nonzero(lost > 0)
        frame = pl.DataFrame(
            {
                "round": round_number,
                "sector": pl.Series(self.snapshot.sectors[row].tolist(), dtype=pl.String),
                "loss_usd": lost[round_number, row],
            }
        )
        return frame.group_by("round", "sector").agg(pl.sum("loss_usd")).sort("round", "sector")

    def transmission(self, limit: int | None = LINKS_PER_ROUND) -> pl.DataFrame:
        """Return who passed what to whom: round, debtor, debtor_name, creditor, creditor_name, loss_usd.

        At most the `limit` largest of each round; None: all, which sum to the induced loss.
        """
        s = self.snapshot
        passed = transmission(s, self.contagion, limit)
        return pl.DataFrame(
            {
                "round": passed.round,
                "debtor": pl.Series(s.protocols[passed.debtor].tolist(), dtype=pl.String),
                "debtor_name": pl.Series(s.names[passed.debtor].tolist(), dtype=pl.String),
                "creditor": pl.Series(s.protocols[passed.creditor].tolist(), dtype=pl.String),
                "creditor_name": pl.Series(s.names[passed.creditor].tolist(), dtype=pl.String),
                "loss_usd": passed.loss_usd,
            }
        )

    def json(self) -> dict[str, Any]:
        """Return the whole answer ready for `json.dumps`: numbers, names and assumptions; NaN as None."""
        c = self.contagion
        return {
            "vintage": self.vintage,
            "date": self.date.isoformat(),
            "basis": c.basis,
            "rule": c.rule,
            "scenario": self.scenario,
            "shock": {
                "protocols": dict(self.protocols_shocked),
                "tokens": dict(self.tokens_shocked),
                "chains": dict(self.chains_shocked),
            },
            "options": {"absorbing_fraction": self.absorbing_fraction, **c.options},
            "direct_usd": self.direct_usd,
            "induced_usd": self.induced_usd,
            "total_usd": c.total_loss_usd,
            "underlying_usd": c.underlying_usd,
            "loss_fraction": None if math.isnan(c.loss_fraction) else c.loss_fraction,
            "rounds": c.rounds,
            "converged": c.converged,
            "assumptions": list(self.assumptions),
            "protocols": [
                {"id": row["protocol"], **{key: row[key] for key in JSON_COLUMNS}}
                for row in self.protocols().iter_rows(named=True)
            ],
        }
