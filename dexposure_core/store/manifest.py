"""What a vintage says about itself: `manifest.json`, written last into its folder and read first from it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from dexposure_core.errors import CorruptVintage
from dexposure_core.store.schema import SCHEMA_VERSION

MANIFEST: Final = "manifest.json"


class SourceLike(Protocol):
    """Anything that names an input file, its size in bytes and its SHA-256 in hex."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def bytes(self) -> int: ...  # noqa: D102
    @property
    def sha256(self) -> str: ...  # noqa: D102


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """An input file of the build."""

    name: str
    bytes: int
    sha256: str


class FileRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the vintage as it was published."""

    bytes: int
    sha256: str


class Dates(msgspec.Struct, frozen=True, kw_only=True):
    """First and last snapshot date and how many there are; null when there is no snapshot."""

    first: dt.date | None
    last: dt.date | None
    count: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One vintage: identity, origin, extent and the files that make it.

    `calendar` lists snapshot dates by basis; `rows` is keyed by table, `files` by path in the vintage's folder;
    `parameters` are the build's; `base` is the vintage that an update started from.
    """

    vintage: str
    created_at: dt.datetime
    content_hash: str
    schema_version: int
    built_by: str
    sources: tuple[Source, ...]
    dates: Dates
    calendar: dict[str, tuple[dt.date, ...]]
    frequency: str
    simulated: bool
    parameters: dict[str, Any]
    rows: dict[str, int]
    files: dict[str, FileRecord]
    base: str | None = None


def write(manifest: Manifest, folder: Path) -> Path:
    """Write the manifest into `folder` and return its path."""
    path = folder / MANIFEST
    path.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    return path


def read(folder: Path) -> Manifest:
    """Read the manifest of a vintage's folder.

    Raises:
        CorruptVintage: it is missing, damaged, or of a schema this version does not read.
    """
    path = folder / MANIFEST
    again = "import the data again"
    try:
        text = path.read_bytes()
        version = msgspec.json.decode(text, type=_Versioned).schema_version
        manifest = msgspec.json.decode(text, type=Manifest) if version == SCHEMA_VERSION else None
    except OSError as error:
        raise CorruptVintage(f"{path}: cannot be read ({error.strerror}); {again}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CorruptVintage(f"{path}: damaged ({error}); {again}") from None
    if manifest is None:
        raise CorruptVintage(f"{path}: schema version {version}, this program reads {SCHEMA_VERSION}; {again}")
    return manifest


class _Versioned(msgspec.Struct):
    schema_version: int
