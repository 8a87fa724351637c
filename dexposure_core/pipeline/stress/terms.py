"""The terms of a stress test: by which rule losses travel, and what absorbs them."""

from __future__ import annotations

from dataclasses import dataclass

from dexposure_core import settings
from dexposure_core.errors import BadOption
from dexposure_core.stress import Rule, find_rule

LARGEST_ABSORBING = 1e6


@dataclass(frozen=True, kw_only=True)
class Terms:
    """By which rule losses travel, and what it is told.

    Attributes:
        rule: name of one of `stress.RULES`.
        absorbing_fraction: share of TVL that absorbs losses, > 0.
        pass_through: share of a protocol's distress that its own tokens lose, 0..1; a clearing has none.
        options: further options of the rule.
        kinds: (kind of token, share 0..1 of its issuer's distress it loses); others lose all (see `tokens.kinds`).
    """

    rule: str = "linear-debtrank"
    absorbing_fraction: float = 1.0
    pass_through: float = 1.0
    options: tuple[tuple[str, float], ...] = ()
    kinds: tuple[tuple[str, float], ...] = ()

    def chosen(self) -> tuple[Rule, dict[str, float]]:
        """Return the rule and its options.

        Raises:
            UnknownRule, BadOption: no such rule, or an absorbing fraction that is none.
        """
        if not 0 < self.absorbing_fraction <= LARGEST_ABSORBING:
            raise BadOption(
                f"absorbing_fraction = {self.absorbing_fraction!r}; must be above 0 (1: all of TVL absorbs losses)"
            )
        rule, options = find_rule(self.rule), dict(self.options)
        if rule.takes("distress_threshold"):
            options.setdefault("distress_threshold", settings.load().distress_threshold)
        return rule, options | rule.through(self.pass_through)

    def notes(self, rule: Rule) -> tuple[str, ...]:
        """Return what was asked and does not apply, or is an assumption of one's own."""
        if not rule.takes("pass_through"):
            asked = self.pass_through != 1 or self.kinds
            return ("a pass-through does not apply: tokens are claims on a protocol's assets",) if asked else ()
        return tuple(f"{kind} tokens lose {100 * share:g} % of their issuer's distress" for kind, share in self.kinds)
