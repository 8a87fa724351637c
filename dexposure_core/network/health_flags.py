"""One row for everything that looks wrong: what, how bad, where and how much, before it is written for a reader.

A flag names its place in columns (protocol, chain, token), so that flags can be counted, joined and collapsed; the
findings table and the pages write them as text. Materiality is measured against the system's TVL of the date.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import polars as pl

ERROR: Final = "error"
WARNING: Final = "warning"
INFO: Final = "info"
SEVERITIES: Final = (ERROR, WARNING, INFO)

MATERIAL_ERROR: Final = 1e-3
MATERIAL_WARNING: Final = 1e-5
SMALLEST_USD: Final = 10_000.0

FLAGS: Final = pl.Schema({
    "severity": pl.String, "finding": pl.String, "protocol": pl.String, "chain": pl.String, "token": pl.String,
    "rows": pl.Int64, "usd": pl.Float64, "text": pl.String,
})  # fmt: skip


@cache
def no_flags() -> pl.DataFrame:
    """Return flags of nothing: no rows, every column of FLAGS."""
    return pl.DataFrame(schema=FLAGS)


def flags_frame(flagged: pl.DataFrame) -> pl.DataFrame:
    """Return flags with every column of FLAGS, those that `flagged` lacks as null."""
    if flagged.is_empty():
        return no_flags()
    missing = [pl.lit(None, kind).alias(name) for name, kind in FLAGS.items() if name not in flagged.columns]
    return flagged.with_columns(missing).select(list(FLAGS)).cast(FLAGS)


def graded(usd: pl.Expr, system_usd: float, *, conclusive: bool = True) -> pl.Expr:
    """Return the severity of an amount: error from 0.1 % of the system's TVL, warning from 0.001 %, else info.

    Amounts below 10,000 USD are never more than info.

    Args:
        usd: the amount concerned.
        system_usd: the system's TVL on that date.
        conclusive: False where the evidence allows for an innocent reading; then a warning is the most.
    """
    share = pl.when(usd.abs() >= SMALLEST_USD).then(usd.abs() / max(system_usd, 1.0)).otherwise(0.0)
    worst = pl.lit(ERROR if conclusive else WARNING)
    return (
        pl.when(share >= MATERIAL_ERROR).then(worst)
        .when(share >= MATERIAL_WARNING).then(pl.lit(WARNING))
        .otherwise(pl.lit(INFO))
    )  # fmt: skip


def written(amount: pl.Expr) -> pl.Expr:
    """Write numbers to four significant digits, whole from a thousand on."""
    rounded = amount.round_sig_figs(4)
    whole = rounded.round(0).cast(pl.Int64, strict=False).cast(pl.String)
    return pl.when(rounded.abs() >= 1000).then(whole).otherwise(rounded.cast(pl.String))


def worst_first() -> list[pl.Expr]:
    """Return what to sort findings by: severity, then size (unknown sizes last)."""
    order = pl.col("severity").replace_strict({name: place for place, name in enumerate(SEVERITIES)}, default=9)
    return [order, -pl.col("usd").abs().fill_null(-1.0).fill_nan(-1.0)]
