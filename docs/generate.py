"""Write the generated parts of docs/ from the tables the code runs on, or check that they are in sync.

A page holds `<!-- generated: NAME -->` ... `<!-- end -->`; what stands between is replaced. `--check` changes
nothing and exits 1 when a page is out of date, so that the docs cannot rot.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import polars as pl

from dexposure_core import errors
from dexposure_core.cli.commands import dexposure
from dexposure_core.forecast.base import HORIZONS
from dexposure_core.forecast.judging.evaluation import METRICS
from dexposure_core.forecast.judging.standing import TOLERATED
from dexposure_core.measures import MEASURES
from dexposure_core.network import BASES
from dexposure_core.network.families import families as token_families
from dexposure_core.pipeline.calibrate import kept, page
from dexposure_core.pipeline.checks.catalogue import CHECKS
from dexposure_core.pipeline.definitions import DEFINITIONS
from dexposure_core.pipeline.evaluation import kept as evaluation
from dexposure_core.pipeline.evaluation.kept import Evaluation
from dexposure_core.pipeline.tokens.causes import CAUSES
from dexposure_core.pipeline.tokens.doubtful import DOUBTS
from dexposure_core.pipeline.views import skill
from dexposure_core.settings import SETTINGS
from dexposure_core.store import open_store
from dexposure_core.store.schema import TABLES
from dexposure_core.stress import RULES, SCENARIOS

DOCS = Path(__file__).parent
DATA = DOCS.parent / "data"
SAID = {"holdings": "holdings", "flow": "flows"}
LEFT_OUT = {
    "no graph": "messages along the graph", "no history": "the past of pairs",
    "no tabular features": "the numbers of protocols", "random initialisation": "pre-training",
    "frozen": "tuning of the encoder", "no teachers": "teachers",
}  # fmt: skip
COMPARED = frozenset(m.name for m in METRICS if m.compared)
BLOCK = re.compile(r"(<!-- generated: (?P<name>[a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; cells may hold anything but line breaks."""

    def line(cells: Sequence[object]) -> str:
        return "| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(header), line(["---"] * len(header)), *map(line, rows)]) + "\n"


def measures() -> str:
    """The table of measures."""
    rows = [[f"`{m.name}`", m.title, m.unit, m.help] for m in MEASURES]
    return table(["name", "title", "unit", "definition"], rows)


def definitions() -> str:
    """Every indicator: what it is, formula, unit, source, limits; what the boxes beside the numbers say."""
    parts = []
    for d in DEFINITIONS:
        rows = [["formula", f"`{d.formula}`"], ["unit", d.unit], ["source", d.source], ["known limits", d.limits]]
        more = "" if d.topic == "measures" else f" More: [{d.topic}]({d.topic}.md)."
        parts.append(f"### {d.title}\n\n{d.definition}{more}\n\n" + table(["", ""], rows))
    return "\n".join(parts)


def rules() -> str:
    """The contagion rules."""
    return table(
        ["rule", "title", "definition", "source"], [[f"`{r.name}`", r.title, r.help, r.reference] for r in RULES]
    )


def scenarios() -> str:
    """The standard scenarios."""
    return table(["scenario", "title", "shock"], [[f"`{s.name}`", s.title, s.help] for s in SCENARIOS])


def checks() -> str:
    """The health checks."""
    parts = []
    for c in CHECKS:
        rows = [["how", c.formula], ["a finding", c.threshold], ["severity", c.severity], ["what to do", c.remedy]]
        parts.append(f"### {c.title} (`{c.name}`)\n\n{c.looks_for}\n\n" + table(["", ""], rows))
    return "\n".join(parts)


def scores() -> str:
    """The scores of the evaluation."""
    better = {True: "more", False: "less"}
    return table(["score", "meaning", "better"], [[f"`{m.name}`", m.help, better[m.more_is_better]] for m in METRICS])


def settings() -> str:
    """The settings and the variables that change them."""
    rows = [[f"`DEXPOSURE_{s.name.upper()}`", f"`{s.default}`" if s.default != "" else "", s.help] for s in SETTINGS]
    return table(["variable", "default", "meaning"], rows)


