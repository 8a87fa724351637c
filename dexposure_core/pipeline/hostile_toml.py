"""TOML files that a person wrote or somebody sent: read within bounds, refused with the place and the remedy.

What the entries mean is the caller's; here they are only known to be of the right kind.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from dexposure_core.errors import BadInput, suggest

LARGEST: Final = 1_000_000  # bytes


def refuse(place: str, problem: str, remedy: str) -> NoReturn:
    """Raise BadInput that names the place, the problem and the remedy."""
    raise BadInput(f"{place[:160]}: {problem}; {remedy}")


def within(name: str, entry: str) -> str:
    """Return the place of an entry: the file's name and where in it; the file alone for no entry."""
    return f"{name}, {entry[:120]}" if entry else name


def read_text(path: str | Path, remedy: str) -> str:
    """Return the text of a file, at most LARGEST bytes.

    Args:
        path: the file.
        remedy: what to do when it cannot be read.

    Raises:
        BadInput: not there, not readable, too large, not UTF-8.
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        refuse(str(path), f"cannot be read: {error.strerror}", remedy)
    return decoded(content, file.name, remedy)


def decoded(content: bytes, name: str, remedy: str) -> str:
    """Return a file's content as text; `name` is what messages call it.

    Raises:
        BadInput: too large or not UTF-8.
    """
    if len(content) > LARGEST:
        refuse(name, f"larger than {LARGEST:,} bytes", "such a file is a short text")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        refuse(name, "cannot be read: not UTF-8 text", remedy)


def parsed(text: str, name: str, remedy: str) -> dict[str, Any]:
    """Return a file's entries.

    Raises:
        BadInput: not TOML.
    """
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        refuse(name, f"not TOML: {error!s:.160}", remedy)


def known(place: str, given: Mapping[str, object], keys: Iterable[str]) -> None:
    """Refuse entries of other names than these.

    Raises:
        BadInput: names the closest one.
    """
    names = tuple(keys)
    for key in given:
        if key not in names:
            hint = suggest(key[:80], names) or f"; there are {', '.join(names)}"
            refuse(place, f"no such entry '{key[:80]}'{hint}", "correct or remove it")


def number(place: str, value: object, remedy: str) -> float:
    """Return an entry that must be a finite number.

    Raises:
        BadInput: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
        refuse(place, f"{value!r:.80} is no number", remedy)
    return float(value)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # TOML's whole numbers have no largest one
        return False
