"""Early-warning flags: a change that stands out from an indicator's own recent past.

A date is flagged when |Δ| > k·σ, where Δ is the change since the snapshot before and σ the standard deviation (sample,
n − 1) of the changes in the trailing window that ends with the snapshot before, so that a change never judges itself.
With fewer than eight known changes in the window σ is not defined and nothing is flagged.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from dexposure_core.errors import BadOption

FEWEST_CHANGES: Final = 8


def flags(history: pl.DataFrame, *, window: int = 26, sigmas: float = 2.0) -> pl.DataFrame:
    """Return each date of an indicator's history with its change, what is usual, and whether the change is not.

    Args:
        history: date, value (null or NaN: not defined), ascending dates.
        window: how many changes before the date make the usual range, >= 2.
        sigmas: k, how many standard deviations a change must exceed, > 0.

    Returns:
        date, value, change, sigma, limit (k·σ), flag (bool; false where not defined), window_start (date of the
        snapshot from which the first change of the window is counted), window_end (the snapshot before).

    Raises:
        BadOption: for a window or sigmas out of range, or a history that is not in order.
    """
    if window < 2:
        raise BadOption(f"window = {window}; a standard deviation needs at least 2 changes")
    if not sigmas > 0:
        raise BadOption(f"sigmas = {sigmas}; must be above 0")
    if not history["date"].is_sorted() or history["date"].has_nulls():
        raise BadOption("history: dates must ascend; sort it by date first")
    fewest = min(FEWEST_CHANGES, window)
    value = pl.col("value").cast(pl.Float64).fill_nan(None)
    before = pl.col("change").shift(1)
    return (
        history.lazy()
        .select("date", value)
        .with_columns(change=pl.col("value").diff())
        .with_columns(
            sigma=before.rolling_std(window_size=window, min_samples=fewest, ddof=1),
            window_end=pl.col("date").shift(1),
            window_start=pl.coalesce(pl.col("date").shift(window + 1), pl.col("date").first()),
        )
        .with_columns(limit=pl.col("sigma") * sigmas)
        .with_columns(flag=(pl.col("change").abs() > pl.col("limit")).fill_null(value=False))
        .with_columns(window_start=pl.when(pl.col("window_end").is_not_null()).then(pl.col("window_start")))
        .select("date", "value", "change", "sigma", "limit", "flag", "window_start", "window_end")
        .collect()
    )


def sentence(row: dict[str, object], title: str, sigmas: float) -> str:
    """Return one sentence on a flagged row of `flags`: what moved, against what, over which window."""
    return (
        f"{title} changed by {row['change']:+.4g} in the snapshot of {row['date']}: more than {sigmas:g} standard "
        f"deviations ({row['limit']:.4g}) of its changes from {row['window_start']} to {row['window_end']}"
    )
