"""`dexposure alerts`: what is out of the ordinary, as a list or a feed, and who has seen it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from dexposure_core.cli.context import Context, FilePath, basis_option, columns, date_option, pick_date
from dexposure_core.errors import BadInput, BadOption, suggest
from dexposure_core.pipeline.numbers import percent

if TYPE_CHECKING:
    import datetime as dt

    from dexposure_core.network import Basis
    from dexposure_core.pipeline.alerts import Alerts
    from dexposure_core.pipeline.alerts.acks import Acks
    from dexposure_core.pipeline.alerts.rule_file import RuleFile
    from dexposure_core.pipeline.forecasting.cache import Kept
    from dexposure_core.store import Store

FAILED: Final = 3
_GRAVE: Final = ("alarm", "warning", "notice")
_OPTIONS: Final = (  # what both commands must be told alike, so that they see the same alerts
    date_option,
    basis_option,
    click.option("--rules", type=FilePath, metavar="FILE", help="Rules (TOML). Default: those shipped."),
    click.option("--limit", "limits", multiple=True, metavar="RULE",
                 help="One more rule, like 'tvl_hhi>0.18' or 'tvl_usd@111<5e9' (repeatable)."),
    click.option("--acks", type=FilePath, metavar="FILE",
                 help="Acknowledgements. Default: acknowledged.json in your data folder."),
    click.option("--forecast/--no-forecast", "ahead", default=None,
                 help="Judge a forecast too, made if there is none. Default: if one is kept."),
    click.option("--horizon", type=click.IntRange(min=1), default=4, show_default=True,
                 help="Snapshots ahead of that forecast."),
)  # fmt: skip


def _judged(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that decide which alerts there are."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group(invoke_without_command=True)
@_judged
@click.option(
    "--csv", "out", type=FilePath, metavar="FILE", help="Also write the alerts to this .csv or .parquet file."
)
@click.option("--fail-on", type=click.Choice(_GRAVE), help="Exit with 3 on an unacknowledged alert as grave as this.")
@click.option("--record", is_flag=True, help="Also list how often every rule fired, and how often for nothing.")
@click.pass_context
def alerts(
    click_context: click.Context, date: str | None, basis: Basis, rules: Path | None, limits: tuple[str, ...],
    acks: Path | None, ahead: bool | None, horizon: int, out: Path | None, fail_on: str | None, record: bool,
) -> None:  # fmt: skip
    """What is out of the ordinary on one date, gravest first. Exit 0, or 3 with --fail-on."""
    if click_context.invoked_subcommand is not None:
        return
    from dexposure_core.pipeline.alerts import as_grave_as, document, feed
    from dexposure_core.pipeline.alerts.acks import read_acks, usual_file
    from dexposure_core.pipeline.export import provenance, save

    ctx: Context = click_context.obj
    store, seen = ctx.open(), read_acks(acks or usual_file())
    day = pick_date(store, date, basis)
    found = _found(store, day, basis, _rules(rules, limits), (ahead, horizon))
    if out is not None:
        save(feed(found, seen), out, provenance(store, table="alerts", date=day, basis=basis, rules=rules))
    ctx.show(document(store.vintage, found, seen), lambda: _lines(found, seen, record=record))
    if fail_on is not None and any(a.id not in seen for a in as_grave_as(found, fail_on)):
        raise click.exceptions.Exit(FAILED)


@alerts.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--note", default="", help="Why it needs no more attention.")
@click.option("--undo", is_flag=True, help="Take the acknowledgement back instead.")
@_judged
@click.pass_obj
def ack(
    ctx: Context, ids: tuple[str, ...], note: str, undo: bool, date: str | None, basis: Basis, rules: Path | None,
    limits: tuple[str, ...], acks: Path | None, ahead: bool | None, horizon: int,
) -> None:  # fmt: skip
    """Acknowledge alerts by their ids, as `dexposure alerts` lists them with the same options."""
    from dexposure_core.pipeline.alerts.acks import ack_now, change_acks, read_acks, usual_file

    file = acks or usual_file()
    if undo:
        _known(ids, set(read_acks(file)), f"{file} holds no acknowledgement")
        held = change_acks(file, {}, ids)
    else:
        store = ctx.open()
        day = pick_date(store, date, basis)
        found = {a.id: a for a in _found(store, day, basis, _rules(rules, limits), (ahead, horizon)).alerts}
        _known(ids, set(found), f"there is no alert on {day}")
        held = change_acks(file, {i: ack_now(note, found[i].words()) for i in ids})
    done = "taken back" if undo else "acknowledged"
    document = {"file": str(file), "changed": list(ids), "done": done, "acknowledged": len(held)}
    ctx.show(document, lambda: iter([f"{done} {', '.join(ids)} in {file}"]))


def _rules(file: Path | None, limits: tuple[str, ...]) -> RuleFile:
    from dexposure_core.pipeline.alerts import parse_line, read_rules, shipped

    given = shipped() if file is None else read_rules(file)
    return given.having(tuple(parse_line(limit, "--limit") for limit in limits))


def _found(store: Store, day: dt.date, basis: Basis, rules: RuleFile, ahead: tuple[bool | None, int]) -> Alerts:
    from dexposure_core.pipeline.alerts import alerts as judge

    asked, horizon = ahead
    kept = None if asked is False else _kept(store, day, basis, horizon, make=asked is True)
    found = judge(store, day, basis, rules, kept, horizon)
    for rule, reason in found.failed:  # a rule that watches nothing would be silent for good
        raise BadInput(f"rule {rule.line[:120]}: {reason}; correct or remove it")
    return found


def _kept(store: Store, day: dt.date, basis: Basis, horizon: int, *, make: bool) -> Kept | None:
    from dexposure_core.pipeline.forecasting.forecast import forecast, forecast_kept

    if make:
        forecast(store, day, basis, horizon)
    kept = forecast_kept(store, day, basis, horizon)
    if make and kept is None:
        raise BadOption("--forecast: the forecast could not be kept; check DEXPOSURE_CACHE_DIR and its disk")
    return kept


def _known(ids: tuple[str, ...], known: set[str], words: str) -> None:
    for wanted in ids:
        if wanted not in known:
            hint = suggest(wanted[:40], known) or "; `dexposure alerts` lists the ids"
            raise BadOption(f"'{wanted[:40]}': {words} of that id{hint}")


def _lines(found: Alerts, acks: Acks, *, record: bool) -> Iterator[str]:
    from dexposure_core.pipeline.alerts import records
    from dexposure_core.pipeline.alerts.ahead import HOW

    unseen = len(found.unseen(acks))
    yield f"{found.date}, {found.basis} basis: {len(found.alerts)} alerts, {unseen} not acknowledged"
    for alert in found.alerts:
        mark = f" [acknowledged {acks[alert.id].at[:10]}: {acks[alert.id].note}]" if alert.id in acks else ""
        yield f"{alert.id} {alert.severity}: {_one_line(alert.words())} {alert.standing()}.{_one_line(mark)}"
    yield (
        f"A false alarm: within {found.after} snapshots neither an event nor a further move of the same size followed."
        + (f" Probabilities are {HOW}." if found.ahead else "")
    )
    if record:
        yield ""
        rows = [
            [r["rule"], str(r["fired"]), str(r["last"] or ""), str(r["judged"]), percent(r["false_alarm_rate"]),
             percent(r["at_random"]), str(r["beyond"])]
            for r in records(found).to_dicts()
        ]  # fmt: skip
        yield from columns(["rule", "fired", "last", "judged", "false alarms", "any date", "snapshots beyond"], rows)


def _one_line(text: str) -> str:
    """Return a text without what a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text)
