"""What the indicators did around an event: levels from eight snapshots before it to twelve after it, and what moved.

Levels are rebased to 100 at the last snapshot before the event, so that all of them share one scale. Beside the raw
course, on whatever protocols there were, stands that of the constant panel (see `panel`), with the exposures among its
protocols. What only the raw course shows came from protocols entering or leaving.
"""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

import polars as pl

from dexposure_core.errors import BadOption, suggest
from dexposure_core.measures import MEASURES
from dexposure_core.network.snapshot import Basis, Snapshot
from dexposure_core.pipeline.changes import tvl_changes
from dexposure_core.pipeline.indicators import INDICATORS, LOSS, WORST
from dexposure_core.pipeline.panel import among, constant
from dexposure_core.store import Store
from dexposure_core.stress import standard_losses

BEFORE: Final = 8
AFTER: Final = 12
BASE: Final = 100.0
PANEL: Final = "panel_"
MARKS: Final = ("marker", "data")  # kinds of rows that mark a date and tell of no event
NAMES: Final = tuple(indicator.measure for indicator in INDICATORS)


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event of the table that lies in the data. Texts are as the data have them, not escaped.

    Attributes:
        key: names it in an address: its snapshot date, and `.2`, `.3`, ... where a date has several.
        date: the first snapshot that can show it.
        happened: the day itself.
        name, kind: what it was.
        protocols: ids of those it concerns.
        loss_usd: reported loss, NaN when not known.
    """

    key: str
    date: dt.date
    happened: dt.date
    name: str
    kind: str
    protocols: tuple[str, ...]
    loss_usd: float


@dataclass(frozen=True, kw_only=True)
class Study:
    """The indicators around one event.

    Attributes:
        event: the event.
        dates: snapshots of the window.
        before: the last snapshot before the event, None when the event's is the first.
        levels: date, step (snapshots after the event's), every name of NAMES, and the same with `panel_`; null where
            not defined.
        panel: how many protocols are on the constant panel.
        protocols: how many there are at the end of the window.
    """

    event: Event
    dates: tuple[dt.date, ...]
    before: dt.date | None
    levels: pl.DataFrame
    panel: int
    protocols: int

    def rebased(self) -> pl.DataFrame:
        """Return the levels as 100 x value / value at the snapshot before the event; null without such a value."""
        columns = [name for name in self.levels.columns if name not in ("date", "step")]
        base = self.levels.filter(pl.col("date") == self.before) if self.before else self.levels.clear()
        found = {name: base[name].to_list()[0] if base.height else None for name in columns}
        return self.levels.with_columns(
            (BASE * pl.col(name) / found[name] if found[name] else pl.lit(None, pl.Float64)).alias(name)
            for name in columns
        )

    def until(self, steps: int) -> dt.date:
        """Return the snapshot so many after the event's, the last one there is when there are fewer."""
        return self.dates[min(len(self.dates) - 1, self.dates.index(self.event.date) + steps)]

    def change(self, name: str, until: dt.date) -> float:
        """Return by which share a column of `levels` changed from the snapshot before the event; NaN without one."""
        values = dict(self.levels.select("date", name).iter_rows())
        start, end = (values.get(self.before) if self.before else None), values[until]
        return end / start - 1 if start and end is not None else math.nan


def events_in(store: Store, basis: Basis) -> tuple[Event, ...]:
    """Return the events that lie in the data, by date: not before the first snapshot, not after the last."""
    dates = store.dates(basis)
    rows = store.events().filter(pl.col("date").is_not_null(), _studied()).sort("date", "happened", "name")
    found: list[Event] = []
    for row in rows.iter_rows(named=True):
        place = bisect_left(dates, row["date"])
        if place == len(dates) or row["date"] < dates[0]:
            continue
        again = sum(event.date == dates[place] for event in found)
        found.append(Event(
            key=f"{dates[place]}.{again + 1}" if again else str(dates[place]), date=dates[place],
            happened=row["happened"], name=row["name"], kind=row["kind"],
            protocols=tuple(p for p in row["protocols"].split(";") if p),
            loss_usd=math.nan if row["loss_usd"] is None else row["loss_usd"],
        ))  # fmt: skip
    return tuple(found)


def find_event(store: Store, basis: Basis, key: str) -> Event:
    """Return the event of that key.

    Raises:
        BadOption: when there is none; names the closest.
    """
    known = {event.key: event for event in events_in(store, basis)}
    if key not in known:
        raise BadOption(f"No event '{key[:80]}' in the data{suggest(key[:80], known) or '; name one by its date'}")
    return known[key]


def study(store: Store, basis: Basis, event: Event, before: int = BEFORE, after: int = AFTER) -> Study:
    """Return the indicators around an event, raw and on the constant panel.

    Args:
        store: the vintage.
        basis: holdings or flow.
        event: one of `events_in`.
        before: snapshots of the window before the event's.
        after: snapshots of the window after it.
    """
    dates = store.dates(basis)
    at = dates.index(event.date)
    window = dates[max(0, at - before) : at + after + 1]
    networks = store.snapshots(window, basis)
    stay = set(constant(store.node_history(basis, window[0], window[-1])))
    rows = [measured(among(network, stay)) for network in networks]
    panel = pl.DataFrame(rows, schema=[f"{PANEL}{name}" for name in NAMES], orient="row", infer_schema_length=None)
    steps = [dates.index(date) - at for date in window]
    levels = pl.DataFrame({"date": window, "step": steps}).join(_stored(store, basis), on="date", how="left")
    whole = levels.hstack(panel.with_columns(pl.all().cast(pl.Float64)))
    return Study(
        event=event, dates=tuple(window), before=dates[at - 1] if at else None, panel=len(stay),
        levels=whole.with_columns(pl.col(pl.Float64).fill_nan(None)), protocols=len(networks[-1].protocols),
    )  # fmt: skip


def moved(store: Store, since: dt.date, until: dt.date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what moved between two snapshots, the largest first: TVL by protocol, and exposures (holdings basis).

    Columns: see `changes.tvl_changes` and `Store.changes`; the changes are split by price, quantity, entry and exit.
    """
    return tvl_changes(store, until, since), store.changes(until, since)


def measured(snapshot: Snapshot) -> tuple[float, ...]:
    """Return the values of NAMES on a network; NaN where not defined."""
    known = {m.name: m for m in MEASURES}
    worst = max((x for x in standard_losses(snapshot).values() if math.isfinite(x)), default=math.nan)
    return tuple(worst if name == WORST else float(known[name].of(snapshot)) for name in NAMES)


def _studied() -> pl.Expr:
    return ~pl.col("kind").is_in(MARKS)


def _stored(store: Store, basis: Basis) -> pl.DataFrame:
    """Return date and NAMES as the vintage keeps them."""
    losses = sorted(n for n in store.measures(store.dates(basis)[-1], basis)["measure"] if n.startswith(LOSS))
    table = store.measure_table(basis, [*(n for n in NAMES if n != WORST), *losses])
    worst = pl.max_horizontal(losses) if losses else pl.lit(None, pl.Float64)
    return table.with_columns(worst.alias(WORST)).select("date", *NAMES)
