"""The Method page's text: the files of docs/ as they are, so that screen and manual cannot differ."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from dexposure_core.ui.navigation import ROOT

TOPICS: Final[Mapping[str, str]] = {
    "measures": "Measures",
    "stress": "Contagion",
    "alerts": "Alerts and events",
    "chains": "Chains",
    "forecasting": "Forecasts",
    "data": "Data",
    "health": "Data health",
    "tokens": "Tokens and issuers",
    "fetching": "Fetching",
    "glossary": "Glossary",
    "cli": "Command line",
    "operations": "Operations",
}
_LINK: Final = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?://)([^)]*)\)")
_COMMENT: Final = re.compile(r"<!--.*?-->\n?", re.DOTALL)


def read(topic: str) -> str:
    """Return a topic's page as Markdown for the screen: no comments, no top heading, links between topics kept.

    Raises:
        KeyError: when there is no such topic.
    """
    if topic not in TOPICS:
        raise KeyError(topic)
    written = (ROOT / "docs" / f"{topic}.md").read_text(encoding="utf-8")
    body = _LINK.sub(_relink, _COMMENT.sub("", written))
    return re.sub(r"\A\s*# .*\n", "", body)


def answer(topic: str) -> str:
    """Return the page's first sentences: the first paragraph of the topic, on one line; a default when it has none."""
    lead = _split(topic)[0]
    return " ".join(lead.split()) or f"How {TOPICS[topic].lower()} are defined."


def body(topic: str) -> str:
    """Return what follows the first paragraph."""
    return _split(topic)[1]


def _split(topic: str) -> tuple[str, str]:
    written = read(topic).strip()
    first, _, rest = written.partition("\n\n")
    return ("", written) if first.startswith(("#", "|", "-", "`")) else (first, rest)


def _relink(match: re.Match[str]) -> str:
    label, target = match.groups()
    name = target.partition("#")[0].removeprefix("./").removesuffix(".md")
    return f"[{label}](/method?topic={name})" if name in TOPICS else label
