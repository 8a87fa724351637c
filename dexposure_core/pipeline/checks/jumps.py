"""Jumps: a protocol's TVL moves further than its own history and the market's move allow.

For protocol i at snapshot t, e_it = ln(TVL_it / TVL_i,t-1) - m_t, where m_t, the common move, is the median of that
log change over all protocols of 1 m USD or more. It is compared with the 26 values before it (at least 8, otherwise
the typical scale of all protocols):

    z = |e_it - median| / (1.4826 · MAD + 0.05)        robust, so that one earlier jump does not hide the next

A jump has z > 8, at least halves or doubles the TVL (beside the market), and moves 0.1 % of the system or more. If the
next snapshot takes it back (three quarters to four thirds of it), it is a spike: that is how errors look, and seldom
how crises do; from a factor of five on it is an error.

Cause: the change of every holding is split (price effect q0·(p1 - p0), quantity effect p1·(q1 - q0), entry, exit), and
the token and kind with the largest part in the direction of the jump are named. Jumps of one date that are due to the
price of one token are one finding.
"""

from __future__ import annotations

import math
from typing import Final

import polars as pl

from dexposure_core.network.health_flags import ERROR, MATERIAL_ERROR, SMALLEST_USD, WARNING
from dexposure_core.pipeline.checks.findings import findings
from dexposure_core.pipeline.checks.material import Material, Week

WINDOW: Final = 26
LEAST_HISTORY: Final = 8
SCORE: Final = 8.0
FLOOR: Final = 0.05
LEAST_MOVE: Final = math.log(2)
SURE_MOVE: Final = math.log(5)
MARKET_USD: Final = 1e6
TAKEN_BACK: Final = 0.75
JUMP: Final = "TVL jump"
SPIKE: Final = "TVL spike"
COLLAPSE: Final = "token price move"
_MAD: Final = 1.4826
_KEY: Final = ("protocol", "chain", "token")


