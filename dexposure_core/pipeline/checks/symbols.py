"""Duplicate symbols: one name, several tokens, or several names that a reader takes for one.

- several prices: the holdings of one symbol are worth different amounts a piece (five times and more apart), and most
  do not agree on one: two or more tokens share the symbol (pool tokens excepted, which do so by design);
- case variants: symbols that differ only in upper and lower case, given to different issuers (USDC, usdc);
- look-alikes: symbols that look the same but are written with other characters (Cyrillic, Greek, full-width, accents)
  or hold invisible ones; skeleton = NFKD, without marks and invisible characters, look-alikes replaced;
- several claimants: more than one protocol claims the symbol (what another method would have said does not count);
  the issuer that was chosen holds the largest TVL.

USD concerned is the largest value of the token (of the smaller of two) on one date.
"""

from __future__ import annotations

import unicodedata
from typing import Final

import polars as pl

from dexposure_core.network.health_flags import INFO, graded, written
from dexposure_core.network.health_prices import AGREE, AGREE_SHARE, FACTOR, HOLDERS, SMALLEST_USD
from dexposure_core.pipeline.checks.findings import findings
from dexposure_core.pipeline.checks.material import Material, Week

PRICES: Final = "several prices"
CASE: Final = "case variants"
KEPT_WEEKS: Final = 26
ALIKE: Final = "look-alike symbol"
CLAIMED: Final = "several claimants"
_POOLS: Final = ("lp", "bucket")
_LOOKS: Final = str.maketrans(
    "АВЕЅІЈКМНОРСТХУаеорсухіјѕΑΒΕΖΗΙΚΜΝΟΡΤΥΧοανρτυ", "ABESIJKMHOPCTXYaeopcyxijsABEZHIKMNOPTYXoavptu"
)
_GUESSED: Final = r"\((family|similarity|self|curated)\)$"
_ACTION: Final = "kept as one token per spelling"


class Symbols:
    """Watches the prices of each symbol and its largest value, then compares the spellings."""

    def __init__(self, material: Material) -> None:
        self._material = material
        pools = pl.col("kind").str.to_lowercase().str.contains_any(list(_POOLS)) | (pl.col("method") == "bucket")
        self._pools = material.tokens.filter(pools).select("token")
        self._sums = [pl.DataFrame(schema={"token": pl.String, "usd": pl.Float64})]
        self._apart: list[pl.DataFrame] = []
        self._system = 1.0

    def see(self, week: Week) -> None:
        """Note the week's largest values and the symbols whose holdings do not agree on a price."""
        self._sums.append(week.by("token"))
        if len(self._sums) > KEPT_WEEKS:
            self._sums = [self._peaks()]
        self._system = max(self._system, week.system_usd)
        wide = week.prices.filter(pl.col("high") >= FACTOR * pl.col("low"), pl.col("holders") >= HOLDERS)
        wide = wide.filter(pl.col("usd") >= SMALLEST_USD).join(self._pools, on="token", how="anti")
        if not wide.is_empty():
            self._apart.append(_disagreeing(week, wide))

    def findings(self) -> pl.DataFrame:
        """Return FINDING rows."""
        tokens = self._material.tokens.join(self._peaks(), on="token", how="left").with_columns(
            pl.col("usd").fill_null(0.0)
        )
        prices = self._material.wanted(pl.concat([findings(), *self._apart]))
        return pl.concat([prices, *(findings(found, action=_ACTION) for found in self._spellings(tokens))])

    def _peaks(self) -> pl.DataFrame:
        """Return token and usd, its largest value so far."""
        return pl.concat(self._sums).group_by("token").agg(pl.max("usd"))

    def _spellings(self, tokens: pl.DataFrame) -> list[pl.DataFrame]:
        named = tokens.filter(pl.col("method") != "bucket")
        looks = pl.Series([skeleton(token) for token in named["token"]], dtype=pl.String)
        named = named.with_columns(lower=pl.col("token").str.to_lowercase(), skeleton=looks)
        return [
            _variants(named, "lower", CASE, self._system),
            _variants(named, "skeleton", ALIKE, self._system),
            _claimed(named, self._system),
        ]  # fmt: skip


def skeleton(symbol: str) -> str:
    """Return what a symbol looks like: look-alikes replaced, accents and invisible characters gone."""
    plain = unicodedata.normalize("NFKD", symbol).translate(_LOOKS)
    kept = [c for c in plain if unicodedata.category(c) not in ("Mn", "Me", "Cf", "Cc", "Zs", "Zl", "Zp") or c == " "]
    return "".join(kept).strip()


def _variants(named: pl.DataFrame, by: str, name: str, system: float) -> pl.DataFrame:
    """Report the smaller ones of several tokens of one group that have different issuers."""
    groups = named.sort("usd", "token", descending=[True, False]).with_columns(
        several=pl.len().over(by), issuers=pl.col("issuer").n_unique().over(by),
        first=pl.col("token").first().over(by), other=pl.col("issuer").first().over(by),
    )  # fmt: skip
    odd = groups.filter(pl.col("several") > 1, pl.col("issuers") > 1, pl.col("token") != pl.col("first"),
                        pl.col("issuer").ne_missing(pl.col("other")))  # fmt: skip
    return odd.sort("token").select(
        "token", graded(pl.col("usd"), system, conclusive=False).alias("severity"), pl.lit(name).alias("finding"),
        pl.lit(1).alias("rows"), "usd",
        pl.format("like {} of {}, but given to {}", "first", pl.col("other").fill_null("no issuer"),
                  pl.col("issuer").fill_null("no issuer")).alias("text"),
    )  # fmt: skip


def _claimed(named: pl.DataFrame, system: float) -> pl.DataFrame:
    others = pl.col("alternatives").str.split(";").list.eval(pl.element().filter(~pl.element().str.contains(_GUESSED)))
    claims = named.with_columns(alternatives=others.list.join(";"))
    odd = claims.filter(pl.col("alternatives") != "", pl.col("usd") > 0).sort("token")
    severity = pl.when(pl.col("usd") < SMALLEST_USD).then(pl.lit(INFO))
    return odd.select(
        "token", severity.otherwise(graded(pl.col("usd") / 10, system, conclusive=False)).alias("severity"),
        pl.lit(CLAIMED).alias("finding"), pl.lit(1).alias("rows"), "usd",
        text=pl.format("given to {}, also claimed by {}", pl.col("issuer").fill_null("nobody"), "alternatives"),
    )  # fmt: skip


def _disagreeing(week: Week, wide: pl.DataFrame) -> pl.DataFrame:
    """Report the tokens fewer than 60 % of whose holdings are within a quarter of their median price."""
    priced = week.holdings.filter(pl.col("quantity") > 0).join(wide.select("token"), on="token", how="semi")
    price = pl.col("value_usd") / pl.col("quantity")
    typical = price.median()
    spread = priced.group_by("token").agg(
        near=price.is_between(typical / AGREE, typical * AGREE).mean(), low=price.min(), high=price.max(),
        rows=pl.len(), usd=pl.sum("value_usd"),
    )  # fmt: skip
    odd = spread.filter(pl.col("near") < AGREE_SHARE).sort("token")
    ends = [written(pl.col(name)) for name in ("low", "high")]
    return findings(
        odd.select(
            "token", pl.lit(week.date).alias("date"), "rows", "usd", pl.lit(PRICES).alias("finding"),
            graded(pl.col("usd"), week.system_usd, conclusive=False).alias("severity"),
            pl.format("worth {} here and {} there", *ends).alias("text"),
        ),
        action=_ACTION,
    )  # fmt: skip
