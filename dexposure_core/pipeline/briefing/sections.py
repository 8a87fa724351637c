"""The sections of a briefing: one generated sentence, then figures and tables, each with its source line."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from dexposure_core.measures import MEASURES
from dexposure_core.pipeline.briefing import figures, network_figure, sentences, tables
from dexposure_core.pipeline.briefing.facts import Facts
from dexposure_core.pipeline.changes import summary
from dexposure_core.pipeline.indicators import Position
from dexposure_core.pipeline.names import html, short
from dexposure_core.pipeline.notable import major_events
from dexposure_core.pipeline.numbers import amount, count, percent, plural, usd
from dexposure_core.pipeline.palette import SECTOR_COLOURS
from dexposure_core.pipeline.phrases import moved, period, standing
from dexposure_core.pipeline.picture import backbone
from dexposure_core.pipeline.views import exposure_table
from dexposure_core.stress import find_rule

EXPECTED: Final = (
    "system_tvl_usd", "total_exposure_usd", "exposure_count", "tvl_hhi", "debtor_hhi", "cross_sector_ratio",
    "spillover_index", "max_default_loss",
)  # fmt: skip
DASH: Final = "–"
KEY: Final = "area: TVL; a diamond only issues tokens."
Source = Callable[[Facts, str], str]


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section of the briefing.

    Attributes:
        title, sentence: its heading, and the sentence that answers it.
        body: figures and tables under it (HTML).
        annex: those that stand in the annex instead: what a reader looks up.
        wide: the body takes the whole width, not two columns.
        half: two such sections stand side by side.
    """

    title: str
    sentence: str
    body: str
    annex: str = ""
    wide: bool = True
    half: bool = False


def figure(title: str, drawn: str, source: str, note: str = "") -> str:
    """Return a titled figure or table with its note and source line; an empty one is not there."""
    if not drawn:
        return ""
    told = f"{note} {source}" if note else source
    return f"<figure><h3>{html(title)}</h3>{drawn}<figcaption>{html(told)}</figcaption></figure>"


def indicators(facts: Facts, source: str) -> Section:
    """Level, change and place in the own two years of every headline indicator."""
    rows = "".join(_indicator(facts, position) for position in facts.positions)
    when = period(facts.manifest.frequency).capitalize()
    head = "".join(f"<th>{html(h)}</th>" for h in ("Indicator", "Level", f"{when}'s change", "Two years"))
    head += '<th class="left">Standing</th>'
    drawn = f'<table class="indicators"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    flagged = "; ".join(
        f"{row['title']} moved {row['sigmas']:.1f} times its usual spread" for row in facts.flags.head(6).to_dicts()
    )
    note = f"Early-warning flags: {flagged}." if flagged else ""
    body = figure("Headline indicators", drawn, source, note)
    return Section(title="Headline", sentence=sentences.headline(facts), body=body)


def _indicator(facts: Facts, at: Position) -> str:
    unit, when = at.indicator.unit, facts.ask.date
    drawn = figures.spark(at.history, at.since, when, f"{at.indicator.title} since {at.since}")
    span = f"{amount(at.low, unit)} to {amount(at.high, unit)}"
    flag = ' <b class="flag">flag</b>' if at.flag else ""
    return (
        f"<tr><th>{html(at.indicator.title)}<small>{html(at.indicator.meaning)}</small></th>"
        f"<td><b>{html(amount(at.level, unit))}</b></td><td>{html(moved(at))}{flag}</td>"
        f'<td class="spark">{drawn}<small>{html(span)}</small></td>'
        f'<td class="left">{html(standing(at, when))}</td></tr>'
    )


def changes(facts: Facts, source: str) -> Section:
    """What changed and why: causes add up to the change, contributors to the total."""
    said = sentences.changes(facts)
    title = f"What changed this {period(facts.manifest.frequency)}, and why"
    if facts.moved.is_empty():
        return Section(title=title, sentence=said, body="")
    bridges, lists = _changes(facts, source)
    return Section(title=title, sentence=said, body=bridges, annex=lists, wide=False)


def _changes(facts: Facts, source: str) -> tuple[str, str]:
    """Return causes, and contributors: of all exposures on the left, of the TVL of all protocols on the right."""
    top = facts.ask.top
    pairs = facts.moved.head(top).select("creditor_name", "debtor_name").iter_rows()
    sides = (
        ("Exposure", facts.moved, [f"{short(a, 20)} → {short(b, 20)}" for a, b in pairs], "other exposures"),
        ("TVL of", facts.movers, [short(name) for name in facts.movers.head(top)["name"].to_list()], "other protocols"),
    )
    how = (
        "Price: the old quantity at the new price. Quantity: its change at the new price. Entry, exit: holdings that "
        "appear or disappear."
    )
    bridges, lists = [], []
    for head, frame, names, rest in sides:
        parts = sentences.causes(summary(frame))
        unit = tables.unit_of(max(abs(v) for v in (*parts.values(), sum(parts.values()))), 3)
        rows = tables.split(frame, names, unit, rest)
        shown = {c: n for c, n in rows[-1][1].items() if c in parts}
        what = "All exposures" if head == "Exposure" else "TVL of all protocols"
        bridges.append(figure(f"{what}, by cause, {unit.name}", figures.bridge(shown, unit, what), source, how))
        adds = f"In {unit.name}, rounded so that every row and column adds up as printed."
        lists.append(figure(f"{what}: largest changes", tables.split_table(rows, head, unit), source, adds))
    return "".join(bridges), "".join(lists)


