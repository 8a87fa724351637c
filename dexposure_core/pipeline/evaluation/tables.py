"""The tables of the report, as HTML; everything that comes from data is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from dexposure_core.forecast.judging.metrics import METRICS
from dexposure_core.forecast.judging.standing import PERSISTENCE, SERVED, TOLERATED
from dexposure_core.pipeline.evaluation.words import points, told
from dexposure_core.pipeline.numbers import number

LEAST: Final = 1e-5
Record = Mapping[str, Any]


def table(header: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "") -> str:
    """Return a table; header and first column are escaped here, the other cells are HTML."""
    head = "".join(f"<th>{escape(h)}</th>" for h in header)
    body = "".join(f"<tr><th>{escape(r[0])}</th>{''.join(r[1:])}</tr>" for r in rows)
    return f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def cell(text: str, kind: str = "", hint: str = "") -> str:
    """Return one cell, its text and hint escaped."""
    title = f' title="{escape(hint)}"' if hint else ""
    return f'<td class="{kind}"{title}>{escape(text)}</td>'


def overview(standings: Sequence[Record], basis: str) -> str:
    """Return metric × horizon: the gain over the best baseline of each, worse ones in red and in words."""
    own = [s for s in standings if s["basis"] == basis]
    horizons = list(dict.fromkeys(s["horizon"] for s in own))
    at = {(s["metric"], s["horizon"]): s for s in own}
    names = [m.name for m in METRICS if any((m.name, h) in at for h in horizons)]
    rows = [
        [name, *(_standing(at.get((name, h))) for h in horizons)] for name in names
    ]  # fmt: skip
    return table(["score", *(steps(h) for h in horizons)], rows, "overview")


def _standing(standing: Record | None) -> str:
    if standing is None:
        return cell("not defined", "none")
    text = told(dict(standing))
    verdict, _, rest = text.partition(": ")
    if not rest:
        return cell(text, "none")
    gain, _, against = rest.partition(" against ")
    return (
        f'<td class="{standing["verdict"]}"><b>{escape(gain)}</b> <span>{escape(verdict)}</span>'
        f"<small>{escape(against)}</small></td>"
    )


def scores(rows: Sequence[Record], basis: str, horizon: int) -> str:
    """Return metric × forecaster, persistence first; the best of a line bold, the served one red where it is worse."""
    own = [r for r in rows if (r["basis"], r["horizon"]) == (basis, horizon)]
    known = {m.name: m for m in METRICS}
    names = columns(own)
    at = {(r["metric"], r["forecaster"]): r for r in own}
    lines = []
    for name, metric in known.items():
        values = {n: at[name, n]["value"] for n in names if (name, n) in at and at[name, n]["value"] is not None}
        best = (max if metric.more_is_better else min)(values.values()) if values and metric.compared else None
        gain = at.get((f"gain_{name}", SERVED))
        worse = gain is not None and gain["value"] is not None and gain["value"] < -TOLERATED
        cells = []
        for n in names:
            kind = "best" if best is not None and values.get(n) == best else ""
            kind = "worse" if n == SERVED and worse else kind
            cells.append(value(at.get((name, n)), kind, points(gain["value"]) if kind == "worse" and gain else ""))
        lines.append([name, *cells])
    return table(["score", *names], lines, "scores")


def gains(rows: Sequence[Record]) -> str:
    """Return metric × variant: the gain over the model with the part, in red where it is worse than is tolerated."""
    at = {(r["metric"], r["variant"]): r["gain"] for r in rows if r["gain"] is not None}
    variants = list(dict.fromkeys(variant for _, variant in at))
    lines = []
    for metric in dict.fromkeys(metric for metric, _ in at):
        found = [at.get((metric, variant)) for variant in variants]
        cells = [
            cell("not defined", "none") if g is None else cell(points(g), "worse" if g < -TOLERATED else "")
            for g in found
        ]
        lines.append([metric, *cells])
    return table(["score", *variants], lines, "scores")


def columns(rows: Sequence[Record]) -> list[str]:
    """Return the forecasters of `rows`: persistence, what is served, then the others in their order."""
    names = list(dict.fromkeys(r["forecaster"] for r in rows))
    front = [n for n in (PERSISTENCE, SERVED) if n in names]
    return front + [n for n in names if n not in front]


def value(row: Record | None, kind: str = "", gain: str = "") -> str:
    """Return a cell with a row's value, its interval as hint; a worse one says by how much."""
    if row is None:
        return cell("", "none")
    text = tiny(row["value"])
    hint = f"{number(row['low'])} to {number(row['high'])}"
    return cell(f"{text} (worse, {gain})" if kind == "worse" else text, kind, hint)


def tiny(value: float | None) -> str:
    """Write a score; one too small to matter as such."""
    return "<0.00001" if value and 0 < abs(value) < LEAST else number(value)


def listing(records: Sequence[Record], columns: Mapping[str, str]) -> str:
    """Return records as a table: key → heading; the first column heads the line."""
    rows = [[_text(r.get(next(iter(columns)))), *(cell(_text(r.get(k))) for k in list(columns)[1:])] for r in records]
    return table(list(columns.values()), rows)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return number(value)
    return "not known" if value is None else str(value)


def steps(horizon: int) -> str:
    """Write a horizon."""
    return f"{horizon} step{'s' if horizon != 1 else ''}"
