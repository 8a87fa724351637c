"""One large file, fetched in as many pieces as it takes, and in place only when it is the right one.

What came so far lies in `<name>.part`, what it belongs to in `<name>.part.json`. The next attempt asks for the rest
(Range), on condition that the file is still the same one (If-Range with its ETag); a service that ignores the range or
has another file begins anew. The sum is checked over the whole file before it gets its name.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from dexposure_core.disk import settle
from dexposure_core.errors import BadInput, FetchFailed
from dexposure_core.sources.border import one_line
from dexposure_core.sources.fetch.client import Again, Client
from dexposure_core.sources.fetch.disk import make, write
from dexposure_core.sources.fetch.places import place

if TYPE_CHECKING:
    import httpx

_WORTH: Final = 1 << 16
"""An attempt that brought this many bytes was not in vain: patience starts anew."""
_RANGE: Final = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A file as its service lists it: address, size, and the sum that proves it (sha256, or git's sha1 of a blob)."""

    url: str
    size: int
    sha256: str = ""
    git: str = ""


class _Note(msgspec.Struct, frozen=True, kw_only=True):
    size: int
    sum: str
    etag: str = ""


class Part:
    """The part of a file that is there."""

    def __init__(self, target: Path, wanted: Wanted) -> None:
        self.path = target.with_name(f"{target.name}.part")
        self._beside = target.with_name(f"{target.name}.part.json")
        self.target, self.wanted = target, wanted
        self.etag = self._known()

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def begin(self, etag: str) -> None:
        """Start from nothing."""
        self.etag = etag
        self.path.unlink(missing_ok=True)
        note = _Note(size=self.wanted.size, sum=self.wanted.sha256 or self.wanted.git, etag=etag)
        write(self._beside, msgspec.json.encode(note))

    def discard(self) -> None:
        """Throw away what is there."""
        self.etag = ""
        for file in (self.path, self._beside):
            file.unlink(missing_ok=True)

    def finish(self) -> None:
        """Give the file its name."""
        self.path.replace(self.target)
        self._beside.unlink(missing_ok=True)
        settle(self.target.parent)

    def _known(self) -> str:
        """Return the ETag of the part that is there; throw away a part of something else."""
        try:
            note = msgspec.json.decode(self._beside.read_bytes(), type=_Note)
        except (OSError, msgspec.DecodeError):
            note = None
        if note is None or (note.size, note.sum) != (self.wanted.size, self.wanted.sha256 or self.wanted.git):
            self.path.unlink(missing_ok=True)
            return ""
        return note.etag


def download(
    client: Client, target: Path, wanted: Wanted, refuse: Callable[[httpx.Response], None], told: Callable[[int], None]
) -> str:
    """Fetch a file, or the rest of it, and return its ETag.

    Args:
        client: asks.
        target: where the file goes; its folder is made.
        wanted: what it must be.
        refuse: raises for answers that are neither the file nor worth another try.
        told: called with the bytes there so far.

    Raises:
        FetchFailed: when it cannot be had, or twice is not the file that was listed.
        BadInput: when the disk does not take it.
    """
    make(target.parent)
    part = Part(target, wanted)
    for last in (False, True):
        client.persist(wanted.url, lambda: _attempt(client, part, refuse, told))
        found = checksum(part.path, wanted)
        if found == (wanted.sha256 or wanted.git):
            part.finish()
            return part.etag
        part.discard()
        if last:
            kind = "sha256" if wanted.sha256 else "git sha1"
            told_ = f"its {kind} is {found[:16]}..., listed as {(wanted.sha256 or wanted.git)[:16]}..."
            raise FetchFailed(f"{place(wanted.url)}: {told_}; nothing was kept, try again later or another --revision")
    raise AssertionError


def checksum(path: Path, wanted: Wanted) -> str:
    """Return the sum of a file, of the kind that its service lists."""
    digest = hashlib.sha256() if wanted.sha256 else hashlib.sha1(usedforsecurity=False)
    if not wanted.sha256:
        digest.update(f"blob {path.stat().st_size}\0".encode())
    with path.open("rb") as stream:
        while block := stream.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def _attempt(client: Client, part: Part, refuse: Callable[[httpx.Response], None], told: Callable[[int], None]) -> None:
    before = part.size
    if before > part.wanted.size:
        part.discard()
        before = 0
    if before == part.wanted.size and part.path.is_file():
        return
    headers = {"Accept-Encoding": "identity"}
    if before:
        headers["Range"] = f"bytes={before}-"
        headers |= {"If-Range": part.etag} if part.etag.startswith('"') else {}
    try:
        with client.stream(part.wanted.url, headers) as response:
            _position(part, response, before, refuse)
            _append(part, response, told)
    except Again as trouble:
        trouble.moved = part.size - before >= _WORTH
        raise


def _position(part: Part, response: httpx.Response, before: int, refuse: Callable[[httpx.Response], None]) -> None:
    """Make the part ready for what follows: the rest, or the whole from its beginning."""
    etag = response.headers.get("etag", "")
    if response.status_code == 206:
        span = _RANGE.fullmatch(response.headers.get("content-range", ""))
        if span is None or int(span[1]) != before or span[2] not in ("*", str(part.wanted.size)):
            part.discard()
            raise Again("another range than the one asked for")
        if part.etag and etag and etag != part.etag:
            part.discard()
            raise Again("the file changed while it was fetched")
    elif response.status_code == 200:
        length = response.headers.get("content-length", "")
        if length.isdecimal() and int(length) != part.wanted.size:
            what = f"{int(length):,} bytes, listed with {part.wanted.size:,}"
            raise FetchFailed(f"{place(part.wanted.url)}: {what}; try again later or another --revision")
        part.begin(etag if len(etag) < 400 and etag.isprintable() else "")
    elif response.status_code == 416:
        part.discard()
        raise Again("the range asked for does not exist")
    else:
        refuse(response)
        raise FetchFailed(f"{place(part.wanted.url)}: HTTP {response.status_code}; try again later")


def _append(part: Part, response: httpx.Response, told: Callable[[int], None]) -> None:
    size = part.size
    try:
        with part.path.open("ab") as stream:
            for chunk in response.iter_raw():
                size += len(chunk)
                if size > part.wanted.size:
                    break
                stream.write(chunk)
                told(size)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise BadInput(one_line(f"{part.path}: {error.strerror}; make space on its disk, then go on")) from None
    if size > part.wanted.size:
        part.discard()
        raise Again("more bytes than listed")
    if size < part.wanted.size:
        raise Again(f"the connection ended after {size:,} of {part.wanted.size:,} bytes")