def network(facts: Facts, source: str) -> Section:
    """The backbone as a picture, the largest exposures, and the protocols that most exposure leads to."""
    cut = backbone(facts.snapshot, network_figure.SHOWN)
    picture = network_figure.network(facts.snapshot, cut, facts.places, facts.colours, "The backbone of the network")
    shown = f"{cut.caption()}: the largest, and what matters most to either end. Lines widen from {_ends(facts)}; {KEY}"
    every = exposure_table(facts.snapshot)
    rows = every.head(facts.ask.top)
    names = [f"{short(a, 24)} → {short(b, 24)}" for a, b in rows.select("creditor_name", "debtor_name").iter_rows()]
    drawn = figures.ranked(names, rows["exposure_usd"].to_list(), rows["share"].to_list(), "The largest exposures")
    owed = every.group_by("debtor", "debtor_name").agg(pl.sum("exposure_usd", "share"))
    owed = owed.sort("exposure_usd", "debtor", descending=[True, False]).head(facts.ask.top)
    leans = figures.ranked(
        [short(n) for n in owed["debtor_name"].to_list()], owed["exposure_usd"].to_list(), owed["share"].to_list(),
        "The protocols most exposure leads to",
    )  # fmt: skip
    note = f"USD and share of all exposure; {_ends(facts).replace(' to ', ' → ')}."
    body = figure("The backbone of the network", picture, source, shown)
    lists = figure("Largest exposures", drawn, source, note)
    lists += figure("Who the system leans on", leans, source, "USD owed and share of all exposure.")
    return Section(title="Network", sentence=sentences.network(facts), body=body, annex=lists if names else "")


def _ends(facts: Facts) -> str:
    return "holder of the tokens to issuer" if facts.ask.basis == "holdings" else "sender to receiver"


def spillover(facts: Facts, source: str) -> Section:
    """The matrix of exposure between sectors with its totals."""
    now, _ = facts.matrices
    unit = tables.unit_of(float(now.cells.max()) if now.cells.size else 0.0, 2, places=1)
    note = f"In {unit.name}; totals are the sums of the cells as printed. A dash is less than {0.05:g}."
    body = figure("Exposure by sector", tables.matrix_table(now, unit), source, note) if now.total else ""
    return Section(title="Spillover between sectors", sentence=sentences.spillover(facts), body=body)


def concentration(facts: Facts, source: str) -> Section:
    """Concentration of TVL and of debtors over time, with events."""
    at = {p.indicator.measure: p for p in facts.positions}
    lines = [
        ("TVL", SECTOR_COLOURS[0], at["tvl_hhi"].history), ("debtors", SECTOR_COLOURS[3], at["debtor_hhi"].history),
    ]  # fmt: skip
    first = at["tvl_hhi"].history["date"].min()
    days = [d for d in facts.events["date"].to_list() if first is None or d >= first]
    shown = major_events(facts.events, min(days), facts.ask.date, limit=7) if days else facts.events.clear()
    drawn = figures.course(lines, shown, at["tvl_hhi"].since, facts.ask.date, "Concentration over time")
    note = "HHI: 1 when one holds all. Shaded: the two years that standings refer to."
    body = figure("Concentration of TVL and of debtors, with events", drawn, source, note)
    annex = figure("Who moved the concentration of TVL", _movers(facts), source, "The changes add up.")
    return Section(title="Concentration", sentence=sentences.concentration(facts), body=body, annex=annex, half=True)


def _movers(facts: Facts) -> str:
    """Return the protocols that changed the HHI of TVL most, the rest and the sum, in millionths that add up."""
    if facts.movers.is_empty() or facts.ask.basis != "holdings":
        return ""
    ranked = facts.movers.sort(pl.col("hhi_contribution").abs(), "protocol", descending=[True, False])
    shown = ranked.head(min(8, facts.ask.top))
    parts = [round(1e6 * v) for v in shown["hhi_contribution"].to_list()]
    whole = round(1e6 * float(ranked["hhi_contribution"].sum()))
    columns = shown.select("name", "share_before", "share").iter_rows()
    rows = [
        [short(name), percent(before or 0.0), percent(now or 0.0), _millionths(part)]
        for (name, before, now), part in zip(columns, parts, strict=True)
    ]
    left = ranked.height - shown.height
    rows += [[plural(left, "other protocol"), "", "", _millionths(whole - sum(parts))]] if left else []
    rows.append(["Change of the HHI", "", "", _millionths(whole)])
    return tables.plain(["Protocol", "Share before", "Share now", "HHI, millionths"], rows, kind="summed")


