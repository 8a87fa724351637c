"""The released token mapping as it stands, defects included, to put another mapping beside it.

`token_to_protocol.json` {bucket: {token: {id, frequency}}} (MAP by symbol, PRIMARY mostly the token itself, LP,
UNKNOWN, OTHER; frequency = rows of the dataset that hold the token), `rev_map.json` {symbol: id}, and `id_to_info.json`
{id: {name, category}}, which lists the protocols from the largest to the smallest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import polars as pl

from dexposure_core.sources.border import existing, refuse

_T = TypeVar("_T")
FILES: Final = ("token_to_protocol.json", "rev_map.json", "id_to_info.json")


class _Entry(msgspec.Struct):
    id: str | int | None = None
    frequency: int = 0


class _Info(msgspec.Struct):
    name: str | None = None
    category: str | None = None


@dataclass(frozen=True, kw_only=True)
class PublishedMap:
    """The three files as tables.

    Attributes:
        tokens: token, bucket, issuer, frequency; a token that several buckets hold once, with the largest frequency.
        symbols: symbol, issuer, the missing value written as "nan" among them.
        protocols: protocol, name, sector, rank (0 = largest).
    """

    tokens: pl.DataFrame
    symbols: pl.DataFrame
    protocols: pl.DataFrame


def read_map(folder: str | Path) -> PublishedMap:
    """Read the mapping folder.

    Raises:
        BadInput: if one of the three files is missing, not JSON or of another shape.
    """
    place = Path(folder)
    if not place.is_dir():
        refuse(place, "", "is not a folder", f"name the folder that holds {', '.join(FILES)}")
    buckets = _json(place / FILES[0], dict[str, dict[str, _Entry]])
    symbols = _json(place / FILES[1], dict[str, str | int | None])
    info = _json(place / FILES[2], dict[str, _Info])
    rows = [(t, bucket, _text(e.id), e.frequency) for bucket, items in buckets.items() for t, e in items.items()]
    tokens = pl.DataFrame(rows, schema=["token", "bucket", "issuer", "frequency"], orient="row")
    named = [(i, v.name or i, v.category or "Unknown", rank) for rank, (i, v) in enumerate(info.items())]
    return PublishedMap(
        tokens=tokens.sort("frequency", "bucket", descending=[True, False]).unique(
            "token", keep="first", maintain_order=True
        ),
        symbols=pl.DataFrame(
            [(s, _text(i)) for s, i in symbols.items()], schema={"symbol": pl.String, "issuer": pl.String}, orient="row"
        ),
        protocols=pl.DataFrame(named, schema=["protocol", "name", "sector", "rank"], orient="row"),
    )


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def _json(path: Path, kind: type[_T]) -> _T:
    try:
        decoded: _T = msgspec.json.decode(existing(path).read_bytes(), type=kind)
    except msgspec.DecodeError as error:
        refuse(path, "", str(error), "take the file of the published mapping folder")
    return decoded
