"""How losses travel, as choices on the Contagion page: rule, capacity, what tokens pass on, the rule's own numbers."""

from __future__ import annotations

from typing import Final

import streamlit as st

from dexposure_core.pipeline.stress.terms import Terms
from dexposure_core.pipeline.tokens.kinds import PASSING
from dexposure_core.pipeline.views.shocked import terms_threshold
from dexposure_core.stress import RULES, Rule, find_rule
from dexposure_core.ui import controls

KINDS: Final = ("governance", "overcollateralised-stablecoin", "reserve-stablecoin", "algorithmic-stablecoin")
"""Kinds whose pass-through is a matter of opinion; receipts and wrapped coins are claims and lose all of it."""
_LABELS: Final = {
    "lgd": "Lost of a claim on a failed debtor, %",
    "alpha": "Recovered of a failed debtor's other assets, %",
    "beta": "Recovered of payments to a failed debtor, %",
    "distress_threshold": "Loss from which on it is passed on, %",
}


def draw(basis: str) -> Terms:
    """Draw the choices and return what they say; each is in the address, those of the popover where they differ."""
    rule = find_rule(controls.choice(
        "rule", "Losses travel by", [r.name for r in RULES], format_func=lambda name: find_rule(name).title,
        help="\n\n".join(f"**{r.title}**: {r.help}" for r in RULES),
    ))  # fmt: skip
    left, right = st.columns(2)
    with left:
        capacity = controls.level(
            "absorbs", "Share of TVL that absorbs losses, %", 5.0, 200.0, 100.0, step=5.0, format="%d",
            help="DeFi protocols publish no equity; TVL stands in for what they can lose.",
        )  # fmt: skip
    with right:
        passed = controls.level(
            "pass", "Loss passed on to own tokens, %", 0.0, 100.0, 100.0, step=5.0, format="%d",
            help="A protocol that loses 40 % of its assets makes its own tokens lose this share of 40 %.",
        )  # fmt: skip
    with st.popover("More assumptions", width="stretch"):
        options = _options(rule)
        kinds = _kinds(rule, basis)
    return Terms(
        rule=rule.name, absorbing_fraction=capacity / 100, pass_through=passed / 100, options=options, kinds=kinds
    )  # fmt: skip


def told(terms: Terms) -> dict[str, str]:
    """Return what an export says about them."""
    more = {_LABELS[name].removesuffix(", %").lower(): value for name, value in terms.options}
    more |= {f"pass-through of {kind} tokens": value for kind, value in terms.kinds}
    return {
        "rule": terms.rule,
        "capacity": f"{100 * terms.absorbing_fraction:g} % of TVL",
        "pass-through": f"{100 * terms.pass_through:g} %",
        **{name: f"{100 * value:g} %" for name, value in more.items()},
    }


def own_values(terms: Terms) -> dict[str, float]:
    """Return where the terms stand in each panel of `views.sensitivity`."""
    own, rule = dict(terms.options), find_rule(terms.rule)
    values = {"capacity": terms.absorbing_fraction, "pass_through": terms.pass_through}
    if rule.takes("lgd"):
        values["recovery"] = 1.0 - own.get("lgd", 1.0)
    if rule.clears:
        values["recovery"] = own.get("alpha", 1.0)
    return values | ({"threshold": terms_threshold(terms)} if rule.takes("distress_threshold") else {})


def _options(rule: Rule) -> tuple[tuple[str, float], ...]:
    found = []
    for option in rule.options:
        if option.name in _LABELS:
            usual = terms_threshold(Terms(rule=rule.name)) if option.name == "distress_threshold" else option.default
            value = controls.level(
                option.name, _LABELS[option.name], 100 * option.low, 100 * option.high, 100 * usual, step=5.0,
                format="%d", help=option.help, brief=True,
            )  # fmt: skip
            found.append((option.name, value / 100))
    return tuple(found)


def _kinds(rule: Rule, basis: str) -> tuple[tuple[str, float], ...]:
    if basis != "holdings" or rule.clears:
        st.caption(
            "What tokens of each kind pass on can be set on the holdings basis, under rules that clear no debts."
        )
        return ()
    st.caption("What these tokens lose of their issuer's distress, %. All other tokens lose all of it.")
    shares = {kind: controls.level(kind, PASSING[kind], 0.0, 100.0, 100.0, step=5.0, format="%d", brief=True)
              for kind in KINDS}  # fmt: skip
    return tuple((kind, share / 100) for kind, share in shares.items() if share < 100)
