"""`dexposure stress`: who loses what after a shock, and what many shocks say of the system."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dexposure_core.cli.context import (
    Context,
    FilePath,
    basis_option,
    chain_option,
    columns,
    date_option,
    fractions,
    pick_date,
)
from dexposure_core.cli.stress_many import all_failures, montecarlo, reverse
from dexposure_core.cli.stress_terms import terms_of, terms_options
from dexposure_core.errors import BadOption
from dexposure_core.pipeline.numbers import percent, usd

if TYPE_CHECKING:
    from dexposure_core.network import Basis
    from dexposure_core.pipeline.stress.result import StressResult
    from dexposure_core.pipeline.stress.scenario_file import ScenarioFile
    from dexposure_core.pipeline.stress.shocks import Breaks
    from dexposure_core.pipeline.stress.terms import Terms
    from dexposure_core.store import Store


@click.group(invoke_without_command=True)
@date_option
@basis_option
@click.option("--scenario", metavar="NAME", help="A standard scenario; `stress scenarios` lists them.")
@click.option("--replay", metavar="NAME", help="An event of the past; `stress scenarios` lists them.")
@click.option("--file", "file", type=FilePath, help="A scenario file; see docs/stress.md.")
@click.option("--protocol", "protocols", multiple=True, metavar="ID=FRACTION", help="This protocol loses that share.")
@click.option("--token", "tokens", multiple=True, metavar="SYMBOL=FRACTION", help="This token loses that share.")
@click.option("--sector", "sectors", multiple=True, metavar="NAME=FRACTION", help="Each protocol of it loses that.")
@click.option("--on-chain", "on_chains", multiple=True, metavar="NAME=FRACTION", help="What is held there loses that.")
@click.option("--wrapped/--not-wrapped", default=True, show_default=True, help="What wraps a token falls with it.")
@terms_options
@click.option("--save", type=FilePath, help="Write the scenario to a file for others to run.")
@click.option("--weeks-ahead", type=click.IntRange(min=1), help="Also on the network forecast so many snapshots ahead.")
@click.option("--compare", is_flag=True, help="Also by every rule and on every basis.")
@click.option("--top", type=click.IntRange(min=1), default=15, show_default=True, help="Losers shown on a terminal.")
@chain_option
@click.pass_context
def stress(click_context: click.Context, /, **given: Any) -> None:
    """Losses after a shock: a standard scenario, a past event, a file, or a mix of one's own."""
    if click_context.invoked_subcommand is None:
        _one(click_context.obj, **given)
        return
    for name in given:
        if click_context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise BadOption(f"--{name.replace('_', '-')}: write options behind '{click_context.invoked_subcommand}'")


def _one(
    ctx: Context, *, date: str | None, basis: Basis, scenario: str | None, replay: str | None, file: Path | None,
    save: Path | None, compare: bool, weeks_ahead: int | None, top: int, chains: tuple[str, ...], **given: Any,
) -> None:  # fmt: skip
    from dexposure_core.pipeline.stress.steps import NOTE, run_steps
    from dexposure_core.pipeline.stress.stored import run_on, struck_by

    asked = _asked(scenario, replay, file, given)
    store = ctx.open_lens(chains)
    on = _date(store, date, basis, asked if date is None else None)
    snapshot, what = store.snapshot(on, basis), scenario if scenario is not None else asked.breaks
    struck = struck_by(store, snapshot, what, lenient=replay is not None)
    result = run_on(store, snapshot, struck, asked.terms, scenario)
    later = run_steps(store, on, basis, asked.then, asked.terms)
    if save is not None:
        _save(save, asked, on, basis, scenario)
    document = result.json()
    if later:
        document |= {"then": [step.json() for step in later], "then_note": NOTE}
    if compare:
        document |= _compared(store, on, what, asked.terms, replay)
    if weeks_ahead is not None:
        document |= {"ahead": _ahead(ctx, store, result, what, asked.terms, weeks_ahead, lenient=replay is not None)}

    def lines() -> Iterator[str]:
        if asked.title:
            yield asked.title
        yield f"{document['rule']} on {document['date']} ({basis} basis): {usd(document['total_usd'])} lost, " + (
            f"{percent(document['loss_fraction'])} of system TVL ({usd(document['direct_usd'])} at once, "
            f"{usd(document['induced_usd'])} by contagion, {document['rounds']} rounds"
            f"{'' if document['converged'] else ', NOT converged'})"
        )
        names = {p["id"]: p.get("name", p["id"]) for p in document["protocols"]}
        losers = sorted(document["protocols"], key=lambda p: -(p["loss_usd"] or 0))[:top]
        yield from columns(["protocol", "loss"], [[names[p["id"]], usd(p["loss_usd"])] for p in losers])
        yield from _more(document)
        yield from (f"note: {note}" for note in (*result.notes, *document.get("left_out", ())))

    ctx.show(document, lines)