def refusals() -> str:
    """The error family."""
    classes = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.DexposureError)]
    classes.sort(key=lambda c: c.__mro__[::-1][2:][0].__name__ + c.__name__ if c is not errors.DexposureError else "")
    rows = [
        [f"`{c.__name__}`", f"`{c.__mro__[1].__name__}`", (inspect.getdoc(c) or "").split("\n")[0]] for c in classes
    ]
    return table(["error", "is a", "meaning"], rows)


def schema() -> str:
    """Every table of a vintage."""
    parts = []
    for spec in TABLES.values():
        parts.append(f"### {spec.name}\n\n{spec.help}\n")
        parts.append(table(["column", "type", "meaning"], [[f"`{c.name}`", c.type, c.help] for c in spec.columns]))
    return "\n".join(parts)


def families() -> str:
    """The naming customs that tell who issues a token named after another one."""
    rows = [
        [f"`{f['pattern']}`", f["underlying"], f["issuer_name"] or "itself", f["kind"], f"{f['score']:g}"]
        for f in token_families().iter_rows(named=True)
    ]
    return table(["symbol", "underlying", "issuer", "kind", "score"], rows)


def doubts() -> str:
    """Why a token is on the review list."""
    return table(["doubt", "meaning"], [[doubt.name, doubt.help] for doubt in DOUBTS])


def causes() -> str:
    """Why the released mapping names another issuer."""
    return table(["cause", "what happens", "who is right"], [[c.name, c.help, c.right] for c in CAUSES])


def calibration() -> str:
    """The simulated worlds beside the real dataset."""
    return page(kept("demo"), kept("full"))


def league() -> str:
    """How often each method is near the best of all others on the shipped evaluation."""
    rows = evaluated().rows
    found = {basis: skill.league(rows, basis) for basis in BASES}
    behind = {basis: dict(own.select("forecaster", "behind").iter_rows()) for basis, own in found.items()}
    told = [[f"`{name}`", sum(by[name] for by in behind.values()), *(by[name] for by in behind.values())]
            for name in behind[BASES[0]]]  # fmt: skip
    count = {basis: own["scores"].max() for basis, own in found.items()}
    heads = ["method", f"behind (of {sum(count.values())})", *(f"{SAID[b]} (of {n})" for b, n in count.items())]
    return table(heads, sorted(told, key=lambda row: (row[1], row[0])))


def alone() -> str:
    """How often the served forecast is near each method alone on the shipped evaluation."""
    found = pl.concat([skill.alone(evaluated().rows, basis) for basis in BASES])
    both = found.group_by("forecaster", maintain_order=True).agg(pl.col(*skill.SIDES, "scores").sum())
    rows = [[f"`{r['forecaster']}`", *(r[side] for side in skill.SIDES)] for r in both.sort("ahead").to_dicts()]
    return table(["beside", f"ahead (of {both['scores'].max()})", "within 1 %", "behind"], rows)


def ablations() -> str:
    """What the parts of the model are worth on the shipped evaluation."""
    document = evaluated().document
    rows = [[LEFT_OUT[variant]] for variant in LEFT_OUT]
    for row, variant in zip(rows, LEFT_OUT, strict=True):
        for basis in BASES:
            gains = [
                r["gain"] for r in document["ablations"]
                if (r["variant"], r["basis"]) == (variant, basis) and r["metric"] in COMPARED and r["gain"] is not None
            ]  # fmt: skip
            row += [str(sum(g < -TOLERATED for g in gains)), str(sum(g > TOLERATED for g in gains))]
    header = ["left out", "holdings: worse by more than 1 %", "better", "flows: worse", "better"]
    return table(header, rows) + "\n" + _luck(document)


def _luck(document: Mapping[str, Any]) -> str:
    """How much of that is the luck of a seed."""
    apart = [f"{n} of {of} lines of {SAID[b]}" for b in BASES for n, of in [skill.luck(document["seeds"], b)]]
    return (
        f"Of {document['seed_count']} seeds of the whole recipe the worst is more than 1 % behind the best in "
        f"{' and in '.join(apart)}, so differences of a few lines say nothing.\n"
    )


