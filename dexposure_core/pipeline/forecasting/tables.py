"""A forecast as tables: its pairs and its protocols, beside today and beside what happened."""

from __future__ import annotations

import math

import polars as pl

from dexposure_core.forecast import Forecast
from dexposure_core.network import Snapshot


def exposure_table(f: Forecast, today: Snapshot) -> pl.DataFrame:
    """Return the candidate pairs that are an exposure today or are expected to be one of a cent or more."""
    n = len(f.protocols)
    now = pl.DataFrame({"key": today.creditor * n + today.debtor, "today_usd": today.exposure_usd})
    pairs = pl.DataFrame({
        "key": f.creditor * n + f.debtor, "from": f.creditor, "to": f.debtor,
        "probability": f.probability, "exposure_usd": f.exposure_usd, "summed_usd": f.summed_usd,
        "expected_usd": f.expected_usd(),
    })  # fmt: skip
    pairs = pairs.join(now, on="key", how="left", maintain_order="left").with_columns(
        pl.col("today_usd").fill_null(0.0)
    )
    # Texts only for the pairs that are kept: at a million candidates they would cost more than the forecast.
    pairs = pairs.filter((pl.col("today_usd") > 0) | (pl.col("expected_usd") >= 0.01))
    texts = {"": today.protocols, "_name": today.names, "_sector": today.sectors}
    ends = [
        pl.Series(f"{end}{suffix}", column.tolist(), dtype=pl.String).gather(pairs[rows])
        for end, rows in (("creditor", "from"), ("debtor", "to"))
        for suffix, column in texts.items()
    ]
    numbers = pairs.select("probability", "exposure_usd", "summed_usd", "expected_usd", "today_usd")
    return pl.DataFrame(ends).hstack(numbers).with_columns(change_usd=pl.col("expected_usd") - pl.col("today_usd"))


def protocol_table(f: Forecast, today: Snapshot, actual: Snapshot | None, importance: pl.DataFrame) -> pl.DataFrame:
    """Return every protocol's TVL today, as forecast with the futures' interval and, where known, as it came to be."""
    known = {} if actual is None else dict(zip(actual.protocols, actual.tvl_usd.tolist(), strict=True))
    gone = math.nan if actual is None else 0.0
    frame = pl.DataFrame(
        {
            "protocol": today.protocols.astype(str),
            "name": today.names.astype(str),
            "sector": today.sectors.astype(str),
            "today_usd": today.tvl_usd, "forecast_usd": f.tvl_usd,
            "low_usd": importance["tvl_low"], "high_usd": importance["tvl_high"],
            "change_usd": f.tvl_usd - today.tvl_usd,
            "actual_usd": [known.get(p, gone) for p in today.protocols],
        }
    )  # fmt: skip
    return frame.sort(pl.col("change_usd").abs(), "protocol", descending=[True, False])


def watchlist(importance: pl.DataFrame, today: Snapshot) -> pl.DataFrame:
    """Return the protocols whose failure may cost more, the largest expected rise first, then the largest possible one.

    Ranked by the loss of direct creditors, not by the published score: that one jumps from 0 to 1/3 when a protocol
    without exposures gains its first (its tail part), however small.

    Args:
        importance: `pipeline.forecasting.drawn.Drawn.importance`.
        today: for names and sectors.

    Returns protocol, name, sector, loss_today, loss, change, loss_low, loss_high, loss_rises, sis_today, sis,
    sis_rises.
    """
    texts = {"protocol": today.protocols, "name": today.names, "sector": today.sectors}
    known = pl.DataFrame({k: v.tolist() for k, v in texts.items()}, schema=dict.fromkeys(texts, pl.String))
    frame = known.join(importance, on="protocol", how="inner", maintain_order="left")
    frame = frame.with_columns(change=pl.col("loss") - pl.col("loss_today"))
    columns = [
        "protocol", "name", "sector", "loss_today", "loss", "change", "loss_low", "loss_high", "loss_rises",
        "sis_today", "sis", "sis_rises",
    ]  # fmt: skip
    rising = frame.filter(
        pl.col("change").is_not_nan(), (pl.col("change") > 0) | (pl.col("loss_high") > pl.col("loss_today"))
    )
    possible = (pl.col("loss_high") - pl.col("loss_today")).fill_nan(0.0)
    return rising.select(columns).sort(pl.col("change"), possible, "protocol", descending=[True, True, False])
