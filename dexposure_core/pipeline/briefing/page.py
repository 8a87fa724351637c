"""The briefing as one HTML page that needs nothing from the network and prints on A4."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Sequence
from importlib.resources import files
from typing import Final

from dexposure_core import __version__
from dexposure_core.network.chains import DEFAULT, chain_aside, chain_words
from dexposure_core.pipeline.briefing.facts import Ask, Facts
from dexposure_core.pipeline.briefing.sections import Section, all_sections
from dexposure_core.pipeline.names import html, short
from dexposure_core.pipeline.phrases import period

PRODUCT: Final = "DeXposure Monitor"
SIMULATED: Final = "SIMULATED DATA"
UNREAL: Final = "Every number below comes from a simulated world. None is an observation of a real protocol."
METHOD: Final = (
    "An exposure is the USD value of tokens one protocol holds that another issued (flow basis: the net USD that moved "
    "in the period). TVL is gross: a dollar held through two protocols counts twice.",
    "The HHI is the sum of squared shares. A standing is the share of the two years' values at or below today's.",
    "Change by price is q₀(p₁ − p₀), by quantity p₁(q₁ − q₀), holding by holding; what lacks a quantity is not split.",
    "Stress: a shock to protocols passes to the holders of their tokens, by each contagion rule in turn. The rules are "
    "models, not observations; their range is a lower bound of what is not known.",
    "A number that is not defined is said to be so, never shown as 0.",
)


def page(facts: Facts, made: dt.datetime) -> str:
    """Return the self-contained page; nothing but the line of `made` depends on when it is made."""
    style = files("dexposure_core.pipeline.briefing").joinpath("page.css").read_text("utf-8")
    first, *others = all_sections(facts, source_line)
    body = f'<p class="lead">{html(first.sentence)}</p>{first.body}{_rows(others)}{_annex(others)}'
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<title>{html(title(facts))}</title><meta name="viewport" content="width=device-width">\n'
        f"<style>{style}</style></head><body><main>\n{_cover(facts)}\n"
        f'<p class="made">Made {made.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC</p>\n'
        f"{body}\n{_method()}\n{_citation(facts)}\n</main></body></html>\n"
    )


def title(facts: Facts) -> str:
    """Return the title: how often, date, basis and whether simulated."""
    often = {"day": "Daily", "week": "Weekly", "month": "Monthly"}.get(period(facts.manifest.frequency), "Periodic")
    label = ", simulated data" if facts.manifest.simulated else ""
    return f"{often} briefing on DeFi credit exposure, {facts.ask.date}{label}"


def source_line(facts: Facts, basis: str) -> str:
    """Return what stands under every figure: source, date, basis, chains, vintage, and whether it is simulated."""
    label = f"{SIMULATED}. " if facts.manifest.simulated else ""
    parts = [f"{label}Source: {_sources(facts)}", str(facts.ask.date), f"{basis} basis", *_chains(facts)]
    return f"{', '.join(parts)}; vintage {facts.manifest.vintage}."


def command(ask: Ask, vintage: str, chains: str) -> str:
    """Return the command that makes the same briefing again."""
    words = ["dexposure", "--vintage", vintage, "report", "--date", str(ask.date), "--basis", ask.basis]
    words += ["--horizon", str(ask.horizon)] if ask.horizon is not None else []
    plain = Ask(date=ask.date)
    words += ["--rule", ask.rule] if ask.rule != plain.rule else []
    words += ["--top", str(ask.top)] if ask.top != plain.top else []
    for chain in chains.split(",") if chains != DEFAULT else ():
        words += ["--chain", chain]
    return shlex.join([*words, "--out", "briefing.html"])


def _sources(facts: Facts) -> str:
    if facts.manifest.simulated:
        return f"simulated world, seed {facts.manifest.parameters.get('seed', 'not stated')}"
    names = [short(s.name.rsplit("/", 1)[-1], 60) for s in facts.manifest.sources]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]}{more}" if names else "not stated"


def _chains(facts: Facts) -> list[str]:
    if facts.chains == DEFAULT:
        return []
    said = chain_words(facts.chains)
    return [f"{short(said, 60)} ({chain_aside(said)})"]


def _cover(facts: Facts) -> str:
    often = title(facts).split(",", maxsplit=1)[0]
    badge = f'<span class="badge">{SIMULATED}</span>' if facts.manifest.simulated else ""
    warning = f'<p class="warning">{html(UNREAL)}</p>' if facts.manifest.simulated else ""
    strip = [f"As of <b>{facts.ask.date}</b>", f"{html(facts.ask.basis)} basis", *map(html, _chains(facts))]
    strip.append(f"vintage {html(facts.manifest.vintage)}")
    return (
        f'<header><p class="house">{PRODUCT}{badge}</p><h1>{html(often)}</h1>'
        f'<p class="strip">{" · ".join(strip)}</p>{warning}</header>'
    )


def _section(of: Section) -> str:
    kind = "wide" if of.wide or of.half else "pair"
    body = f'<div class="{kind}">{of.body}</div>' if of.body else ""
    head = f'<div class="head"><h2>{html(of.title)}</h2><p class="answer">{html(of.sentence)}</p></div>'
    return f"<section>{head}{body}</section>"


def _rows(sections: Sequence[Section]) -> str:
    """Return the sections one below the other, those of half a width two by two."""
    rows, waiting = [], ""
    for section in sections:
        if section.half and not waiting:
            waiting = _section(section)
        elif section.half:
            rows.append(f'<div class="halves">{waiting}{_section(section)}</div>')
            waiting = ""
        else:
            rows += [waiting, _section(section)]
            waiting = ""
    return "".join([*rows, waiting])


def _annex(sections: Sequence[Section]) -> str:
    """Return what a reader looks up: the tables behind the sections, on a page of its own in print."""
    tables = "".join(section.annex for section in sections)
    return f'<section class="annex"><h2>Annex: the tables behind it</h2><div class="pair">{tables}</div></section>'


def _method() -> str:
    items = "".join(f"<li>{html(item)}</li>" for item in METHOD)
    return f"<section><h2>Method notes</h2><ul>{items}</ul></section>"


def _citation(facts: Facts) -> str:
    label = f" {SIMULATED}." if facts.manifest.simulated else ""
    cite = (
        f"{PRODUCT} {__version__}: {title(facts)}. {facts.ask.basis.capitalize()} basis. "
        f"Vintage {facts.manifest.vintage}.{label}"
    )
    rows: Sequence[tuple[str, str]] = (
        ("Cite as", cite),
        ("Sources", _sources(facts)),
        ("Data (sha256 of content)", facts.manifest.content_hash),
        ("Software", f"{PRODUCT} {__version__}"),
        ("Made again by", command(facts.ask, facts.manifest.vintage, facts.chains)),
    )
    told = "".join(f"<dt>{html(name)}</dt><dd>{html(value)}</dd>" for name, value in rows)
    return f'<section class="cite"><h2>How to cite, and how to make it again</h2><dl>{told}</dl></section>'
