"""Coverage drift: the share of the input that each method maps, or that is dropped, leaves its own history.

A share s_t is compared with the 26 snapshots before it (at least 8):

    z = |s_t - median| / (1.4826 · MAD + 0.005)

Drift: z > 8 and one point of the input or more. Entries and exits: the TVL of protocols seen for the first time, or for
the last, as a share of the system, judged alike with two points at least: data that begins or ends, not a market move.
Rows: the number of holdings that came in, in logarithms, against its own history, a fifth at least.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from dexposure_core.network.health_flags import WARNING
from dexposure_core.pipeline.checks.findings import findings, percent
from dexposure_core.pipeline.checks.material import Material

WINDOW: Final = 26
LEAST_HISTORY: Final = 8
SCORE: Final = 8.0
FLOOR: Final = 0.005
LEAST_SHARE: Final = 0.01
LEAST_ENTRY: Final = 0.02
LEAST_ROWS: Final = 0.2
DRIFT: Final = "coverage drift"
ENTRY: Final = "protocols entered"
EXIT: Final = "protocols left"
ROWS: Final = "number of holdings"
_MAD: Final = 1.4826


def coverage_drift(material: Material) -> pl.DataFrame:
    """Return FINDING rows about the coverage, the number of holdings, and protocols that enter or leave together."""
    return material.wanted(pl.concat([_shares(material), _rows(material), _turnover(material)]))


def unusual_shares(course: pl.DataFrame, least: float = LEAST_SHARE) -> pl.DataFrame:
    """Return the rows of date, what, usd, share whose share leaves its own history, with `usual` (its median)."""
    ordered = course.sort("what", "date")
    past = pl.col("share").shift(1)
    usual = past.rolling_median(WINDOW, min_samples=LEAST_HISTORY).over("what")
    around = (pl.col("share") - pl.col("usual")).abs()
    scale = around.shift(1).rolling_median(WINDOW, min_samples=LEAST_HISTORY).over("what").fill_null(0.0)
    scored = ordered.with_columns(usual=usual).with_columns(away=around, scale=scale)
    return scored.filter(
        pl.col("away") >= least, pl.col("away") > SCORE * (_MAD * pl.col("scale") + FLOOR)
    ).drop("scale")  # fmt: skip


def _shares(material: Material) -> pl.DataFrame:
    table = material.coverage
    came = table.filter(pl.col("side") == "in").group_by("date").agg(came=pl.sum("usd_cents"))
    fates = table.filter(pl.col("side") != "in").with_columns(what=pl.format("{}: {}", "side", "reason"))
    every = came.join(fates.select("what").unique(), how="cross")
    course = every.join(fates.select("date", "what", "usd_cents"), on=["date", "what"], how="left")
    cents = pl.col("usd_cents").fill_null(0)
    course = course.select("date", "what", usd=cents / 100, share=cents / pl.col("came"))  # fmt: skip
    return _told(unusual_shares(course.filter(pl.col("share").is_finite())), DRIFT, "{} {} of the input, {} is usual")


def _rows(material: Material) -> pl.DataFrame:
    came = material.coverage.filter(pl.col("side") == "in").sort("date")
    course = came.select(
        "date", what=pl.lit("holdings"), usd=pl.col("usd_cents") / 100, count=pl.col("rows"),
        share=pl.col("rows").cast(pl.Float64).log(),
    )  # fmt: skip
    steps = course.with_columns(share=pl.col("share") - pl.col("share").shift(1)).drop_nulls("share")
    odd = unusual_shares(steps.filter(pl.col("share").is_finite()), LEAST_ROWS).sort("date")
    grown = (100 * (pl.col("share").exp() - 1)).round(0).cast(pl.Int64)
    return findings(
        odd.select(
            "date", pl.lit(WARNING).alias("severity"), pl.lit(ROWS).alias("finding"), pl.col("count").alias("rows"),
            pl.col("usd"), pl.format("{} holdings, {} % against the snapshot before", "count", grown).alias("text"),
        )
    )  # fmt: skip


def _turnover(material: Material) -> pl.DataFrame:
    """Report dates on which protocols that were never there before, or never come back, hold much of the system."""
    if len(material.dates) <= LEAST_HISTORY:
        return findings()
    sizes = material.sizes
    ends = sizes.group_by("protocol").agg(first=pl.col("date").min(), last=pl.col("date").max())
    placed = sizes.join(ends, on="protocol")
    calendar = material.systems.select("date", "system_usd").with_columns(next=pl.col("date").shift(-1))
    entered = placed.filter(pl.col("date") == pl.col("first"), pl.col("date") > material.dates[0])
    left = placed.filter(pl.col("date") == pl.col("last")).join(calendar.select("date", "next"), on="date")
    left = left.with_columns(date=pl.col("next")).drop_nulls("date")
    parts = []
    for rows, name in ((entered, ENTRY), (left, EXIT)):
        named = rows.with_columns(protocol=material.name_of())
        who = pl.col("protocol").sort_by("tvl_usd", descending=True).head(4).str.join(", ")
        sums = named.group_by("date").agg(usd=pl.sum("tvl_usd"), who=who, count=pl.len())
        course = calendar.join(sums, on="date", how="left").with_columns(
            pl.col("usd").fill_null(0.0), what=pl.lit(name)
        )
        course = course.with_columns(share=pl.col("usd") / pl.max_horizontal("system_usd", pl.lit(1.0)))
        odd = unusual_shares(course.select("date", "what", "usd", "share", "who", "count"), LEAST_ENTRY)
        odd = odd.filter(pl.col("share") > pl.col("usual")).with_columns(
            what=pl.format("{} protocols, first of all {}:", "count", "who")
        )
        parts.append(_told(odd, name, "{} {} of TVL, {} is usual"))
    return pl.concat(parts)


def _told(odd: pl.DataFrame, name: str, words: str) -> pl.DataFrame:
    shares = [percent("share"), percent("usual")]
    return findings(
        odd.sort("date", "what").select(
            "date", "usd", pl.lit(WARNING).alias("severity"), pl.lit(name).alias("finding"), pl.lit(1).alias("rows"),
            pl.format(words, "what", *shares).alias("text"),
        )
    )  # fmt: skip