def _more(document: dict[str, Any]) -> Iterator[str]:
    """Say what was asked beyond the one test: other rules and bases, later steps, the network to come."""
    if "comparison" in document:
        rows = [[r["basis"], r["rule"], usd(r["total_usd"]), percent(r["loss_fraction"]), f"{r['distressed']:,}"]
                for r in document["comparison"]]  # fmt: skip
        yield from columns(["basis", "rule", "lost", "of system TVL", "lose a tenth"], rows)
    if "then" in document:
        steps = [document, *document["then"]]
        yield from columns(["step", "lost"], [[step["date"], usd(step["total_usd"])] for step in steps])
        yield f"all steps: {usd(sum(step['total_usd'] for step in steps))} lost; {document['then_note']}"
    if "ahead" in document:
        rows = [[r["network"], *(usd(r[name]) for name in ("loss_usd", "low_usd", "high_usd"))]
                for r in document["ahead"]["networks"]]  # fmt: skip
        yield from columns(["network", "lost", "5 %", "95 %"], rows)


def _ahead(
    ctx: Context, store: Store, result: StressResult, what: str | Breaks, terms: Terms, weeks: int, *, lenient: bool
) -> dict[str, Any]:  # fmt: skip
    from dexposure_core.pipeline.forecasting.stress_ahead import stress_ahead

    with ctx.progress(" futures") as progress:
        found = stress_ahead(
            store, result.date, result.snapshot.basis, what, terms, weeks, lenient=lenient, progress=progress
        )  # fmt: skip
    return found.json()


def _compared(store: Store, date: dt.date, what: str | Breaks, terms: Terms, replay: str | None) -> dict[str, Any]:
    from dexposure_core.pipeline.stress.compare import compared

    table, notes = compared(store, date, what, terms, lenient=replay is not None)
    return {"comparison": table.fill_nan(None).to_dicts(), "left_out": list(notes)}


def _asked(scenario: str | None, replay: str | None, file: Path | None, given: dict[str, Any]) -> ScenarioFile:
    """Return what is to break and how losses travel; what stands on the command line wins over a file's terms."""
    from dexposure_core.pipeline.stress.scenario_file import ScenarioFile, find_replay, read_scenario
    from dexposure_core.pipeline.stress.shocks import Breaks

    own = Breaks(
        protocols=fractions("--protocol", given["protocols"]), tokens=fractions("--token", given["tokens"]),
        sectors=fractions("--sector", given["sectors"]), chains=fractions("--on-chain", given["on_chains"]),
        wrapped=given["wrapped"],
    )  # fmt: skip
    ways = [scenario is not None, replay is not None, file is not None, bool(own)]
    if sum(ways) != 1:
        raise BadOption(
            "Say what breaks, in one way: --scenario NAME, --replay NAME, --file FILE, or any of --protocol, --token, "
            "--sector and --on-chain NAME=FRACTION"
        )
    terms = terms_of(given)
    if file is not None:
        read = read_scenario(file)
        return read if _untouched() else replace(read, terms=terms)
    event = find_replay(replay) if replay is not None else ScenarioFile(breaks=own)
    return ScenarioFile(breaks=event.breaks, title=event.title, about=event.about, date=event.date, terms=terms)


def _untouched() -> bool:
    """Return whether no option about the rule stands on the command line."""
    here = click.get_current_context()
    named = ("rule", "absorbing_fraction", "pass_through", "options", "kinds")
    return all(here.get_parameter_source(name) is not click.core.ParameterSource.COMMANDLINE for name in named)


def _date(store: Store, text: str | None, basis: Basis, asked: ScenarioFile | None) -> dt.date:
    """Return the date asked for, else that of the scenario (the last snapshot up to it), else the last one."""
    if asked is None or asked.date is None:
        return pick_date(store, text, basis)
    before = [day for day in store.dates(basis) if day <= asked.date]
    return before[-1] if before else pick_date(store, text, basis)


def _save(path: Path, asked: ScenarioFile, date: dt.date, basis: Basis, scenario: str | None) -> None:
    if scenario is not None:
        raise BadOption("--save: a standard scenario needs no file; its name is --scenario " + scenario)
    if path.exists():
        raise BadOption(f"--save: {path.name} is there already; name another file")
    try:
        path.write_text(replace(asked, date=date, basis=basis).text(), encoding="utf-8")
    except OSError as error:
        raise BadOption(f"--save: {path.name} cannot be written: {error.strerror}") from None


@stress.command()
@click.pass_obj
def scenarios(ctx: Context) -> None:
    """The standard scenarios and the events of the past that can be replayed."""
    from dexposure_core.pipeline.stress.scenario_file import replays
    from dexposure_core.stress import SCENARIOS

    standard = [{"name": s.name, "title": s.title, "about": s.help} for s in SCENARIOS]
    past = [{"name": n, "title": r.title, "date": str(r.date), "about": r.about} for n, r in replays().items()]

    def lines() -> Iterator[str]:
        yield from columns(["--scenario", ""], [[s["name"], s["title"]] for s in standard])
        yield from columns(["--replay", ""], [[p["name"], p["title"]] for p in past])

    ctx.show({"scenarios": standard, "replays": past}, lines)


for command in (all_failures, montecarlo, reverse):
    stress.add_command(command)
