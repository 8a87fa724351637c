"""Where every dollar of the input went.

Each holding has exactly one fate: mapped (by the method that found its issuer) or dropped (for one reason).
Amounts are counted in whole cents per row, so that for every date in = mapped + dropped holds exactly:

    Σ cents(in) = Σ cents(mapped by method) + Σ cents(dropped by reason)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from dexposure_core.network.book import coded
from dexposure_core.network.period import CHAINS, COVERAGE
from dexposure_core.network.snapshot import Indices
from dexposure_core.network.sums import sums_by_key

Fate = tuple[str, str]

# Above this a single holding is not an amount of money (the whole world's wealth is below 1e15 USD).
LARGEST_USD: Final = 1e15

NO_AMOUNT: Final = "not an amount"
NON_POSITIVE: Final = "non-positive"


def cents(column: str = "value_usd") -> pl.Expr:
    """Return an amount in whole cents; 0 for what is no amount (null, NaN, infinite, above 1e15 USD)."""
    value = pl.col(column)
    fine = value.is_finite() & (value.abs() <= LARGEST_USD)
    return pl.when(fine).then(value * 100.0).otherwise(0.0).round().cast(pl.Int64)


def unusable(column: str = "value_usd") -> pl.Expr:
    """Return why an amount cannot be an exposure, null when it can: `not an amount` or `non-positive`."""
    value = pl.col(column)
    fine = (value.is_finite() & (value.abs() <= LARGEST_USD)).fill_null(value=False)
    return pl.when(~fine).then(pl.lit(NO_AMOUNT)).when(value <= 0).then(pl.lit(NON_POSITIVE))


def coverage_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the coverage table of one date.

    Args:
        rows: value_usd, dropped (reason or null) and method (of the mapped); one row per holding of the input.

    Raises:
        AssertionError: when in ≠ mapped + dropped; that is our own error, never the input's.
    """
    side = pl.when(pl.col("dropped").is_null()).then(pl.lit("mapped")).otherwise(pl.lit("dropped"))
    fates = (
        rows.select(side.alias("side"), pl.coalesce("dropped", "method").alias("reason"), cents().alias("usd_cents"))
        .group_by("side", "reason")
        .agg(pl.len().cast(pl.Int64).alias("rows"), pl.col("usd_cents").sum())
    )
    everything = rows.select(
        pl.lit("in").alias("side"), pl.lit("total").alias("reason"),
        pl.len().cast(pl.Int64).alias("rows"), cents().sum().alias("usd_cents"),
    )  # fmt: skip
    return _checked(pl.concat([everything, fates.select(everything.columns)]))


def coverage_by_fate(rows: pl.DataFrame, fate: Indices, fates: Sequence[Fate]) -> pl.DataFrame:
    """Return the coverage table of one date.

    Args:
        rows: value_usd; one row per holding of the input.
        fate: (rows,) what became of each, as a place among `fates`.
        fates: (side, reason): ("mapped", method) or ("dropped", reason).

    Raises:
        AssertionError: when in ≠ mapped + dropped; that is our own error, never the input's.
    """
    whole = rows.select(cents()).to_series().to_numpy()
    found = [(*fates[i], int((fate == i).sum()), int(whole[fate == i].sum())) for i in np.unique(fate).tolist()]
    everything = ("in", "total", len(whole), int(whole.sum()))
    return _checked(pl.DataFrame([everything, *found], schema=COVERAGE, orient="row"))


def _checked(table: pl.DataFrame) -> pl.DataFrame:
    check(table)
    return table.sort(pl.col("side").replace_strict({"in": 0, "mapped": 1, "dropped": 2}), "reason").cast(COVERAGE)


def chains_of(holdings: pl.DataFrame) -> pl.DataFrame:
    """Return chain, counts, protocols, rows, tvl_usd: what is held on every chain.

    Args:
        holdings: protocol, chain, value_usd, counts; one row per holding, all positive.
    """
    chains, (chain,) = coded(holdings["chain"])
    first, (sizes,) = sums_by_key(chain, (holdings["value_usd"].to_numpy(),))
    rows, holders = chain, pl.DataFrame({"chain": chain, "protocol": holdings["protocol"]}).unique()["chain"]
    held, protocols = (np.bincount(places, minlength=len(chains)) for places in (rows, holders))
    return pl.DataFrame({
        "chain": chains, "counts": holdings["counts"].gather(first), "protocols": protocols, "rows": held,
        "tvl_usd": sizes,
    }).select(list(CHAINS)).cast(CHAINS)  # fmt: skip


def check(table: pl.DataFrame) -> None:
    """Refuse a coverage table that does not reconcile to the cent and to the row.

    Raises:
        AssertionError: naming both sides.
    """
    sides = table["side"].to_list()
    for column in ("rows", "usd_cents"):
        parts = list(zip(sides, table[column].to_list(), strict=True))
        came = sum(amount for side, amount in parts if side == "in")
        went = sum(amount for side, amount in parts if side != "in")
        if came != went:
            raise AssertionError(f"coverage does not reconcile: {column} in {came}, mapped + dropped {went}")
