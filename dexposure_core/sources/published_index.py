"""Where each date of a published file lies, so that one week can be decoded without the others.

A published file is one JSON object of up to 1.1 GB. Parsing it whole takes 10 GB of memory; parsing it as a stream of
events is slow. So it is cut: the file is searched for `"nodes"`, each hit must follow a date key, and the bytes between
two date keys are one week, decoded alone. Where the file is not laid out like that (other keys around `data`, `links`
first), it is read once as a stream of events and written compactly to a temporary file, which then is cut the same way.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Final

import ijson

from dexposure_core import scratch
from dexposure_core.progress import Progress, silent
from dexposure_core.sources.border import BLOCK, SourceFile, existing, refuse, shown

_DATE_KEY: Final = re.compile(rb'"(\d{4}-\d{2}-\d{2})"\s*:\s*(\{)\s*\Z')
_HEAD: Final = re.compile(rb'\A(?:\xef\xbb\xbf)?\s*\{\s*"data"\s*:\s*\{\s*\Z')
_TAIL: Final = re.compile(rb"\}\s*\}\s*\Z")
_BETWEEN: Final = re.compile(rb"\s*,\s*\Z")
_NOT_NUMBERS: Final = tuple(  # each pattern begins with a plain text, which makes the search fast
    (word, tuple(re.compile(token + rb"(?=\s*[,}])") for token in tokens))
    for word, tokens in ((b"NaN", (b"NaN",)), (b"Infinity", (b"-Infinity", b"Infinity")))
)
_KEY_BEFORE: Final = re.compile(rb'[^\\]"\s*:\s*\Z')  # no text holds a bare quote, so this is a key, never a text
_LOOK_BACK: Final = 256
_AHEAD: Final = 4
_SHAPE: Final = 'expected {"data": {"YYYY-MM-DD": {"nodes": [...], "links": [...]}}}'
_REMEDY: Final = "download the file again or check that it is the published DeXposure JSON"


@dataclass(frozen=True, kw_only=True)
class PublishedIndex:
    """The dates of a published file, ascending, and the byte range of each; `path` is where to read them."""

    path: Path
    source: SourceFile
    spans: dict[dt.date, tuple[int, int]]
    _keep: scratch.Scratch | None = field(default=None, repr=False)

    @property
    def named(self) -> Path:
        """Return the path as a message names it (not that of the temporary copy)."""
        return self.path.with_name(self.source.name)

    def portable(self) -> PublishedIndex:
        """Return this index without its hold on a temporary copy."""
        return replace(self, _keep=None)

    def chunk(self, date: dt.date) -> bytes:
        """Return the JSON text of one week."""
        start, stop = self.spans[date]
        with self.path.open("rb") as stream:
            stream.seek(start)
            return stream.read(stop - start)


def index(path: str | Path, progress: Progress = silent) -> PublishedIndex:
    """Find every date of a published file.

    Raises:
        BadInput: if the file is missing, empty, truncated, not JSON, of another shape, or names a date twice or a date
            that does not exist.
    """
    file = existing(path)
    source, keys = _search(file, progress)
    spans = None if keys is None else _spans(file, source.bytes, keys)
    if spans is not None:
        return PublishedIndex(path=file, source=source, spans=spans)
    keep = scratch.temporary()
    compact = keep.path / "weeks.json"
    return PublishedIndex(path=compact, source=source, spans=_compact(file, compact), _keep=keep)


def without_nan(text: bytes) -> bytes:
    """Return JSON text with the bare tokens NaN and Infinity (no JSON, but some writers emit them) as null."""
    for word, patterns in _NOT_NUMBERS:
        if word in text:
            for pattern in patterns:
                text = pattern.sub(_null, text)
    return text


def _null(found: re.Match[bytes]) -> bytes:
    value = _KEY_BEFORE.search(found.string, max(0, found.start() - _LOOK_BACK), found.start())
    return b"null" if value else found[0]


def _search(file: Path, progress: Progress) -> tuple[SourceFile, list[tuple[str, int, int]] | None]:
    """Return the receipt and, per week, (date, offset of key, offset of value); None if not plainly laid out."""
    digest, keys, plain = hashlib.sha256(), [], True
    total, offset, before = file.stat().st_size, 0, b""
    with file.open("rb") as stream, ThreadPoolExecutor(1, thread_name_prefix="digest") as beside:
        while block := stream.read(BLOCK):
            _read_ahead(stream, offset + len(block))
            hashed = beside.submit(digest.update, block)  # beside the search, which takes as long
            text = before + block
            base, at = offset - len(before), text.find(b'"nodes"', max(0, len(before) - len(b'"nodes"') + 1))
            while at >= 0:
                found = _DATE_KEY.search(text, max(0, at - _LOOK_BACK), at)
                plain = plain and found is not None
                if found:
                    keys.append((found[1].decode(), base + found.start(), base + found.start(2)))
                at = text.find(b'"nodes"', at + 1)
            offset, before = offset + len(block), text[-_LOOK_BACK:]
            hashed.result()
            progress(offset, total, "searching dates")
    receipt = SourceFile(name=file.name, bytes=offset, sha256=digest.hexdigest())
    return receipt, keys if plain and keys else None


def _read_ahead(stream: IO[bytes], offset: int) -> None:
    """Have the system fetch the next blocks from the disk while this one is worked on, where it can be asked to."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(stream.fileno(), offset, _AHEAD * BLOCK, os.POSIX_FADV_WILLNEED)


