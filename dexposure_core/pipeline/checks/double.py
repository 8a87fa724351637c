"""Double counting: the same underlying dollar counted at the issuer and again at whoever holds its claim.

A claim is a token that stands for something its issuer holds: a receipt, a staked, wrapped or pool token, or a
stablecoin with collateral. When the issuer's own TVL is in the system, what others hold of its claims is counted a
second time, up to that TVL (gross and net losses differ by the same dollars):

    counted twice(t, kind) = Σ_q min( Σ_p≠q v_p(claims of that kind issued by q), TVL_q )

Nothing is taken out of TVL or exposures: gross is the definition, and this says by how much it is gross. A jump of the
share (8 robust deviations of the 26 weeks before, one point at least) is a warning, so are borrowed balances
"""

from __future__ import annotations

from typing import Final

import polars as pl

from dexposure_core.network.health_flags import INFO, WARNING
from dexposure_core.pipeline.checks.drift import unusual_shares
from dexposure_core.pipeline.checks.findings import findings, percent
from dexposure_core.pipeline.checks.material import Material, Week

CLAIMS: Final = {
    "liquid staking": "liquid staking", "restaking": "restaked tokens", "receipt": "receipt tokens",
    "vault": "receipt tokens", "savings": "receipt tokens", "principal": "receipt tokens", "lp": "pool tokens",
    "wrapped": "wrapped and bridged tokens", "bridged": "wrapped and bridged tokens", "locker": "locked tokens",
    "stablecoin": "stablecoins with collateral",
}  # fmt: skip
TWICE: Final = "counted twice"
BORROWED: Final = "borrowed"
COURSE: Final = pl.Schema({"date": pl.Date, "kind": pl.String, "usd": pl.Float64, "share": pl.Float64})


class DoubleCounting:
    """Adds up, week by week, what is held of claims whose issuer is counted too."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._kinds = material.tokens.lazy().select("token", kind=_claim()).drop_nulls("kind")
        self._weeks: list[pl.DataFrame] = []

    def see(self, week: Week) -> None:
        """Add up the week's claims by kind."""
        sizes = week.by("protocol").rename({"protocol": "issuer", "usd": "tvl_usd"})
        others = week.holdings.lazy().filter(pl.col("issuer") != pl.col("protocol"))
        held = others.group_by("issuer", "token").agg(pl.sum("value_usd")).join(self._kinds, on="token")
        sums = held.group_by("issuer", "kind").agg(pl.sum("value_usd"))
        by_issuer = sums.join(sizes.lazy(), on="issuer").collect()
        twice = by_issuer.group_by("kind").agg(usd=pl.min_horizontal("value_usd", "tvl_usd").sum())
        share = pl.col("usd") / max(week.system_usd, 1.0)
        self._weeks.append(twice.with_columns(date=pl.lit(week.date), share=share).select(list(COURSE)).cast(COURSE))

    def course(self) -> pl.DataFrame:
        """Return date, kind, usd, share of TVL: what is counted twice over time."""
        return pl.concat([pl.DataFrame(schema=COURSE), *self._weeks]).sort("date", "kind")

    def findings(self) -> pl.DataFrame:
        """Return FINDING rows."""
        course = self.course()
        level = course.group_by("kind").agg(
            pl.col("date").max(), pl.col("usd").sort_by("date").last(), now=pl.col("share").sort_by("date").last(),
            top=pl.col("share").max(), top_date=pl.col("date").sort_by("share").last(),
        ).sort("kind")  # fmt: skip
        told = level.select(
            "date", "usd", pl.lit(INFO).alias("severity"), pl.format("{}: {}", pl.lit(TWICE), "kind").alias("finding"),
            pl.lit(0).alias("rows"),
            text=pl.format(
                "{} of TVL on the last snapshot, at most {} on {}", percent("now"), percent("top"), "top_date"
            ),
        )  # fmt: skip
        rising = unusual_shares(course.rename({"kind": "what"}))
        jumps = rising.select(
            "date", "usd", pl.lit(WARNING).alias("severity"), pl.lit(f"{TWICE}: jump").alias("finding"),
            pl.format("{}: {} of TVL, {} is usual", "what", percent("share"), percent("usual")).alias("text"),
            pl.lit(0).alias("rows"),
        )  # fmt: skip
        gross = findings(told, action="counted: TVL is gross")
        return pl.concat([gross, self._material.wanted(findings(jumps)), self._borrowed()])

    def _borrowed(self) -> pl.DataFrame:
        """Report the borrowed balances of the last snapshot: left out by default, a warning where they count."""
        coverage = self._material.coverage
        left_out = coverage.filter(pl.col("reason") == BORROWED).sort("date").tail(1)
        told = left_out.select(
            "date",
            "rows",
            pl.lit(INFO).alias("severity"),
            pl.lit(BORROWED).alias("finding"),
            (pl.col("usd_cents") / 100).alias("usd"),
            pl.lit("borrowed balances of the last snapshot").alias("text"),
        )
        counted = str(self._material.store.manifest.parameters.get("chains", "default")) in ("all", BORROWED)
        text = "borrowed balances count: the same dollar as lent and as borrowed"
        warned = pl.DataFrame({"severity": [WARNING], "finding": [BORROWED], "rows": [0], "text": [text]})
        return pl.concat([findings(told, action="left out of TVL"), findings(warned if counted else warned.clear())])


def _claim() -> pl.Expr:
    """Return the kind of claim a token is, in words; null for what is none (coins, governance tokens)."""
    kind = pl.col("kind").str.to_lowercase().str.replace_all("-", " ", literal=True)
    words = pl.lit(None, pl.String)
    for part, name in reversed(CLAIMS.items()):
        words = pl.when(kind.str.contains(part, literal=True)).then(pl.lit(name)).otherwise(words)
    return words
