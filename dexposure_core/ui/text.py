"""How names are written, one escape per place they can land; numbers are written by `pipeline.numbers`.

Names of protocols and tokens come from outside and are never trusted:
`html`, `markdown`, `cell` and `file_name` make them harmless where they are shown or saved.
"""

from __future__ import annotations

import html as _html
import re
from collections.abc import Sequence
from typing import Final

from dexposure_core.pipeline.export import FORMULA
from dexposure_core.pipeline.numbers import (
    MINUS,
    UNDEFINED,
    amount,
    change,
    count,
    date,
    digits,
    number,
    ordinal,
    percent,
    plural,
    points,
    span,
    undefined,
    usd,
)

__all__ = [
    "FORMULA",
    "MINUS",
    "UNDEFINED",
    "amount",
    "cell",
    "change",
    "count",
    "date",
    "digits",
    "file_name",
    "html",
    "markdown",
    "number",
    "ordinal",
    "percent",
    "plural",
    "points",
    "short",
    "span",
    "undefined",
    "usd",
]

_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>$:&])")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


def short(name: str, length: int = 40) -> str:
    """Return a name on one line, without control characters, cut to that length."""
    clean = " ".join(_CONTROL.sub(" ", name).split())
    return clean if len(clean) <= length else clean[: length - 1].rstrip() + "…"


def html(name: object) -> str:
    """Escape text for HTML (pyvis titles, st.html, Plotly labels)."""
    return _html.escape(_CONTROL.sub(" ", str(name)), quote=True)


def markdown(name: object) -> str:
    """Escape text for Markdown: no markup, no link, no HTML, no LaTeX, no icon comes to life."""
    return _MARKDOWN.sub(r"\\\1", _CONTROL.sub(" ", str(name)))


def cell(name: str) -> str:
    """Make text safe for a spreadsheet: what would start a formula is prefixed by an apostrophe."""
    return re.sub(FORMULA, r"'\1", name)


def file_name(parts: Sequence[str], extension: str) -> str:
    """Join parts to a file name of plain letters, digits, `-` and `_`, at most 120 long."""
    clean = [re.sub(r"[^A-Za-z0-9-]+", "-", part).strip("-") for part in parts]
    stem = "_".join(part for part in clean if part)[:120].strip("-_") or "dexposure"
    return f"{stem}.{extension}"
