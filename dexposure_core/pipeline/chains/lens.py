"""A vintage seen through some of its chains: a store whose tables are made, date by date, from the holdings that count.

The construction is the build's own (`network.build.from_holdings`), applied to the stored holdings of the date and of
the date before. So the lens of all chains without borrowed balances is the stored vintage, exactly, and on the
holdings basis exposures add up over chains. Flows do not: the net of a pair is taken over all the chains at once, and
a rise on one cancels a fall on another.

Tables of one date are made when they are asked for. Those of all dates come from `course`: one pass over the vintage,
kept on disk (see `lens_course`).
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from dexposure_core.errors import BadOption
from dexposure_core.measures import Facts, sector_frame
from dexposure_core.network.build import from_holdings
from dexposure_core.network.chains import ALL, DEFAULT, NOT_STATED, chain_choice, chain_kept, chain_words
from dexposure_core.network.period import Period, snapshot_of
from dexposure_core.network.snapshot import BASES, Basis, Snapshot
from dexposure_core.pipeline.building.week import measured, settled
from dexposure_core.pipeline.chains import sizes as chain_sizes
from dexposure_core.pipeline.chains.lens_course import NOTHING, Course, course, folder_of, is_kept
from dexposure_core.progress import Progress, silent
from dexposure_core.settings import load
from dexposure_core.store import TABLES, Store
from dexposure_core.store.changes import CHANGES
from dexposure_core.store.reader import known_basis

_OF_PERIOD: Final = ("holdings", "exposures", "exposure_tokens", "flows", "nodes", "coverage", "findings")
_OF_FLOWS: Final = ("flows", "nodes", "findings")
_OF_MEASURES: Final = ("measures", "importance", "sector_exposures")
MADE: Final = (*_OF_PERIOD, *_OF_MEASURES)  # the tables that a lens makes itself
_KEPT: Final = 8  # dates kept in memory


def open_lens(store: Store, asked: Iterable[str]) -> Store:
    """Return the store seen through the chains asked for; the store itself when that is what it already shows.

    Args:
        store: a vintage.
        asked: names of chains, or "default", "all", "borrowed" (see `network.chains`); none: "default".

    Raises:
        UnknownChain: when the vintage has no such chain; names the nearest.
        BadOption: when the vintage holds no balances to choose from.
    """
    known = chain_sizes.names(store)
    choice = chain_choice(asked, known)
    # without chains there is nothing to leave out; such networks may not even come from the holdings alone
    whole = (DEFAULT,) if set(known) - {NOT_STATED} else (DEFAULT, ALL, NOT_STATED)
    return store if choice in whole else Lens(store, choice)


def chains_of(store: Store) -> str:
    """Return the choice of chains that a store shows."""
    return store.chains if isinstance(store, Lens) else DEFAULT


class Lens(Store):
    """A vintage's holdings on some chains as a store of their own; same methods, same columns, same errors."""

    def __init__(self, base: Store, chains: str) -> None:
        self.base = base
        self.chains = chains
        calendar = _calendar(base, chains)
        if not calendar:
            raise BadOption(f"Vintage {base.vintage} has no balance on {chain_words(chains)}; choose other chains")
        super().__init__(base.path, msgspec.structs.replace(base.manifest, calendar=calendar))
        self._periods = functools.lru_cache(maxsize=_KEPT)(self._period)
        self._networks = functools.lru_cache(maxsize=_KEPT)(self._network)
        self._scores = functools.lru_cache(maxsize=_KEPT)(self._score)
        self._courses: dict[Basis, Course] = {}

    def __repr__(self) -> str:
        """Return one line: vintage, chains and extent."""
        return f"Lens({self.vintage}, {chain_words(self.chains)}, {len(self.dates())} snapshots)"

    def snapshot(self, date: dt.date, basis: str = "holdings") -> Snapshot:
        """Return the network of these chains on one date; as of `Store.snapshot`."""
        return self._networks(date, self._check_date(date, basis))

    def changes(self, date: dt.date, since: dt.date | None = None) -> pl.DataFrame:
        """Return how each exposure differs from an earlier snapshot; as of `Store.changes`."""
        before = since or self._previous(date)
        days = [day for day in (before, date) if day is not None]
        rows = {
            name: pl.concat([self._on(name, day).with_columns(date=pl.lit(day)) for day in days], how="diagonal")
            for name in ("holdings", "exposures", "exposure_tokens")
        }
        frame = self.base._sql(CHANGES, rows, before=before or dt.date.min, after=date)
        return frame if before else frame.clear()

    def cell(
        self, date: dt.date, basis: str, creditor_sector: str, debtor_sector: str, limit: int | None = None
    ) -> pl.DataFrame:
        """Return the exposures behind a cell of the spillover matrix; as of `Store.cell`."""
        s = self.snapshot(date, basis)
        inside = (s.sectors[s.creditor] == creditor_sector) & (s.sectors[s.debtor] == debtor_sector)
        creditor, debtor = s.creditor[inside], s.debtor[inside]
        texts = {
            "creditor": s.protocols[creditor], "creditor_name": s.names[creditor],
            "debtor": s.protocols[debtor], "debtor_name": s.names[debtor],
        }  # fmt: skip
        columns = [pl.Series(name, values.tolist(), dtype=pl.String) for name, values in texts.items()]
        rows = pl.DataFrame([*columns, pl.Series("exposure_usd", s.exposure_usd[inside])])
        ordered = rows.sort("exposure_usd", "creditor", "debtor", descending=[True, False, False])
        return ordered if limit is None else ordered.head(limit)

    def measured(self, basis: str) -> bool:
        """Return whether every date has been measured in full (see `measure_all_dates`)."""
        return is_kept(self._folder(known_basis(basis), full=True))

    def measure_all_dates(self, basis: str, progress: Progress = silent) -> None:
        """Measure every date in full and keep it on disk: stress losses, importance, and all of the flow basis."""
        known = known_basis(basis)
        self._courses[known] = course(self, known, load().cache_dir, full=True, progress=progress)

    def measure_table(self, basis: str, names: Sequence[str]) -> pl.DataFrame:
        """Return date and one column a measure; as of `Store.measure_table`. Null too where not `measured` yet.

        Raises:
            UnknownMeasure: the vintage holds no such measure.
        """
        table = self.base.measure_table(basis, names).select("date")
        table = table.filter(pl.col("date").is_in(self.dates(basis)))
        rows = self._course(basis).measures
        for name in dict.fromkeys(names):
            column = rows.filter(pl.col("measure") == name).select("date", pl.col("value").fill_nan(None).alias(name))
            table = table.join(column, on="date", how="left", maintain_order="left")
        return table

    def node_history(self, basis: str, start: dt.date | None = None, end: dt.date | None = None) -> pl.DataFrame:
        """Return date, protocol, tvl_usd; as of `Store.node_history`."""
        between = pl.col("date").is_between(start or dt.date.min, end or dt.date.max)
        return self._course(basis).nodes.filter(between).select("date", "protocol", "tvl_usd")

    def protocol_history(self, protocol: str, basis: str = "holdings") -> pl.DataFrame:
        """Return date, tvl_usd, as_creditor_usd, as_debtor_usd; as of `Store.protocol_history`."""
        self._check_protocol(protocol)
        return self._course(basis).nodes.filter(pl.col("protocol") == protocol).drop("protocol")

    def importance_history(self, protocol: str, basis: str = "holdings") -> pl.DataFrame:
        """Return importance and rank over time, as of `Store.importance_history`; no rows where not `measured` yet."""
        shape = self.base.importance_history(protocol, basis).clear()
        rows = self._course(basis).importance
        if rows.is_empty():
            return shape
        ranked = rows.with_columns(rank=pl.col("sis").rank("min", descending=True).over("date"))
        mine = ranked.filter(pl.col("protocol") == protocol)
        return mine.select(pl.col(name).cast(kind) for name, kind in shape.schema.items())

    def sector_history(
        self, basis: str, creditor_sector: str | None = None, debtor_sector: str | None = None
    ) -> pl.DataFrame:
        """Return date, creditor_sector, debtor_sector, exposure_usd; as of `Store.sector_history`."""
        rows = self._course(basis).sectors
        for column, sector in (("creditor_sector", creditor_sector), ("debtor_sector", debtor_sector)):
            rows = rows if sector is None else rows.filter(pl.col(column) == sector)
        return rows.select("date", "creditor_sector", "debtor_sector", "exposure_usd")

    def exposure_history(self, creditor: str, debtor: str, basis: str = "holdings") -> pl.DataFrame:
        """Refuse: the pairs of all dates are not kept for a lens."""
        del creditor, debtor, basis
        raise BadOption(f"One pair over time is not offered for {chain_words(self.chains)}; ask for all chains")

    def edge_history(self, basis: str, start: dt.date | None = None, end: dt.date | None = None) -> pl.DataFrame:
        """Refuse: the pairs of all dates are not kept for a lens."""
        del basis, start, end
        raise BadOption(f"All pairs over time are not offered for {chain_words(self.chains)}; ask for all chains")

    def table(self, name: str) -> pl.DataFrame:
        """Return a whole table of these chains, all dates made one after the other; as of `Store.table`."""
        if name not in MADE:
            return super().table(name)
        return pl.concat([self.on(name, day) for day in self.dates()])

    def on(self, name: str, date: dt.date) -> pl.DataFrame:
        """Return the rows of one date of a table.

        Raises:
            UnknownDate: these chains have no snapshot on that date.
        """
        self._check_date(date, "holdings")
        return self._on(name, date).with_columns(date=pl.lit(date)).select(TABLES[name].empty().columns)

    def balances(self, start: dt.date, end: dt.date) -> pl.DataFrame:
        """Return date, protocol, token, value_usd of these chains' holdings from `start` to `end`, both included."""
        rows = super()._between("holdings", start, end).filter(chain_kept(self.chains))
        return rows.select("date", "protocol", "token", "value_usd").collect()

    def raw_holdings(self, date: dt.date) -> pl.DataFrame:
        """Return protocol, chain, token, quantity, value_usd of these chains' holdings on one date, as stored."""
        rows = super()._on("holdings", date).filter(chain_kept(self.chains))
        return rows.select("protocol", "chain", "token", "quantity", "value_usd")

    def _on(self, table: str, date: dt.date) -> pl.DataFrame:
        """Return the rows of one date, without the date: made here, not read."""
        if table in _OF_PERIOD:
            rows: pl.DataFrame = getattr(self._periods(date, flows=table in _OF_FLOWS), table)
        elif table in _OF_MEASURES:
            bases = [basis for basis in BASES if date in self.manifest.calendar.get(basis, ())]
            return self._checked(table, date, [self._scores(date, basis) for basis in bases])
        else:
            return super()._on(table, date)
        return TABLES[table].check(rows.with_columns(date=pl.lit(date))).drop("date")

    def _of(self, table: str, date: dt.date, basis: str) -> pl.DataFrame:
        """Return one date and basis of a table, without those columns; only that basis is made."""
        known = self._check_date(date, basis)
        if table == "sector_exposures":
            rows = sector_frame(*Facts(self.snapshot(date, known)).sectors)
            return rows.sort("creditor_sector", "debtor_sector")
        if table not in _OF_MEASURES:
            return super()._of(table, date, known)
        return self._checked(table, date, [self._scores(date, known)]).drop("basis")

    def _checked(self, table: str, date: dt.date, parts: Sequence[dict[str, pl.DataFrame]]) -> pl.DataFrame:
        """Return the rows of a table of measures in the order and with the columns in which it is stored."""
        empty = TABLES[table].empty().drop("date")
        rows = pl.concat([empty, *(part[table].select(empty.columns) for part in parts if part)])
        rows = rows.sort([name for name in empty.columns if empty.schema[name] == pl.String])
        return TABLES[table].check(rows.with_columns(date=pl.lit(date))).drop("date")

    def _previous(self, date: dt.date, basis: str = "holdings") -> dt.date | None:
        """Return the vintage's snapshot before, whether or not these chains hold anything on it."""
        self._check_date(date, basis)
        days = self.base.dates()
        place = days.index(date)
        return days[place - 1] if place else None

    def _period(self, date: dt.date, *, flows: bool) -> Period:
        """Return the tables of one date; without flows (half the work) where only the holdings basis is wanted."""
        days = self.base.dates()
        place = days.index(date)
        before = self.raw_holdings(days[place - 1]) if flows and place else None
        return settled(from_holdings(date, self.raw_holdings(date), before, self._tokens, chains=self.chains))

    def _folder(self, basis: Basis, *, full: bool) -> Path:
        return folder_of(self, basis, load().cache_dir, full=full)

    def _course(self, basis: str) -> Course:
        """Return what is known of all dates: the full course when it was computed, else the cheap one, else nothing."""
        known = known_basis(basis)
        if known not in self._courses:
            full = self.measured(known)
            if known == "flow" and not full:
                return NOTHING
            self._courses[known] = course(self, known, load().cache_dir, full=full)
        return self._courses[known]

    def _network(self, date: dt.date, basis: Basis) -> Snapshot:
        return snapshot_of(self._periods(date, flows=basis == "flow"), basis, self._protocols)

    def _score(self, date: dt.date, basis: Basis) -> dict[str, pl.DataFrame]:
        return {name: rows.drop("date") for name, rows in measured(self.snapshot(date, basis)).items()}


def _calendar(base: Store, chains: str) -> dict[str, tuple[dt.date, ...]]:
    """Return the dates on which these chains hold anything (flow: then or at the snapshot before), by basis."""
    rows = chain_sizes.sizes(base).filter(chain_kept(chains))
    held = set(rows["date"].to_list())
    days: Sequence[dt.date] = base.dates()
    moved = {day for before, day in itertools.pairwise(days) if held & {before, day}}
    found: dict[str, tuple[dt.date, ...]] = {}
    for basis, present in (("holdings", held), ("flow", moved)):
        dates = tuple(day for day in base.dates(basis) if day in present) if basis in base.bases() else ()
        if dates:
            found[basis] = dates
    return found
