"""Names of protocols and tokens come from outside and are never trusted: cut to one line, escaped for HTML."""

from __future__ import annotations

import html as _html
import re
from typing import Final

CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


def short(name: str, length: int = 40) -> str:
    """Return a name on one line, without control characters, cut to that length."""
    clean = " ".join(CONTROL.sub(" ", name).split())
    return clean if len(clean) <= length else clean[: length - 1].rstrip() + "…"


def html(name: object) -> str:
    """Escape text for HTML (pages, SVG, titles, labels)."""
    return _html.escape(CONTROL.sub(" ", str(name)), quote=True)
