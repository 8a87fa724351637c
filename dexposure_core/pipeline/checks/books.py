"""Books and files: sums that must agree, files that must be what was published, and what the build said of its input.

For every date: USD in = USD mapped + USD dropped, in whole cents; exposures = their tokens (`exposure_tokens`) = mapped
holdings; each protocol's TVL (nodes) = its holdings. Tolerance: one cent and 1e-9 of the sum. A vintage made from the
published file takes the sizes as published; one made from exposures has no holdings: there the sums need not agree.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from dexposure_core.errors import CorruptVintage
from dexposure_core.network.health_flags import ERROR
from dexposure_core.pipeline.checks.findings import findings
from dexposure_core.pipeline.checks.material import Material, Week

TOLERANCE: Final = 1e-9
CENT: Final = 0.01
BALANCE: Final = "books do not balance"
TOKENS: Final = "exposures differ from their tokens"
HOLDINGS: Final = "exposures differ from holdings"
TVL: Final = "TVL differs from holdings"
CORRUPT: Final = "file changed"
_IMPOSSIBLE: Final = "non-positive|negative|not an amount|missing|outgrown"
_RECOMPUTED: Final = (
    "same amount", "round amount", "same source as a supply", "decimals", "another token's price", "implausible price",
    "price jump", "TVL jump", "missing snapshots", "old data", "more of these",
)  # fmt: skip


class Books:
    """Compares the sums of the tables, the holdings' week by week."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._held: list[tuple[object, float]] = []
        self._odd: list[pl.DataFrame] = []
        source = str(material.store.manifest.parameters.get("source", ""))
        self._summed = source not in ("published", "edges")

    def see(self, week: Week) -> None:
        """Add up the week's holdings by protocol and those that make exposures."""
        if not self._summed:
            return
        issued = pl.col("issuer").is_not_null() & (pl.col("issuer") != pl.col("protocol"))
        held = week.holdings.select(pl.col("value_usd").filter(issued).sum()).item()
        self._held.append((week.date, float(held)))
        sizes = self._material.sizes_on(week.date)
        both = week.by("protocol").join(sizes, on="protocol", how="full", coalesce=True).fill_null(0.0)
        differ = both.filter(_apart("usd", "tvl_usd"))
        if not differ.is_empty():
            self._odd.append(_unequal(differ.sort("protocol"), week))

    def findings(self) -> pl.DataFrame:
        """Return FINDING rows."""
        pairs, tokens = (self._material.totals(name, "exposure_usd") for name in ("exposures", "exposure_tokens"))
        held = pl.DataFrame(self._held, schema={"date": pl.Date, "usd": pl.Float64}, orient="row")
        sums = [_compared(pairs, tokens, TOKENS, "exposures", "their tokens")]
        if self._held:
            sums.append(_compared(pairs.filter(pl.col("date").is_in(held["date"].implode())), held, HOLDINGS,
                                  "exposures", "mapped holdings"))  # fmt: skip
        return self._material.wanted(pl.concat([_balance(self._material.coverage), *sums, *self._odd]))


def _unequal(differ: pl.DataFrame, week: Week) -> pl.DataFrame:
    return findings(
        differ.select(
            "protocol", pl.lit(week.date).alias("date"), pl.lit(ERROR).alias("severity"), pl.lit(TVL).alias("finding"),
            pl.lit(1).alias("rows"), pl.format("TVL {} USD, holdings {} USD", "tvl_usd", "usd").alias("text"),
            usd=pl.col("tvl_usd") - pl.col("usd"),
        )
    )  # fmt: skip


def integrity(material: Material) -> pl.DataFrame:
    """Return a FINDING for the first file whose bytes are not those that were published."""
    try:
        material.store.verify()
    except CorruptVintage as error:
        rows = {"severity": [ERROR], "finding": [CORRUPT], "rows": [1], "text": [str(error)]}
        return findings(pl.DataFrame(rows), action="nothing; the numbers may be wrong")
    return findings()


def impossible(material: Material) -> pl.DataFrame:
    """Return the amounts that are none, or negative, as the build found and dropped them."""
    return _of_build(material, pl.col("finding").str.contains(_IMPOSSIBLE))


def of_input(material: Material) -> pl.DataFrame:
    """Return what else the build said of its input: duplicates, missing names, mended values."""
    return _of_build(material, ~pl.col("finding").str.contains(_IMPOSSIBLE))


def _of_build(material: Material, wanted: pl.Expr) -> pl.DataFrame:
    """Return the build's own findings, without those that are computed again here."""
    table = material.store.findings().filter(~pl.col("finding").is_in(list(_RECOMPUTED)), wanted)
    return material.wanted(findings(table.with_columns(text=pl.col("place"))))


def _balance(coverage: pl.DataFrame) -> pl.DataFrame:
    sign = pl.when(pl.col("side") == "in").then(1).otherwise(-1)
    left = coverage.group_by("date").agg(cents=(pl.col("usd_cents") * sign).sum(), count=(pl.col("rows") * sign).sum())
    odd = left.filter((pl.col("cents") != 0) | (pl.col("count") != 0)).sort("date")
    return findings(
        odd.select(
            "date", pl.lit(ERROR).alias("severity"), pl.lit(BALANCE).alias("finding"), pl.col("count").alias("rows"),
            (pl.col("cents") / 100).alias("usd"), pl.lit("in is not mapped plus dropped").alias("text"),
        )
    )  # fmt: skip


def _compared(one: pl.DataFrame, other: pl.DataFrame, name: str, first: str, second: str) -> pl.DataFrame:
    """Report the dates on which two sums (date, usd) differ."""
    both = one.join(other, on="date", how="full", suffix="_0", coalesce=True)
    both = both.with_columns(pl.col("usd", "usd_0").fill_null(0.0)).filter(_apart("usd", "usd_0")).sort("date")
    return findings(
        both.select(
            "date", pl.lit(ERROR).alias("severity"), pl.lit(name).alias("finding"), pl.lit(1).alias("rows"),
            (pl.col("usd") - pl.col("usd_0")).alias("usd"),
            pl.format("{} {} USD, {} {} USD", pl.lit(first), "usd", pl.lit(second), "usd_0").alias("text"),
        )
    )  # fmt: skip


def _apart(one: str, other: str) -> pl.Expr:
    return (pl.col(one) - pl.col(other)).abs() > CENT + TOLERANCE * pl.max_horizontal(one, other)
