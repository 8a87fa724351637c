"""Stale values: a holding is worth the same to the cent for weeks, though its token's price moves.

A run is a series of snapshots on which a holding of 100,000 USD or more has the same value in cents. It is stale when
it is 8 snapshots long or longer and the token's price (the middle of all its holdings' prices) moved by 2 % or more in
the meantime: somebody's last number, repeated. Without quantities no price is known and nothing can be said; a holding
whose quantity is constant is not stale. The stale holdings of one protocol are one finding.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from dexposure_core.network.coverage import cents
from dexposure_core.network.health_flags import graded
from dexposure_core.pipeline.checks.findings import findings
from dexposure_core.pipeline.checks.material import Material, Week

LEAST_USD: Final = 1e5
LEAST_RUN: Final = 8
MOVED: Final = 0.02
STALE: Final = "stale value"
_KEY: Final = ("protocol", "chain", "token")
_RUN: Final = pl.Schema({
    "protocol": pl.String, "chain": pl.String, "token": pl.String, "cents": pl.Int64, "run": pl.Int64,
    "low": pl.Float64, "high": pl.Float64,
})  # fmt: skip


class Stale:
    """Counts how long each large holding has had its value, and how far its token's price went meanwhile."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._runs = pl.DataFrame(schema=_RUN)
        self._found: list[pl.DataFrame] = []

    def see(self, week: Week) -> None:
        """Lengthen the runs that go on, begin the others anew, report the stale ones."""
        level = week.prices.lazy().select("token", level=(pl.col("low") * pl.col("high")).sqrt())
        large = week.holdings.lazy().filter(pl.col("value_usd") >= LEAST_USD).select(*_KEY, cents=cents())
        now = large.join(level, on="token", how="inner")
        runs = now.join(self._runs.lazy(), on=[*_KEY, "cents"], how="left")
        longer = runs.select(
            *_KEY, "cents", run=pl.col("run").fill_null(0) + 1,
            low=pl.min_horizontal("low", "level"), high=pl.max_horizontal("high", "level"),
        )  # fmt: skip
        self._runs = longer.collect().cast(_RUN)
        stale = self._runs.filter(pl.col("run") >= LEAST_RUN, pl.col("high") >= (1 + MOVED) * pl.col("low"))
        if not stale.is_empty():
            self._found.append(_told(stale, week))

    def findings(self) -> pl.DataFrame:
        """Return FINDING rows."""
        return self._material.wanted(pl.concat([findings(), *self._found]))


def _told(stale: pl.DataFrame, week: Week) -> pl.DataFrame:
    usd = pl.sum("cents") / 100
    largest = pl.col("token").sort_by("cents", descending=True).first()
    rows = stale.sort(_KEY).group_by("protocol", maintain_order=True).agg(
        pl.col("chain").sort_by("cents", descending=True).first(), token=largest, rows=pl.len(), usd=usd,
        longest=pl.max("run"),
    )  # fmt: skip
    return findings(
        rows.select(
            "protocol", "chain", "token", "rows", "usd", pl.lit(STALE).alias("finding"),
            pl.lit(week.date).alias("date"),
            graded(pl.col("usd"), week.system_usd, conclusive=False).alias("severity"),
            pl.format("{} holdings unchanged to the cent for up to {} snapshots", "rows", "longest").alias("text"),
        )
    )  # fmt: skip
