"""An evaluation in few bytes: what no page shows is left out, tables are nested by what their rows share.

A row table (forecaster, basis, horizon, metric, value, low, high) becomes basis → horizon → metric → forecaster →
[value, low, high]: every name once instead of once a row. Numbers keep five significant digits. `unpack` gives the
rows back; sections that are not known here are kept as they are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from dexposure_core.forecast.judging.standing import PERSISTENCE, SERVED

Record = Mapping[str, Any]
DIGITS: Final = 5
# Drawn line by line; the others stand in the tables.
PICTURED: Final = (PERSISTENCE, SERVED, "hazard", "ewma", "pair-memory", "gradient-boosting")
MEASURED: Final = (*PICTURED, "trailing-mean")
_KEYS: Final = ("basis", "horizon", "metric", "forecaster")
_NUMBERS: Final = ("value", "low", "high")
_SPREAD: Final = ("mean", "low", "high")
_NOT_SHOWN: Final = ("gain_", "brier_part_")  # the standings say the gains


def pack(document: Record) -> dict[str, Any]:
    """Return an evaluation (`pipeline.forecasting.evaluate.evaluate`) without what no page shows, its tables nested."""
    null = document.get("null_world") or {}
    packed = {
        **document,
        "rows": nested(_shown(document["rows"]), _NUMBERS),
        "weeks": _courses(document["weeks"]),
        "reliability": [r for r in document["reliability"] if r["forecaster"] in PICTURED],
        "events": _by_event(document["events"]),
        "seeds": nested(_shown(document["seeds"]), _SPREAD),
        "seed_count": max((r["seeds"] for r in document["seeds"]), default=0),
        "null_world": {"standings": null["standings"], "rows": nested(_few(null["rows"]), _NUMBERS)} if null else {},
    }
    return dict(rounded(packed))


def unpack(packed: Record) -> dict[str, Any]:
    """Return the document of `pack`'s result: row tables as lists of records."""
    null = packed["null_world"]
    return {
        **packed,
        "rows": flat(packed["rows"], _NUMBERS),
        "weeks": [
            {**line, "dates": dates, "horizon": horizon, "basis": basis}
            for basis, horizons in packed["weeks"].items()
            for horizon, (dates, lines) in _numbered(horizons)
            for line in lines
        ],
        "events": [
            {"event": event, **row} for event, table in packed["events"].items() for row in flat(table, _NUMBERS)
        ],
        "seeds": flat(packed["seeds"], _SPREAD),
        "null_world": {**null, "rows": flat(null["rows"], _NUMBERS)} if null else {},
    }


def nested(rows: Iterable[Record], numbers: Sequence[str]) -> dict[str, Any]:
    """Return rows as basis → horizon → metric → forecaster → numbers."""
    found: dict[str, Any] = {}
    for row in rows:
        place = found
        for key in _KEYS[:-1]:
            place = place.setdefault(str(row[key]), {})
        place[row[_KEYS[-1]]] = [row[name] for name in numbers]
    return found


def flat(table: Record, numbers: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of `nested`."""
    return [
        {"forecaster": who, "basis": basis, "horizon": horizon, "metric": metric}
        | dict(zip(numbers, values, strict=True))
        for basis, horizons in table.items()
        for horizon, metrics in _numbered(horizons)
        for metric, column in metrics.items()
        for who, values in column.items()
    ]


def rounded(value: Any) -> Any:
    """Return a JSON document with numbers of five significant digits."""
    if isinstance(value, float):
        return _few_digits(value)
    if isinstance(value, Mapping):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(v) for v in value]
    return value


def fitted(packed: dict[str, Any], most: int, note: Callable[[str], None]) -> str:
    """Return the document as JSON of at most `most` bytes; what had to be left out for that is noted in it."""
    for name in ("", "seeds", "events", "null_world", *(k for k in packed if k not in _NEEDED)):
        if name:
            note(f"The section {name} was left out of what is kept: the whole was larger than {most / 1e6:g} MB.")
            packed[name] = type(packed[name])() if isinstance(packed[name], dict | list) else None
        text = json.dumps(packed, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
        if len(text.encode()) <= most:
            return text
    return text


_NEEDED: Final = frozenset(
    ("vintage", "simulated", "frequency", "first_origin", "origins", "trained_on", "event_dates", "rows", "standings",
     "facts", "reliability", "weeks", "sources", "leak_test", "events", "event_standings", "seeds", "seed_count",
     "null_world", "notes", "schema", "model", "content_hash", "when", "version")
)  # fmt: skip


def _shown(rows: Iterable[Record]) -> list[Record]:
    return [r for r in rows if not r["metric"].startswith(_NOT_SHOWN)]


def _few(rows: Iterable[Record]) -> list[Record]:
    return [r for r in _shown(rows) if r["forecaster"] in MEASURED]


def _by_event(rows: Sequence[Record]) -> dict[str, Any]:
    names = dict.fromkeys(r["event"] for r in rows)
    return {name: nested(_few(r for r in rows if r["event"] == name), _NUMBERS) for name in names}


def _courses(weeks: Sequence[Record]) -> dict[str, Any]:
    """Return basis → horizon → (dates, lines): all forecasters are scored on the same dates."""
    found: dict[str, Any] = {}
    for line in weeks:
        if line["forecaster"] in PICTURED:
            dates, lines = found.setdefault(line["basis"], {}).setdefault(str(line["horizon"]), (line["dates"], []))
            if line["dates"] == dates:
                lines.append({k: line[k] for k in ("forecaster", "metric", "values")})
    return found


def _numbered(horizons: Record) -> list[tuple[int, Any]]:
    return [(int(h), inside) for h, inside in horizons.items()]


def _few_digits(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
