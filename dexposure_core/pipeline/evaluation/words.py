"""What an evaluation says in plain words: where the forecast helps, where it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from dexposure_core.forecast.judging.metrics import METRICS
from dexposure_core.forecast.judging.standing import PERSISTENCE, SERVED
from dexposure_core.pipeline.numbers import MINUS, number

NAMES: Final = {
    "better": "better than the best baseline", "equal": "equal to it", "worse": "worse than it",
}  # fmt: skip
Standing = dict[str, Any]


def points(value: float | None) -> str:
    """Write a relative gain: +3.2 %; more than tenfold as a factor."""
    if value is None:
        return "not defined"
    if abs(value) >= 10:
        return f"{'+' if value > 0 else MINUS}{abs(value):.0f}×"
    sign = "+" if value > 0 else MINUS if value < 0 else ""
    return f"{sign}{abs(100 * value):.1f}\u00a0%"


def told(standing: Standing) -> str:
    """Return one column in words: better by 3.2 % (1.0 to 5.1 %) than hazard."""
    if standing["verdict"] in ("not served", "not defined") or standing["gain"] is None:
        return "not served here" if standing["verdict"] == "not served" else "not defined"
    by = f"{points(standing['gain'])} against {standing['best']}"
    span = f"{points(standing['low'])} to {points(standing['high'])}"
    doubt = "" if standing["sure"] or standing["verdict"] != "worse" else ", maybe by chance"
    return f"{standing['verdict']}{doubt}: {by} ({span})"


def summary(standings: Sequence[Standing]) -> list[str]:
    """Return one sentence per basis: how many columns are better, equal, worse."""
    found = []
    for basis in dict.fromkeys(s["basis"] for s in standings):
        own = [s for s in standings if s["basis"] == basis and s["verdict"] in NAMES]
        if not own:
            continue
        count = {name: sum(s["verdict"] == name for s in own) for name in NAMES}
        sure = sum(s["verdict"] == "worse" and s["sure"] for s in own)
        found.append(
            f"{basis.capitalize()} basis, {len(own)} scores (metric and horizon): the forecast is {NAMES['better']} in "
            f"{count['better']}, within 1\u00a0% of it or not separable in {count['equal']}, and more than "
            f"1\u00a0% worse in {count['worse']} ({sure} of them beyond chance)."
        )
    return found


HEADER: Final = ("score", "basis", "steps", PERSISTENCE, "best baseline", SERVED, "interval", "gain over the best")


def lines(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return the table for a terminal, see HEADER: persistence, the best baseline and what is served, line by line."""
    at = {(r["metric"], r["basis"], r["horizon"], r["forecaster"]): r for r in rows}
    places = dict.fromkeys((r["basis"], r["horizon"]) for r in rows if r["forecaster"] == PERSISTENCE)
    found = []
    for basis, h in places:
        for metric in METRICS:
            column = {who: r for (m, b, s, who), r in at.items() if (m, b, s) == (metric.name, basis, h)}
            rivals = {who: r["value"] for who, r in column.items() if who != SERVED and r["value"] is not None}
            best = (max if metric.more_is_better else min)(rivals, key=lambda who: rivals[who], default=None)
            told = f"{number(rivals[best])} {best}" if best and metric.compared else ""
            own, gain = column.get(SERVED), at.get((f"gain_{metric.name}", basis, h, SERVED))
            found.append([
                metric.name, basis, str(h), number(column[PERSISTENCE]["value"]) if PERSISTENCE in column else "", told,
                number(own["value"]) if own else "", _span(own, number), f"{_gain(gain)} {_span(gain, points)}".strip(),
            ])  # fmt: skip
    return found


def _gain(row: dict[str, Any] | None) -> str:
    return points(row["value"]) if row else ""


def _span(row: dict[str, Any] | None, write: Callable[[float | None], str]) -> str:
    if row is None or row["low"] is None or row["high"] is None:
        return ""
    return f"({write(row['low'])} to {write(row['high'])})"
