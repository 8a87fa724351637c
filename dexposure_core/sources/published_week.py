"""One week of the published JSON decoded into tidy frames.

The rows are the file's own, defects included: null ids, self-loops, parallel links, negative, zero and NaN amounts are
facts about the file, and `network.rebuild` decides about them and counts them. Only text is mended here, because an
unprintable name is a danger wherever it is shown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import polars as pl

from dexposure_core.network.period import findings_frame
from dexposure_core.network.published import PublishedWeek
from dexposure_core.sources.mending import Mender
from dexposure_core.sources.published_names import Names

_Id = str | int | float | None
_Composition = dict[str, float | None]
_EMPTY: Final[_Composition] = {}


class _Node(msgspec.Struct, gc=False):
    id: _Id
    size: float | None
    composition: _Composition | None = None


class _Link(msgspec.Struct, gc=False):
    source: _Id
    target: _Id
    size: float | None
    composition: _Composition | None = None


class RawNodes(msgspec.Struct, gc=False):
    """The nodes of a week as they stand in the file; amounts may be null, ids text, numbers or null."""

    nodes: list[_Node]


class RawWeek(RawNodes, gc=False):
    """A week as it stands in the file."""

    links: list[_Link]


DECODER: Final = msgspec.json.Decoder(RawWeek)
NODES_DECODER: Final = msgspec.json.Decoder(RawNodes)


def tidy(file: Path, date: dt.date, raw: RawWeek, names: Names) -> PublishedWeek:
    """Return the week as frames, with names.

    Raises:
        BadInput: if an id or token is longer than any name can be.
    """
    text = Mender(file, f"date {date}")
    nodes = pl.DataFrame({
        "protocol": text.clean(_ids([n.id for n in raw.nodes]), "node id"),
        "size_usd": pl.Series([n.size for n in raw.nodes], dtype=pl.Float64),
    })  # fmt: skip
    links = pl.DataFrame({
        "creditor": text.clean(_ids([x.source for x in raw.links]), "link source"),
        "debtor": text.clean(_ids([x.target for x in raw.links]), "link target"),
        "size_usd": pl.Series([x.size for x in raw.links], dtype=pl.Float64),
    })  # fmt: skip
    held = _parts([n.composition or _EMPTY for n in raw.nodes], nodes.select("protocol"))
    carried = _parts([x.composition or _EMPTY for x in raw.links], links.select("creditor", "debtor"))
    ids = pl.concat([nodes["protocol"], links["creditor"], links["debtor"]]).drop_nulls().unique(maintain_order=True)
    protocols, unnamed = names.of(ids)
    text.note("info", "node missing from metadata", unnamed, "named by its id, sector 'Unknown'")
    return PublishedWeek(
        date=date,
        nodes=nodes,
        node_tokens=held.with_columns(text.clean(held["token"], "token of a node")),
        links=links,
        link_tokens=carried.with_columns(text.clean(carried["token"], "token of a link")),
        findings=findings_frame(text.findings),
        protocols=protocols,
        tokens=names.tokens,
    )


def _ids(values: Sequence[_Id]) -> pl.Series:
    """Return ids as text; numbers (some writers store ids so) without decimals."""
    if not set(map(type, values)) <= {str, type(None)}:
        values = [str(int(v)) if isinstance(v, float) and v.is_integer() else v and str(v) for v in values]
    return pl.Series(values, dtype=pl.String)


def _parts(parts: Sequence[_Composition], keys: pl.DataFrame) -> pl.DataFrame:
    """Return one row per token of each composition: its row of `keys`, token, value_usd."""
    counts = np.fromiter(map(len, parts), dtype=np.int64, count=len(parts))
    rows = np.repeat(np.arange(len(parts), dtype=np.uint32), counts)
    return keys.select(pl.all().gather(rows)).with_columns(
        pl.Series("token", list(chain.from_iterable(parts)), dtype=pl.String),
        pl.Series("value_usd", list(chain.from_iterable(map(dict.values, parts))), dtype=pl.Float64),
    )
