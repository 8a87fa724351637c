"""How things moved: measures, importance, sizes and exposures over time."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Sequence
from typing import Final

import polars as pl

from dexposure_core.errors import UnknownMeasure, suggest
from dexposure_core.store.balances import Balances
from dexposure_core.store.reader import EDGES, known_basis

_IMPORTANCE: Final = """
WITH mine AS (FROM importance WHERE basis = $basis AND protocol = $protocol),
higher AS (
    SELECT m.date, count(*) AS n FROM mine m JOIN importance o ON o.date = m.date AND o.basis = $basis AND o.sis > m.sis
    GROUP BY m.date
)
SELECT m.date, m.sis, CASE WHEN m.sis IS NOT NULL THEN 1 + coalesce(h.n, 0) END AS rank,
       m.pagerank, m.tail_exposure, m.log_tvl, m.default_loss
FROM mine m LEFT JOIN higher h ON h.date = m.date ORDER BY m.date
"""

_PROTOCOL: Final = """
WITH ends AS (
    SELECT date, sum(exposure_usd) FILTER (creditor = $protocol) AS lent_usd,
           sum(exposure_usd) FILTER (debtor = $protocol) AS owed_usd
    FROM edges WHERE basis = $basis AND (creditor = $protocol OR debtor = $protocol) GROUP BY date
)
SELECT n.date, n.tvl_usd, coalesce(e.lent_usd, 0) AS as_creditor_usd, coalesce(e.owed_usd, 0) AS as_debtor_usd
FROM nodes n LEFT JOIN ends e ON e.date = n.date
WHERE n.basis = $basis AND n.protocol = $protocol ORDER BY n.date
"""

_EXPOSURE: Final = """
SELECT date, exposure_usd FROM edges WHERE basis = $basis AND creditor = $creditor AND debtor = $debtor
"""

_SECTORS: Final = """
SELECT date, creditor_sector, debtor_sector, exposure_usd FROM sector_exposures
WHERE basis = $basis AND creditor_sector = coalesce($creditor_sector, creditor_sector)
  AND debtor_sector = coalesce($debtor_sector, debtor_sector)
ORDER BY date, creditor_sector, debtor_sector
"""


class Series(Balances):
    """Queries over many dates; every frame is in ascending order of date."""

    def history(self, measure: str, basis: str = "holdings") -> pl.DataFrame:
        """Return date, value (null: not defined) of one measure.

        Raises:
            UnknownMeasure: the vintage holds no such measure; names the closest.
        """
        return self.measure_table(basis, (measure,)).rename({measure: "value"})

    def measure_table(self, basis: str, names: Sequence[str]) -> pl.DataFrame:
        """Return date and one column for each of the named measures, one row for each snapshot date.

        Raises:
            UnknownMeasure: the vintage holds no such measure; names the closest.
        """
        known = {measure for _, measure in self._by_measure}
        for name in names:
            if name not in known:
                raise UnknownMeasure(f"No measure '{name[:80]}' in vintage {self.vintage}{suggest(name[:80], known)}")
        table, empty = pl.DataFrame({"date": self.dates(basis)}, schema={"date": pl.Date}), self._measures.clear()
        for name in dict.fromkeys(names):
            course = self._by_measure.get((known_basis(basis), name), empty)
            column = course.select("date", pl.col("value").alias(name))
            table = table.join(column, on="date", how="left", maintain_order="left")
        return table

    @functools.cached_property
    def _by_measure(self) -> dict[tuple[str, str], pl.DataFrame]:
        """The rows of the measures table by (basis, measure): pages ask for dozens of courses each."""
        parts = self._measures.partition_by("basis", "measure", as_dict=True)
        return {(str(basis), str(measure)): rows for (basis, measure), rows in parts.items()}

    def importance_history(self, protocol: str, basis: str = "holdings") -> pl.DataFrame:
        """Return date, sis, rank (1 = highest; null where sis is), pagerank, tail_exposure, log_tvl, default_loss.

        Raises:
            UnknownProtocol: the vintage has no such protocol.
        """
        self._check_protocol(protocol)
        return self._sql(_IMPORTANCE, protocol=protocol, basis=known_basis(basis))

    def protocol_history(self, protocol: str, basis: str = "holdings") -> pl.DataFrame:
        """Return date, tvl_usd, as_creditor_usd, as_debtor_usd on the dates on which the protocol is in the network.

        Raises:
            UnknownProtocol: the vintage has no such protocol.
        """
        self._check_protocol(protocol)
        return self._sql(_PROTOCOL, protocol=protocol, basis=known_basis(basis))

    def exposure_history(self, creditor: str, debtor: str, basis: str = "holdings") -> pl.DataFrame:
        """Return date, exposure_usd of one ordered pair on every snapshot date; 0 where there is no exposure.

        Raises:
            UnknownProtocol: the vintage has no such creditor or debtor.
        """
        self._check_protocol(creditor)
        self._check_protocol(debtor)
        found = self._sql(_EXPOSURE, creditor=creditor, debtor=debtor, basis=known_basis(basis))
        every = pl.DataFrame({"date": self.dates(basis)}, schema={"date": pl.Date})
        filled = every.join(found, on="date", how="left", maintain_order="left")
        return filled.with_columns(pl.col("exposure_usd").fill_null(0.0))

    def node_history(self, basis: str, start: dt.date | None = None, end: dt.date | None = None) -> pl.DataFrame:
        """Return date, protocol, tvl_usd from `start` to `end`, both included."""
        rows = self._between("nodes", start, end).filter(pl.col("basis") == known_basis(basis))
        return rows.select("date", "protocol", "tvl_usd").collect()

    def edge_history(self, basis: str, start: dt.date | None = None, end: dt.date | None = None) -> pl.DataFrame:
        """Return date, creditor, debtor, exposure_usd (flow basis: the flow) from `start` to `end`, both included."""
        table, amount = EDGES[known_basis(basis)]
        rows = self._between(table, start, end)
        return rows.select("date", "creditor", "debtor", pl.col(amount).alias("exposure_usd")).collect()

    def sector_history(
        self, basis: str, creditor_sector: str | None = None, debtor_sector: str | None = None
    ) -> pl.DataFrame:
        """Return date, creditor_sector, debtor_sector, exposure_usd, of one sector as creditor or debtor if given."""
        sectors = {"creditor_sector": creditor_sector, "debtor_sector": debtor_sector}
        return self._sql(_SECTORS, basis=known_basis(basis), **sectors)

    def _between(self, table: str, start: dt.date | None, end: dt.date | None) -> pl.LazyFrame:
        rows = pl.scan_parquet(self.parquet_paths(table), glob=False)
        return rows.filter(pl.col("date") >= (start or dt.date.min), pl.col("date") <= (end or dt.date.max))