def _millionths(value: int) -> str:
    return count(value, sign=True) if value else DASH


def losses(facts: Facts, source: str) -> Section:
    """The standard scenarios under every rule."""
    main = find_rule(facts.ask.rule).title
    drawn = figures.ranges(facts.losses, main, "Losses of the standard scenarios over the contagion rules")
    rules = list(next(iter(facts.losses.values())))
    rows = [[title, *(_share(row[rule]) for rule in rules)] for title, row in facts.losses.items()]
    table = tables.plain(["Share of system TVL lost", *rules], rows, kind="rules")
    note = f"Share of system TVL lost. Filled: {main}; hollow: the other rules; bar: their range."
    body = figure("Losses over the rules", drawn, source, note)
    annex = figure("Losses by rule", table, source, "All of TVL absorbs losses; each rule keeps its own defaults.")
    return Section(title="Stress", sentence=sentences.losses(facts), body=body, annex=annex, half=True)


def _share(value: float) -> str:
    return percent(value) if math.isfinite(value) else DASH


def ahead(facts: Facts, source: str) -> Section:
    """What is expected, with the measured skill of such forecasts beside it."""
    title = f"Forecast, {plural(facts.ask.horizon or 0, period(facts.manifest.frequency))} ahead"
    said, result = sentences.expected(facts), facts.forecast
    if result is None:
        return Section(title=title, sentence=said, body="")
    about = {m.name: m for m in MEASURES}
    found = {row["measure"]: row for row in result.measures.to_dicts()}
    shown = [found[n] for n in EXPECTED if math.isfinite(found[n]["today"]) and math.isfinite(found[n]["forecast"])]
    rows, moves = [], []
    for row in shown:
        m = about[row["measure"]]
        known = math.isfinite(row["low"]) and math.isfinite(row["high"])
        low, high, now, then = (_bare(row[name], m.unit) for name in ("low", "high", "today", "forecast"))
        title_of = f"{m.title}, USD" if m.unit == "USD" else m.title
        rows.append([title_of, now, then, f"{low} to {high}" if known else "not known"])
        today = row["today"] or math.nan
        moves.append(tuple(row[name] / today - 1 for name in ("forecast", "low", "high")))
    names = [about[row["measure"]].title for row in shown]
    told = f"The model was {_lower(result.trained_on)}." if result.trained_on else ""
    note = "Change from today, relative; bar: 90 % interval of drawn futures. No change is the zero line."
    body = figure("Expected changes", figures.intervals(names, moves, said), source, note)
    body += f'<p class="skill">{html(sentences.measured_skill(facts))}</p>'
    table = tables.plain(["Measure", "Today", "Expected", "90 % interval"], rows)
    levels = figure("Expected levels", table, source, told)
    return Section(title=title, sentence=said, body=body, annex=levels, wide=False)


def _bare(value: float, unit: str) -> str:
    return usd(value, unit=False) if unit == "USD" else amount(value, unit)


def _lower(said: str) -> str:
    return said[:1].lower() + said[1:].removesuffix(".")


def health(facts: Facts, source: str) -> Section:
    """What the checks found, worst first, and where findings touch the date."""
    rows = [
        [
            row["title"],
            row["state"],
            str(row["errors"] or DASH),
            str(row["warnings"] or DASH),
            str(row["notes"] or DASH),
        ]
        for row in facts.health.summary().to_dicts()
    ]
    table = tables.plain(["Check", "State", "Errors", "Warnings", "Notes"], rows, left=2)
    annex = figure("Checks", table, source)
    worst = facts.health.findings.filter(pl.col("severity").is_in(["error", "warning"])).head(6).to_dicts()
    found = [[_when(row), row["finding"], short(str(row["text"]), 110)] for row in worst]
    listed = tables.plain(["When", "Finding", "What"], found, left=3, kind="dated") if found else ""
    annex += figure("Errors and warnings", listed, source, "Worst first, over the whole vintage.")
    return Section(title="Data health", sentence=sentences.health(facts), body="", annex=annex)


def _when(row: dict[str, object]) -> str:
    return str(row["date"] or row["last"] or "all dates")


def all_sections(facts: Facts, source: Source) -> Sequence[Section]:
    """Return the sections in reading order; the forecast only when it was asked for.

    Args:
        facts: the numbers.
        source: what gives the line under a figure on a basis: the briefing's, but changes are of holdings always.
    """
    ordered = [network, spillover, concentration, losses]
    ordered += [ahead] if facts.ask.horizon is not None else []
    line = source(facts, facts.ask.basis)
    first = [indicators(facts, line), changes(facts, source(facts, "holdings"))]
    return [*first, *(make(facts, line) for make in (*ordered, health))]
