"""Rules as files: TOML that a person writes.

title = "What we watch"
after = 4                          # snapshots after an alert in which something must follow, or it was false

[[rule]]                           # the early-warning rule on every measure and the worst stress loss
indicator = "*"
sigmas = 2.0                       # both can be left out: then the settings' own
window = 26

[[rule]]                           # a threshold on one number of one protocol
protocol = "111"                   # its id
of = "tvl_usd"                     # also as_creditor_usd, as_debtor_usd, sis, default_loss
below = 5e9
severity = "alarm"                 # alarm, warning (if left out) or notice
likely = 0.3                       # a forecast raises it from this probability on (0.5 if left out)
note = "Why it is watched."

[[rule]]                           # a threshold on the exposure of one protocol to another
creditor = "111"
debtor = "118"
above = 1e9
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from dexposure_core.pipeline import hostile_toml as toml
from dexposure_core.pipeline.alerts.rules import Rule, check_rule
from dexposure_core.pipeline.hostile_toml import refuse

AFTER: Final = 4
_KEYS: Final = ("title", "after", "rule")
_TEXTS: Final = ("indicator", "protocol", "of", "creditor", "debtor", "severity", "note")
_NUMBERS: Final = ("above", "below", "sigmas", "likely")
_REMEDY: Final = "name a file of rules, see docs/alerts.md"
_MOST: Final = 500  # rules


@dataclass(frozen=True, kw_only=True)
class RuleFile:
    """Rules and how their alarms are judged.

    Attributes:
        rules: the rules, no two alike.
        after: how many snapshots after an alert something must follow, or the alert was false; 1..52.
        title: what a reader sees.
    """

    rules: tuple[Rule, ...]
    after: int = AFTER
    title: str = ""

    def text(self) -> str:
        """Return the file's text; reading it gives equal rules."""
        lines = [f"title = {json.dumps(self.title)}", f"after = {self.after}"]
        for rule in self.rules:
            lines += ["", "[[rule]]"]
            for field in fields(rule):
                value = getattr(rule, field.name)
                if value is not None and value != field.default:
                    lines.append(f"{field.name} = {json.dumps(value) if isinstance(value, str) else repr(value)}")
        return "\n".join(lines) + "\n"

    def having(self, more: tuple[Rule, ...]) -> RuleFile:
        """Return the same with more rules; one that is there already takes its new form."""
        rules = {rule.line: rule for rule in (*self.rules, *more)}
        return RuleFile(rules=tuple(rules.values()), after=self.after, title=self.title)


@cache
def shipped() -> RuleFile:
    """Return the rules that hold when a person gives none."""
    file = resources.files("dexposure_core.pipeline.alerts").joinpath("default.toml")
    return parse_rules(file.read_text("utf-8"), "default.toml")


def read_rules(path: str | Path) -> RuleFile:
    """Read a file of rules.

    Raises:
        BadInput: not there, not TOML, an unknown key, a rule that makes no sense; says where and what to do.
    """
    return parse_rules(toml.read_text(path, _REMEDY), Path(path).name)


def rules_of(content: bytes, name: str) -> RuleFile:
    """Read the content of a file of rules that somebody sent; `name` is what messages call it.

    Raises:
        BadInput: as `read_rules`.
    """
    return parse_rules(toml.decoded(content, name, _REMEDY), name)


def parse_rules(text: str, name: str = "rules") -> RuleFile:
    """Read the text of a file of rules; `name` is what messages call it.

    Raises:
        BadInput: as `read_rules`.
    """
    given = toml.parsed(text, name, "write [[rule]] and below it lines like  above = 0.2")
    toml.known(name, given, _KEYS)
    rows = given.get("rule", [])
    if not isinstance(rows, list) or not rows:
        refuse(name, "no rule", "write at least one [[rule]]")
    if len(rows) > _MOST:
        refuse(name, f"{len(rows):,} rules", f"keep to {_MOST}; a list nobody reads warns nobody")
    rules: dict[str, Rule] = {}
    for place, row in enumerate(rows, start=1):
        rule = _rule(f"{name}, rule {place}", row)
        if rule.line in rules:
            refuse(f"{name}, rule {place}", f"the same as another one, {rule.line[:80]}", "remove one of the two")
        rules[rule.line] = rule
    after = given.get("after", AFTER)
    if isinstance(after, bool) or not isinstance(after, int) or not 1 <= after <= 52:
        refuse(f"{name}, after", f"{after!r:.80} is no number of snapshots", "write a whole number from 1 to 52")
    title = given.get("title", "")
    return RuleFile(rules=tuple(rules.values()), after=after, title=_text(f"{name}, title", title))


def _rule(place: str, row: object) -> Rule:
    if not isinstance(row, dict):
        refuse(place, f"{row!r:.80} is no rule", "write [[rule]] and its entries below")
    toml.known(place, row, tuple(field.name for field in fields(Rule)))
    told: dict[str, Any] = {name: _text(f"{place}, {name}", row[name]) for name in _TEXTS if name in row}
    told |= {
        name: toml.number(f"{place}, {name}", row[name], "write a number like 0.2 or 5e9")
        for name in _NUMBERS
        if name in row
    }
    if "window" in row:
        window = row["window"]
        if isinstance(window, bool) or not isinstance(window, int):
            refuse(f"{place}, window", f"{window!r:.80} is no whole number", "write a number of snapshots, like 26")
        told["window"] = window
    if "of" in told and "protocol" not in told:
        refuse(f"{place}, of", "it needs a protocol", "write protocol = and its id, or remove it")
    return check_rule(Rule(**told), place)


def _text(place: str, value: object) -> str:
    if not isinstance(value, str):
        refuse(place, f"{value!r:.80} where a text belongs", 'put it in quotes, like "111"')
    return value[:2_000]
