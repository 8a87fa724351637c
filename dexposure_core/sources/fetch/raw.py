"""The raw folder: every payload as it came, packed with zstd, and a manifest that says where it came from.

    <folder>/manifest.json     which payload of which key counts, when it was asked for, and its sha256
    <folder>/journal.jsonl     the same for payloads kept since the manifest was last written
    <folder>/payloads/<key>.<sha256>.json.zst

A payload is written first, under a name made from its content; one line in the journal then makes it count. So a kill
at any moment loses at most what was being written, an older payload stays until the newer one counts, and a reader
never sees a half of anything. The folder can be carried to another machine and read there without a network.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import msgspec

from dexposure_core.disk import TEMPORARY
from dexposure_core.errors import BadInput
from dexposure_core.sources.border import one_line, refuse
from dexposure_core.sources.fetch.disk import make, write
from dexposure_core.sources.fetch.places import file_name

MANIFEST: Final = "manifest.json"
JOURNAL: Final = "journal.jsonl"
PAYLOADS: Final = "payloads"
SUFFIX: Final = ".json.zst"
FORMAT: Final = 1
_LEVEL: Final = 6
_REMEDY: Final = "run the fetch again, or restore the folder from a copy"

State = Literal["kept", "gone", "failed"]


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one payload.

    Attributes:
        url: what was asked for.
        state: kept; gone (the service has it no longer: this is the last payload); failed (the last try brought none).
        status: HTTP status of the last answer; 0 when there was none.
        checked: when it was last asked for, UTC.
        fetched: when the payload came, UTC; '' when there is none, like the following.
        file: name in the folder of payloads.
        sha256: of the payload, unpacked.
        bytes: its size, unpacked.
        stored_bytes: its size as stored.
        etag: what the service calls this version.
        last_modified: since when it has it.
        days: dates with token values; what the next payload is compared with.
        run: the run that asked last.
        note: why the state is not "kept".
    """

    url: str
    state: State
    status: int
    checked: str
    fetched: str = ""
    file: str = ""
    sha256: str = ""
    bytes: int = 0
    stored_bytes: int = 0
    etag: str = ""
    last_modified: str = ""
    days: int = 0
    run: str = ""
    note: str = ""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One walk over a service: when it began, whether it saw everything, from where, and which keys it wants."""

    name: str
    base: str
    wanted: str
    complete: bool = False


class _Manifest(msgspec.Struct, kw_only=True):
    format: int = FORMAT
    source: str = "defillama"
    run: Run | None = None
    payloads: dict[str, Entry] = {}


class _Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    key: str = ""
    entry: Entry | None = None
    run: Run | None = None


@dataclass(frozen=True, kw_only=True)
class Payload:
    """One stored payload: its key, what is known of it, and its content."""

    key: str
    entry: Entry
    body: bytes = field(repr=False)


class RawFolder:
    """A folder of payloads. Reading needs no lock; whoever writes must hold the folder (`disk.alone`).

    Attributes:
        path: the folder.
        run: the last run.
        entries: key → entry.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        manifest = self._manifest()
        self.run, self.entries = manifest.run, dict(manifest.payloads)
        for line in self._journal():
            self._note(line)
        self._stream: int | None = None

    @staticmethod
    def here(path: str | Path) -> bool:
        """Return whether a folder is one of these."""
        return any((Path(path) / name).is_file() for name in (MANIFEST, JOURNAL))

    def open(self) -> None:
        """Make the folder ready for writing: create it, settle the journal, sweep what a kill left behind."""
        make(self.path / PAYLOADS)
        self.settle()

    def keep(self, key: str, body: bytes, entry: Entry) -> Entry:
        """Store a payload and let it count; return its entry, completed.

        Raises:
            BadInput: when the disk does not take it.
        """
        sha = hashlib.sha256(body).hexdigest()
        name = f"{file_name(key)}.{sha[:16]}{SUFFIX}"
        packed = _pack(body)
        write(self.path / PAYLOADS / name, packed)
        full = msgspec.structs.replace(entry, file=name, sha256=sha, bytes=len(body), stored_bytes=len(packed))
        self._append(_Line(key=key, entry=full), flush=True)
        return full

    def note(self, key: str, entry: Entry) -> None:
        """Let an entry count, without a new payload."""
        self._append(_Line(key=key, entry=entry))

    def begin(self, run: Run) -> None:
        """Note the run that the next entries belong to, or that it is complete."""
        self._append(_Line(run=run))

    def has(self, entry: Entry | None) -> bool:
        """Return whether the payload of an entry is there, by name and size."""
        if entry is None or not entry.file:
            return False
        path = self._payload(entry)
        return path.is_file() and path.stat().st_size == entry.stored_bytes

    def body(self, key: str) -> bytes:
        """Return a payload, unpacked and checked.

        Raises:
            BadInput: when it is missing or damaged.
        """
        entry = self.entries[key]
        path = self._payload(entry)
        try:
            body = unpack(path, entry.bytes)
        except OSError:
            refuse(path, "", "the payload is missing or damaged", _REMEDY)
        if len(body) != entry.bytes or hashlib.sha256(body).hexdigest() != entry.sha256:
            refuse(path, "", "the payload is not the one in the manifest", _REMEDY)
        return body

    def payloads(self) -> Iterator[Payload]:
        """Yield every stored payload by key, one in memory at a time.

        Raises:
            BadInput: when one is missing or damaged.
        """
        for key in sorted(k for k, entry in self.entries.items() if entry.file):
            yield Payload(key=key, entry=self.entries[key], body=self.body(key))

    def settle(self) -> None:
        """Write the manifest anew, empty the journal, and delete payloads that no longer count."""
        manifest = _Manifest(run=self.run, payloads=dict(sorted(self.entries.items())))
        write(self.path / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
        self.close()
        (self.path / JOURNAL).unlink(missing_ok=True)
        used = {entry.file for entry in self.entries.values()}
        for file in (self.path / PAYLOADS).iterdir():
            if file.name not in used:
                file.unlink(missing_ok=True)
        for file in self.path.glob(f"{TEMPORARY}*"):
            file.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the journal."""
        if self._stream is not None:
            os.close(self._stream)
            self._stream = None

    def _append(self, line: _Line, *, flush: bool = False) -> None:
        """Write one line in one go; a torn line at the end is no line. A new payload's line is flushed to the disk."""
        if self._stream is None:
            self._stream = os.open(self.path / JOURNAL, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        text = msgspec.json.encode(line) + b"\n"
        try:
            whole = os.write(self._stream, text) == len(text)
            if flush:
                os.fsync(self._stream)
        except OSError:
            whole = False
        if not whole:
            raise BadInput(one_line(f"{self.path / JOURNAL}: cannot be written; make space on its disk, then go on"))
        self._note(line)

    def _note(self, line: _Line) -> None:
        if line.entry is not None:
            self.entries[line.key] = line.entry
        if line.run is not None:
            self.run = line.run

    def _manifest(self) -> _Manifest:
        path = self.path / MANIFEST
        if not path.is_file():
            return _Manifest()
        try:
            manifest = msgspec.json.decode(path.read_bytes(), type=_Manifest)
        except msgspec.DecodeError as error:
            refuse(path, "", f"not a manifest of fetched payloads ({error})", _REMEDY)
        if manifest.format != FORMAT:
            refuse(path, "field format", f"{manifest.format} is not {FORMAT}", "read it with the version that wrote it")
        for key, entry in manifest.payloads.items():
            self._checked(key, entry)
        return manifest

    def _journal(self) -> Iterator[_Line]:
        path = self.path / JOURNAL
        whole = path.read_bytes() if path.is_file() else b""
        for number, text in enumerate(whole.split(b"\n")[:-1], start=1):
            try:
                line = msgspec.json.decode(text, type=_Line)
            except msgspec.DecodeError as error:
                refuse(path, f"line {number}", f"not a line of a journal ({error})", _REMEDY)
            if line.entry is not None:
                self._checked(line.key, line.entry)
            yield line

    def _checked(self, key: str, entry: Entry) -> None:
        """A manifest that was carried here is input from outside: it may name no file but its own payloads."""
        if entry.file and (not entry.file.startswith(f"{file_name(key)}.") or "/" in entry.file or entry.bytes < 0):
            refuse(self.path / MANIFEST, f"payload {key[:60]!r}", "names another file", _REMEDY)

    def _payload(self, entry: Entry) -> Path:
        return self.path / PAYLOADS / entry.file


def unpack(path: Path, limit: int) -> bytes:
    """Return at most `limit` + 1 bytes of a file packed with zstd or gzip (by its name), without unpacking more.

    Raises:
        OSError: when it is missing or damaged.
    """
    import pyarrow as pa

    kind = {".zst": "zstd", ".gz": "gzip"}[path.suffix]
    with path.open("rb") as file, pa.CompressedInputStream(pa.PythonFile(file), kind) as stream:
        return bytes(stream.read(limit + 1))


def _pack(body: bytes) -> bytes:
    import pyarrow as pa

    return bytes(pa.Codec("zstd", compression_level=_LEVEL).compress(body, asbytes=True))
