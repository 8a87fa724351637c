"""How a build takes a person's overrides (from a file, or as a manifest kept them), and what a file would move."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from dexposure_core.network.overrides import apply_overrides, no_overrides, record, require_issuers
from dexposure_core.pipeline.tokens.doubtful import known_protocols, sizes

if TYPE_CHECKING:
    from dexposure_core.store import Store
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


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What a file of overrides would change in a vintage.

    Args:
        changes: token, issuer (now, null: nobody), override (null: nobody), usd: those that change something.
        issuers: issuer (null: nobody), usd (change of what is held of its tokens), largest gain or loss first.
        confirmed: how many overrides name the issuer the token already has.
        unused: tokens of the file that do not occur.
    """

    changes: pl.DataFrame
    issuers: pl.DataFrame
    confirmed: int
    unused: list[str]


def proposal(store: Store, path: str | Path) -> Proposal:
    """Return what the overrides of a file would change in a vintage.

    Raises:
        BadInput: when it is no override file or names an issuer that does not exist.
    """
    told = overriding(path)
    tokens = store.tokens()
    require_issuers(told.rows, known_protocols(store), tokens, told.place)
    hit = told.rows.rename({"issuer": "override"}).join(tokens.select("token", "issuer"), on="token")
    sized = hit.join(sizes(store), on="token", how="left", maintain_order="left").with_columns(
        pl.col("usd").fill_null(0)
    )
    changes = sized.filter(pl.col("issuer").ne_missing(pl.col("override")))
    changes = changes.select("token", "issuer", "override", "usd").sort("usd", "token", descending=[True, False])
    moved = pl.concat([
        changes.select("issuer", usd=-pl.col("usd")), changes.select(issuer="override", usd=pl.col("usd")),
    ]).group_by("issuer").agg(pl.col("usd").sum())  # fmt: skip
    return Proposal(
        changes=changes,
        issuers=moved.sort(pl.col("usd").abs(), "issuer", descending=[True, False]),
        confirmed=sized.height - changes.height,
        unused=told.rows.join(tokens, on="token", how="anti")["token"].to_list(),
    )
