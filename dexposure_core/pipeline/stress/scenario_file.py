"""Stress scenarios as files: TOML that a person writes, the lab saves, and others run again.

    title = "A stablecoin breaks"
    about = "Why, and where the numbers come from."
    date = 2023-03-06                  # the snapshot it is meant for; any other can be asked for
    basis = "holdings"

    [tokens]                           # also [protocols], [sectors], [chains]: name = share of value lost, 0 to 1
    USDC = 0.12

    [wraps]                            # where symbols do not tell what a token stands for; "" for nothing
    XUSDC = "USDC"

    [terms]                            # how losses travel; each can be left out
    rule = "linear-debtrank"
    absorbing_fraction = 1.0
    pass_through = 1.0

    [kinds]                            # what tokens of a kind lose of their issuer's distress; others all of it
    governance = 0.5

    [[then]]                           # what breaks later, on the network of its own date; any number of them
    date = 2023-03-13
    tokens = { DAI = 0.05 }

Events of the past come as such files in `replays/`: what broke then, for the network of any date.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, NoReturn

from dexposure_core.errors import UnknownScenario, suggest
from dexposure_core.network.snapshot import BASES
from dexposure_core.pipeline import hostile_toml as toml
from dexposure_core.pipeline.stress.shocks import Breaks
from dexposure_core.pipeline.stress.terms import Terms
from dexposure_core.stress import find_rule

_SHARES: Final = ("protocols", "sectors", "chains", "tokens")
_KEYS: Final = ("title", "about", "date", "basis", "wrapped", *_SHARES, "wraps", "terms", "kinds", "then")
_STEP: Final = ("date", "wrapped", *_SHARES, "wraps")
_TERMS: Final = ("rule", "absorbing_fraction", "pass_through")


@dataclass(frozen=True, kw_only=True)
class Step:
    """What breaks at a later date."""

    date: dt.date
    breaks: Breaks


@dataclass(frozen=True, kw_only=True)
class ScenarioFile:
    """A scenario as it stands in a file.

    Attributes:
        breaks: what loses value.
        title, about: what a reader sees.
        date, basis: the snapshot it is meant for; None where the file does not say.
        terms: how losses travel.
        then: what breaks later, dates ascending.
    """

    breaks: Breaks
    title: str = ""
    about: str = ""
    date: dt.date | None = None
    basis: str | None = None
    terms: Terms = field(default_factory=Terms)
    then: tuple[Step, ...] = ()

    def text(self) -> str:
        """Return the file's text; reading it gives an equal scenario."""
        lines = [f"title = {_quoted(self.title)}"]
        lines += [f"about = {_quoted(self.about)}"] if self.about else []
        lines += [f"date = {self.date.isoformat()}"] if self.date else []
        lines += [f"basis = {_quoted(self.basis)}"] if self.basis else []
        lines += [] if self.breaks.wrapped else ["wrapped = false"]
        tables: dict[str, Mapping[str, Any]] = {name: getattr(self.breaks, name) for name in (*_SHARES, "wraps")}
        tables["terms"] = {name: getattr(self.terms, name) for name in _TERMS} | dict(self.terms.options)
        tables["kinds"] = dict(self.terms.kinds)
        for name, rows in tables.items():
            if rows:
                lines += ["", f"[{name}]", *(f"{_quoted(key)} = {_value(value)}" for key, value in rows.items())]
        for step in self.then:
            lines += ["", "[[then]]", f"date = {step.date.isoformat()}"]
            lines += [] if step.breaks.wrapped else ["wrapped = false"]
            for name in (*_SHARES, "wraps"):
                if part := dict(getattr(step.breaks, name)):
                    inside = ", ".join(f"{_quoted(key)} = {_value(value)}" for key, value in part.items())
                    lines += [f"{name} = {{ {inside} }}"]
        return "\n".join(lines) + "\n"


def read_scenario(path: str | Path) -> ScenarioFile:
    """Read a scenario file.

    Raises:
        BadInput: not there, not TOML, an unknown key, a share that is none, nothing that breaks; says where.
    """
    return parse_scenario(toml.read_text(path, "name a scenario file, see docs/stress.md"), Path(path).name)


def parse_scenario(text: str, name: str = "scenario") -> ScenarioFile:
    """Read the text of a scenario file; `name` is what messages call it.

    Raises:
        BadInput: as `read_scenario`.
    """
    given = toml.parsed(text, name, "write lines like  USDC = 0.1  under  [tokens]")
    _known(name, "", given, _KEYS)
    breaks = _breaks(name, given)
    if not breaks:
        _refuse(name, "", "nothing breaks", "give at least one of [protocols], [sectors], [chains], [tokens]")
    basis = given.get("basis")
    if basis is not None and basis not in BASES:
        _refuse(name, "basis", f"{_short(basis)} is no basis", f"write {' or '.join(BASES)}")
    date = None if "date" not in given else _day(name, "date", given["date"])
    return ScenarioFile(
        then=_steps(name, given.get("then", []), date),
        breaks=breaks, date=date, basis=basis, terms=_terms(name, given.get("terms", {}), given.get("kinds", {})),
        title=_of_type(name, "title", given.get("title", ""), str, "a text")[:200],
        about=_of_type(name, "about", given.get("about", ""), str, "a text")[:2_000],
    )  # fmt: skip


