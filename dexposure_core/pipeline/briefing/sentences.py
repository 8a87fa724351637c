"""The generated sentence that opens each section of a briefing. Plain text: whoever prints it escapes it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import polars as pl

from dexposure_core.forecast.judging.standing import PERSISTENCE
from dexposure_core.pipeline.briefing.facts import Facts
from dexposure_core.pipeline.changes import ChangeSummary, summary
from dexposure_core.pipeline.evaluation.kept import Evaluation
from dexposure_core.pipeline.indicators import Position
from dexposure_core.pipeline.names import short
from dexposure_core.pipeline.numbers import amount, change, count, number, percent, plural, points, usd
from dexposure_core.pipeline.phrases import cause, moved, period, standing, system_tvl
from dexposure_core.pipeline.views import network_facts, skill
from dexposure_core.stress import find_rule


def headline(facts: Facts) -> str:
    """Answer: is the system more fragile than at the snapshot before?"""
    when = period(facts.manifest.frequency)
    tvl = next(p for p in facts.positions if p.indicator.measure == "system_tvl_usd")
    size = f"{system_tvl(when, facts.snapshot.basis)} is {usd(tvl.level)}" + (
        f" ({moved(tvl)})" if math.isfinite(tvl.change) else ""
    )
    watched = [p for p in facts.positions if p.indicator.fragile and math.isfinite(p.change)]
    if not watched:
        return f"There is no earlier snapshot to compare with; {size}."
    worse = [p for p in watched if p.change * p.indicator.fragile > 0]
    verb = "points" if len(worse) == 1 else "point"
    most = max(worse, key=lambda p: abs(p.change) / p.sigma if p.sigma > 0 else abs(p.change), default=None)
    lead = f", most of all {most.indicator.phrase} ({moved(most)})" if most else ""
    raised = plural(facts.flags.height, "early-warning flag") if facts.flags.height else "no early-warning flag"
    verdict = f"{len(worse)} of {len(watched)} fragility indicators {verb} up since last {when}{lead}"
    return f"{verdict}; {size}; {raised} {'are' if facts.flags.height > 1 else 'is'} up."


def changes(facts: Facts) -> str:
    """Answer: what moved exposures, and by which cause?"""
    when = period(facts.manifest.frequency)
    if facts.moved.is_empty():
        return f"There is no snapshot before {facts.ask.date} to compare with."
    sums = summary(facts.moved)
    told = ", ".join(f"{name.lower()} {usd(v, sign=True)}" for name, v in causes(sums).items() if v)
    row = facts.moved.row(0, named=True)
    why = cause(row)
    pair = f"{short(row['creditor_name'])} → {short(row['debtor_name'])}"
    lead = "All exposures" if facts.ask.basis == "holdings" else "On the holdings basis, all exposures"
    return (
        f"{lead} together changed by {usd(sums.change_usd, sign=True)} this {when}, "
        f"from {usd(sums.before_usd)} to {usd(sums.after_usd)}{': ' + told if told else ''}. "
        f"The largest single change is {pair}, {usd(row['change_usd'], sign=True)}{', ' + why if why else ''}."
    )


def causes(sums: ChangeSummary) -> dict[str, float]:
    """Return the causes of a change by their titles, in the order they are told; they add up to it."""
    parts = {"Price": sums.price_usd, "Quantity": sums.quantity_usd, "Entry": sums.entry_usd, "Exit": sums.exit_usd}
    rare = {"Mapping": sums.mapping_usd, "Not split": sums.unsplit_usd}
    return parts | {name: usd for name, usd in rare.items() if usd}


def network(facts: Facts) -> str:
    """Answer: who is exposed to whom?"""
    now = network_facts(facts.snapshot)
    if not now.exposures:
        return f"{plural(now.protocols, 'protocol')}, and none holds another's tokens on this date."
    kind = "exposures" if facts.ask.basis == "holdings" else "net flows"
    return (
        f"{count(now.exposures)} {kind} worth {usd(now.total_usd)} tie {count(now.protocols)} protocols together; the "
        f"ten largest make {percent(now.top10_share)}, and {percent(now.main_debtor_share)} of all lead to "
        f"{short(now.main_debtor)}."
    )


def spillover(facts: Facts) -> str:
    """Answer: where does exposure cross from one sector to another?"""
    now, moves = facts.matrices
    creditor, debtor, largest = now.largest_crossing()
    if not creditor:
        return f"No exposure crosses sectors; all {usd(now.total)} stays within one."
    share, since = now.cross_sector_usd / now.total, ""
    if moves is not None and now.total > moves.total:
        was = (now.cross_sector_usd - moves.cross_sector_usd) / (now.total - moves.total)
        since = f" ({points(share - was)} since last {period(facts.manifest.frequency)})"
    return (
        f"{percent(share)} of all exposure crosses sectors{since}: {usd(now.cross_sector_usd)} of {usd(now.total)}. "
        f"The largest crossing: {short(creditor, 70)} holds {usd(largest)} of tokens issued by {short(debtor, 70)}."
    )


def concentration(facts: Facts) -> str:
    """Answer: how concentrated is TVL, how did that move, and by whom?"""
    at = _position(facts, "tvl_hhi")
    if not math.isfinite(at.level):
        return "TVL concentration is not defined on this date: there is no TVL."
    said = (
        f"TVL concentration (HHI) is {number(at.level)}, as if {number(1 / at.level)} equal protocols shared the "
        f"system ({standing(at, facts.ask.date)})"
    )
    if not math.isfinite(at.change) or not at.change:
        return f"{said}."
    said += f"; it {'rose' if at.change > 0 else 'fell'} by {number(abs(at.change))}"
    if facts.movers.is_empty() or facts.ask.basis != "holdings":
        return f"{said}."
    main = facts.movers.sort("hhi_contribution", "protocol", descending=[at.change > 0, False]).row(0, named=True)
    why = cause(main)
    part = f"{short(main['name'])}, {number(main['hhi_contribution'], sign=True)}{', ' + why if why else ''}"
    return f"{said}. The largest part of that is {part}."


def losses(facts: Facts) -> str:
    """Answer: which standard scenario costs most, and how far does that depend on the rule?"""
    main = find_rule(facts.ask.rule).title
    known = {title: row for title, row in facts.losses.items() if math.isfinite(row[main])}
    if not known:
        return "No standard scenario hits a protocol of this network."
    worst = max(known, key=lambda title: known[title][main])
    spread = [x for x in known[worst].values() if math.isfinite(x)]
    return (
        f"The worst standard scenario under {main} is “{worst}”: protocols lose {percent(known[worst][main])} of "
        f"system TVL. Over the {len(spread)} rules it costs {percent(min(spread))} to {percent(max(spread))}."
    )


def expected(facts: Facts) -> str:
    """Answer: what is expected, and by whom?"""
    result = facts.forecast
    if result is None:
        return facts.no_forecast
    rows = {row["measure"]: row for row in result.measures.to_dicts()}
    parts = [_expected(f"system TVL {usd(rows['system_tvl_usd']['forecast'])}", rows["system_tvl_usd"], "USD")]
    parts.append(
        _expected(f"total exposure {usd(rows['total_exposure_usd']['forecast'])}", rows["total_exposure_usd"], "USD")
    )
    parts.append(_expected(f"TVL concentration {number(rows['tvl_hhi']['forecast'])}", rows["tvl_hhi"], "index"))
    when = str(result.target) if result.target else f"{result.horizon_weeks} snapshots ahead"
    ahead = plural(result.horizon_weeks, period(facts.manifest.frequency))
    return f"By {when} ({ahead} ahead) the model expects {'; '.join(parts)}. Persistence expects no change."


def _expected(said: str, row: Mapping[str, float], unit: str) -> str:
    span = ""
    if math.isfinite(row["low"]) and math.isfinite(row["high"]):
        span = f"; 90 %: {amount(row['low'], unit)} to {amount(row['high'], unit)}"
    close = math.isclose(row["forecast"], row["today"], rel_tol=1e-6)
    return f"{said} ({'no change' if close else change(row['forecast'], row['today'], unit)}{span})"


def measured_skill(facts: Facts) -> str:
    """Say how good such forecasts were on weeks the model had not seen, and where that was measured."""
    seen = " The model was trained on weeks after this date: this forecast is no test of it."
    return _skill(facts) + (seen if facts.forecast is not None and facts.forecast.in_sample else "")


def _skill(facts: Facts) -> str:
    found, basis, horizon = facts.evaluation, facts.ask.basis, facts.ask.horizon or 0
    if found is None:
        return "The skill of these weights has not been measured: take the numbers as unproven."
    none = skill.persistence_standings(found.rows, basis).filter(pl.col("horizon") == horizon)
    if none.is_empty():
        return "This basis and horizon have not been scored: take the numbers as unproven."
    held = skill.tally(none)
    said = (
        f"Measured skill: beside no change ({PERSISTENCE}) the model was better beyond chance in {held['better']} of "
    )
    said += f"{plural(none.height, 'score')} and worse in {held['worse']}"
    best = skill.best_standings(found.document["standings"], basis).filter(pl.col("horizon") == horizon)
    if not best.is_empty():
        than = skill.tally(best)
        said += (
            f"; beside the best other method better in {than['better']} of {best.height} and worse in {than['worse']}"
        )
    return f"{said}. {_covered(found, basis, horizon)}{_elsewhere(found, facts)}"


def _covered(found: Evaluation, basis: str, horizon: int) -> str:
    held = skill.measured(found.rows, basis, horizon).drop_nulls("covered")["covered"].to_list()
    if not held:
        return "How often its intervals hold has not been measured."
    return (
        f"Its 90 % intervals held {percent(sum(held) / len(held))} of the time, over all measures and losses "
        f"({percent(min(held))} for the worst)."
    )


def _elsewhere(found: Evaluation, facts: Facts) -> str:
    if found.of(facts.manifest.content_hash):
        return ""
    kind = "other, simulated data" if found.document["simulated"] else "other data"
    return f" This was measured on {kind} (vintage {found.document['vintage']}) and need not hold here."


def health(facts: Facts) -> str:
    """Answer: can the numbers be trusted?"""
    rows = facts.health.summary()
    errors, warned, notes = (int(rows[name].sum()) for name in ("errors", "warnings", "notes"))
    clean = rows.filter(pl.col("state") == "passed").height
    sums = facts.coverage
    return (
        f"{plural(rows.height, 'check')} found {plural(errors, 'error')}, {plural(warned, 'warning')} and "
        f"{plural(notes, 'note')} over the whole vintage; {clean} found nothing. Of {usd(sums['in_usd'])} read over "
        f"all dates, {usd(sums['mapped_usd'])} are assigned and {usd(sums['dropped_usd'])} left out."
    )


def _position(facts: Facts, measure: str) -> Position:
    return next(p for p in facts.positions if p.indicator.measure == measure)
