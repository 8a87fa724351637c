"""Who is missing: protocols and chains that fell silent, and weeks without an observation.

A protocol is present on a date when its TVL is above 0. Gap: absent on some snapshots between two presences. Silent:
present before, not on the last snapshot. USD concerned is its TVL when it was last seen.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from dexposure_core.network.health import check_dates
from dexposure_core.network.health_flags import INFO, MATERIAL_WARNING, WARNING
from dexposure_core.pipeline.checks.findings import findings
from dexposure_core.pipeline.checks.material import Material, Week

RECENT: Final = 8
SILENT: Final = "silent protocol"
SILENT_CHAIN: Final = "silent chain"
GAP: Final = "protocol missing"
GAP_CHAIN: Final = "chain missing"
NO_SNAPSHOT: Final = "missing snapshots"


class Chains:
    """TVL per chain and date, gathered from the holdings; tells which chains fell silent and which have gaps."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._seen: list[pl.DataFrame] = []

    def see(self, week: Week) -> None:
        """Add up the week's holdings by chain."""
        self._seen.append(week.by("chain").with_columns(date=pl.lit(week.date)))

    def presence(self) -> pl.DataFrame:
        """Return date, chain, tvl_usd, by chain and date."""
        schema = {"chain": pl.String, "usd": pl.Float64, "date": pl.Date}
        seen = pl.concat([pl.DataFrame(schema=schema), *self._seen]).filter(pl.col("chain") != "")
        return seen.rename({"usd": "tvl_usd"}).sort("chain", "date")


class Freshness(Chains):
    """Protocols and chains that are no longer there on the last snapshot."""

    def findings(self) -> pl.DataFrame:
        """Return FINDING rows."""
        protocols = _silent(self._material.sizes, "protocol", SILENT, self._material)
        return pl.concat([protocols, _silent(self.presence(), "chain", SILENT_CHAIN, self._material)])


class Missing(Chains):
    """Snapshots that do not exist, and protocols and chains that are absent from some in between."""

    def findings(self) -> pl.DataFrame:
        """Return FINDING rows."""
        protocols = _gaps(self._material.sizes, "protocol", GAP, self._material)
        chains = _gaps(self.presence(), "chain", GAP_CHAIN, self._material)
        return pl.concat([self._calendar(), protocols, chains])

    def _calendar(self) -> pl.DataFrame:
        rows = check_dates(self._material.dates, self._material.store.manifest.frequency)
        told = [row | {"date": date, "text": row["place"]} for date, row in rows]
        schema = {"date": pl.Date, "severity": pl.String, "finding": pl.String, "text": pl.String, "rows": pl.Int64}
        return findings(pl.DataFrame(told, schema=schema), action="left out; changes span the gap")


def _silent(present: pl.DataFrame, who: str, name: str, material: Material) -> pl.DataFrame:
    """Report who was present within the last `RECENT` snapshots but is not on the last one; older ones as notes."""
    if not material.dates:
        return findings()
    last = present.group_by(who).agg(pl.col("date").max(), pl.col("tvl_usd").sort_by("date").last())
    gone = last.join(material.systems, on="date", how="inner").filter(pl.col("date") < material.dates[-1])
    away = len(material.dates) - 1 - pl.col("place")
    large = pl.col("tvl_usd") >= MATERIAL_WARNING * pl.col("system_usd")
    severity = pl.when((away <= RECENT) & large).then(pl.lit(WARNING)).otherwise(pl.lit(INFO))
    return findings(
        gone.sort(who).select(
            "date", who, severity.alias("severity"), pl.lit(name).alias("finding"),
            away.alias("rows"), pl.col("tvl_usd").alias("usd"),
            pl.format("last seen {}, {} snapshots ago", "date", away).alias("text"),
        ),
        action="counted up to its last observation",
    )  # fmt: skip


def _gaps(present: pl.DataFrame, who: str, name: str, material: Material) -> pl.DataFrame:
    placed = present.join(material.systems, on="date", how="inner").sort(who, "date")
    before = placed.with_columns(
        pl.col("place", "tvl_usd", "date").shift(1).over(who).name.suffix("_0"), missing=pl.lit(0)
    )
    missing = pl.col("place") - pl.col("place_0") - 1
    gaps = before.with_columns(missing=missing).filter(pl.col("missing") > 0)
    large = pl.col("tvl_usd_0") >= MATERIAL_WARNING * pl.col("system_usd")
    return findings(
        gaps.select(
            "date", who, pl.when(large).then(pl.lit(WARNING)).otherwise(pl.lit(INFO)).alias("severity"),
            pl.lit(name).alias("finding"), pl.col("missing").alias("rows"), pl.col("tvl_usd_0").alias("usd"),
            pl.format("absent from {} snapshots after {}", "missing", "date_0").alias("text"),
        ),
        action="absent; its return counts as an entry",
    )  # fmt: skip
