"""Amounts that cannot be balances: a token's whole supply booked as somebody's holding.

Three signs, all read from one date (a holding counts as new when it was not there before or grew tenfold):

- the same amount: several protocols hold one token to the same cent (or twice, three or four times it: rows of one
  protocol added up), 10 m USD or 0.01 % of the system each; or within 1 %, two of them newly, 1 bn USD or more each and
  together 1 % of the system: a supply scraped twice (on a first date, where nothing is old, an error only from 10 %
  on). Coarse amounts coincide by chance: C(k, h)·(4/M)^(h-1) groups of h are expected among the k largest holders when
  M amounts can be told apart (estimated from the data); only what is expected less than 0.01 times is flagged;
- a round amount: the USD value ends in more zeros than chance allows, n · 10^-(zeros - usual zeros) < 0.001 for the n
  amounts of 10 m USD and more: a whole supply (1,000,000,000) times a price (18.79);
- the same source: a protocol has two or more such tokens that make up most of its TVL; then its other amounts of
  10 m USD and more were read the same way.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import polars as pl

from dexposure_core.network.coverage import cents
from dexposure_core.network.health_flags import flags_frame, graded, no_flags

LARGE_USD: Final = 1e7
LARGE_SHARE: Final = 1e-4
HUGE_USD: Final = 1e9
HUGE_SHARE: Final = 0.1
NEAR: Final = 1.01
NEAR_SHARE: Final = 0.01
TENFOLD: Final = 10.0
CHANCE: Final = 0.01
CHANCE_ROUND: Final = 0.001
SMALLEST_USD: Final = 1e4
SAMPLE: Final = 8_000
PRIOR_AMOUNTS: Final = 1e4
TIMES: Final = (1, 2, 3, 4)
ROUND_SHARE: Final = 0.01
KEY: Final = ("protocol", "chain", "token")
_PLACES: Final = 18

SAME: Final = "same amount"
ROUND: Final = "round amount"
SOURCE: Final = "same source as a supply"


def supplies(now: pl.DataFrame, before: pl.DataFrame | None, system: float) -> pl.DataFrame:
    """Return FLAGS for holdings that look like a token's supply.

    Args:
        now: protocol, chain, token, quantity, value_usd of the holdings that count.
        before: the same at the previous snapshot; None on the first date, when every holding is new.
        system: the value of all of `now`, USD.
    """
    least = max(min(LARGE_USD, LARGE_SHARE * system), 1.0)
    large = now.filter(pl.col("value_usd") >= least).sort("value_usd").group_by("protocol", "token")
    totals = large.agg(pl.col("chain").min(), pl.col("value_usd").sum()).sort("token", "protocol")
    known = _with_new(totals, before)
    news = known.filter("new")
    if news.is_empty():  # as in most weeks: what has long been alike is no news
        return no_flags()
    seen = pl.concat([_same(known, news, now, system, first=before is None), _round(known, news, system)])
    return seen if seen.is_empty() else pl.concat([seen, _same_source(known, seen, system)])


def variety(holdings: pl.DataFrame) -> float:
    """Return how many different amounts the data distinguish at one order of magnitude.

    Coarse numbers coincide by chance. With M equally likely leading digits, n amounts have n(n-1)/2M equal pairs; M is
    estimated from the pairs of holdings of different tokens that have the same leading digits, starting from 10,000.
    """
    amount = pl.when(pl.col("quantity") > 0).then("quantity").otherwise("value_usd")
    some = holdings.filter(pl.col("value_usd") >= SMALLEST_USD).select("token", amount=amount)
    some = some.gather_every(1 + some.height // SAMPLE)
    values = some["amount"].to_numpy()
    pairs = len(values) * (len(values) - 1) / 2
    decimal = values / 10.0 ** np.floor(np.log10(values))
    equal = max(_equal_pairs(some, np.frexp(values)[0]), _equal_pairs(some, np.round(decimal, 12)))
    return (pairs + PRIOR_AMOUNTS) / (equal + 1.0)


def _equal_pairs(some: pl.DataFrame, digits: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Count the pairs of different tokens with equal leading digits."""
    table = some.select("token", digits=pl.Series(digits))
    pairs = pl.col("len").cast(pl.Float64) * (pl.col("len") - 1.0) / 2
    every = table.group_by("digits").len().select(pairs.sum()).item()
    same_token = table.group_by("digits", "token").len().select(pairs.sum()).item()
    return float(every - same_token)


