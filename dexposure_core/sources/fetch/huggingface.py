"""Fetch the published files from a repository on the Hugging Face hub.

The repository is gated: the hub wants a token. It is read from the environment, goes to the hub's own origin only, and
appears in no message and no file. Files lie in `<raw>/huggingface/<owner>--<name>/files`, a manifest beside them.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from dexposure_core.errors import AccessDenied, BadOption
from dexposure_core.progress import Progress, silent
from dexposure_core.sources.border import one_line, refuse, shown
from dexposure_core.sources.fetch.client import Client, Manners
from dexposure_core.sources.fetch.disk import alone, write
from dexposure_core.sources.fetch.hub import KINDS, Hub, Item, how_to
from dexposure_core.sources.fetch.pace import Clock, Pace
from dexposure_core.sources.fetch.partial import Wanted, checksum, download
from dexposure_core.sources.fetch.places import is_local, origin, place, relative_path

FOLDER: Final = "huggingface"
FILES: Final = "files"
PUBLISHED: Final = (
    "historical-network*.json", "meta_df.csv", "id_to_info.json", "rev_map.json", "token_to_protocol.json",
)  # fmt: skip
_MANIFEST: Final = "manifest.json"
_REPO: Final = re.compile(r"(?:(datasets|models)/)?([A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})")


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to fetch: hub, repository ("OWNER/NAME", or with datasets/ or models/ before it), revision, file patterns.

    Attributes:
        patterns: shell patterns on a file's path or name; empty: the published files.
        anonymous: ask without a token, for a mirror that needs none.
        limit: bytes of the largest file accepted.
    """

    base: str
    repo: str
    revision: str = "main"
    patterns: tuple[str, ...] = ()
    anonymous: bool = False
    limit: int = 8_000_000_000


@dataclass(frozen=True, kw_only=True)
class Result:
    """What is there now: the folder, path → bytes of every file, and which of them came in this call."""

    folder: Path
    kind: str
    files: Mapping[str, int]
    fetched: tuple[str, ...]


class _Kept(msgspec.Struct, kw_only=True):
    url: str
    bytes: int
    sum: str
    etag: str
    fetched: str


class _Manifest(msgspec.Struct, kw_only=True):
    format: int = 1
    source: str = "huggingface"
    base: str = ""
    repo: str = ""
    revision: str = ""
    files: dict[str, _Kept] = {}


def fetch(
    raw_dir: str | Path, order: Order, manners: Manners, *, clock: Clock | None = None, progress: Progress = silent
) -> Result:
    """Bring the files of a repository into `<raw_dir>/huggingface/<owner>--<name>/files` and return what is there.

    Args:
        raw_dir: folder of everything that is fetched.
        order: what to fetch.
        manners: retries, timeout, token.
        clock: the time.
        progress: told of megabytes.

    Raises:
        AccessDenied: without a token, or when the hub refuses the one there is.
        FetchFailed: when a file cannot be had; the same call goes on from there.
        SourceChanged: when the hub's list has another shape.
        BadOption: when the repository is no such name or no file fits.
        BadInput: when a path or the disk cannot be used.
    """
    match = _REPO.fullmatch(order.repo.strip())
    if match is None or ".." in order.repo:
        raise BadOption(one_line(f"--repo: {shown(order.repo)} is not a repository; write OWNER/NAME"))
    kinds = (match[1],) if match[1] else tuple(KINDS)
    if manners.token is None and not order.anonymous:
        raise AccessDenied(f"huggingface: {match[2]} is given to those with a token; {how_to(order.base, match[2])}")
    scheme, host, _ = origin(order.base)
    if manners.token is not None and scheme == "http" and not is_local(host):
        raise BadOption(f"--base-url: {host} would get the token unencrypted; use https, or say --anonymous")
    folder = Path(raw_dir) / FOLDER / match[2].replace("/", "--")
    clock = clock or Clock()
    with alone(folder), Client(order.base, Pace(4.0, burst=4, clock=clock), manners) as client:
        return _Call(client, order, Hub(client, match[2], order.revision, kinds), folder).fetch(clock, progress)


