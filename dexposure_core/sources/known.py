"""The small tables that may come beside a large one: who the protocols are, who issues the tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from dexposure_core.errors import suggest
from dexposure_core.network.snapshot import UNKNOWN_SECTOR
from dexposure_core.sources.border import SourceFile
from dexposure_core.sources.columns import Rows, amounts
from dexposure_core.sources.duplicates import one_per_key
from dexposure_core.sources.tabular import Column, read_small

_PROTOCOLS: Final = (
    Column(name="protocol_id", aliases=("id",)),
    *(Column(name=name, optional=True) for name in ("name", "category", "sector", "symbol", "tvl_usd")),
)
_TOKENS: Final = (Column(name="token", aliases=("symbol",)), Column(name="issuer"))


class Protocols:
    """A protocols file: protocol_id, and optionally name, category, sector, symbol, tvl_usd.

    Attributes:
        frame: protocol, name, category, sector, symbol (null where the file says nothing), tvl_usd if it has that.
        source: receipt of the file.
    """

    def __init__(self, path: str | Path) -> None:
        self.source, frame = _small(path, _PROTOCOLS, "protocol_id")
        self.frame = frame.rename({"protocol_id": "protocol"})
        self._path = Path(path)
        if "tvl_usd" in frame.columns:
            sizes = amounts(frame["tvl_usd"], "tvl_usd", Rows(self._path, 2, "line"), nullable=True)
            self.frame = self.frame.with_columns(sizes)

    def require(self, ids: pl.Series, rows: Rows) -> None:
        """Refuse the first id that the file does not list.

        Raises:
            BadInput: naming its row.
        """
        known = self.frame["protocol"]
        if not ids.unique().is_in(known.implode()).all():
            wrong = ~ids.is_in(known.implode())
            first = ids.filter(wrong)[0]
            remedy = f"add it to {self._path.name} or correct it{suggest(first, known.to_list())}"
            rows.require(wrong, ids, "protocol_id", f"is not in {self._path.name}", remedy)


def read_issuers(path: str | Path) -> tuple[SourceFile, pl.DataFrame]:
    """Return the receipt and token, issuer of a tokens file."""
    return _small(path, _TOKENS, "token")


def describe(ids: pl.Series, known: pl.DataFrame | None) -> pl.DataFrame:
    """Return protocol, name, category, sector, symbol (and tvl_usd if known has it); 'Unknown' where not known.

    The ids come first, then all others that `known` lists: a protocol that holds nothing may still issue a token.
    """
    listed = ids if known is None else pl.concat([ids, known["protocol"]]).unique(maintain_order=True)
    frame = listed.alias("protocol").to_frame()
    for column in ("name", "category", "sector", "symbol"):
        if known is None or column not in known.columns:
            frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(column))
        else:
            frame = frame.join(known.select("protocol", column), on="protocol", how="left", maintain_order="left")
    if known is not None and "tvl_usd" in known.columns:
        frame = frame.join(known.select("protocol", "tvl_usd"), on="protocol", how="left", maintain_order="left")
    return frame.with_columns(
        pl.col("name").fill_null(pl.col("protocol")),
        pl.coalesce("category", "sector").fill_null(UNKNOWN_SECTOR).alias("category"),
        pl.coalesce("sector", "category").fill_null(UNKNOWN_SECTOR).alias("sector"),
    )


def _small(path: str | Path, columns: tuple[Column, ...], key: str) -> tuple[SourceFile, pl.DataFrame]:
    table, frame = read_small(path, columns, filled=key)
    return table.source, one_per_key(frame, [key], [], "refuse", Rows(table.path, 0, table.word)).drop("line")