def _with_new(large: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    if before is None:
        return large.with_columns(new=pl.lit(value=True))
    least = large.select(pl.col("value_usd").min()).item() or 0.0
    relevant = before.filter(pl.col("value_usd") >= least / (10 * TENFOLD))
    known = relevant.join(large, on=["protocol", "token"], how="semi", maintain_order="left")
    was = known.group_by("protocol", "token").agg(was=pl.sum("value_usd"))
    grown = pl.col("value_usd") > TENFOLD * pl.col("was").fill_null(0.0)
    return large.join(was, on=["protocol", "token"], how="left").with_columns(new=grown).drop("was")


def _same(large: pl.DataFrame, news: pl.DataFrame, now: pl.DataFrame, system: float, *, first: bool) -> pl.DataFrame:
    """Flag every holder of an amount that several protocols hold alike, at least one of them newly."""
    found = [no_flags()]
    run = ["token", "run"]
    whole = large.lazy().with_columns(cents=cents())
    fresh = _multiples(whole.filter("new")).select(run).unique()
    repeated = _multiples(whole).join(fresh, on=run, how="semi", maintain_order="left")
    exact = repeated.filter(pl.struct(run).is_duplicated()).drop("cents").collect()
    if not exact.is_empty():
        rank = large.select("token", "protocol", rank=pl.col("value_usd").rank("max", descending=True).over("token"))
        ranked = exact.join(rank, on=["token", "protocol"], maintain_order="left")
        found.append(_run(ranked, "the same amount to the cent", system, _no_chance(variety(now))))
    if news.select(pl.col("value_usd").max()).item() >= HUGE_USD:
        value, share = pl.col("value_usd"), pl.col("all_usd") / max(system, 1.0)
        huge = large.filter(value >= HUGE_USD).sort("token", "value_usd", "protocol")
        far = (value > NEAR * value.shift(1)) | (pl.col("token") != pl.col("token").shift(1))
        near = huge.with_columns(run=far.fill_null(value=True).cum_sum().cast(pl.Int64), times=pl.lit(1))
        several = pl.col("new").sum().over("token", "run") > 1
        enough = several & (share >= NEAR_SHARE)
        found.append(_run(near, "nearly the same amount", system, enough, conclusive=not first))
    return pl.concat(found).unique(["protocol", "token"], keep="first", maintain_order=True)


def _multiples(whole: pl.LazyFrame) -> pl.LazyFrame:
    """Return every amount as once, twice, ... what `run` says (whole cents only), with `times`."""
    run = pl.col("cents") // pl.col("times")
    parts = pl.concat([whole.with_columns(times=pl.lit(times)) for times in TIMES])
    return parts.with_columns(run=run).filter(pl.col("run") * pl.col("times") == pl.col("cents"))


def _no_chance(distinct: float) -> pl.Expr:
    """Return whether a run of equal amounts is no coincidence among the amounts of that size or larger.

    Among k amounts, C(k, h) · (multiples / M)^(h-1) groups of h equal ones are expected; k^h / h! stands for C(k, h).
    """
    run = ("token", "run")
    held = pl.col("holders").cast(pl.Float64)
    factorial = pl.col("holders").replace_strict({h: math.lgamma(h + 1) for h in range(2, 60)}, default=180.0)
    likely = held * pl.col("rank").max().over(run).cast(pl.Float64).log() - factorial
    likely = likely + (held - 1) * math.log(len(TIMES) / distinct)
    return (pl.col("times").min().over(run) == 1) & (likely < math.log(CHANCE))


def _run(alike: pl.DataFrame, words: str, system: float, enough: pl.Expr, *, conclusive: bool = True) -> pl.DataFrame:
    """Flag the rows of every (token, run) that has several holders, one of them newly; `enough` asks for more."""
    run = ("token", "run")
    found = (
        alike.with_columns(
            holders=pl.col("protocol").n_unique().over(run), any_new=pl.col("new").any().over(run),
            all_usd=pl.sum("value_usd").over(run),
        )
        .filter((pl.col("holders") > 1) & pl.col("any_new")).filter(enough)
        .sort("token", "run", "protocol", "times")
        .with_columns(others=pl.col("protocol").unique(maintain_order=True).over(run, mapping_strategy="join"))
    )  # fmt: skip
    sure = graded(pl.col("value_usd"), system, conclusive=True)
    if not conclusive:
        least = HUGE_SHARE * system
        sure = (
            pl.when(pl.col("all_usd") >= least)
            .then(sure)
            .otherwise(graded(pl.col("value_usd"), system, conclusive=False))
        )
    times = pl.when(pl.col("times") > 1).then(pl.format("{} times ", "times")).otherwise(pl.lit(""))
    named = pl.col("others").list.head(4).list.join(", ")
    return flags_frame(
        found.select(
            "protocol", "chain", "token", sure.alias("severity"),
            pl.lit(SAME).alias("finding"), pl.lit(1).alias("rows"), usd="value_usd",
            text=pl.format("{}{} at {} protocols ({})", times, pl.lit(words), "holders", named),
        )
    )  # fmt: skip


def zeros(amount: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return how many zeros each whole number of cents ends in; (n,) int, 18 for 0."""
    values = amount.to_numpy()
    powers = 10 ** np.arange(1, _PLACES + 1, dtype=np.int64)
    return np.asarray((values[:, None] % powers[None, :] == 0).sum(axis=1), dtype=np.int64)


def _round(large: pl.DataFrame, news: pl.DataFrame, system: float) -> pl.DataFrame:
    """Flag new amounts that end in more zeros than chance allows, given how the other amounts end."""
    usual = int(np.median(zeros(large.select(cents()).to_series())))
    needed = usual + max(4, int(np.ceil(np.log10(large.height / CHANCE_ROUND))))
    ends = zeros(news.select(cents()).to_series())
    found = news.with_columns(zeros=pl.Series(ends)).filter(pl.col("zeros") >= needed)
    if found.is_empty():
        return no_flags()
    value = pl.col("value_usd")
    doubtful = graded(value, system, conclusive=False)
    severity = pl.when(value >= ROUND_SHARE * system).then(graded(value, system)).otherwise(doubtful)
    return flags_frame(
        found.select(
            "protocol", "chain", "token", severity.alias("severity"),
            pl.lit(ROUND).alias("finding"), pl.lit(1).alias("rows"), usd="value_usd",
            text=pl.format("ends in {} zeros, {} is usual: a round supply times a price", "zeros", pl.lit(usual)),
        )
    )  # fmt: skip


def _same_source(large: pl.DataFrame, seen: pl.DataFrame, system: float) -> pl.DataFrame:
    """Flag the other new large amounts of protocols most of whose TVL is made of two or more supplies."""
    of_protocol = seen.group_by("protocol").agg(pl.col("token").n_unique().alias("tokens"), pl.sum("usd").alias("bad"))
    size = large.group_by("protocol").agg(pl.sum("value_usd").alias("all"))
    dirty = of_protocol.join(size, on="protocol").filter((pl.col("tokens") > 1) & (pl.col("bad") > pl.col("all") / 2))
    rest = large.filter("new").join(dirty, on="protocol").join(seen, on=["protocol", "token"], how="anti")
    return flags_frame(
        rest.select(
            "protocol", "chain", "token", graded(pl.col("value_usd"), system, conclusive=False).alias("severity"),
            pl.lit(SOURCE).alias("finding"), pl.lit(1).alias("rows"), usd="value_usd",
            text=pl.format("{} other amounts of this protocol look like supplies", "tokens"),
        )
    )  # fmt: skip
