"""How names are written, one escape per place they can land; numbers are written by `pipeline.numbers`.

Names of protocols and tokens come from outside and are never trusted:
`html`, `markdown`, `cell` and `file_name` make them harmless where they are shown or saved.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from dexposure_core.pipeline.export import FORMULA
from dexposure_core.pipeline.names import CONTROL, html, short
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
    "reason",
    "short",
    "span",
    "undefined",
    "usd",
]

_FOLDERS: Final = re.compile(r"(?<![\w./:])/(?:[^\s/:;,'\"`]+/)+(?=[^\s/])")
_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>$:&])")


def markdown(name: object) -> str:
    """Escape text for Markdown: no markup, no link, no HTML, no LaTeX, no icon comes to life."""
    return _MARKDOWN.sub(r"\\\1", CONTROL.sub(" ", str(name)))


def reason(error: Exception | str) -> str:
    """Return the words of an error or a note for a page, plain.

    Files stand without their folders, which only the operator need know, commands without the backticks they have in a
    terminal.
    """
    return _FOLDERS.sub("", str(error)).replace("`", "")


def cell(name: str) -> str:
    """Make text safe for a spreadsheet: what would start a formula is prefixed by an apostrophe."""
    return re.sub(FORMULA, r"'\1", name)


def file_name(parts: Sequence[str], extension: str) -> str:
    """Join parts to a file name of plain letters, digits, `-` and `_`, at most 120 long."""
    clean = [re.sub(r"[^A-Za-z0-9-]+", "-", part).strip("-") for part in parts]
    stem = "_".join(part for part in clean if part)[:120].strip("-_") or "dexposure"
    return f"{stem}.{extension}"