class _Call:
    """One call for one repository."""

    def __init__(self, client: Client, order: Order, hub: Hub, folder: Path) -> None:
        self._client, self._order, self._hub, self._folder = client, order, hub, folder
        self._manifest = self._read()

    def fetch(self, clock: Clock, progress: Progress) -> Result:
        """List, choose, fetch what is not there yet."""
        wanted = self._choose(self._hub.files())
        total = sum(item.size for _, item in wanted.values())
        before, fetched = 0, []
        for path, (target, item) in wanted.items():
            if not self._is_here(path, target, item):

                def told(here: int, before: int = before, name: str = target.name) -> None:
                    progress((before + here) // 1_000_000, total // 1_000_000, name[:24])

                etag = download(self._client, target, item, self._hub.refuse, told)
                moment = clock.now().isoformat(timespec="seconds")
                self._keep(path, item, etag, moment)
                fetched.append(path)
            before += item.size
        sizes = {path: item.size for path, (_, item) in wanted.items()}
        return Result(folder=self._folder / FILES, kind=self._hub.kind, files=sizes, fetched=tuple(fetched))

    def _choose(self, items: Sequence[Item]) -> dict[str, tuple[Path, Wanted]]:
        """Return path → where it goes and what it must be, for the files asked for."""
        chosen = [item for item in items if _fits(item.path, self._order.patterns or PUBLISHED)]
        if not self._order.patterns and not any(item.path.endswith(".json") for item in chosen):
            chosen = [item for item in items if item.path.endswith((".json", ".csv"))]
        if not chosen:
            there = ", ".join(sorted(item.path for item in items)[:8])
            asked = ", ".join(self._order.patterns) or "published JSON"
            what = f"nothing in {self._hub.repo} fits {asked[:80]}; there are {there[:200]}"
            raise BadOption(one_line(f"--files: {what}"))
        large = next((item for item in chosen if item.whole > self._order.limit), None)
        if large is not None:
            what = f"{large.path} has {large.whole / 1e9:.1f} GB, more than {self._order.limit / 1e9:g}"
            raise BadOption(one_line(f"huggingface: {what}; raise DEXPOSURE_FETCH_FILE_GB if that is right"))
        return {
            item.path: (self._target(item.path), self._hub.wanted(item))
            for item in sorted(chosen, key=lambda item: item.whole)
        }

    def _target(self, path: str) -> Path:
        inside = relative_path(path, "huggingface: list of files")
        target = self._folder / FILES / inside
        if not target.resolve().is_relative_to((self._folder / FILES).resolve()):
            refuse(target, "", "leads out of the folder", "remove the link that is in the way")
        return target

    def _is_here(self, path: str, target: Path, wanted: Wanted) -> bool:
        """Return whether a file is there already; one that we did not put there is summed first."""
        if not target.is_file() or target.stat().st_size != wanted.size:
            return False
        kept, total = self._manifest.files.get(path), wanted.sha256 or wanted.git
        if kept is not None and (kept.sum, kept.bytes) == (total, wanted.size):
            return True
        return checksum(target, wanted) == total

    def _keep(self, path: str, wanted: Wanted, etag: str, moment: str) -> None:
        kept = _Kept(
            url=place(wanted.url), bytes=wanted.size, sum=wanted.sha256 or wanted.git, etag=etag, fetched=moment
        )
        self._manifest.files[path] = kept
        self._manifest.base, self._manifest.repo = self._order.base, f"{self._hub.kind}/{self._hub.repo}"
        self._manifest.revision = self._order.revision
        write(self._folder / _MANIFEST, msgspec.json.format(msgspec.json.encode(self._manifest), indent=1) + b"\n")

    def _read(self) -> _Manifest:
        path = self._folder / _MANIFEST
        try:
            return msgspec.json.decode(path.read_bytes(), type=_Manifest) if path.is_file() else _Manifest()
        except msgspec.DecodeError as error:
            refuse(path, "", f"not a manifest of fetched files ({error})", "delete it; the files are checked again")


def _fits(path: str, patterns: Sequence[str]) -> bool:
    name = PurePosixPath(path).name
    return any(fnmatch.fnmatchcase(path, p) or fnmatch.fnmatchcase(name, p) for p in patterns)
