"""A vintage week by week, as the calibration reads it: both networks and what was measured on them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from dexposure_core.progress import Progress, silent

if TYPE_CHECKING:
    from dexposure_core.network.snapshot import Snapshot
    from dexposure_core.store import Store

RULE: Final = "dexposure-loss-sharing"
MEASURED: Final = ("mean_sis", "spillover_index", *(f"loss:{name}:{RULE}" for name in ("top-1", "top-5", "bridges")))


@dataclass(frozen=True, kw_only=True)
class Week:
    """One date of a vintage.

    Attributes:
        date: the snapshot date.
        holdings: the network of what is held.
        flow: the network of what changed; None on the first date.
        measured: `MEASURED` on the flow basis; empty on the first date.
    """

    date: dt.date
    holdings: Snapshot
    flow: Snapshot | None
    measured: Mapping[str, float]


def weeks_of(store: Store, *, progress: Progress = silent) -> Iterator[Week]:
    """Yield every date of a vintage, ascending; what was measured is read, not measured again."""
    table = store.table("measures").filter(pl.col("basis") == "flow", pl.col("measure").is_in(MEASURED))
    known = {(date, name): value for date, name, value in table.select("date", "measure", "value").iter_rows()}
    dates, flowing = store.dates(), set(store.dates("flow"))
    for done, date in enumerate(dates, 1):
        flow = store.snapshot(date, "flow") if date in flowing else None
        measured = {name: known[date, name] for name in MEASURED if known.get((date, name)) is not None}
        yield Week(date=date, holdings=store.snapshot(date), flow=flow, measured=measured)
        progress(done, len(dates), f"week {date}")
