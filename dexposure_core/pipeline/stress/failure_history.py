"""Each protocol in turn, over time: who has long mattered most to the others, and who is too central.

What a protocol's failure costs all others, as a share of system TVL, is the second score of systemic importance: unlike
the published one it counts only what others can lose through it (METHOD: `default impact`).
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import polars as pl

from dexposure_core.errors import BadOption
from dexposure_core.pipeline.stress.many import failures
from dexposure_core.pipeline.stress.terms import Terms
from dexposure_core.progress import Progress, silent
from dexposure_core.store import Store

SCORE: Final = "default impact"
CENTRAL_SHARE: Final = 0.01
CENTRAL_OFTEN: Final = 0.75
SNAPSHOTS: Final = 13
STEP: Final = 4
_KEPT: Final = ("rank", "protocol", "name", "sector", "impact_usd", "impact_share", "vulnerability")


def failure_history(
    store: Store, date: dt.date, basis: str, terms: Terms, *, snapshots: int = SNAPSHOTS, step: int = STEP,
    progress: Progress = silent,
) -> pl.DataFrame:  # fmt: skip
    """Return the ranking of every `step`-th snapshot up to a date, at most `snapshots` of them.

    Columns: date, then rank, protocol, name, sector, impact_usd, impact_share, vulnerability as of `failures`.

    Raises:
        UnknownDate, UnknownRule, BadOption: as `failures`; or a count below 1.
    """
    if snapshots < 1 or step < 1:
        raise BadOption(f"snapshots = {snapshots}, step = {step}; both must be 1 or more")
    store.snapshot(date, basis)  # a date that is none is refused here
    days = [day for day in store.dates(basis) if day <= date][::-1][::step][:snapshots][::-1]
    parts = []
    for done, day in enumerate(days, start=1):
        parts.append(failures(store, day, basis, terms).select(pl.lit(day).alias("date"), *_KEPT))
        progress(done, len(days), "snapshots")
    return pl.concat(parts)


def too_central(
    history: pl.DataFrame, *, share: float = CENTRAL_SHARE, often: float = CENTRAL_OFTEN
) -> pl.DataFrame:  # fmt: skip
    """Return the protocols whose failure would cost the others a share of system TVL in most of the snapshots.

    Args:
        history: as `failure_history` returns it.
        share: of system TVL, from which on a failure counts.
        often: share of all snapshots in which it must.

    Returns:
        protocol, name, sector, times (snapshots in which it counts), snapshots, mean_share (over all of them, 0 where
        it is not there), last_share (0 where it is not there), best_rank; largest last_share first.
    """
    count = history["date"].n_unique()
    last = history["date"].max()
    impact = pl.col("impact_share").fill_nan(None)  # not defined where a system has no TVL: such a time does not count
    table = history.group_by("protocol").agg(
        pl.last("name"), pl.last("sector"), (impact >= share).sum().cast(pl.Int64).alias("times"),
        pl.lit(count, pl.Int64).alias("snapshots"), (impact.sum() / count).alias("mean_share"),
        impact.filter(pl.col("date") == last).sum().alias("last_share"), pl.min("rank").alias("best_rank"),
    )  # fmt: skip
    return table.filter(pl.col("times") >= often * count).sort("last_share", "protocol", descending=[True, False])
