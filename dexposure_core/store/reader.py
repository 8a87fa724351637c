"""One vintage opened for reading: its frames, its snapshots, and the engine behind every query.

Single dates are read with polars, from the one part that holds them; everything else is SQL in DuckDB: one
connection, one cursor per query, values always as parameters. Both are safe to use from many threads.
"""

from __future__ import annotations

import bisect
import datetime as dt
import functools
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import polars as pl

from dexposure_core import settings
from dexposure_core.errors import BadOption, CorruptVintage, UnknownDate, UnknownProtocol, suggest
from dexposure_core.jobs import in_order
from dexposure_core.network.snapshot import BASES, UNKNOWN_SECTOR, Basis, Indices, Snapshot, Texts
from dexposure_core.store.manifest import Manifest
from dexposure_core.store.schema import TABLES
from dexposure_core.store.vintages import verify

if TYPE_CHECKING:
    import duckdb

SHARED_SNAPSHOTS: Final = 64
_DATED: Final = tuple(name for name, table in TABLES.items() if table.dated)
EDGES: Final[dict[str, tuple[str, str]]] = {"holdings": ("exposures", "exposure_usd"), "flow": ("flows", "flow_usd")}


# Both bases under one roof, so that a query takes the basis as a parameter like any other value.
_EDGES_VIEW: Final = """
CREATE VIEW edges AS
SELECT date, 'holdings' AS basis, creditor, debtor, exposure_usd FROM exposures
UNION ALL
SELECT date, 'flow' AS basis, creditor, debtor, flow_usd AS exposure_usd FROM flows
"""


def _numbered(protocols: pl.DataFrame) -> tuple[pl.Enum, dict[str, Texts]]:
    """Return the protocols' ids as numbers, and what they are called and belong to by these numbers."""
    filled = protocols.with_columns(
        pl.col("name").fill_null(pl.col("protocol")), pl.col("sector", "category").fill_null(UNKNOWN_SECTOR)
    )
    texts = {name: filled[name].to_numpy() for name in ("protocol", "name", "sector", "category")}
    return pl.Enum(filled["protocol"]), texts


def _rows_of(ids: pl.Enum, nodes: pl.DataFrame, edges: pl.DataFrame) -> list[Indices]:
    """Return the numbers of a date's protocols, creditors and debtors, -1 for what has none; told apart in one go."""
    texts = pl.concat([nodes["protocol"], edges["creditor"], edges["debtor"]])
    numbers = texts.cast(ids, strict=False).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    return np.split(numbers, [nodes.height, nodes.height + edges.height])


