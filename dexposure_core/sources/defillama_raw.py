"""A raw folder of DefiLlama payloads as the reader sees it: payloads in order, the list of all protocols, findings.

The list (`/protocols`) names protocols that were not fetched too: whoever claims a symbol counts when tokens are given
to issuers, whether or not its own holdings are known. A "parent" (id "parent#aave") sums protocols of its own: it
counts only where none of them was fetched. The period that was not over when the list was fetched is left out.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from dexposure_core.network.naming import NO_NAMES
from dexposure_core.network.period import finding
from dexposure_core.network.snapshot import UNKNOWN_SECTOR
from dexposure_core.sources.border import MAX_TEXT, SourceFile, one_line, refuse
from dexposure_core.sources.defillama_payload import Payload, decode
from dexposure_core.sources.feed import HoldingsFeed
from dexposure_core.sources.fetch.raw import RawFolder
from dexposure_core.sources.mending import Mender
from dexposure_core.sources.published_index import without_nan

FOLDER: Final = "defillama"
LIST: Final = "/protocols"
_REMEDY: Final = "fetch again"
_NAMED: Final = 3


class Listed(msgspec.Struct, kw_only=True):
    """One entry of `/protocols`."""

    id: str | int
    name: str
    slug: str
    symbol: str | None = None
    category: str | None = None
    parent: str | None = msgspec.field(name="parentProtocol", default=None)
    tvl: float | None = None


_LISTED: Final = msgspec.json.Decoder(list[Listed])


def listing(body: bytes) -> list[Listed]:
    """Return the entries of a `/protocols` answer.

    Raises:
        msgspec.DecodeError: if it is no such answer.
    """
    return _LISTED.decode(without_nan(body))


class Fetched:
    """A raw folder, read once from front to back.

    Attributes:
        path: the folder.
        count: how many payloads it holds.
        found: findings, one row a protocol; `findings` sums them up.
        day: when the payloads were last asked for (UTC); None in an empty folder.
    """

    def __init__(self, folder: RawFolder) -> None:
        self.path = folder.path
        self._folder = folder
        self._listed = self._read_list()
        self._keys = [key for key in sorted(folder.entries) if key != LIST and folder.entries[key].file]
        self.count = len(self._keys)
        checked = max((folder.entries[key].checked for key in self._keys), default="")
        self.day = _day(folder.path, checked) if checked else None
        self.found: list[dict[str, object]] = []
        slugs = set(self._keys)
        self._parents = {e.parent for e in self._listed if e.parent and e.slug in slugs}
        self._note_states()

    def payloads(self) -> Iterator[tuple[Path, Payload]]:
        """Yield every payload with a name for messages, one in memory at a time.

        Raises:
            BadInput: when one is missing, damaged or no payload.
        """
        for key in self._keys:
            file = Path(one_line(key).replace("/", "_"))
            yield file, decode(file, self._folder.body(key))

    def is_sum(self, payload: Payload) -> bool:
        """Return whether a payload sums protocols that are here themselves."""
        return str(payload.id) in self._parents

    def note(self, severity: str, name: str, place: str, action: str) -> None:
        """Keep a finding about one protocol."""
        self.found.append(finding(severity, name, place=place, rows=1, action=action))

    def findings(self) -> list[dict[str, object]]:
        """Return the findings, those of the same kind as one: rows and USD summed, the first few places named."""
        kinds: defaultdict[tuple[object, object, object], list[dict[str, object]]] = defaultdict(list)
        for row in self.found:
            kinds[row["severity"], row["finding"], row["action"]].append(row)
        return [_as_one(same) for same in kinds.values()]

    def receipt(self) -> SourceFile:
        """Return one receipt for all payloads: sizes summed, and the sha256 over the keys and sha256 of each."""
        digest = hashlib.sha256()
        for key in sorted(self._folder.entries):
            digest.update(f"{key}\0{self._folder.entries[key].sha256}\n".encode("utf-8", "surrogatepass"))
        size = sum(entry.bytes for entry in self._folder.entries.values())
        return SourceFile(name=f"defillama ({self.count} payloads)", bytes=size, sha256=digest.hexdigest())

    def with_listed(self, known: pl.DataFrame) -> pl.DataFrame:
        """Return what is known of the payloads' protocols; symbol, category and TVL of the list fill gaps and lead."""
        listed = self._frame(known.schema)
        return (
            known.join(listed, on="protocol", how="left", suffix="_listed", maintain_order="left")
            .with_columns(
                pl.coalesce(f"{column}_listed", column).alias(column)
                for column in ("category", "sector", "symbol", "tvl_usd")
            )
            .select(known.columns)
        )

    def with_claimants(self, feed: HoldingsFeed) -> HoldingsFeed:
        """Return a feed that also knows the listed protocols whose holdings were not fetched."""
        listed = self._frame(feed.protocols.schema)
        others = listed.join(feed.protocols, on="protocol", how="anti", maintain_order="left").with_columns(
            pl.col("category", "sector").fill_null(UNKNOWN_SECTOR)
        )
        return replace(feed, protocols=pl.concat([feed.protocols, others.select(feed.protocols.columns)]))

    def _frame(self, schema: pl.Schema) -> pl.DataFrame:
        rows = [
            (str(e.id), e.name, e.category, e.category, None if e.symbol in NO_NAMES else e.symbol, e.tvl)
            for e in self._listed
        ]
        names = ("protocol", "name", "category", "sector", "symbol", "tvl_usd")
        frame = pl.DataFrame(rows, schema=pl.Schema({name: schema[name] for name in names}), orient="row")
        mender = Mender(self.path, "list of protocols")
        texts = ("protocol", "name", "category", "sector", "symbol")
        short = frame.filter(pl.all_horizontal(pl.col(texts).str.len_chars().fill_null(0) <= MAX_TEXT))
        clean = [mender.clean(short[name], name) for name in texts]
        return short.with_columns(clean).unique("protocol", keep="first", maintain_order=True)

    def _read_list(self) -> list[Listed]:
        if LIST not in self._folder.entries or not self._folder.entries[LIST].file:
            return []
        try:
            return listing(self._folder.body(LIST))
        except msgspec.DecodeError as error:
            refuse(self.path, "list of protocols", str(error), _REMEDY)

    def _note_states(self) -> None:
        for key in self._keys:
            entry = self._folder.entries[key]
            last = "the last payload is used"
            if entry.state == "gone":
                self.note("warning", "protocol no longer offered", key, last)
            elif entry.state == "failed":
                self.note("warning", "protocol not refreshed", key, last)
        for key, entry in self._folder.entries.items():
            if key != LIST and not entry.file and entry.state == "failed":
                self.note("error", "protocol not fetched", key, "missing")


def _day(path: Path, moment: str) -> dt.date:
    try:
        return dt.date.fromisoformat(moment[:10])
    except ValueError:
        refuse(path, "field checked", f"{moment[:40]!r} is not a date", _REMEDY)


def _as_one(same: Sequence[dict[str, object]]) -> dict[str, object]:
    places = sorted({str(row["place"]) for row in same})
    more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
    amounts = [row["usd"] for row in same if isinstance(row["usd"], float)]
    rows = sum(row["rows"] for row in same if isinstance(row["rows"], int))
    return {
        **same[0],
        "place": ", ".join(places[:_NAMED]) + more,
        "rows": rows,
        "usd": sum(amounts) if amounts else None,
    }
