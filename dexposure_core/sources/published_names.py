"""Names, categories, sectors and token issuers that come beside a published file: `meta_df.csv` and `mapping/`.

`id_to_info.json` {id: {name, category}} gives names and the broad sector; `meta_df.csv` (id, name, category) the fine
category; `rev_map.json` {symbol: id} and `token_to_protocol.json` {bucket: {token: {id, frequency}}} the issuer of a
token. The released map holds a token "nan", a missing value turned into text: it is never used.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import polars as pl

from dexposure_core.network.naming import NO_NAMES
from dexposure_core.network.snapshot import UNKNOWN_SECTOR
from dexposure_core.sources.border import SourceFile, existing, refuse, text_receipt
from dexposure_core.sources.mending import Mender
from dexposure_core.sources.tabular import Column, read_small

_T = TypeVar("_T")
_FILES: Final = ("id_to_info.json", "rev_map.json", "token_to_protocol.json")


class _Info(msgspec.Struct):
    name: str | None = None
    category: str | None = None


class _Issuer(msgspec.Struct):
    id: str | int


class Names:
    """What is known about ids and tokens; empty when nothing is given.

    Attributes:
        protocols: protocol, name, category, sector.
        tokens: token, issuer (None without a mapping).
        sources: receipts of the files read.

    Raises:
        BadInput: if a file is missing, malformed or of another shape.
    """

    def __init__(self, meta: str | Path | None = None, mapping: str | Path | None = None) -> None:
        self.sources: tuple[SourceFile, ...] = ()
        folder = None if mapping is None else _folder(Path(mapping))
        info = self._meta(meta)
        broad = self._info(folder)
        self._given = meta is not None or broad is not None
        self.protocols = _merge(info, broad)
        self.tokens = None if folder is None else self._tokens(folder)

    def of(self, ids: pl.Series) -> tuple[pl.DataFrame, int]:
        """Return protocol, name, category, sector of each id, and how many the metadata, where given, does not know."""
        frame = ids.alias("protocol").to_frame().join(self.protocols, on="protocol", how="left", maintain_order="left")
        unnamed = int(frame["name"].null_count()) if self._given else 0
        filled = frame.with_columns(
            pl.col("name").fill_null(pl.col("protocol")),
            pl.col("category", "sector").fill_null(UNKNOWN_SECTOR),
        )
        return filled, unnamed

    def _meta(self, meta: str | Path | None) -> pl.DataFrame:
        if meta is None:
            return pl.DataFrame(schema={"protocol": pl.String, "name": pl.String, "category": pl.String})
        table, frame = read_small(meta, [Column(name=c) for c in ("id", "name", "category")])
        self.sources += (table.source,)
        known = frame.filter(pl.col("id").is_not_null()).unique("id", keep="first", maintain_order=True)
        return known.select(pl.col("id").alias("protocol"), "name", "category")

    def _info(self, folder: Path | None) -> pl.DataFrame | None:
        path = None if folder is None else folder / _FILES[0]
        if path is None or not path.exists():
            return None
        items = {k: v for k, v in self._json(path, dict[str, _Info]).items() if k not in NO_NAMES}
        mender = Mender(path, "mapping")
        return pl.DataFrame(
            {
                "protocol": _texts(list(items)),
                "broad_name": mender.clean(_texts([v.name for v in items.values()]), "name"),
                "sector": mender.clean(_texts([v.category for v in items.values()]), "category"),
            }
        )

    def _tokens(self, folder: Path) -> pl.DataFrame:
        """Return token, issuer; a bucket of the dataset (LP, UNKNOWN, OTHER) stands as issuer where nobody issues."""
        issuers: dict[str, str] = {}
        if (path := folder / _FILES[2]).exists():
            for items in self._json(path, dict[str, dict[str, _Issuer]]).values():
                issuers.update((token, str(issuer.id)) for token, issuer in items.items())
        if (path := folder / _FILES[1]).exists():
            known = self._json(path, dict[str, str | int | None])
            issuers.update((token, str(issuer)) for token, issuer in known.items() if issuer is not None)
        kept = {t: i for t, i in issuers.items() if t not in NO_NAMES and i not in NO_NAMES}
        tokens = Mender(folder, "mapping").clean(_texts(list(kept)), "token")  # as in the weeks, so that they meet
        frame = pl.DataFrame({"token": tokens, "issuer": _texts(list(kept.values()))})
        return frame.unique("token", keep="first", maintain_order=True)

    def _json(self, path: Path, kind: type[_T]) -> _T:
        self.sources += (text_receipt(existing(path)),)
        try:
            decoded: _T = msgspec.json.decode(path.read_bytes(), type=kind)
        except msgspec.DecodeError as error:
            refuse(path, "", str(error), "take the file of the published mapping folder")
        return decoded


def _texts(values: Sequence[str | None]) -> pl.Series:
    return pl.Series(values, dtype=pl.String)


def _folder(path: Path) -> Path:
    if not path.is_dir():
        refuse(path, "", "is not a folder", f"name the folder that holds {', '.join(_FILES)}")
    if not any((path / name).exists() for name in _FILES):
        refuse(path, "", f"holds none of {', '.join(_FILES)}", "name the published mapping folder")
    return path


def _merge(meta: pl.DataFrame, broad: pl.DataFrame | None) -> pl.DataFrame:
    """Sector: the mapping's broad category, else meta's category. Category: meta's, else the sector."""
    if broad is None:
        return meta.with_columns(sector=pl.col("category")).select("protocol", "name", "category", "sector")
    both = meta.join(broad, on="protocol", how="full", coalesce=True, maintain_order="left_right")
    return both.select(
        "protocol",
        pl.coalesce("name", "broad_name").alias("name"),
        pl.coalesce("category", "sector").alias("category"),
        pl.coalesce("sector", "category").alias("sector"),
    )
