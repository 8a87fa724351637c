"""Event studies on screen: which event, the answer in one sentence, the tables. Markdown; names are escaped here."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import Final

import polars as pl

from dexposure_core.pipeline.changes import PARTS
from dexposure_core.pipeline.event_study import PANEL, Event, Study
from dexposure_core.pipeline.indicators import INDICATORS
from dexposure_core.pipeline.phrases import cause
from dexposure_core.ui import text

UNTIL: Final = {"0": "Event's snapshot", "4": "4 after", "12": "12 after"}
SPLIT: Final = ("change_usd", *PARTS, "before_usd", "after_usd")
TABLE_LABELS: Final = {"creditor": "Creditor", "debtor": "Debtor", "change_usd": "Change", "price_usd": "By price",
                       "quantity_usd": "By quantity", "entry_usd": "Entries", "exit_usd": "Exits",
                       "mapping_usd": "By mapping", "before_usd": "Before", "after_usd": "After"}  # fmt: skip
_TOLD: Final = ("tvl_hhi", "debtor_hhi", "worst_loss")
NOTE: Final = (
    "Constant panel: only the protocols that hold something in every snapshot of the window, or only issue in every "
    "one, and the exposures among them. "
    "A protocol that the event ended is not on it: what the panel shows happened to the survivors. "
    "Other things happen in the same weeks: a study shows what came after an event, not what it caused."
)


def default(events: Sequence[Event], date: dt.date) -> str:
    """Return the key of the last event up to a date, of the first when all are later."""
    before = [event for event in events if event.date <= date]
    return (before[-1] if before else events[0]).key


def label(event: Event) -> str:
    """Return an event in a list: its day and its name."""
    return f"{event.happened} {text.short(event.name, 60)}"


def answer(study: Study, until: dt.date, tvl: pl.DataFrame, exposures: pl.DataFrame) -> str:
    """Answer: what did the event do to the system?"""
    event = study.event
    named = f"**{text.markdown(text.short(event.name, 60))}** ({event.happened})"
    if study.before is None:
        return f"{named} lies in the first snapshot: there is nothing before it to compare with."
    raw, panel = (study.change(name, until) for name in ("system_tvl_usd", f"{PANEL}system_tvl_usd"))
    weeks = text.span((until - study.before).days)
    said = f"In the {weeks} around {named} TVL {_turn(raw)} (constant panel: {text.percent(panel, sign=True)})"
    phrases = {i.measure: i.phrase for i in INDICATORS if i.measure in _TOLD}
    told = {phrase: study.change(name, until) for name, phrase in phrases.items()}
    known = {phrase: share for phrase, share in told.items() if math.isfinite(share)}
    said += "".join(f", {name} {_turn(share)}" for name, share in known.items())
    return f"{said}{_most(tvl, exposures)}."


def outcome(study: Study, until: dt.date) -> pl.DataFrame:
    """Return the indicators as read: change, change on the constant panel, level before, at the event, at the end."""
    rows = []
    for indicator in INDICATORS:
        values = dict(study.levels.select("date", indicator.measure).iter_rows())
        written = [
            text.amount(values.get(day) if day else None, indicator.unit)
            for day in (study.before, study.event.date, until)
        ]
        changes = [study.change(f"{prefix}{indicator.measure}", until) for prefix in ("", PANEL)]
        rows.append((indicator.title, *(text.percent(change, sign=True) for change in changes), *written))
    columns = ["Indicator", "Relative change", "Constant panel", "Before", "Event's snapshot", "At the end"]
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def split(frame: pl.DataFrame) -> list[str]:
    """Return the columns of a table of changes; mapping only where some token has another issuer than before."""
    return [name for name in SPLIT if name != "mapping_usd" or (frame[name] != 0).any()]


def about(study: Study) -> str:
    """Say what the event was and how much of the system the constant panel holds."""
    event = study.event
    loss = f", reported loss {text.usd(event.loss_usd)}" if math.isfinite(event.loss_usd) else ""
    return (
        f"{text.markdown(text.short(event.kind, 40)).capitalize()}{loss}; first snapshot that shows it: {event.date}. "
        f"{text.count(study.panel)} of {text.count(study.protocols)} protocols are on the constant panel, "
        f"{study.dates[0]} to {study.dates[-1]}."
    )


def _turn(share: float) -> str:
    if not math.isfinite(share):
        return "is not defined"
    return f"{'rose' if share > 0 else 'fell'} by {text.percent(abs(share))}" if share else "did not move"


def _most(tvl: pl.DataFrame, exposures: pl.DataFrame) -> str:
    """Name the protocol and the exposure that moved most."""
    said = ""
    if not tvl.is_empty():
        row = tvl.row(0, named=True)
        why = cause(row)
        name = text.markdown(text.short(row["name"] or row["protocol"], 30))
        said += f". {name} moved most ({text.usd(row['change_usd'], sign=True)}{', ' + why if why else ''})"
    if not exposures.is_empty():
        row = exposures.row(0, named=True)
        why = cause(row)
        ends = (text.markdown(text.short(row[f"{end}_name"], 30)) for end in ("creditor", "debtor"))
        told = f"{text.usd(row['change_usd'], sign=True)}{', ' + why if why else ''}"
        said += f"{', ' if said else '. '}among exposures {' → '.join(ends)} ({told})"
    return said
