"""The store as its readers see it: open a vintage, ask it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Final

import polars as pl

from dexposure_core.store import manifest as manifests
from dexposure_core.store.series import Series
from dexposure_core.store.vintages import check_files, locate

_LONGEST_QUERY: Final = 200  # characters; no name worth finding is longer

# How good a match is: 0 the whole id or name, 1 the start of the name, 2 a whole token symbol, 3 the start of
# a symbol or an id, 4 within the name. Equal ones by size on the last date.
_SEARCH: Final = """
WITH words AS (
    SELECT protocol, CASE WHEN lower(name) = $text OR lower(protocol) = $text THEN 0
        WHEN starts_with(lower(name), $text) THEN 1
        WHEN starts_with(lower(protocol), $text) THEN 3 WHEN contains(lower(name), $text) THEN 4 END AS place
    FROM protocols
    UNION ALL
    SELECT issuer, CASE WHEN lower(token) = $text THEN 2 WHEN starts_with(lower(token), $text) THEN 3 END
    FROM tokens WHERE issuer IS NOT NULL
), best AS (
    SELECT protocol, min(place) AS place FROM words WHERE place IS NOT NULL GROUP BY protocol
), sizes AS (
    SELECT protocol, max(tvl_usd) AS usd FROM nodes WHERE date = $last GROUP BY protocol
)
SELECT p.protocol, p.name, p.sector
FROM best JOIN protocols p USING (protocol) LEFT JOIN sizes USING (protocol)
ORDER BY place, usd DESC NULLS LAST, lower(p.name), p.protocol
LIMIT $limit
"""


class Store(Series):
    """One vintage, read-only and safe to share between threads; made by `open_store`. Pickled as where it lies."""

    def __reduce__(self) -> tuple[Callable[..., Store], tuple[Path, str]]:
        """Return how another process opens the same vintage."""
        return open_store, (self.path.parent, self.path.name)

    def protocols(self) -> pl.DataFrame:
        """Return protocol, name, category, sector, symbol, listed_tvl_usd of every protocol on any date."""
        return self._protocols

    def tokens(self) -> pl.DataFrame:
        """Return token, issuer, method, score, kind, alternatives, usd_cents of every token."""
        return self._tokens

    def coverage(self) -> pl.DataFrame:
        """Return where every dollar of the input went: date, side, reason, rows, usd_cents."""
        return self.table("coverage")

    def findings(self) -> pl.DataFrame:
        """Return what was odd about the input: date, severity, finding, place, rows, usd, action."""
        return self.table("findings")

    def digests(self) -> pl.DataFrame:
        """Return the fingerprints of what was published: table_name, date, rows, digest."""
        return self.table("digests")

    def chain_table(self, date: dt.date | None = None) -> pl.DataFrame:
        """Return date, chain, counts, protocols, rows, tvl_usd of every chain on one date, or on all."""
        rows = self.table("chains")
        return rows if date is None else rows.filter(pl.col("date") == date)

    def events(self) -> pl.DataFrame:
        """Return the dated events: date, happened, name, kind, protocols, tokens, loss_usd."""
        return self.table("events")

    def search(self, text: str, limit: int = 20) -> pl.DataFrame:
        """Return protocol, name, sector of the protocols a person may mean by a name, an id or a token symbol.

        Upper and lower case are the same; whole matches come first, then beginnings, then the larger protocols.
        No text matches nothing.
        """
        wanted = text.encode(errors="replace").decode().strip().lower()[:_LONGEST_QUERY]
        if not wanted:
            return self._protocols.select("protocol", "name", "sector").clear()
        return self._sql(_SEARCH, text=wanted, last=self.manifest.dates.last, limit=limit)


def open_store(path: str | Path | None = None, vintage: str | None = None) -> Store:
    """Open a vintage of the store at `path` (None: the embedded dataset), the latest when none is named.

    Raises:
        NoVintage: the store holds no vintage.
        UnknownVintage: it holds no vintage of that id; names the closest.
        CorruptVintage: files are missing or not of the size that was published.
    """
    folder = locate(path, vintage)
    manifest = manifests.read(folder)
    check_files(folder, manifest)
    return Store(folder, manifest)