def coverage() -> str:
    """How often the 90 % intervals held on the shipped evaluation, mean over measures, losses and horizons."""
    found = evaluated()
    events = found.event_rows.partition_by("event", as_dict=True, maintain_order=True)
    tables = {"2025": found.rows} | {str(event[0]): rows for event, rows in events.items()}
    kinds = {"all that came": "covered", "known protocols": "covered_known"}
    rows = []
    for basis in BASES:
        for said, column in kinds.items():
            held = [[skill.measured(of, basis, h)[column].drop_nulls() for h in HORIZONS] for of in tables.values()]
            rows.append([SAID[basis], said, *(f"{100 * float(pl.concat(h).mean()):.1f} %" for h in held)])
    return table(["basis", "by", *tables], rows)


def evaluated() -> Evaluation:
    """The evaluation of the shipped weights."""
    return evaluation.read(DATA / "model")


def datacard() -> str:
    """What the embedded vintage holds: the figures of its data card."""
    store = open_store(DATA / "store")
    told, last = store.manifest, store.dates()[-1]
    network, held = store.snapshot(last), store.holdings(last)
    size = sum(path.stat().st_size for path in store.path.rglob("*") if path.is_file()) / 1e6
    rows = [
        ["Dates", f"{told.dates.count} Mondays, {told.dates.first} to {told.dates.last}"],
        [
            "Holdings",
            f"{told.rows['holdings']:,} (protocol, chain, token, quantity, value), borrowed ones included",
        ],
        ["Names", f"{told.rows['protocols']:,} protocols and own tokens, {told.rows['tokens']:,} tokens"],
        ["Last week", f"{held['protocol'].n_unique():,} protocols that hold, {held['chain'].n_unique():,} chains"],
        ["", f"{len(network.protocols):,} nodes, {len(network.exposure_usd):,} exposures"],
        ["Size", f"{size:.1f} MB"],
    ]
    return table(["", ""], rows)


def commands() -> str:
    """Every command with its arguments and options."""
    context = click.Context(dexposure, info_name="dexposure")
    return "\n".join(
        _command(dexposure.get_command(context, name), f"dexposure {name}") for name in dexposure.list_commands(context)
    )


def _command(command: click.Command | None, path: str) -> str:
    if command is None:
        raise LookupError(path)
    text = f"### {path}\n\n{' '.join((command.help or '').split())}\n\n"
    if isinstance(command, click.Group):
        own = f"{_usage(command, path)}\n" if command.invoke_without_command else ""
        return text + own + "\n".join(_command(sub, f"{path} {name}") for name, sub in command.commands.items())
    return text + _usage(command, path)


def _usage(command: click.Command, path: str) -> str:
    """How a command is called, and its options."""
    context = click.Context(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context))
    options = [p for p in command.get_params(context) if "--help" not in p.opts]
    rows = [record for p in options if (record := p.get_help_record(context))]
    meanings = table(["option", "meaning"], [[f"`{name}`", text] for name, text in rows]) if rows else ""
    return f"```\n{path} {usage}\n```\n\n" + meanings


PARTS: dict[str, Callable[[], str]] = {
    part.__name__: part
    for part in (
        checks, measures, definitions, rules, scenarios, scores, settings, refusals, schema, families, doubts, causes,
        commands, calibration, datacard, league, alone, ablations, coverage,
    )
}  # fmt: skip


def render(text: str) -> str:
    """Return a page with its generated parts written anew."""
    return BLOCK.sub(lambda m: f"{m.group(1)}\n{PARTS[m.group('name')]()}\n{m.group(3)}", text)


def main(argv: Sequence[str]) -> int:
    """Write the pages, or with --check say which ones are out of date; return the exit status."""
    pages = [*sorted(DOCS.rglob("*.md")), DATA / "README.md"]
    stale = [p for p in pages if render(p.read_text("utf-8")) != p.read_text("utf-8")]
    if "--check" in argv:
        for page in stale:
            sys.stderr.write(f"{page.relative_to(DOCS.parent)} is out of date; say `make docs`\n")
        return 1 if stale else 0
    for page in stale:
        page.write_text(render(page.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
