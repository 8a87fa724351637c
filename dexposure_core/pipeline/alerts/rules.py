"""Alert rules: what is watched, and when it is worth a word.

What is watched is an indicator of the whole system, one number of one protocol, or the exposure of one protocol to
another. A rule is either a threshold (above or below a number) or the early-warning rule (a change of more than k
standard deviations of the changes in its own trailing window, see `pipeline.warnings`). Every rule has one line of
text that says all of it and names it for good:

    tvl_hhi>0.18          tvl_usd@111<5e9          exposure@1,2>1e9          debtor_hhi~2/26

Names of protocols in that line are percent-encoded, so that no name can be taken for an operator.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from dexposure_core.errors import suggest
from dexposure_core.measures import MEASURES
from dexposure_core.pipeline.hostile_toml import refuse
from dexposure_core.pipeline.indicators import INDICATORS, WORST

SEVERITIES: Final = ("alarm", "warning", "notice")
EVERY: Final = "*"
PAIR: Final = "exposure"
LIKELY: Final = 0.5
LONGEST: Final = 2_000  # characters of all rules in one address
_NAME: Final = 60  # characters of a protocol's name that are told
_LINE: Final = re.compile(r"(?P<subject>[^<>~]{1,1200})(?P<sign>[<>~])(?P<value>[0-9eE+.\-/]{0,40})")


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """One number of a protocol that can be watched: its name, what it is called, its unit."""

    name: str
    title: str
    unit: str


QUANTITIES: Final[tuple[Quantity, ...]] = (
    Quantity(name="tvl_usd", title="TVL", unit="USD"),
    Quantity(name="as_creditor_usd", title="Exposure to others", unit="USD"),
    Quantity(name="as_debtor_usd", title="Exposure of others to it", unit="USD"),
    Quantity(name="sis", title="Systemic importance (SIS)", unit="number"),
    Quantity(name="default_loss", title="Loss of direct creditors if its tokens go to zero", unit="share"),
)
_UNITS: Final = {m.name: (m.title, m.unit) for m in MEASURES} | {
    i.measure: (i.title, i.unit) for i in INDICATORS if i.measure == WORST
}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule. Exactly one of `indicator`, `protocol`, or `creditor` with `debtor` says what is watched.

    Attributes:
        indicator: name of a measure, `worst_loss`, or `*` for every measure the vintage has and the worst loss.
        protocol, of: id of a protocol and the name of one of QUANTITIES.
        creditor, debtor: ids of the ends of an exposure.
        above, below: the threshold; neither for the early-warning rule.
        sigmas, window: of the early-warning rule; None: the settings.
        severity: one of SEVERITIES.
        likely: least probability at which a forecast raises it, 0..1.
        note: why it is watched, free text.
    """

    indicator: str = ""
    protocol: str = ""
    of: str = "tvl_usd"
    creditor: str = ""
    debtor: str = ""
    above: float | None = None
    below: float | None = None
    sigmas: float | None = None
    window: int | None = None
    severity: str = "warning"
    likely: float = LIKELY
    note: str = ""

    @property
    def is_threshold(self) -> bool:
        """Whether it watches a level; else it is the early-warning rule."""
        return self.above is not None or self.below is not None

    @property
    def threshold(self) -> float:
        """The level it watches, NaN for the early-warning rule."""
        level = self.above if self.above is not None else self.below
        return math.nan if level is None else level

    @property
    def subject(self) -> str:
        """What is watched, in one word without operators."""
        if self.indicator:
            return self.indicator
        if self.protocol:
            return f"{self.of}@{_encoded(self.protocol)}"
        return f"{PAIR}@{_encoded(self.creditor)},{_encoded(self.debtor)}"

    @property
    def line(self) -> str:
        """The rule in one line: its name, the same wherever and whenever it is written."""
        if self.is_threshold:
            return f"{self.subject}{'>' if self.above is not None else '<'}{self.threshold:.12g}"
        told = "" if self.sigmas is None else f"{self.sigmas:.12g}"
        return f"{self.subject}~{told}{'' if self.window is None else f'/{self.window}'}"

    @property
    def unit(self) -> str:
        """Unit of what is watched, as of a measure."""
        if self.indicator:
            return _UNITS.get(self.indicator, ("", "number"))[1]
        return next((q.unit for q in QUANTITIES if q.name == self.of), "USD") if self.protocol else "USD"

    def title(self, names: dict[str, str]) -> str:
        """Say what is watched, with the names of protocols (id → name; not escaped)."""
        if self.indicator:
            return _UNITS.get(self.indicator, (self.indicator, ""))[0]
        if self.protocol:
            what = next((q.title for q in QUANTITIES if q.name == self.of), self.of)
            return f"{names.get(self.protocol, self.protocol)[:_NAME]}: {what}"
        creditor, debtor = (names.get(end, end)[:_NAME] for end in (self.creditor, self.debtor))
        return f"{creditor} → {debtor}: Exposure"


def indicator_names() -> tuple[str, ...]:
    """Return every name that `indicator` may have, besides `*`."""
    return tuple(_UNITS)


