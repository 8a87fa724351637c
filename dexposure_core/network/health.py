"""Does the data look right? Checks cheap enough to run on every build; each finding says what, where and how much.

- implausible value: one holding is more than a quarter of the system and more than ten times its previous value; or
  several protocols newly hold the same amount of one token, above 1 bn USD each: to the cent and together 1 % of the
  system, or within 2 % and together a tenth (the token's whole supply was booked as everybody's balance).
- TVL jump: a protocol's TVL changes more than tenfold within a period and by more than 1 % of the system.
- missing snapshots: a gap between two snapshots longer than the frequency; freshness: how old the last one is.

Nothing is removed: a finding is a question to the data's owner, and the numbers stay as they came.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import polars as pl

from dexposure_core.network.coverage import cents
from dexposure_core.network.period import Balances, Period, finding, findings_frame
from dexposure_core.network.sums import total

STEP_DAYS: Final = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
SYSTEM_SHARE: Final = 0.25
TENFOLD: Final = 10.0
LARGE_USD: Final = 1e9
NEAR: Final = 1.02
ALIKE_SHARE: Final = 0.1
JUMP_SHARE: Final = 0.01
_KEY: Final = ("protocol", "chain", "token")
_KEPT: Final = "kept as given; check the source"


def check_period(period: Period, previous: Balances | None) -> pl.DataFrame:
    """Return what looks wrong in one period's numbers; columns of the findings table without the date."""
    rows = _supply_errors(period.holdings, None if previous is None else previous.holdings)
    if previous is not None:
        rows += _outgrown(period.holdings, previous.holdings)
        rows += _jumps(_sizes(period), _sizes(previous))
    return findings_frame(rows)


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


def _supply_errors(holdings: pl.DataFrame, before: pl.DataFrame | None) -> list[dict[str, object]]:
    """Find large new holdings of one token by several protocols that are too much alike to be balances."""
    value, below, above = pl.col("value_usd"), pl.col("below"), pl.col("above")
    large = _with_previous(holdings.filter(value > LARGE_USD), before).sort("token", "value_usd", "protocol")
    exact = cents().eq(cents("below")) | cents().eq(cents("above"))
    counted = pl.col("exact") | ~pl.col("exact").any()
    alike = (
        large.with_columns(below=value.shift(1).over("token"), above=value.shift(-1).over("token"))
        .with_columns(exact=exact, near=((value <= NEAR * below) | (above <= NEAR * value)).fill_null(value=False))
        .filter("near")
        .group_by("token")
        .agg(pl.col("exact", "new").any(), holders=pl.col("protocol").filter(counted).n_unique(),
             usd=value.filter(counted).sort().sum())
        .with_columns(least=pl.when("exact").then(JUMP_SHARE).otherwise(ALIKE_SHARE) * total(holdings["value_usd"]))
        .filter((pl.col("holders") > 1) & pl.col("new") & (pl.col("usd") > pl.col("least")))
        .sort("token")
    )  # fmt: skip
    return [
        finding("error", "implausible value", rows=holders, usd=usd, action=_KEPT,
                place=f"token {token}: {'the same' if same else 'nearly the same'} amount at {holders} protocols")
        for token, same, holders, usd in alike.select("token", "exact", "holders", "usd").iter_rows()
    ]  # fmt: skip


def _with_previous(holdings: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """Add whether each holding is new: it was not there before, or is more than ten times what it was."""
    if before is None:
        return holdings.with_columns(new=pl.lit(value=True))
    known = before.select(*_KEY, was="value_usd")
    grown = pl.col("value_usd") > TENFOLD * pl.col("was").fill_null(0.0)
    return holdings.join(known, on=list(_KEY), how="left").with_columns(new=grown)


def _outgrown(now: pl.DataFrame, before: pl.DataFrame) -> list[dict[str, object]]:
    if now.is_empty() or before.is_empty():
        return []
    largest = now.filter(pl.col("value_usd") > SYSTEM_SHARE * pl.col("value_usd").sum())
    grown = _with_previous(largest, before).filter("new").sort(_KEY)
    return [
        finding("warning", "implausible value",
                place=f"protocol {row['protocol']}, token {row['token']}: a quarter of the system, tenfold in a period",
                rows=1, usd=row["value_usd"], action=_KEPT)
        for row in grown.iter_rows(named=True)
    ]  # fmt: skip


def _sizes(period: Balances) -> pl.DataFrame:
    return period.nodes.filter(pl.col("basis") == "holdings").select("protocol", "tvl_usd")


def _jumps(now: pl.DataFrame, before: pl.DataFrame) -> list[dict[str, object]]:
    both = now.join(before, on="protocol", suffix="_0").filter((pl.col("tvl_usd") > 0) & (pl.col("tvl_usd_0") > 0))
    system = max(total(now["tvl_usd"]), total(before["tvl_usd"]))
    ratio = pl.col("tvl_usd") / pl.col("tvl_usd_0")
    change = pl.col("tvl_usd") - pl.col("tvl_usd_0")
    far = both.filter(
        ((ratio > TENFOLD) | (ratio < 1 / TENFOLD)) & (change.abs() > JUMP_SHARE * system)
    ).sort("protocol")  # fmt: skip
    return [
        finding("warning", "TVL jump", place=f"protocol {row['protocol']}: x {row['tvl_usd'] / row['tvl_usd_0']:.3g}",
                rows=1, usd=row["tvl_usd"] - row["tvl_usd_0"], action=_KEPT)
        for row in far.iter_rows(named=True)
    ]  # fmt: skip