class Jumps:
    """Finds the jumps in the sizes at once, then the cause of each while the weeks pass."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._jumps = material.wanted(unusual_moves(material.sizes, material.systems))
        self._causes: list[pl.DataFrame] = []

    def see(self, week: Week) -> None:
        """Split the change of the protocols that jumped this week."""
        mine = self._jumps.filter(pl.col("date") == week.date)
        if mine.is_empty() or week.before is None:
            return
        split = holding_changes(week.holdings, week.before.holdings, mine.select("protocol"))
        self._causes.append(largest_cause(mine, split).with_columns(date=pl.lit(week.date)))

    def findings(self) -> pl.DataFrame:
        """Return FINDING rows."""
        schema = {"protocol": pl.String, "token": pl.String, "chain": pl.String, "kind": pl.String,
                  "part_usd": pl.Float64, "date": pl.Date}  # fmt: skip
        causes = pl.concat([pl.DataFrame(schema=schema), *self._causes])
        told = self._jumps.join(causes, on=["protocol", "date"], how="left", maintain_order="left")
        common = pl.len().over("date", "token", "kind") > 1
        shared = (pl.col("kind") == "price") & common & pl.col("token").is_not_null()
        return pl.concat(
            [
                _single(told.filter(~shared)),
                _by_token(told.filter(shared).with_columns(protocol=self._material.name_of())),
            ]
        )


def unusual_moves(sizes: pl.DataFrame, systems: pl.DataFrame) -> pl.DataFrame:
    """Return date, protocol, change_usd, move (log, beside the market), score, spike of the jumps.

    Args:
        sizes: date, protocol, tvl_usd > 0, by protocol and date.
        systems: date, system_usd, place.
    """
    placed = sizes.join(systems, on="date", how="inner").sort("protocol", "date")
    was = pl.col("tvl_usd", "place").shift(1).over("protocol").name.suffix("_0")
    steps = placed.with_columns(was).filter(pl.col("place") == pl.col("place_0") + 1)
    log = (pl.col("tvl_usd") / pl.col("tvl_usd_0")).log()
    large = pl.min_horizontal("tvl_usd", "tvl_usd_0") >= MARKET_USD
    market = log.filter(large).median().over("place").fill_null(0.0)
    moves = steps.with_columns(move=log - market, change_usd=pl.col("tvl_usd") - pl.col("tvl_usd_0"))
    far = (pl.col("score") > SCORE) & (pl.col("move").abs() >= LEAST_MOVE)
    taken_back = -pl.col("move").shift(-1).over("protocol") / pl.col("move")
    next_place = pl.col("place").shift(-1).over("protocol") == pl.col("place") + 1
    spike = far & next_place & taken_back.is_between(TAKEN_BACK, 1 / TAKEN_BACK)
    marked = _scored(moves).with_columns(spike=spike.fill_null(value=False))
    undone = pl.col("spike").shift(1).over("protocol").fill_null(value=False)
    least = pl.max_horizontal(MATERIAL_ERROR * pl.col("system_usd"), pl.lit(SMALLEST_USD))
    enough = pl.col("change_usd").abs() >= least
    found = marked.with_columns(undone=undone).filter(far & enough & ~pl.col("undone"))
    return found.select("date", "protocol", "change_usd", "move", "score", "spike").sort("date", "protocol")


def _scored(moves: pl.DataFrame) -> pl.DataFrame:
    """Add the robust score of each move against the `WINDOW` moves before it."""
    past = pl.col("move").shift(1)
    middle = past.rolling_median(WINDOW, min_samples=LEAST_HISTORY).over("protocol")
    around = (pl.col("move") - pl.col("middle")).abs()
    scale = around.shift(1).rolling_median(WINDOW, min_samples=LEAST_HISTORY).over("protocol")
    scored = moves.with_columns(middle=middle).with_columns(scale=scale)
    usual = scored["scale"].median()
    typical = float(usual) if isinstance(usual, int | float) else LEAST_MOVE
    spread = _MAD * pl.col("scale").fill_null(typical) + FLOOR
    return scored.with_columns(score=(pl.col("move") - pl.col("middle").fill_null(0.0)).abs() / spread)


def holding_changes(now: pl.DataFrame, before: pl.DataFrame, of: pl.DataFrame) -> pl.DataFrame:
    """Return protocol, chain, token, kind (price, quantity, entry, exit, value), part_usd for some protocols.

    `value` stands for a change that cannot be split because a quantity is missing.
    """
    mine = [side.join(of, on="protocol", how="semi").select(*_KEY, "quantity", "value_usd") for side in (now, before)]
    both = mine[0].join(mine[1], on=list(_KEY), how="full", suffix="_0", coalesce=True)
    value, was = pl.col("value_usd"), pl.col("value_usd_0")
    there, known = value.is_not_null() & was.is_not_null(), (pl.col("quantity") > 0) & (pl.col("quantity_0") > 0)
    price = pl.when(there & known).then(pl.col("quantity_0") * (value / pl.col("quantity")) - was)
    parts = {
        "price": price,
        "quantity": pl.when(there & known).then(value - was - price),
        "value": pl.when(there & ~known.fill_null(value=False)).then(value - was),
        "entry": pl.when(was.is_null()).then(value),
        "exit": pl.when(value.is_null()).then(-was),
    }
    wide = both.select(*_KEY, **parts)
    return wide.unpivot(index=list(_KEY), variable_name="kind", value_name="part_usd").drop_nulls("part_usd")


def largest_cause(jumps: pl.DataFrame, split: pl.DataFrame) -> pl.DataFrame:
    """Return protocol, token, chain, kind, part_usd: the largest part of each jump in its direction, over chains."""
    sums = split.group_by("protocol", "token", "kind").agg(
        pl.col("chain").sort_by(pl.col("part_usd").abs(), "chain").last(), pl.col("part_usd").sort().sum()
    )
    towards = sums.join(jumps.select("protocol", "change_usd"), on="protocol")
    towards = towards.filter(pl.col("part_usd").sign() == pl.col("change_usd").sign())
    ordered = towards.sort(
        "protocol", pl.col("part_usd").abs(), "token", "kind", descending=[False, True, False, False]
    )
    first = ordered.unique("protocol", keep="first", maintain_order=True)
    return first.select("protocol", "token", "chain", "kind", "part_usd")


def _single(told: pl.DataFrame) -> pl.DataFrame:
    part = (pl.col("part_usd") / pl.col("change_usd") * 100).round(0).cast(pl.Int64)
    cause = pl.when(pl.col("kind").is_null()).then(pl.lit("")).otherwise(
        pl.format(": {} of {}, {} % of it", "kind", "token", part)
    )  # fmt: skip
    times = pl.col("move").exp().round_sig_figs(3).cast(pl.String)
    back = pl.when("spike").then(pl.lit(", taken back at the next snapshot")).otherwise(pl.lit(""))
    sure = pl.col("spike") & (pl.col("move").abs() >= SURE_MOVE)
    severity = pl.when(sure).then(pl.lit(ERROR)).otherwise(pl.lit(WARNING))
    return findings(
        told.select(
            "date", "protocol", "chain", "token", severity.alias("severity"),
            pl.when("spike").then(pl.lit(SPIKE)).otherwise(pl.lit(JUMP)).alias("finding"),
            pl.lit(1).alias("rows"), pl.col("change_usd").alias("usd"),
            pl.format("x {} beside the market, z = {}{}{}", times, pl.col("score").round(1), cause, back).alias("text"),
        )
    )  # fmt: skip


def _by_token(told: pl.DataFrame) -> pl.DataFrame:
    """Return one finding for the protocols that jumped on one date because of one token's price."""
    some = pl.col("protocol").sort_by(pl.col("change_usd").abs(), descending=True).head(4).str.join(", ")
    grouped = told.group_by("date", "token", maintain_order=True).agg(
        rows=pl.len(), usd=pl.sum("change_usd"),
        text=pl.format("the price of one token moved {} protocols: {}", pl.len(), some),
    )  # fmt: skip
    return findings(grouped.with_columns(severity=pl.lit(WARNING), finding=pl.lit(COLLAPSE)))
