"""How numbers look on a terminal: USD as 1.23 bn, shares in %, undefined as 'not defined'."""

from __future__ import annotations

import math


def usd(value: float | None) -> str:
    """Return an amount as 1.23 bn, 45.6 m, 789 k or 12.34."""
    if value is None or math.isnan(value):
        return "not defined"
    for scale, unit in ((1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(value) >= scale:
            return f"{value / scale:.3g} {unit}" if abs(value) < 1000 * scale else f"{value / scale:,.0f} {unit}"
    return f"{value:.2f}"


def share(value: float | None) -> str:
    """Return a fraction as a percentage with three significant digits."""
    return "not defined" if value is None or math.isnan(value) else f"{100 * value:.3g} %"


def number(value: float | None) -> str:
    """Return a plain number with at most six significant digits."""
    return "not defined" if value is None or math.isnan(value) else f"{value:,.6g}"


UNITS = {"USD": usd, "share": share}


def in_unit(value: float | None, unit: str) -> str:
    """Return a value in the style of its unit ("USD", "share"); anything else is a plain number."""
    return UNITS.get(unit, number)(value)
