"""Publishing a vintage: built beside, checked, flushed to disk, renamed into place, named by LATEST last.

Whatever happens before the rename (an exception, a kill, a power cut) leaves every reader with what it had.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec
import polars as pl

from dexposure_core import __version__
from dexposure_core.disk import settle
from dexposure_core.errors import BadInput
from dexposure_core.scratch import Scratch, remove_stale
from dexposure_core.store import canonical, twins, vintages
from dexposure_core.store import manifest as manifests
from dexposure_core.store.inheritance import Inheritance, Shared, share
from dexposure_core.store.manifest import Dates, FileRecord, Manifest, Source, SourceLike
from dexposure_core.store.schema import SCHEMA_VERSION, TABLES
from dexposure_core.store.sealing import inputs_digest
from dexposure_core.store.tablefile import TableFile

_COMPRESSION_LEVEL: Final = 3
_KEYS: Final = {"protocols": "protocol", "tokens": "token", "listings": "protocol", "stated": "token"}
_AT_ONCE: Final = 4  # tables closed, or files flushed
_Given = TypeVar("_Given")
_Result = TypeVar("_Result")
_DIGESTS: Final = "digests"
_INPUTS: Final = "inputs"


class VintageWriter:
    """Builds one vintage in `store_dir`; use as a context manager, append frames, publish once.

        with VintageWriter(store_dir) as writer:
            writer.append("protocols", protocols)
            for period in periods:
                writer.append("holdings", period.holdings)
            vintage = writer.publish(sources=sources, parameters={}, frequency="week", simulated=False)

    Leaving the block without `publish` removes the build. An update gives the older vintage as `inheritance` and says
    of each date, in order, whether its rows are appended or kept.
    """

    def __init__(
        self,
        store_dir: str | Path,
        *,
        compression_level: int = _COMPRESSION_LEVEL,
        inheritance: Inheritance | None = None,
    ) -> None:
        self._store = Path(store_dir)
        self._level = compression_level
        self._scratch: Scratch | None = None
        self._folder = self._store
        self._files: dict[str, TableFile] = {}
        self._calendar: dict[str, set[dt.date]] = {}
        self._inputs: dict[dt.date, tuple[int, pl.DataFrame]] = {}
        self._same_inputs: set[dt.date] = set()
        self._made: dict[Path, FileRecord] = {}  # files of this build that lie on the disk
        self._inheritance = inheritance
        self._closed = False

    def __enter__(self) -> Self:
        """Remove what dead builds left and start an empty one.

        Raises:
            BadInput: the store folder cannot be written.
        """
        try:
            self._store.mkdir(parents=True, exist_ok=True)
            remove_stale(self._store)
            self._scratch = Scratch(self._store)
            self._folder = self._scratch.path / "vintage"
            self._folder.mkdir()
        except OSError as error:
            raise BadInput(
                f"{self._store}: cannot write vintages here ({error.strerror}); name a folder with --store"
            ) from None
        for name, table in TABLES.items():
            older = self._inheritance.parts(name) if self._inheritance is not None and table.dated else None
            self._files[name] = TableFile(table, self._folder, level=self._level, older=older)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what is left of the build; publishing has moved the vintage out of it."""
        for file in self._files.values():
            file.abort()
        if self._scratch is not None:
            self._scratch.remove()

    def append(self, table: str, frame: pl.DataFrame, digest: bytes | None = None) -> None:
        """Add rows to a table; all columns of `schema.sql`, dates best in ascending order.

        Args:
            table: its name.
            frame: the rows.
            digest: their fingerprint, where they are all rows of one date as `seal` returned them.

        Raises:
            ValueError: no such table, or columns, types or nulls that are not the schema's.
        """
        if table not in self._files or table == _DIGESTS:
            others = ", ".join(name for name in self._files if name != _DIGESTS)
            raise ValueError(f"no table '{table}' in schema.sql to append to; there are {others}")
        self._files[table].append(frame, digest)
        if table == "nodes":
            for basis, date in frame.select("basis", "date").unique().iter_rows():
                self._calendar.setdefault(basis, set()).add(date)

    def keep(self, date: dt.date) -> None:
        """Take over a date's rows of every table (events apart) from the older vintage.

        Raises:
            RuntimeError: there is no older vintage.
        """
        if self._inheritance is None:
            raise RuntimeError("nothing to keep: the build has no older vintage")
        for name, file in self._files.items():
            if name != "events":
                file.keep(date, share)
        for basis, dates in self._inheritance.base.manifest.calendar.items():
            if date in dates:
                self._calendar.setdefault(basis, set()).add(date)

    def keep_inputs(self, date: dt.date) -> None:
        """Note that a date was computed anew from what the older vintage was given for it."""
        self._same_inputs.add(date)

    def shared(self) -> Shared:
        """Return how many files the build shares with the older vintage."""
        linked = [by_link for file in self._files.values() for by_link in file.shared.values()]
        return Shared(linked=sum(linked), copied=len(linked) - sum(linked))

    def note_inputs(self, date: dt.date, rows: int, unusable: pl.DataFrame) -> None:
        """Note what the source gave for a date: how many rows, and those of them that are no holdings."""
        self._inputs[date] = rows, unusable

    def point(self, vintage: str) -> None:
        """Make a published vintage the latest."""
        vintages.point_latest(self._store, vintage, self._folder.parent)

    def publish(
        self, *, sources: Sequence[SourceLike], parameters: Mapping[str, Any], frequency: str, simulated: bool
    ) -> str:
        """Make the build visible as a vintage and the latest; return its id.

        Nothing is stored twice: when a vintage already says the same, it becomes the latest again. Equal content with
        other parameters or measures is a revision: `<id>-2`.

        Raises:
            BadInput: there is no snapshot to publish.
            ValueError: a protocol or token occurs twice.
            RuntimeError: already published, or a file lost rows.
        """
        if self._closed:
            raise RuntimeError("this build is already published; start a new VintageWriter")
        self._closed = True
        names = [name for name in self._files if name != _DIGESTS]
        digests = dict(zip(names, _at_once(self._finish, names), strict=True))
        self._files[_DIGESTS].append(self._digest_table())
        self._finish(_DIGESTS)
        self._check_keys()
        manifest = Manifest(
            vintage="",
            created_at=dt.datetime.now(dt.UTC),
            content_hash=canonical.content_hash(digests),
            schema_version=SCHEMA_VERSION,
            built_by=f"dexposure {__version__}",
            sources=tuple(Source(name=s.name, bytes=s.bytes, sha256=s.sha256) for s in sources),
            dates=self._dates(),
            calendar={basis: tuple(sorted(dates)) for basis, dates in sorted(self._calendar.items())},
            frequency=frequency,
            simulated=simulated,
            parameters=dict(parameters),
            rows={name: file.rows for name, file in self._files.items()},
            files=dict(self._records()),
            base=None if self._inheritance is None else self._inheritance.base.vintage,
        )
        vintage = self._install(manifest)
        self.point(vintage)
        return vintage

    def _finish(self, name: str) -> bytes:
        """Close a table, flush its own files to the disk and note their records; return the table's fingerprint."""
        file = self._files[name]
        digest = file.close()
        for path in file.paths:
            if path not in file.shared:
                self._made[path] = FileRecord(bytes=path.stat().st_size, sha256=vintages.sha256(path))
                settle(path)
        return digest

    def _records(self) -> Iterator[tuple[str, FileRecord]]:
        """Yield the path and the record of every file; a shared one has that of the older vintage."""
        older = {} if self._inheritance is None else self._inheritance.records()
        for file in self._files.values():
            for path in sorted(file.paths):
                name = path.relative_to(self._folder).as_posix()
                yield name, older[name] if path in file.shared else self._made[path]

    def _digest_table(self) -> pl.DataFrame:
        """Return the rows of the digests table: of every table and date, and of what the source gave."""
        found = [(name, d.date, d.rows, d.digest.hex()) for name, file in self._files.items() for d in file.digests]
        held = {d.date: d.digest for d in self._files["holdings"].digests}
        for date, (rows, unusable) in self._inputs.items():
            found.append((_INPUTS, date, rows, inputs_digest(held.get(date), unusable, rows)))
        if self._inheritance is not None:
            same = self._inheritance.inputs(self._same_inputs)
            found += [(_INPUTS, date, rows, digest) for date, rows, digest in same if date not in self._inputs]
        return pl.DataFrame(found, schema=TABLES[_DIGESTS].polars, orient="row")

    def _dates(self) -> Dates:
        dates = sorted(set().union(*self._calendar.values()))
        if not dates:
            raise BadInput(
                "Nothing to publish: the input gave no snapshot; check the dates and values of the source files"
            )
        return Dates(first=dates[0], last=dates[-1], count=len(dates))

    def _check_keys(self) -> None:
        for name, key in _KEYS.items():
            values = pl.read_parquet(self._files[name].paths[0], columns=[key], glob=False)[key]
            if values.is_duplicated().any():
                twice = values.filter(values.is_duplicated())[0]
                raise ValueError(f"table {name}: {key} '{twice[:80]}' occurs more than once")

    def _install(self, manifest: Manifest) -> str:
        """Move the build to its final name, or drop it where the store already says the same; return the id."""
        base = f"{manifest.dates.last}-{manifest.content_hash[:10]}"
        for revision in itertools.count(1):
            vintage = base if revision == 1 else f"{base}-{revision}"
            if self._move(msgspec.structs.replace(manifest, vintage=vintage)):
                return vintage
            if twins.same(self._store / vintage, self._folder, manifest):
                return vintage
        raise AssertionError  # the count above never ends

    def _move(self, manifest: Manifest) -> bool:
        """Rename the finished build to its id, flushed to disk; False where that id is taken."""
        final = self._store / manifest.vintage
        if final.exists():
            return False
        manifests.write(manifest, self._folder)
        linked = {path for file in self._files.values() for path, by_link in file.shared.items() if by_link}
        _at_once(settle, [p for p in self._folder.rglob("*") if p not in linked and p not in self._made])
        settle(self._folder)
        try:
            self._folder.rename(final)
        except OSError:
            if final.exists():  # another build was faster
                return False
            raise
        settle(self._store)
        return True


def _at_once(work: Callable[[_Given], _Result], things: Sequence[_Given]) -> list[_Result]:
    """Return the result of each, several done at a time: compression and the disk let go of Python's lock."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="close") as pool:
        return list(pool.map(work, things))
