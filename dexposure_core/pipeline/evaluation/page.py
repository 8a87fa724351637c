"""The evaluation as one HTML page: words first, persistence first, nothing fetched from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any, Final

import polars as pl

from dexposure_core.forecast.judging.metrics import METRICS
from dexposure_core.forecast.judging.standing import SERVED
from dexposure_core.pipeline.evaluation import tables
from dexposure_core.pipeline.evaluation.kept import ROWS
from dexposure_core.pipeline.evaluation.pictures import reliability, weeks
from dexposure_core.pipeline.evaluation.words import summary
from dexposure_core.pipeline.views.skill import alone, league, served_from

Document = Mapping[str, Any]
FACTS: Final = {
    "basis": "basis", "horizon": "steps", "origins": "origins", "first_target": "first target",
    "last_target": "last target", "pairs": "scored pairs", "exposures": "exposures", "births": "births",
    "births_new": "of them new", "flicker_births": "flicker among births", "deaths": "deaths",
    "flicker_deaths": "flicker among deaths", "entrants": "exposures of entrants",
}  # fmt: skip


def page(document: Document) -> str:
    """Return the self-contained page of an evaluation (`pipeline.forecasting.evaluate.evaluate`)."""
    style = files("dexposure_core.pipeline.evaluation").joinpath("page.css").read_text("utf-8")
    title = f"Evaluation of the forecasters, vintage {document['vintage']}"
    body = "".join(_section(*part) for part in _parts(document) if part[1])
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{style}</style></head><body><main>'
        f"<h1>{escape(title)}</h1>{_head(document)}{body}</main></body></html>\n"
    )


def _section(title: str, html: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{html}</section>"


def _head(document: Document) -> str:
    lines = []
    if document["simulated"]:
        lines.append('<p class="simulated">SIMULATED DATA: what is scored here says nothing about real protocols.</p>')
    lines.append(
        f"<p>{document['origins']} origins from {escape(document['first_origin'])} on, steps of one "
        f"{escape(document['frequency'])}. Every forecaster saw the past of an origin and nothing else; those that "
        f"learn were fitted on dates before {escape(document['first_origin'])}. Persistence (nothing changes) stands "
        "first everywhere. Intervals (90 %) resample blocks of weeks.</p>"
    )
    if document["trained_on"]:
        lines.append(f"<p>The served forecaster, dexposure: {escape(document['trained_on'])}.</p>")
    return "".join(lines)


def _parts(document: Document) -> list[tuple[str, str]]:
    rows, standings = document["rows"], document["standings"]
    bases = list(dict.fromkeys(r["basis"] for r in rows))
    return [
        ("In short", _short(document)),
        *((f"Gain over the best baseline, {b} basis", tables.overview(standings, b)) for b in bases if _served(rows)),
        *((f"Every method beside the best of all others, {b} basis", _league(rows, b)) for b in bases),
        *((f"What is served beside each method alone, {b} basis", _alone(rows, b)) for b in bases),
        ("How often what was said came true", reliability(document["reliability"])),
        ("Skill by week", weeks(document)),
        ("What there was to forecast", tables.listing(document["facts"], FACTS)),
        ("Leak test", _leaks(document["leak_test"])),
        ("Terra, FTX, SVB", _events(document)),
        ("A world without skill", _null(document["null_world"])),
        ("Measures and stress losses", _measures(rows)),
        ("What each part of the model is worth", _ablations(document["ablations"])),
        ("Several seeds", _seeds(document["seeds"])),
        ("Where the served values come from", _sources(document["sources"])),
        ("All scores", _all(rows, bases)),
        ("What the scores mean", _glossary()),
    ]


def _league(rows: Sequence[Document], basis: str) -> str:
    found = league(_framed(rows), basis).to_dicts()
    if not found:
        return ""
    text = (
        "<p>In how many comparisons (score and horizon) each method is the best, within 1 % of the best of all others, "
        "or more than 1 % behind. The best is picked with hindsight, anew for every comparison.</p>"
    )
    columns = {
        "forecaster": "method",
        "best": "best",
        "near": "within 1 %",
        "behind": "behind",
        "scores": "comparisons",
    }
    return text + tables.listing(found, columns)


def _alone(rows: Sequence[Document], basis: str) -> str:
    found = alone(_framed(rows), basis).to_dicts()
    if not found:
        return ""
    text = (
        f"<p>In how many comparisons {SERVED} is more than 1 % better than each method, within 1 % of it, or more than "
        "1 % behind it. Nothing is picked with hindsight.</p>"
    )
    columns = {"forecaster": "beside", "ahead": "ahead", "near": "within 1 %", "behind": "behind",
               "scores": "comparisons"}  # fmt: skip
    return text + tables.listing(found, columns)


def _framed(rows: Sequence[Document]) -> pl.DataFrame:
    return pl.DataFrame([{k: r[k] for k in ROWS} for r in rows], schema=ROWS)


def _served(rows: Sequence[Document]) -> bool:
    return any(r["forecaster"] == SERVED for r in rows)


def _short(document: Document) -> str:
    said = summary(document["standings"]) or ["The served forecaster was not among those scored."]
    leaks = document["leak_test"]
    if leaks:
        failed = [leak["forecaster"] for leak in leaks if not leak["passed"]]
        said.append(
            f"Leak test: {len(leaks) - len(failed)} of {len(leaks)} passed"
            + (f"; NOT {', '.join(failed)}." if failed else ".")
        )
    notes = "".join(f"<li>{escape(note)}</li>" for note in document["notes"])
    return "".join(f"<p>{escape(s)}</p>" for s in said) + (f"<ul>{notes}</ul>" if notes else "")


def _leaks(leaks: Sequence[Document]) -> str:
    if not leaks:
        return ""
    text = (
        "<p>Each forecaster was made twice, once with a history that ends at the origin, once with made-up snapshots "
        "after it; its forecasts from the origin must be equal bit by bit.</p>"
    )
    columns = {
        "forecaster": "forecaster",
        "basis": "basis",
        "origin": "origin",
        "passed": "passed",
        "changed": "what changed",
    }
    return text + tables.listing(leaks, columns)


def _events(document: Document) -> str:
    rows = document["events"]
    if not rows:
        return ""
    text = (
        "<p>Targets in the eight steps from the event; everything, the model too, was fitted before the first origin. "
        "Eight targets give no interval at horizons of eight and more.</p>"
    )
    parts = []
    for event, basis in dict.fromkeys((r["event"], r["basis"]) for r in rows):
        standings = [s for s in document["event_standings"] if (s["event"], s["basis"]) == (event, basis)]
        own = [r for r in rows if (r["event"], r["basis"]) == (event, basis)]
        parts.append(
            f"<p>{escape(event)}. {escape(' '.join(summary(standings)))}</p>"
            f"<details><summary>{escape(event)}, {escape(basis)} basis: scores and measures</summary>"
            f"{tables.overview(standings, basis)}{_measures(own)}</details>"
        )
    return text + "".join(parts)


def _null(document: Document) -> str:
    if not document:
        return ""
    text = (
        "<p>The same table on a world whose prices and quantities are random walks with independent steps and whose "
        "exposures come and go at constant rates. On holdings there is nothing to know but today's sizes, those rates "
        "and which debtors are popular; a forecaster that claims more there is fooled. On flows the direction is a "
        "coin: saying one half beats persistence honestly.</p>"
    )
    said = "".join(f"<p>{escape(s)}</p>" for s in summary(document["standings"]))
    bases = dict.fromkeys(r["basis"] for r in document["rows"])
    shown = "".join(f"<h3>{escape(b)} basis</h3>{tables.overview(document['standings'], b)}" for b in bases)
    return text + said + shown


def _measures(rows: Sequence[Document]) -> str:
    kinds = ("r2_", "stress_mae_", "coverage_90_", "skill_")
    known = {m.name for m in METRICS}
    own = [
        r for r in rows
        if r["metric"].startswith(kinds) and r["metric"].removeprefix("skill_") not in known
    ]  # fmt: skip
    places = dict.fromkeys((r["basis"], r["horizon"]) for r in own)
    return "".join(
        f"<details><summary>Measures, {escape(b)} basis, {tables.steps(h)}</summary>{_measured(own, b, h)}</details>"
        for b, h in places
    )


def _measured(rows: Sequence[Document], basis: str, horizon: int) -> str:
    own = [r for r in rows if (r["basis"], r["horizon"]) == (basis, horizon)]
    names = tables.columns(own)
    at = {(r["metric"], r["forecaster"]): r for r in own}
    lines = [
        [metric, *(tables.value(at.get((metric, n))) for n in names)]
        for metric in dict.fromkeys(r["metric"] for r in own)
    ]  # fmt: skip
    return tables.table(["score", *names], lines, "scores")


def _ablations(rows: Sequence[Document]) -> str:
    """Return, per basis and horizon, how much each variant gains or loses beside the model with what it lacks."""
    if not rows:
        return ""
    places = dict.fromkeys((r["basis"], r["horizon"]) for r in rows)
    parts = [
        f"<details><summary>{escape(b)} basis, {tables.steps(h)}</summary>"
        f"{tables.gains([r for r in rows if (r['basis'], r['horizon']) == (b, h)])}</details>"
        for b, h in places
    ]
    said = (
        "The model trained anew with something left out or held fast; minus: worse without. Without teachers beside "
        "the whole model, without other parts beside that."
    )
    return f"<p>{said}</p>{''.join(parts)}"


def _seeds(rows: Sequence[Document]) -> str:
    shown = [r for r in rows if not r["metric"].startswith(("gain", "skill", "brier_part"))]
    columns = {
        "metric": "score", "basis": "basis", "horizon": "steps", "seeds": "seeds", "mean": "mean", "low": "least",
        "high": "most",
    }  # fmt: skip
    return f"<details><summary>Mean and range</summary>{tables.listing(shown, columns)}</details>" if shown else ""


def _sources(records: Sequence[Document]) -> str:
    columns = {"what": "what", "steps": "steps", "memory": "served from"}
    parts = {basis: served_from(records, basis) for basis in dict.fromkeys(r["basis"] for r in records)}
    return "".join(
        f"<h3>{escape(basis)} basis</h3>{tables.listing(found.to_dicts(), columns)}"
        for basis, found in parts.items()
        if not found.is_empty()
    )


def _all(rows: Sequence[Document], bases: Sequence[str]) -> str:
    places = [(b, h) for b in bases for h in dict.fromkeys(r["horizon"] for r in rows if r["basis"] == b)]
    return (
        "<p>Bold: the best of a line; red: served, more than 1 % worse than that. Hover for intervals.</p>"
        + "".join(
            f"<details{' open' if k == 0 else ''}><summary>{escape(b)} basis, {tables.steps(h)}</summary>"
            f"{tables.scores(rows, b, h)}</details>"
            for k, (b, h) in enumerate(places)
        )
    )


def _glossary() -> str:
    rows = [[m.name, tables.cell(m.help, "text"), tables.cell("more" if m.more_is_better else "less")] for m in METRICS]
    return (
        f"<details><summary>{len(rows)} scores</summary>{tables.table(['score', 'meaning', 'better'], rows)}</details>"
    )
