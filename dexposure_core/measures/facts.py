"""What several measures of one snapshot need, computed once and only when asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from dexposure_core.measures.importance import systemic_importance
from dexposure_core.measures.spillover import sector_matrix
from dexposure_core.measures.topology import in_degree, out_degree
from dexposure_core.measures.totals import totals
from dexposure_core.network.snapshot import Floats, Indices, Snapshot

if TYPE_CHECKING:
    import polars as pl


class Facts:
    """A snapshot and its intermediate results, each worked out at most once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    @cached_property
    def in_degree(self) -> Indices:
        """(N,) creditors of each protocol."""
        return in_degree(self.snapshot)

    @cached_property
    def out_degree(self) -> Indices:
        """(N,) debtors of each protocol."""
        return out_degree(self.snapshot)

    @cached_property
    def owed_usd(self) -> Floats:
        """(N,) USD that the system holds of each debtor's tokens."""
        s = self.snapshot
        return totals(s.debtor, s.exposure_usd, len(s.protocols))

    @cached_property
    def importance(self) -> pl.DataFrame:
        """`systemic_importance` with the published weights."""
        return systemic_importance(self.snapshot)

    @cached_property
    def sectors(self) -> tuple[list[str], Floats]:
        """`sector_matrix`: sector names and the (S, S) exposure."""
        return sector_matrix(self.snapshot)

    def column(self, name: str) -> Floats:
        """Return one column of `importance`, (N,)."""
        return self.importance[name].to_numpy()
