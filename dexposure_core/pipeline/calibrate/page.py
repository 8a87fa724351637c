"""The calibration as a page: every figure of the small and of the full world beside the real one, with its distance.

The two reports are kept as JSON beside the data they describe; the page is written from them, so that it can be
checked without building a world.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from dexposure_core.pipeline.calibrate.real import FOLDER
from dexposure_core.pipeline.calibrate.report import NEAR
from dexposure_core.pipeline.numbers import count, number, percent, usd

Report = Mapping[str, Any]

Write = Callable[[float | None], str]
UNITS: Final[Mapping[str, Write]] = {"usd": usd, "share": percent, "count": count, "number": number}
KEPT: Final = Path(__file__).parents[3] / "data" / "calibration"


def kept(scale: str) -> Report:
    """Return the report kept beside the embedded data: of scale demo or full."""
    document: Report = json.loads((KEPT / f"{scale}.json").read_text("utf-8"))
    return document


def page(demo: Report, full: Report) -> str:
    """Return the report of two worlds as Markdown: a sentence each, a table per group, and why figures are far.

    Args:
        demo: `Calibration.json` of the embedded world.
        full: the same of the full one.
    """
    parts = [_summary("full world", full) + " " + _summary("embedded world", demo) + "\n"]
    both = {entry["figure"]: entry for entry in demo["figures"]}
    for group in dict.fromkeys(entry["group"] for entry in full["figures"]):
        rows = [_line(entry, both[entry["figure"]]) for entry in full["figures"] if entry["group"] == group]
        parts.append(f"### {group}\n\n" + _table(rows))
    return "\n".join([*parts, _reasons(full, both)])


def _summary(name: str, report: Report) -> str:
    near = [entry for entry in report["figures"] if entry["within"]]
    free = sum(not entry["given"] for entry in near)
    lead = f"**{name.capitalize()}: {len(near)} of {report['compared']} figures within {NEAR * 100:.0f} %**"
    made = f"vintage `{report['vintage']}`, seed {report['seed']}"
    return f"{lead} of the real one, {free} of them not given to the simulator ({made})."


def _table(rows: Sequence[str]) -> str:
    near = f"within {NEAR * 100:.0f} %"
    head = ("figure", "real", "full world", "distance", near, "embedded", "distance", near)
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *rows]) + "\n"


def _line(full: Report, demo: Report) -> str:
    cells = [full["title"] + (" †" if full["given"] else ""), _real(full), *_side(full), *_side(demo)]
    return "| " + " | ".join(cells) + " |"


def _side(entry: Report) -> tuple[str, str, str]:
    within = {True: "yes", False: "no", None: ""}[entry["within"]]
    far = percent(entry["distance"], sign=entry["real_low"] is not None) if entry["distance"] is not None else ""
    return _here(entry), far, within


def _here(entry: Report) -> str:
    write = UNITS[entry["unit"]]
    if entry["real_low"] is None and entry["distance"] is not None:
        return f"last {write(entry['here'])}"
    if entry["here_low"] is None or entry["here_low"] == entry["here_high"]:
        return write(entry["here"])
    return f"{write(entry['here'])} ({write(entry['here_low'])} to {write(entry['here_high'])})"


def _real(entry: Report) -> str:
    low, high, write = entry["real_low"], entry["real_high"], UNITS[entry["unit"]]
    if low is None or high is None:
        return str(entry["source"])
    return write(low) if low == high else f"{write(low)} to {write(high)}"


def _reasons(full: Report, demo: Mapping[str, Report]) -> str:
    """Return why each figure that is not within 15 % in one of the worlds is not."""
    lines = ["### Why some are far", ""]
    for entry in full["figures"]:
        other, why = demo[entry["figure"]], reasons().get(entry["figure"], "")
        if entry["within"] is False or (other["within"] is False and not entry["grows"]):
            where = "both" if entry["within"] is False and other["within"] is False else "full"
            where = "embedded" if entry["within"] is not False else where
            lines.append(f"- **{entry['title']}** ({where}): {why}")
    return "\n".join(lines) + "\n"


@functools.cache
def reasons() -> dict[str, str]:
    """Return why a figure may be far, by figure."""
    return dict(pl.read_csv(FOLDER / "reasons.csv").select("figure", "reason").iter_rows())
