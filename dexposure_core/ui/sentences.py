"""The generated answers: one plain sentence with numbers for each page. Markdown; names are escaped here."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import Final

import polars as pl

from dexposure_core import settings
from dexposure_core.pipeline.changes import ChangeSummary
from dexposure_core.pipeline.indicators import Position
from dexposure_core.pipeline.phrases import cause, moved, standing, system_tvl
from dexposure_core.ui import text

WINDOW_DAYS: Final = {"1y": 366, "2y": 731, "5y": 1827, "all": 36600}


def overview(positions: Sequence[Position], largest: pl.DataFrame, period: str, basis: str = "holdings") -> str:
    """Answer: is the system more fragile than at the snapshot before, where, and why?"""
    watched = [p for p in positions if p.indicator.fragile and math.isfinite(p.change)]
    if not watched:
        return f"There is no earlier snapshot to compare with; {_size(positions, period, basis)}."
    worse = [p for p in watched if p.change * p.indicator.fragile > 0]
    point = "points" if len(worse) == 1 else "point"
    verdict = f"**{len(worse)} of {len(watched)}** fragility indicators {point} up since last {period}"
    named = max(worse, key=_strength, default=None)
    lead = f", most of all {named.indicator.phrase} ({moved(named)})" if named else ""
    return f"{verdict}{lead}; {_size(positions, period, basis)}{_cause(largest)}."


def flagged(positions: Sequence[Position], warnings: pl.DataFrame) -> str:
    """Say how many measures moved unusually, and which: by the name on their card where they have one."""
    cards = {p.indicator.measure: p.indicator.title for p in positions}
    flags = dict(warnings.select("measure", "title").iter_rows())
    flags |= {p.indicator.measure: p.indicator.title for p in positions if p.flag}
    names = [cards.get(measure, title) for measure, title in flags.items()]
    if not names:
        return "No early-warning flag is up"
    shown = ", ".join(text.markdown(n) for n in names[:3])
    return f"{text.plural(len(names), 'early-warning flag')} up ({shown}{', …' if len(names) > 3 else ''})"


def totals(summary: ChangeSummary, period: str) -> str:
    """Say what moved all exposures together, by cause."""
    parts = {"price": summary.price_usd, "quantity": summary.quantity_usd, "entries": summary.entry_usd}
    parts |= {"exits": summary.exit_usd, "mapping": summary.mapping_usd, "not split": summary.unsplit_usd}
    told = ", ".join(f"{name} {text.usd(v, sign=True, unit=False)}" for name, v in parts.items() if v)
    return f"All exposures together: {text.usd(summary.change_usd, sign=True)} this {period}" + (
        f" ({told})." if told else "."
    )


def concentration(position: Position, contributions: pl.DataFrame, on: dt.date) -> str:
    """Answer: how concentrated is TVL, how did that move, and by whom?"""
    level = position.level
    if not math.isfinite(level):
        return "TVL concentration is not defined on this date: there is no TVL."
    equal = text.number(1 / level) if level > 0 else text.UNDEFINED
    said = f"TVL concentration (HHI) is **{text.number(level)}**, as if {equal} equal protocols shared the system"
    said += f" ({standing(position, on)})"
    if not math.isfinite(position.change):
        return said + "."
    turn = "rose" if position.change > 0 else "fell" if position.change < 0 else "did not move"
    said += f"; it {turn} by {text.number(abs(position.change))}" if position.change else f"; it {turn}"
    if contributions.is_empty() or not position.change:
        return said + "."
    main = contributions.sort("hhi_contribution", descending=position.change > 0).row(0, named=True)
    why = cause(main)
    part = f"{text.markdown(text.short(main['name']))}, {text.number(main['hhi_contribution'], sign=True)}"
    return f"{said}; the largest part of it is {part}{', ' + why if why else ''}."


def _size(positions: Sequence[Position], period: str, basis: str) -> str:
    tvl = next((p for p in positions if p.indicator.measure == "system_tvl_usd"), None)
    if tvl is None:
        return "system TVL is not known"
    change = f" ({moved(tvl)})" if math.isfinite(tvl.change) else ""
    return f"{system_tvl(period, basis)} is **{text.usd(tvl.level)}**{change}"


def _cause(largest: pl.DataFrame) -> str:
    if largest.is_empty():
        return ""
    row = largest.row(0, named=True)
    pair = (
        f"{text.markdown(text.short(row['creditor_name'], 30))} → {text.markdown(text.short(row['debtor_name'], 30))}"
    )
    why = cause(row)
    return f"; the largest change is {pair}, {text.usd(row['change_usd'], sign=True)}{', ' + why if why else ''}"


def _strength(position: Position) -> float:
    return abs(position.change) / position.sigma if position.sigma > 0 else abs(position.change)


def alert_rule(date: dt.date, frequency: str) -> str:
    """Say when a flag is raised, with the window and threshold in force."""
    rule = settings.load()
    unit = frequency if frequency in ("day", "week", "month") else "snapshot"
    return (
        f"A flag is raised when a measure's last change exceeds {rule.warning_sigma:g} standard deviations of its "
        f"changes in the {rule.warning_weeks} {unit}s before {date}, or when a threshold is passed."
    )


def between(table: pl.DataFrame, start: dt.date, end: dt.date) -> pl.DataFrame:
    """Return the rows of a table from one date to another, both included."""
    return table.filter(pl.col("date").is_between(start, end))


def panel_note(panel: pl.DataFrame, start: dt.date, end: dt.date) -> str:
    """Say what the constant panel is, and how much of the system it holds."""
    last = panel.tail(1).row(0, named=True)
    share = last["panel_system_tvl_usd"] / last["system_tvl_usd"] if last["system_tvl_usd"] else math.nan
    return (
        f"Constant panel: the {text.plural(last['panel_protocol_count'], 'protocol')} that hold something in every "
        f"snapshot from {start} to {end}, or only issue in all, of {text.count(last['protocol_count'])} at the end "
        f"({text.percent(share)} of TVL). A rise that only the first line shows came from protocols entering the data "
        "or from holdings that began to be known. "
        "Shaded: 10th to 90th percentile of the two years to the date."
    )


def standing_table(standings: Sequence[Position], date: dt.date) -> pl.DataFrame:
    """Return measures as read: title, level, change, place in the own two years, definition."""
    rows = [
        (
            p.indicator.title,
            text.amount(p.level, p.indicator.unit),
            moved(p),
            standing(p, date),
            p.indicator.meaning,
        )
        for p in standings
    ]
    return pl.DataFrame(rows, schema=["Measure", "Level", "Change", "Standing", "Definition"], orient="row")
