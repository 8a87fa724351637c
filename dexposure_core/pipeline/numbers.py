"""How numbers are written, on a terminal and on screen: one format per kind of number.

USD as `USD 1.23 bn`; shares in %, changes of shares in points; three significant digits; signs on changes; NaN as
`not defined`.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Final

UNDEFINED: Final = "not defined"
LEAST_WRITTEN: Final = 1e-4
"""The least share that is written with its digits; of a smaller one a reader needs to know only that it is."""
LEAST_NUMBER: Final = 1e-9
"""The least number that is written with its digits."""
MINUS: Final = "−"
_SCALES: Final = ((1e12, " tn"), (1e9, " bn"), (1e6, " m"), (1e3, " k"), (1.0, ""))


def digits(value: float, significant: int = 3) -> str:
    """Write a number with that many significant digits, without exponent; thousands are set apart by commas.

    Of what is closer to zero than `LEAST_NUMBER` only that is said: a row of zeros would look like none at all.
    """
    if value == 0:
        return "0"
    if abs(value) < LEAST_NUMBER:
        return f"{'' if value > 0 else MINUS}<{LEAST_NUMBER:.9f}"
    places = max(0, significant - 1 - math.floor(math.log10(abs(value))))
    rounded = round(value, significant - 1 - math.floor(math.log10(abs(value))))
    again = max(0, significant - 1 - math.floor(math.log10(abs(rounded)))) if rounded else places
    return f"{rounded:,.{min(again, 12)}f}".replace("-", MINUS)


def undefined(value: float | None) -> bool:
    """Return whether there is no number to show."""
    return value is None or not math.isfinite(value)


def number(value: float | None, *, sign: bool = False, significant: int = 3) -> str:
    """Write a pure number."""
    if value is None or not math.isfinite(value):
        return UNDEFINED
    return _signed(digits(value, significant), value, sign)


def count(value: float | None, *, sign: bool = False) -> str:
    """Write a whole number in full, thousands set apart."""
    if value is None or not math.isfinite(value):
        return UNDEFINED
    return _signed(f"{round(value):,}".replace("-", MINUS), value, sign)


def usd(value: float | None, *, sign: bool = False, unit: bool = True) -> str:
    """Write an amount: `USD 1.23 bn`, `USD 45.6 m`; `unit=False` leaves out `USD`."""
    if value is None or not math.isfinite(value):
        return UNDEFINED
    lead = "USD " if unit else ""
    size = abs(value)
    scale, suffix = next((pair for pair in _SCALES if float(f"{size / pair[0]:.2e}") >= 1), _SCALES[-1])
    shown = digits(size / scale) if size >= 0.005 else "0"
    mark = "" if shown == "0" else MINUS if value < 0 else "+" if sign else ""
    return f"{mark}{lead}{shown}{suffix}"


def percent(share: float | None, *, sign: bool = False) -> str:
    """Write a share (0..1) as `7.12 %`; what is less than 0.01 % is `<0.01 %`."""
    if share is None or not math.isfinite(share):
        return UNDEFINED
    if 0 < abs(share) < LEAST_WRITTEN:
        return f"{'' if share > 0 else MINUS}<0.01 %"
    return _signed(digits(share * 100), share, sign) + " %"


def points(change: float | None, *, sign: bool = True) -> str:
    """Write a change of a share (0.004) as `+0.40 points`, to the second place."""
    if change is None or not math.isfinite(change):
        return UNDEFINED
    shown = f"{abs(change) * 100:.2f}" if abs(change) < 0.1 else f"{abs(change) * 100:.1f}"
    zero = float(shown) == 0
    mark = "" if zero else MINUS if change < 0 else "+" if sign else ""
    return f"{mark}{shown} points"


def amount(value: float | None, unit: str, *, sign: bool = False) -> str:
    """Write a measure's value by its unit: USD, share, count, or a pure number otherwise."""
    if unit == "USD":
        return usd(value, sign=sign)
    if unit == "share":
        return percent(value, sign=sign)
    return count(value, sign=sign) if unit == "count" else number(value, sign=sign)


def change(after: float | None, before: float | None, unit: str) -> str:
    """Write a change: of USD and counts relative in %, of shares in points, of pure numbers as a difference."""
    if after is None or before is None or not (math.isfinite(after) and math.isfinite(before)):
        return UNDEFINED
    if unit == "share":
        return points(after - before)
    if unit in ("USD", "count"):
        return percent(after / before - 1, sign=True) if before else UNDEFINED
    return number(after - before, sign=True)


def ordinal(whole: int) -> str:
    """Write 1 as `1st`, 22 as `22nd`, 13 as `13th`."""
    teen = 10 < whole % 100 < 20
    return f"{whole}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(whole % 10, 'th')}"


def plural(amount_of: int, one: str, many: str | None = None) -> str:
    """Write `1 protocol`, `3 protocols`."""
    return f"{count(amount_of)} {one if amount_of == 1 else many or one + 's'}"


def span(days: int) -> str:
    """Write a time span: `today`, `3 days`, `7 weeks`, `15 months`."""
    if days <= 0:
        return "0 days"
    if days < 21:
        return plural(days, "day")
    return plural(round(days / 7), "week") if days < 120 else plural(round(days / 30.44), "month")


def date(day: dt.date | None) -> str:
    """Write an ISO date."""
    return UNDEFINED if day is None else day.isoformat()


def _signed(written: str, value: float, sign: bool) -> str:
    return f"+{written}" if sign and value > 0 else written