def check_rule(rule: Rule, place: str) -> Rule:
    """Return the rule when it makes sense; `place` is where it stands, for the message.

    Raises:
        BadInput: names the place, what is wrong and what to write instead.
    """
    watched = [bool(rule.indicator), bool(rule.protocol), bool(rule.creditor or rule.debtor)]
    if sum(watched) != 1:
        refuse(place, "what is watched is not clear", "give one of indicator, protocol, or creditor with debtor")
    if watched[2] and not (rule.creditor and rule.debtor):
        refuse(place, "one end of the exposure is missing", "give both creditor and debtor, as ids of protocols")
    if rule.indicator and rule.indicator not in (*_UNITS, EVERY):
        hint = suggest(rule.indicator[:80], _UNITS) or "; docs/measures.md lists them"
        refuse(place, f"no indicator '{rule.indicator[:80]}'{hint}", f"name a measure, {WORST} or {EVERY}")
    if rule.protocol and rule.of not in [q.name for q in QUANTITIES]:
        known = [q.name for q in QUANTITIES]
        refuse(place, f"no number '{rule.of[:80]}' of a protocol{suggest(rule.of[:80], known)}", f"write {_or(known)}")
    _check_threshold(rule, place)
    _check_terms(rule, place)
    return rule


def _check_threshold(rule: Rule, place: str) -> None:
    if rule.above is not None and rule.below is not None:
        refuse(place, "both above and below", "write two rules, one for each")
    if rule.is_threshold and not math.isfinite(rule.threshold):
        refuse(place, f"{rule.threshold!r} is no threshold", "write a number like 0.2 or 5e9")
    if rule.is_threshold and (rule.sigmas is not None or rule.window is not None):
        refuse(place, "a threshold has no sigmas and no window", "leave them out, or leave the threshold out")
    if rule.is_threshold and rule.indicator == EVERY:
        refuse(place, "one threshold for every indicator", "name the indicator: their units differ")


def _check_terms(rule: Rule, place: str) -> None:
    if rule.sigmas is not None and not 0 < rule.sigmas <= 100:
        refuse(place, f"sigmas = {rule.sigmas!r}", "write a number above 0, up to 100")
    if rule.window is not None and not 2 <= rule.window <= 520:
        refuse(place, f"window = {rule.window!r}", "write a whole number of snapshots from 2 to 520")
    if rule.severity not in SEVERITIES:
        hint = suggest(rule.severity[:80], SEVERITIES)
        refuse(place, f"no severity '{rule.severity[:80]}'{hint}", f"write {_or(SEVERITIES)}")
    if not 0 < rule.likely <= 1:
        refuse(place, f"likely = {rule.likely!r} is no probability", "write a number above 0, up to 1")


def parse_line(line: str, place: str = "rule") -> Rule:
    """Read a rule from its one line (see the top of this file).

    Raises:
        BadInput: it is none.
    """
    found = _LINE.fullmatch(line.strip())
    if found is None:
        refuse(place, f"'{line.strip()[:80]}' is no rule", "write it like tvl_hhi>0.18 or tvl_usd@111<5e9")
    sign, value = found["sign"], found["value"]
    what = _watched(found["subject"])
    if sign != "~":
        level = _number(value, place)
        return check_rule(Rule(**what, **{"above" if sign == ">" else "below": level}), place)  # type: ignore[arg-type]
    sigmas, _, window = value.partition("/")
    if window and not window.isdigit():
        refuse(place, f"'{window[:40]}' is no window", "write a whole number of snapshots, like ~2/26")
    told = {"sigmas": _number(sigmas, place)} if sigmas else {}
    return check_rule(Rule(**what, **told, window=int(window[:6]) if window else None), place)  # type: ignore[arg-type]


def parse_lines(text: str, place: str = "limits") -> tuple[Rule, ...]:
    """Read rules separated by `;`, as an address holds them; equal ones once.

    Raises:
        BadInput: one of them is none, or there is too much of it.
    """
    if len(text) > LONGEST:
        refuse(place, f"more than {LONGEST:,} characters", "put many rules into a file, see docs/alerts.md")
    read = [parse_line(part, place) for part in text.split(";") if part.strip()]
    return tuple({rule.line: rule for rule in read}.values())


def as_lines(rules: Iterable[Rule]) -> str:
    """Return rules in one text that `parse_lines` reads."""
    return ";".join(rule.line for rule in rules)


def _encoded(name: str) -> str:
    """Return a name without operators; `quote` alone leaves the tilde."""
    return quote(name, safe="").replace("~", "%7E")


def _watched(subject: str) -> dict[str, str]:
    of, at, rest = subject.partition("@")
    if not at:
        return {"indicator": subject}
    if of == PAIR:
        creditor, _, debtor = rest.partition(",")
        return {"creditor": unquote(creditor), "debtor": unquote(debtor)}
    return {"protocol": unquote(rest), "of": of}


def _number(text: str, place: str) -> float:
    try:
        return float(text)
    except ValueError:
        refuse(place, f"'{text[:40]}' is no number", "write a number like 0.2 or 5e9")


def _or(words: Iterable[str]) -> str:
    return " or ".join(words)
