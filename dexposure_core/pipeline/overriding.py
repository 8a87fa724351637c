"""How a build takes a person's overrides: from a file, or as another vintage's manifest kept them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from dexposure_core.network.overrides import apply_overrides, no_overrides, record, require_issuers

if TYPE_CHECKING:
    from dexposure_core.store.manifest import SourceLike


@dataclass(frozen=True, kw_only=True)
class Overriding:
    """The overrides of one build.

    Args:
        rows: token, issuer (null: nobody), note.
        place: what to call them in a message.
        sources: receipt of their file; empty when they come from a manifest.
    """

    rows: pl.DataFrame
    place: str = "overrides"
    sources: tuple[SourceLike, ...] = ()

    @property
    def parameters(self) -> dict[str, Any]:
        """What the manifest's parameters keep: `overrides` with rows and sha256; nothing when there are none."""
        return {"overrides": record(self.rows)} if self.rows.height else {}

    def applied(self, tokens: pl.DataFrame, protocols: pl.DataFrame) -> pl.DataFrame:
        """Return the tokens table with the overrides in force.

        Args:
            tokens: the tokens table, or token, issuer, method, score.
            protocols: protocol, name: those an issuer may be.

        Raises:
            BadInput: when an issuer is no protocol; names the nearest choices.
        """
        require_issuers(self.rows, protocols, tokens, self.place)
        return apply_overrides(tokens, self.rows)


def overriding(choice: str | Path | pl.DataFrame | None) -> Overriding:
    """Return the overrides of a file, of rows kept in a manifest (`network.overrides.recorded`), or none.

    Raises:
        BadInput: when the file is no override file.
    """
    if choice is None:
        return Overriding(rows=no_overrides())
    if isinstance(choice, pl.DataFrame):
        return Overriding(rows=choice)
    from dexposure_core.sources.overrides import read_overrides

    receipt, rows = read_overrides(choice)
    return Overriding(rows=rows, place=Path(choice).name, sources=(receipt,))
