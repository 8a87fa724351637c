"""Does the data look right? Checks cheap enough for every week of a build; each finding says what, where, how much.

- supplies booked as balances (`health_amounts`) and prices that cannot be (`health_prices`);
- outgrown: one holding is more than a quarter of the system and more than ten times its previous value;
- TVL jump: a protocol's TVL changes more than tenfold within a period and by more than 1 % of the system;
- missing snapshots: a gap between two snapshots longer than the frequency; old data: how old the last one is.

Nothing is removed: a finding is a question to the data's owner, and the numbers stay as they came. What needs more
history than the week before is checked on a finished vintage (`pipeline.checks`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import polars as pl

from dexposure_core.network.health_amounts import KEY, supplies
from dexposure_core.network.health_flags import WARNING, flags_frame, no_flags, worst_first
from dexposure_core.network.health_prices import odd_prices, price_jumps, token_prices
from dexposure_core.network.period import FINDINGS, Balances, Period, finding, findings_frame
from dexposure_core.network.sums import total

STEP_DAYS: Final = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
SYSTEM_SHARE: Final = 0.25
TENFOLD: Final = 10.0
JUMP_SHARE: Final = 0.01
MOST: Final = 100
KEPT: Final = "kept as given; check the source"


def check_period(period: Period, previous: Balances | None) -> pl.DataFrame:
    """Return what looks wrong in one period's numbers, worst first; columns of the findings table without the date."""
    now, before = counted(period.holdings), None if previous is None else counted(previous.holdings)
    flags = [holding_flags(now, before)]
    if previous is not None:
        flags.append(_jumps(_sizes(period.nodes), _sizes(previous.nodes)))
    return as_findings(pl.concat(flags))


def holding_flags(
    now: pl.DataFrame,
    before: pl.DataFrame | None,
    prices: pl.DataFrame | None = None,
    prices_before: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Return FLAGS for the holdings of one date that count, given those of the snapshot before (None: the first).

    `prices` and `prices_before` are the `token_prices` of the two, for callers that have them already.
    """
    system = total(now["value_usd"])
    prices = token_prices(now) if prices is None else prices
    flags = [supplies(now, before, system), odd_prices(now, prices, system)]
    if before is not None:
        earlier = token_prices(before) if prices_before is None else prices_before
        flags += [price_jumps(prices, earlier, system), _outgrown(now, before, system)]
    return pl.concat(flags)


def counted(holdings: pl.DataFrame) -> pl.DataFrame:
    """Return the holdings on chains that count towards the networks."""
    return holdings.filter("counts") if "counts" in holdings.columns else holdings


def as_findings(flags: pl.DataFrame) -> pl.DataFrame:
    """Write FLAGS as rows of the findings table, the worst `MOST` of them and one line that counts the others."""
    parts = [
        pl.format("protocol {}", "protocol"), pl.format("chain {}", "chain"), pl.format("token {}", "token")
    ]  # fmt: skip
    where = pl.concat_str(parts, separator=", ", ignore_nulls=True)
    ordered = flags.sort([*worst_first(), "finding", "protocol", "token", "chain"], nulls_last=True)
    rows = ordered.select(
        "severity", "finding", pl.format("{}: {}", where, "text").alias("place"), "rows", "usd",
        pl.lit(KEPT).alias("action"),
    ).cast(FINDINGS)  # fmt: skip
    if rows.height <= MOST:
        return rows
    left = rows.height - MOST
    more = finding("info", "more of these", place=f"{left} smaller findings of this date", rows=left, action=KEPT)
    return pl.concat([rows.head(MOST), findings_frame([more])])


def check_dates(dates: Sequence[dt.date], frequency: str) -> list[tuple[dt.date, dict[str, object]]]:
    """Return (date after the gap, finding) for every gap between snapshots longer than the frequency."""
    step = STEP_DAYS.get(frequency)
    if step is None:
        return []
    found = []
    for before, after in pairwise(dates):
        days = (after - before).days
        if days > step:
            place = f"between {before} and {after}"
            missing = max(1, round(days / step) - 1)
            action = "left out; changes span the gap"
            found.append((after, finding("warning", "missing snapshots", place=place, rows=missing, action=action)))
    return found


def check_age(last: dt.date, today: dt.date, frequency: str) -> list[dict[str, object]]:
    """Return a finding when the last snapshot is more than two steps old."""
    age = (today - last).days
    step = STEP_DAYS.get(frequency)
    if step is None or age <= 2 * step:
        return []
    place = f"last snapshot {last}, {age} days old on {today}"
    return [finding("info", "old data", place=place, rows=0, action="import newer data to monitor the present")]


def _outgrown(now: pl.DataFrame, before: pl.DataFrame, system: float) -> pl.DataFrame:
    large = now.filter(pl.col("value_usd") > SYSTEM_SHARE * system)
    if large.is_empty() or before.is_empty():
        return no_flags()
    known = before.select(*KEY, was="value_usd")
    grown = pl.col("value_usd") > TENFOLD * pl.col("was").fill_null(0.0)
    found = large.join(known, on=list(KEY), how="left").filter(grown).sort(KEY)
    return flags_frame(
        found.select(
            *KEY, pl.lit(WARNING).alias("severity"), pl.lit("outgrown").alias("finding"), pl.lit(1).alias("rows"),
            pl.lit("a quarter of the system, tenfold in a period").alias("text"), usd="value_usd",
        )
    )  # fmt: skip


def _sizes(nodes: pl.DataFrame) -> pl.DataFrame:
    return nodes.filter(pl.col("basis") == "holdings").select("protocol", "tvl_usd")


def _jumps(now: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    both = now.join(before, on="protocol", suffix="_0").filter((pl.col("tvl_usd") > 0) & (pl.col("tvl_usd_0") > 0))
    system = max(total(now["tvl_usd"]), total(before["tvl_usd"]))
    ratio = pl.col("tvl_usd") / pl.col("tvl_usd_0")
    change = pl.col("tvl_usd") - pl.col("tvl_usd_0")
    far = both.filter(((ratio > TENFOLD) | (ratio < 1 / TENFOLD)) & (change.abs() > JUMP_SHARE * system))
    return flags_frame(
        far.sort("protocol").select(
            "protocol", pl.lit(WARNING).alias("severity"), pl.lit("TVL jump").alias("finding"),
            pl.lit(1).alias("rows"), change.alias("usd"),
            pl.format("x {}", ratio.round_sig_figs(3).cast(pl.String)).alias("text"),
        )
    )  # fmt: skip
