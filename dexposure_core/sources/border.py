"""The border: what a file from outside must be before anything else looks at it.

Every reader refuses here, in one line that names the file, the place and the remedy, and trusts what has passed. A
`SourceFile` (name, size, sha256) is the receipt that goes into the vintage's manifest.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from dexposure_core.errors import BadInput

MAX_TEXT: Final = 200
"""Longest id, name or symbol accepted, in characters (the longest real token symbol has 93)."""

CONTROL: Final = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
"""Characters no name may hold: C0 and C1 controls, line separators, and marks that reverse the reading direction."""

BLOCK: Final = 1 << 22
_PACKED: Final = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
}


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A file that was read: its name (no folder), size in bytes and sha256 (hex)."""

    name: str
    bytes: int
    sha256: str


def refuse(path: Path, place: str, what: str, remedy: str) -> NoReturn:
    """Raise `BadInput` with the one line a person reads: `file: place: what; remedy`."""
    where = f"{path.name}: {place}: " if place else f"{path.name}: "
    raise BadInput(one_line(f"{where}{what}; {remedy}"))


def one_line(text: str) -> str:
    """Return `text` on a single line: every control character becomes a space."""
    return "".join(c if c.isprintable() else " " for c in text)


def shown(value: object, limit: int = 60) -> str:
    """Return a value as it may appear in a message: quoted, on one line, at most `limit` characters of it."""
    text = str(value)
    short = text if len(text) <= limit else f"{text[:limit]}..."
    return repr(short) if isinstance(value, str) else short


def existing(path: str | Path) -> Path:
    """Return the path of a readable, non-empty, not compressed file.

    Raises:
        BadInput: if there is no such file, it is a folder, it is empty, or it is an archive.
    """
    file = Path(path)
    if file.is_dir():
        refuse(file, "", "is a folder", "name a file")
    try:
        with file.open("rb") as stream:
            head = stream.read(8)
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise BadInput(one_line(f"{file}: {reason}; check the path and its permissions")) from None
    if not head:
        refuse(file, "byte 0", "the file is empty", "download or export it again")
    for magic, name in _PACKED.items():
        if head.startswith(magic):
            refuse(file, "byte 0", f"is compressed ({name})", "unpack it first")
    return file


def blocks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file, a few megabytes at a time."""
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            yield block


def receipt(path: Path) -> SourceFile:
    """Return the receipt of a binary file (reads it once)."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return SourceFile(name=path.name, bytes=path.stat().st_size, sha256=digest)


def text_receipt(path: Path) -> SourceFile:
    """Return the receipt of a text file after checking that all of it is UTF-8.

    Raises:
        BadInput: naming the line and byte of the first invalid UTF-8 sequence or NUL byte.
    """
    decoder, digest = codecs.getincrementaldecoder("utf-8")(), hashlib.sha256()
    size = line = 0
    for block in blocks(path):
        digest.update(block)
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(block)
        except UnicodeDecodeError as error:
            _not_utf8(path, line, size - pending + error.start, error.object[: error.start])
        size, line = size + len(block), line + block.count(b"\n")
    if pending := len(decoder.getstate()[0]):
        refuse(path, f"byte {size - pending}", "ends in the middle of a UTF-8 character", "download or export it again")
    return SourceFile(name=path.name, bytes=size, sha256=digest.hexdigest())


def _not_utf8(path: Path, lines_before: int, offset: int, before: bytes) -> NoReturn:
    line = lines_before + before.count(b"\n") + 1
    refuse(path, f"line {line}, byte {offset}", "not valid UTF-8", "save the file with UTF-8 encoding")