class Reader:
    """The files of one vintage and what every query needs of them."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.path = folder
        self.manifest = manifest
        self._lock = threading.Lock()
        # Snapshots never change, so they can be shared; a forecast reads a year of them for every origin.
        self._snapshots = functools.lru_cache(maxsize=SHARED_SNAPSHOTS)(self._read_snapshot)
        self._connection: duckdb.DuckDBPyConnection | None = None

    def __repr__(self) -> str:
        """Return one line: vintage and extent."""
        dates = self.manifest.dates
        return f"Store({self.vintage}, {dates.count} snapshots {dates.first}..{dates.last})"

    @property
    def vintage(self) -> str:
        """The id of the vintage; the key of every cache."""
        return self.manifest.vintage

    def bases(self) -> tuple[Basis, ...]:
        """Return the bases that have at least one snapshot."""
        return tuple(basis for basis in BASES if self.manifest.calendar.get(basis))

    def dates(self, basis: str = "holdings") -> list[dt.date]:
        """Return the snapshot dates of a basis, ascending.

        Raises:
            BadOption: no such basis.
        """
        return list(self.manifest.calendar.get(known_basis(basis), ()))

    def snapshot(self, date: dt.date, basis: str = "holdings") -> Snapshot:
        """Return the network on one date; protocols by id, exposures by creditor and debtor.

        Raises:
            UnknownDate: no snapshot of that basis on that date; names the nearest.
            BadOption: no such basis.
        """
        return self._snapshots(date, self._check_date(date, basis))

    def snapshots(self, dates: Sequence[dt.date], basis: str = "holdings") -> list[Snapshot]:
        """Return the networks on several dates as `snapshot` does, several read at a time.

        Raises:
            UnknownDate: no snapshot of that basis on one of them; names the nearest.
            BadOption: no such basis.
        """
        jobs = [functools.partial(self.snapshot, date, basis) for date in dates]
        return list(in_order(jobs, settings.processors()))

    def _read_snapshot(self, date: dt.date, known: Basis) -> Snapshot:
        table, amount = EDGES[known]
        nodes = self._on("nodes", date).filter(pl.col("basis") == known)
        edges = self._on(table, date)
        ids, texts = self._directory
        rows = _rows_of(ids, nodes, edges)
        if min(end.min(initial=0) for end in rows) < 0:  # a protocol that nothing is said of has its id for a name
            unknown = nodes.select("protocol").join(self._protocols, on="protocol", how="anti")
            ids, texts = _numbered(pl.concat([self._protocols, unknown], how="diagonal"))
            rows = _rows_of(ids, nodes, edges)
        here, creditor, debtor = rows
        row = np.full(len(texts["protocol"]) + 1, -1)  # the last for what is no protocol at all
        row[here] = np.arange(len(here))
        ends = row[creditor], row[debtor]
        if min(end.min(initial=0) for end in ends) < 0:
            raise CorruptVintage(
                f"{self.path}: {table} of {date} name protocols that nodes lacks; import the data again"
            )
        return Snapshot(
            date=date, basis=known, protocols=texts["protocol"][here], names=texts["name"][here],
            sectors=texts["sector"][here], categories=texts["category"][here], tvl_usd=nodes["tvl_usd"].to_numpy(),
            creditor=ends[0], debtor=ends[1], exposure_usd=edges[amount].to_numpy(),
        )  # fmt: skip

    @functools.cached_property
    def _directory(self) -> tuple[pl.Enum, dict[str, Texts]]:
        """All protocols by number: snapshots share their texts."""
        return _numbered(self._protocols)

    def parquet_paths(self, name: str) -> list[Path]:
        """Return the Parquet files of a table: parts in order of date, rows without a date last.

        Raises:
            BadOption: no such table.
        """
        if name not in TABLES:
            raise BadOption(f"No table '{name[:80]}'; there are {', '.join(TABLES)}")
        return [self.path / file for file in self._parts[name][1]]

    @functools.cached_property
    def _parts(self) -> dict[str, tuple[list[str], list[str]]]:
        """Table → first dates of its parts, ascending, and its files in the same order (then the undated one)."""
        parts: dict[str, tuple[list[str], list[str]]] = {name: ([], []) for name in TABLES}
        for file in sorted(self.manifest.files):  # dates sort before the word for none
            table, _, part = file.removesuffix(".parquet").partition("/")
            starts, files = parts[table]
            files.append(file)
            if part[:1].isdigit():
                starts.append(part)
        return parts

    def part_starts(self, table: str) -> list[dt.date]:
        """Return the first dates of a table's parts, in the order of `parquet_paths`."""
        return [dt.date.fromisoformat(start) for start in self._parts[table][0]]

    def part_of(self, table: str, date: dt.date) -> Path | None:
        """Return the file that holds a date's rows of a table, None where there can be none."""
        starts, files = self._parts[table]
        place = bisect.bisect_right(starts, date.isoformat())
        return self.path / files[place - 1] if place else None

    def table(self, name: str) -> pl.DataFrame:
        """Return a whole table.

        Raises:
            BadOption: no such table.
        """
        paths = self.parquet_paths(name)
        return pl.read_parquet(paths, glob=False) if paths else TABLES[name].empty()

    def rows_on(self, name: str, date: dt.date) -> pl.DataFrame:
        """Return a dated table's rows of one date as they are stored, without the date; none on other dates.

        Raises:
            BadOption: no such table, or one without dates.
        """
        if name not in TABLES or not TABLES[name].dated:
            raise BadOption(f"No table '{name[:80]}' with dates; there are {', '.join(_DATED)}")
        return self._on(name, date)

    def verify(self) -> None:
        """Check every byte of the vintage against its manifest.

        Raises:
            CorruptVintage: naming the first file that differs.
        """
        verify(self.path, self.manifest)

    def close(self) -> None:
        """Let go of the query engine; the next query starts it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    @functools.cached_property
    def _protocols(self) -> pl.DataFrame:
        return self.table("protocols")

    @functools.cached_property
    def _tokens(self) -> pl.DataFrame:
        return self.table("tokens")

    @functools.cached_property
    def _measures(self) -> pl.DataFrame:
        return self.table("measures")

    def _on(self, table: str, date: dt.date) -> pl.DataFrame:
        """Return the rows of one date, without the date, in the order of the file: ascending by all columns."""
        part = self.part_of(table, date)
        if part is None:
            return TABLES[table].empty().drop("date")
        return pl.scan_parquet(part, glob=False).filter(pl.col("date") == date).drop("date").collect()

    def _sql(self, query: str, tables: Mapping[str, pl.DataFrame] | None = None, /, **parameters: Any) -> pl.DataFrame:
        """Run one query on its own cursor; `$name` is the parameter `name`; `tables` take the place of views."""
        cursor = self._engine().cursor()
        for name, rows in (tables or {}).items():
            cursor.register(name, rows)  # shadows the view of that name for this cursor only
        frame: pl.DataFrame = cursor.sql(query, params=parameters).pl()
        return frame

    def _engine(self) -> duckdb.DuckDBPyConnection:
        """Return the connection, with one view per table, opened at the first query."""
        with self._lock:
            if self._connection is None:
                import duckdb

                from dexposure_core.settings import load

                config: dict[str, str | bool | int | float | list[str]] = {
                    "autoinstall_known_extensions": "false",
                    "autoload_known_extensions": "false",
                    "allocator_background_threads": "true",  # without them 0.3 GB of a large query's memory stay taken
                }
                connection = duckdb.connect(":memory:", config=config)
                if threads := load().threads:
                    connection.execute(f"SET threads = {threads:d}")
                for name in (name for name in TABLES if self.parquet_paths(name)):
                    connection.read_parquet([str(path) for path in self.parquet_paths(name)]).create_view(name)
                connection.execute(_EDGES_VIEW)
                self._connection = connection
            return self._connection

    def _check_date(self, date: dt.date, basis: str) -> Literal["holdings", "flow"]:
        known = known_basis(basis)
        dates = self.manifest.calendar.get(known, ())
        if isinstance(date, dt.datetime) or not isinstance(date, dt.date):
            raise BadOption(f"date: expected datetime.date, got {date!r:.80}")
        if date not in dates:
            raise UnknownDate(_no_snapshot(date, known, dates))
        return known

    def _previous(self, date: dt.date, basis: str = "holdings") -> dt.date | None:
        """Return the snapshot date before `date`, which must be one itself."""
        known = self._check_date(date, basis)
        dates = self.manifest.calendar[known]
        place = dates.index(date)
        return dates[place - 1] if place else None

    def _check_protocol(self, protocol: str) -> None:
        if not (self._protocols["protocol"] == protocol).any():
            hint = suggest(protocol[:80], [*self._protocols["protocol"], *self._protocols["name"]])
            raise UnknownProtocol(f"No protocol '{protocol[:80]}' in vintage {self.vintage}{hint}")


def known_basis(basis: str) -> Basis:
    """Return `basis` if it is one.

    Raises:
        BadOption: it is not.
    """
    for known in BASES:
        if basis == known:
            return known
    raise BadOption(f"basis: '{basis[:80]}' is not one of {', '.join(BASES)}")


def _no_snapshot(date: dt.date, basis: str, dates: tuple[dt.date, ...]) -> str:
    """Say which dates lie next to one that has no snapshot."""
    if not dates:
        return f"No snapshot on the {basis} basis in this vintage; import more data or take another basis"
    before = max((d for d in dates if d < date), default=None)
    after = min((d for d in dates if d > date), default=None)
    near = " and ".join(str(d) for d in (before, after) if d is not None)
    return f"No {basis} snapshot on {date}; nearest: {near}"
