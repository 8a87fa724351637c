"""One date: who holds what, which exposures that makes, what changed, and the scores of that date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final

import polars as pl

from dexposure_core.errors import UnknownToken, suggest
from dexposure_core.store.changes import CHANGES
from dexposure_core.store.reader import Reader, known_basis

_CELL: Final = """
SELECT e.creditor, coalesce(a.name, e.creditor) AS creditor_name, e.debtor, coalesce(b.name, e.debtor) AS debtor_name,
       e.exposure_usd
FROM edges e
LEFT JOIN protocols a ON a.protocol = e.creditor
LEFT JOIN protocols b ON b.protocol = e.debtor
WHERE e.date = $date AND e.basis = $basis
  AND coalesce(a.sector, 'Unknown') = $creditor_sector AND coalesce(b.sector, 'Unknown') = $debtor_sector
ORDER BY e.exposure_usd DESC, e.creditor, e.debtor
LIMIT $limit
"""


class Balances(Reader):
    """Queries about one date. All raise UnknownDate where there is no snapshot; tables come largest first."""

    def holdings(self, date: dt.date, protocol: str | None = None, *, all_chains: bool = False) -> pl.DataFrame:
        """Return protocol, chain, token, issuer (null: none), quantity (null: unknown), value_usd.

        Args:
            date: a snapshot date of the holdings basis.
            protocol: only what it holds.
            all_chains: also the chains that the vintage's networks do not count (borrowed balances).

        Raises:
            UnknownProtocol: the vintage has no such protocol.
        """
        self._check_date(date, "holdings")
        rows = self._on("holdings", date)
        if not all_chains:
            rows = rows.filter("counts")
        if protocol is not None:
            self._check_protocol(protocol)
            rows = rows.filter(pl.col("protocol") == protocol)
        rows = rows.join(self._tokens.select("token", "issuer"), on="token", how="left", maintain_order="left")
        return _largest_first(rows.select("protocol", "chain", "token", "issuer", "quantity", "value_usd"))

    def holders(self, date: dt.date, issuer: str) -> pl.DataFrame:
        """Return protocol, name, sector, token, value_usd: who else holds the tokens a protocol issues.

        Raises:
            UnknownProtocol: the vintage has no such protocol.
        """
        rows = self.exposure_tokens(date, debtor=issuer).rename({"creditor": "protocol", "exposure_usd": "value_usd"})
        rows = rows.join(self._protocols, on="protocol", how="left", maintain_order="left")
        return rows.select("protocol", "name", "sector", "token", "value_usd")

    def token_holders(self, date: dt.date, token: str) -> pl.DataFrame:
        """Return protocol, value_usd: every holder of a token, over all chains that count.

        Raises:
            UnknownToken: the vintage has no such token; names the closest.
        """
        self._check_date(date, "holdings")
        if not (self._tokens["token"] == token).any():
            hint = suggest(token[:80], self._tokens["token"])
            raise UnknownToken(f"No token '{token[:80]}' in vintage {self.vintage}{hint}")
        rows = self._on("holdings", date).filter(pl.col("counts") & (pl.col("token") == token))
        return _largest_first(rows.group_by("protocol", maintain_order=True).agg(pl.sum("value_usd")))

    def exposure_tokens(self, date: dt.date, creditor: str | None = None, debtor: str | None = None) -> pl.DataFrame:
        """Return creditor, debtor, token ('': the source has none), exposure_usd, of one creditor or debtor if given.

        Raises:
            UnknownProtocol: the vintage has no such creditor or debtor.
        """
        self._check_date(date, "holdings")
        rows = self._on("exposure_tokens", date)
        for end, protocol in (("creditor", creditor), ("debtor", debtor)):
            if protocol is not None:
                self._check_protocol(protocol)
                rows = rows.filter(pl.col(end) == protocol)
        return _largest_first(rows)

    def flows(self, date: dt.date) -> pl.DataFrame:
        """Return creditor, debtor, flow_usd, price_usd, quantity_usd (both null where a quantity is missing)."""
        self._check_date(date, "flow")
        rows = self._on("flows", date)
        return rows.sort("flow_usd", descending=True, maintain_order=True)

    def changes(self, date: dt.date, since: dt.date | None = None) -> pl.DataFrame:
        """Return how each exposure differs from an earlier snapshot, the previous one unless `since` names another.

        Empty on the first date. See store/changes.py.

        Columns: creditor, creditor_name, debtor, debtor_name, before_usd, after_usd, change_usd, price_usd,
        quantity_usd, entry_usd, exit_usd, mapping_usd; change = their sum where all are known. Mapping: tokens that
        have another issuer than before (published data tell issuers week by week; others have one mapping a vintage).
        """
        before = since or self._previous(date) or dt.date.min
        if since is not None:
            self._check_date(since, "holdings")
        frame = _moved(before, date, {before: (self, before), date: (self, date)})
        return frame if before != dt.date.min else frame.clear()

    def revised(self, earlier: Balances, date: dt.date) -> pl.DataFrame:
        """Return how each exposure of a date differs from what another vintage says; columns as of `changes`.

        Args:
            earlier: the vintage that is compared with, `before` in the columns.
            date: a snapshot date of both.
        """
        before = date - dt.timedelta(days=1)  # two sides of one date, told apart as two dates
        return _moved(before, date, {before: (earlier, date), date: (self, date)})

    def measures(self, date: dt.date, basis: str = "holdings") -> pl.DataFrame:
        """Return measure, value (null: not defined)."""
        return self._of("measures", date, basis)

    def importance(self, date: dt.date, basis: str = "holdings") -> pl.DataFrame:
        """Return protocol, name, sector, sis, pagerank, tail_exposure, log_tvl, default_loss; highest sis first."""
        rows = self._of("importance", date, basis).join(
            self._protocols, on="protocol", how="left", maintain_order="left"
        )
        rows = rows.sort("sis", descending=True, nulls_last=True, maintain_order=True)
        return rows.select("protocol", "name", "sector", "sis", "pagerank", "tail_exposure", "log_tvl", "default_loss")

    def sector_exposures(self, date: dt.date, basis: str = "holdings") -> pl.DataFrame:
        """Return creditor_sector, debtor_sector, exposure_usd: the spillover matrix, cells > 0 only."""
        return self._of("sector_exposures", date, basis)

    def cell(
        self, date: dt.date, basis: str, creditor_sector: str, debtor_sector: str, limit: int | None = None
    ) -> pl.DataFrame:
        """Return creditor, creditor_name, debtor, debtor_name, exposure_usd: what is behind a cell of the matrix."""
        known = self._check_date(date, basis)
        sectors = {"creditor_sector": creditor_sector, "debtor_sector": debtor_sector}
        return self._sql(_CELL, date=date, basis=known, limit=limit, **sectors)

    def _of(self, table: str, date: dt.date, basis: str) -> pl.DataFrame:
        """Return one date and basis of a table, without those columns."""
        self._check_date(date, basis)
        return self._on(table, date).filter(pl.col("basis") == known_basis(basis)).drop("basis")


def _moved(before: dt.date, after: dt.date, sides: Mapping[dt.date, tuple[Balances, dt.date]]) -> pl.DataFrame:
    """Return what `changes` says of two dates; `sides`: whose rows, and of which date, stand under each.

    The rows of both are handed over: looking them up in the files, where five parts of the query each search all dates,
    takes twice the time of the whole.
    """
    rows = {
        name: pl.concat([store._on(name, date).with_columns(date=pl.lit(day)) for day, (store, date) in sides.items()])
        for name in ("holdings", "exposures", "exposure_tokens")
    }
    return sides[after][0]._sql(CHANGES, rows, before=before, after=after)


def _largest_first(rows: pl.DataFrame) -> pl.DataFrame:
    """Sort by the last column, descending; ties stay in the order of the file, so that the order is always the same."""
    return rows.sort(rows.columns[-1], descending=True, maintain_order=True)
