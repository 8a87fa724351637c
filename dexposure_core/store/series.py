"""How things moved: measures, importance, exposures and sizes over time."""

from __future__ import annotations

import polars as pl

from dexposure_core.errors import UnknownMeasure, suggest
from dexposure_core.store.balances import Balances
from dexposure_core.store.reader import known_basis


class Series(Balances):
    """Queries over many dates."""

    def history(self, measure: str, basis: str = "holdings") -> pl.DataFrame:
        """Return date, value (null: not defined) of one measure, ascending.

        Raises:
            UnknownMeasure: the vintage holds no such measure on any basis.
        """
        query = "SELECT date, value FROM measures WHERE measure = $measure AND basis = $basis ORDER BY date"
        frame = self._sql(query, measure=measure, basis=known_basis(basis))
        if frame.is_empty():
            self._check_measure(measure)
        return frame

    def _check_measure(self, measure: str) -> None:
        names = self._sql("SELECT DISTINCT measure FROM measures")["measure"].to_list()
        if measure not in names:
            raise UnknownMeasure(f"No measure '{measure[:80]}' in vintage {self.vintage}{suggest(measure[:80], names)}")
