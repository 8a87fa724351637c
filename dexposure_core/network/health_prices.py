"""Prices that cannot be: value / quantity of a holding against what the same token is worth elsewhere or was before.

- A holding is off when its price (value / quantity) is five times the median of its token's holdings or more, or a
  fifth or less, and most holders agree (three or more holdings, 60 % of them within a quarter of the median). It is
  then flagged with what it looks like. Decimals: the factor is a power of ten. Another token's price: it is that of one
  of the 50 largest tokens, within 0.5 %. Else no reason can be read from the data. USD concerned is
  |value - quantity · median|.
- A token's price jumps when the lowest of its prices is ten times the highest of the previous snapshot or more, or the
  highest a tenth of the lowest: a collapse, or an error made for all holders at once. USD concerned is what all its
  holdings were worth before or are now, whichever is more.

Amounts below 1 m USD and below 0.001 % of the system are left alone. Without quantities there is nothing to check.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import polars as pl

from dexposure_core.network.coverage import cents
from dexposure_core.network.health_flags import flags_frame, graded, no_flags, written

FACTOR: Final = 5.0
JUMP_FACTOR: Final = 10.0
AGREE: Final = 1.25
AGREE_SHARE: Final = 0.6
HOLDERS: Final = 3
SMALLEST_USD: Final = 1e6
SMALLEST_SHARE: Final = 1e-5
WELL_KNOWN: Final = 50
SAME_PRICE: Final = 0.005
POWER_SLACK: Final = 0.05

DECIMALS: Final = "decimals"
OTHER_PRICE: Final = "another token's price"
PRICE: Final = "implausible price"
MOVED: Final = "price jump"

_VALUE, _QUANTITY, _PRICE, _TYPICAL = pl.col("value_usd"), pl.col("quantity"), pl.col("price"), pl.col("typical")


def token_prices(holdings: pl.DataFrame) -> pl.DataFrame:
    """Return token, low, high (price), holders, usd of the tokens with quantities, largest first.

    Args:
        holdings: token, quantity (null or 0: left out), value_usd; one row per holding that counts.
    """
    if holdings["quantity"].null_count() == holdings.height:  # as everywhere in the published file
        return _no_prices()
    table = (
        holdings.lazy()
        .filter(_QUANTITY > 0, _QUANTITY.is_finite())
        .select(pl.col("token").cast(pl.Categorical), price=_VALUE / _QUANTITY, cents=cents())
        .group_by("token")
        .agg(low=_PRICE.min(), high=_PRICE.max(), holders=pl.len().cast(pl.Int64), usd=pl.sum("cents") / 100.0)
        .with_columns(pl.col("token").cast(pl.String))
    )
    return table.sort("usd", "token", descending=[True, False]).collect()


@cache
def _no_prices() -> pl.DataFrame:
    numbers = {"low": pl.Float64, "high": pl.Float64, "holders": pl.Int64, "usd": pl.Float64}
    return pl.DataFrame(schema={"token": pl.String, **numbers})


def odd_prices(holdings: pl.DataFrame, prices: pl.DataFrame, system_usd: float) -> pl.DataFrame:
    """Return FLAGS for holdings whose price is not that of their token.

    Args:
        holdings: protocol, chain, token, quantity, value_usd of the holdings that count.
        prices: `token_prices` of the same holdings.
        system_usd: the system's TVL on the date.
    """
    wide = prices.filter(pl.col("high") > FACTOR * pl.col("low"), pl.col("holders") >= HOLDERS)
    if wide.is_empty():
        return no_flags()
    rows = _with_typical(holdings, wide).with_columns(right_usd=_QUANTITY * _TYPICAL)
    near = _PRICE.is_between(_TYPICAL / AGREE, _TYPICAL * AGREE).mean().over("token")
    off = (_PRICE >= FACTOR * _TYPICAL) | (_PRICE <= _TYPICAL / FACTOR)
    wrong = (_VALUE - pl.col("right_usd")).abs()
    rows = rows.filter((near >= AGREE_SHARE) & off & (wrong >= _least(system_usd)))
    known = _with_typical(holdings, prices.head(WELL_KNOWN)).select("token", "typical").unique().sort("token")
    named = _looks_like(rows.sort("token", "protocol", "chain"), known)
    return flags_frame(
        named.select(
            graded(wrong, system_usd).alias("severity"), "finding", "protocol", "chain", "token",
            pl.lit(1).alias("rows"), wrong.alias("usd"),
            pl.format("priced {}, {} elsewhere: {}", written(_PRICE), written(_TYPICAL), "like").alias("text"),
        )
    )  # fmt: skip


def price_jumps(now: pl.DataFrame, before: pl.DataFrame, system_usd: float) -> pl.DataFrame:
    """Return FLAGS (no protocol, no chain) for tokens whose price changed tenfold between two `token_prices`."""
    if now.is_empty() or before.is_empty():
        return no_flags()
    both = now.join(before.rename(lambda name: name if name == "token" else f"{name}_0"), on="token", how="inner")
    usd = pl.max_horizontal("usd", "usd_0")
    rise, fall = pl.col("low") >= JUMP_FACTOR * pl.col("high_0"), pl.col("high") <= pl.col("low_0") / JUMP_FACTOR
    found = both.filter((rise | fall) & (usd >= _least(system_usd))).sort("token")
    if found.is_empty():
        return no_flags()
    return flags_frame(
        found.select(
            graded(usd, system_usd, conclusive=False).alias("severity"), pl.lit(MOVED).alias("finding"), "token",
            pl.col("holders").alias("rows"), usd.alias("usd"),
            pl.format("price {} to {}", written(pl.col("high_0")), written(pl.col("high"))).alias("text"),
        )
    )  # fmt: skip


def _least(system_usd: float) -> float:
    return min(SMALLEST_USD, SMALLEST_SHARE * system_usd)


def _with_typical(holdings: pl.DataFrame, tokens: pl.DataFrame) -> pl.DataFrame:
    """Return the priced holdings of some tokens with `price` and the token's median price, `typical`."""
    rows = holdings.filter(_QUANTITY > 0, _QUANTITY.is_finite()).join(tokens.select("token"), on="token", how="semi")
    return rows.with_columns(price=_VALUE / _QUANTITY).with_columns(typical=_PRICE.median().over("token"))


def _looks_like(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Add to every row what its price looks like: `finding` and, in words, `like`."""
    price, ratio = rows["price"].to_numpy(), (rows["price"] / rows["typical"]).to_numpy()
    power = np.log10(ratio)
    decimals = np.abs(power - np.round(power)) < POWER_SLACK
    tokens, typical = known["token"].to_list(), known["typical"].to_numpy()
    distance = np.abs(price[:, None] / typical[None, :] - 1)  # (rows, known tokens)
    nearest = distance.argmin(axis=1)
    other = (distance.min(axis=1) < SAME_PRICE) & ~decimals
    finding = np.where(decimals, DECIMALS, np.where(other, OTHER_PRICE, PRICE))
    words = [
        f"off by 10^{round(float(p))}" if d else f"the price of {tokens[n]}" if o else f"{r:.3g} times as much"
        for p, d, o, n, r in zip(power, decimals, other, nearest, ratio, strict=True)
    ]
    return rows.with_columns(finding=pl.Series(finding, dtype=pl.String), like=pl.Series(words, dtype=pl.String))