def breaks_text(breaks: Breaks) -> str:
    """Return what breaks as one line of JSON, for an address; `parse_breaks` reads it."""
    tables = {name: dict(getattr(breaks, name)) for name in (*_SHARES, "wraps")}
    told: dict[str, object] = {name: rows for name, rows in tables.items() if rows}
    return json.dumps(told if breaks.wrapped else told | {"wrapped": False}, separators=(",", ":"))


def parse_breaks(text: str, name: str = "mix") -> Breaks:
    """Read what `breaks_text` wrote; nothing breaks where the text is empty.

    Raises:
        BadInput: not that, as `read_scenario`.
    """
    try:
        given = json.loads(text or "{}")
    except ValueError as error:
        _refuse(name, "", f"not JSON: {error}", 'write like {"tokens":{"USDC":0.1}}')
    table = _of_type(name, "", given, dict, "a table")
    _known(name, "", table, (*_SHARES, "wraps", "wrapped"))
    return _breaks(name, table)


@cache
def replays() -> dict[str, ScenarioFile]:
    """Return the events of the past that can be replayed, by name, in order of their dates."""
    folder = resources.files("dexposure_core.pipeline").joinpath("replays")
    files = [file for file in folder.iterdir() if file.name.endswith(".toml")]
    read = {file.name.removesuffix(".toml"): parse_scenario(file.read_text("utf-8"), file.name) for file in files}
    return dict(sorted(read.items(), key=lambda item: (item[1].date or dt.date.max, item[0])))


def find_replay(name: str) -> ScenarioFile:
    """Return the past event of that name.

    Raises:
        UnknownScenario: when there is none; names the closest one.
    """
    known = replays()
    if name not in known:
        hint = suggest(name[:80], known) or "; choose from " + ", ".join(known)
        raise UnknownScenario(f"No past event '{name[:80]}'{hint}")
    return known[name]


def _day(name: str, place: str, value: object) -> dt.date:
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        _refuse(name, place, f"{_short(value)} is no date", "write it without quotes, like 2023-03-06")
    return value


def _steps(name: str, given: object, date: dt.date | None) -> tuple[Step, ...]:
    steps: list[Step] = []
    for number, row in enumerate(_of_type(name, "then", given, list, "[[then]]"), start=1):
        place = f"then {number}"
        table = _of_type(name, place, row, dict, "a table")
        _known(name, place, table, _STEP)
        step = Step(date=_day(name, f"{place}, date", table.get("date")), breaks=_breaks(name, table))
        if not step.breaks:
            _refuse(name, place, "nothing breaks", "give at least one of protocols, sectors, chains, tokens")
        before = steps[-1].date if steps else date
        if before is not None and step.date <= before:
            _refuse(name, place, f"{step.date} does not come after {before}", "put the steps in order of their dates")
        steps.append(step)
    return tuple(steps)


def _terms(name: str, given: object, kinds: object) -> Terms:
    table = _of_type(name, "terms", given, dict, "a table")
    rule = find_rule(str(table.get("rule", Terms.rule)))
    options = [option.name for option in rule.options if option.name not in _TERMS]
    _known(name, "terms", table, (*_TERMS, *options))
    numbers = {key: _number(name, f"terms.{key}", value) for key, value in table.items() if key != "rule"}
    more = tuple((key, value) for key, value in numbers.items() if key not in _TERMS)
    own = {key: numbers[key] for key in _TERMS[1:] if key in numbers}
    terms = Terms(rule=rule.name, options=more, kinds=tuple(_shares(name, "kinds", kinds).items()), **own)
    chosen, asked = terms.chosen()
    chosen.settings(asked)
    return terms


def _breaks(name: str, given: Mapping[str, object]) -> Breaks:
    return Breaks(
        **{table: _shares(name, table, given.get(table, {})) for table in _SHARES},
        wrapped=_of_type(name, "wrapped", given.get("wrapped", True), bool, "true or false"),
        wraps=_texts(name, given.get("wraps", {})),
    )


def _shares(name: str, table: str, given: object) -> dict[str, float]:
    rows = _of_type(name, table, given, dict, "a table of names and shares")
    shares = {key: _number(name, f"{table}.{key}", value) for key, value in rows.items()}
    for key, share in shares.items():
        if not 0 <= share <= 1:
            _refuse(name, f"{table}.{key}", f"{share!r} is no share", "write a number from 0 to 1 (0.3 for 30 %)")
    return shares


def _texts(name: str, given: object) -> dict[str, str]:
    rows = _of_type(name, "wraps", given, dict, "a table of tokens")
    return {key: _of_type(name, f"wraps.{key}", value, str, "a token") for key, value in rows.items()}


def _number(name: str, place: str, value: object) -> float:
    return toml.number(toml.within(name, place), value, "write a number like 0.3")


def _of_type(name: str, place: str, value: object, kind: type[Any], words: str) -> Any:
    if not isinstance(value, kind):
        _refuse(name, place, f"{_short(value)} where {words} belongs", f"write {words}")
    return value


def _known(name: str, place: str, given: Mapping[str, object], keys: tuple[str, ...]) -> None:
    toml.known(toml.within(name, place), given, keys)


def _refuse(name: str, place: str, problem: str, remedy: str) -> NoReturn:
    toml.refuse(toml.within(name, place), problem, remedy)


def _short(value: object) -> str:
    return repr(value)[:80]


def _quoted(text: str | None) -> str:
    return json.dumps(text or "")  # a JSON string is a TOML one


def _value(value: object) -> str:
    if isinstance(value, str):
        return _quoted(value)
    return repr(float(value)) if isinstance(value, int | float) else repr(value)