def _spans(file: Path, size: int, keys: list[tuple[str, int, int]]) -> dict[dt.date, tuple[int, int]] | None:
    """Turn key offsets into byte ranges, in date order; None where the text between the weeks is not a plain comma."""
    with file.open("rb") as stream:
        if keys[0][1] > _LOOK_BACK or not _HEAD.match(stream.read(keys[0][1])):
            return None
        ends = []
        for _, key, _ in keys[1:]:
            start = max(0, key - _LOOK_BACK)
            stream.seek(start)
            comma = _BETWEEN.search(stream.read(key - start))
            if comma is None:
                return None
            ends.append(start + comma.start())
        stream.seek(max(0, size - _LOOK_BACK))
        rest = stream.read()
        if not rest.rstrip().endswith(b"}"):
            refuse(file, f"byte {size}", "the file is truncated", _REMEDY)
        tail = _TAIL.search(rest)
        if tail is None:
            return None
        ends.append(max(0, size - _LOOK_BACK) + tail.start())
    spans: dict[dt.date, tuple[int, int]] = {}
    for (text, key, value), end in zip(keys, ends, strict=True):
        spans[_new_date(file, text, f"byte {key}", spans)] = (value, end)
    return dict(sorted(spans.items()))


def _new_date(file: Path, text: str, place: str, seen: dict[dt.date, tuple[int, int]]) -> dt.date:
    try:
        date = dt.date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else None
    except ValueError:
        date = None
    if date is None:
        refuse(file, place, f"{shown(text)} is not a date", f"{_SHAPE}; correct or remove the key")
    if date in seen:
        refuse(file, place, f"the date {date} occurs twice", "keep one of the two and import the other file apart")
    return date


class _Stream:
    """A file for ijson with bare NaN and Infinity as null (block ends are held back: a token may be split there)."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._rest, self.offset = stream, b"", 0

    def read(self, size: int = -1) -> bytes:
        """Return about `size` bytes; empty only at the end."""
        if size == 0:
            return b""
        block = self._stream.read(BLOCK)
        self.offset += len(block)
        text = self._rest + block
        cut = len(text) if not block else max(0, *(text.rfind(mark) for mark in (b",", b"}", b"{", b"]")))
        self._rest = text[cut:]
        return without_nan(text[:cut]) or (self.read(size) if block else b"")


def _compact(file: Path, target: Path) -> dict[dt.date, tuple[int, int]]:
    """Write each week compactly, one a line, and return their byte ranges in date order."""
    spans: dict[dt.date, tuple[int, int]] = {}
    at = 0
    with target.open("wb") as out:
        for key, week in _weeks(file):
            date = _new_date(file, key, f"date {shown(key)}", spans)
            text = json.dumps(week, separators=(",", ":")).encode()
            out.write(text + b"\n")
            spans[date] = (at, at + len(text))
            at += len(text) + 1
    if not spans:
        refuse(file, "", "holds no dates", f"{_SHAPE}; {_REMEDY}")
    return dict(sorted(spans.items()))


def _weeks(file: Path) -> Iterator[tuple[str, Any]]:
    with file.open("rb") as raw:
        stream = _Stream(raw)
        try:
            yield from ijson.kvitems(stream, "data", use_float=True)
        except ijson.IncompleteJSONError:
            refuse(file, f"before byte {stream.offset}", "the file is truncated or not JSON", _REMEDY)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            reason = str(error).splitlines()[0].strip() if str(error) else "malformed"
            refuse(file, f"before byte {stream.offset}", f"not valid JSON ({reason})", _REMEDY)
