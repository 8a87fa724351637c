"""How losses travel, as options that every stress command has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dexposure_core.errors import BadOption

if TYPE_CHECKING:
    from dexposure_core.network import Basis
    from dexposure_core.pipeline.stress.terms import Terms
    from dexposure_core.store import Store

_Command = TypeVar("_Command", bound=Callable[..., Any])

_TERMS = (
    click.option("--rule", default="linear-debtrank", show_default=True, metavar="NAME", help="Contagion rule."),
    click.option("--absorbing-fraction", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True,
                 help="Share of TVL that absorbs losses."),
    click.option("--pass-through", type=click.FloatRange(0, 1), default=1.0, show_default=True,
                 help="Share of a protocol's distress that its tokens pass on."),
    click.option("--tokens-of", "kinds", multiple=True, metavar="KIND=SHARE",
                 help="What tokens of a kind lose of their issuer's distress, like governance=0.5; else all of it."),
    click.option("--option", "options", multiple=True, metavar="NAME=NUMBER",
                 help="An option of the rule, like lgd=0.6 of threshold."),
)  # fmt: skip


def terms_options(command: _Command) -> _Command:
    """Give a command the options about the rule."""
    for option in reversed(_TERMS):
        command = option(command)
    return command


def terms_of(given: dict[str, Any]) -> Terms:
    """Return the terms that these options mean.

    Raises:
        UnknownRule, BadOption: no such rule, or an option it does not have or may not have.
    """
    from dexposure_core.pipeline.stress.terms import Terms
    from dexposure_core.stress import find_rule

    terms = Terms(rule=given["rule"], absorbing_fraction=given["absorbing_fraction"],
                  pass_through=given["pass_through"], options=_numbers("--option", given["options"], "lgd=0.6"),
                  kinds=_numbers("--tokens-of", given["kinds"], "governance=0.5"))  # fmt: skip
    find_rule(terms.rule).settings(terms.chosen()[1])
    return terms


def _numbers(option: str, texts: Sequence[str], example: str) -> tuple[tuple[str, float], ...]:
    found = []
    for text in texts:
        name, equals, number = str(text).partition("=")
        try:
            found.append((name, float(number)))
        except ValueError:
            equals = ""
        if not equals:
            raise BadOption(f"{option} '{str(text)[:80]}': write NAME=NUMBER, like {example}")
    return tuple(found)


def told(store: Store, date: dt.date, basis: Basis, terms: Terms) -> dict[str, Any]:
    """Return what every document says of where it comes from."""
    return {
        "vintage": store.vintage, "date": date.isoformat(), "basis": basis, "rule": terms.rule,
        "options": {"absorbing_fraction": terms.absorbing_fraction, **terms.chosen()[1]},
        **({"tokens_of": dict(terms.kinds)} if terms.kinds else {}),
    }  # fmt: skip
