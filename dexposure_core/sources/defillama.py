"""DefiLlama's `/protocol/{slug}` answers: one protocol's daily tokens per chain.

    chainTvls.{chain}.tokensInUsd[] = {"date": unix seconds, "tokens": {symbol: usd}}     tokens[] = the same in units

They come as files that a person saved, or as the raw folder of `fetch defillama`, which also has the list of all
protocols: who claims which symbol, and how large they are. A chain key may also be "staking", "pool2",
"borrowed" or "Ethereum-borrowed": they stay chain names, so that whoever builds the network can leave them out. Amounts
may be huge integers or strings. The last day of a payload is usually there twice, at midnight and at the time of
download: the last one counts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from dexposure_core.errors import BadInput
from dexposure_core.progress import Progress, silent
from dexposure_core.sources.border import SourceFile, existing, one_line, refuse, shown, text_receipt
from dexposure_core.sources.columns import Rows
from dexposure_core.sources.defillama_days import REMEDY
from dexposure_core.sources.defillama_payload import Description, Payload, decode, description, rows
from dexposure_core.sources.defillama_raw import FOLDER, Fetched
from dexposure_core.sources.feed import Frequency, HoldingsFeed, period_end
from dexposure_core.sources.fetch.raw import RawFolder
from dexposure_core.sources.mending import Mender
from dexposure_core.sources.pile import Pile

_KNOWN: Final = {
    **dict.fromkeys(("protocol", "name", "category", "sector", "symbol"), pl.String),
    "tvl_usd": pl.Float64,
}


def read(
    paths: str | Path | Sequence[str | Path], *, frequency: Frequency = "week", progress: Progress = silent
) -> HoldingsFeed:
    """Read payloads, one protocol each, and return their snapshots.

    Args:
        paths: files; folders whose *.json files are all payloads; or one raw folder of `fetch defillama`.
        frequency: week (Mondays), day, or month (last days).
        progress: told of every payload.

    Raises:
        BadInput: if a file is not a payload, a field has another type, a date or amount cannot be one, no file holds
            tokens in USD, or two files hold the same protocol.
        BadOption: for an unknown frequency.
    """
    period_end(frequency, pl.col("date"))
    given = [_folder(Path(path)) for path in ([paths] if isinstance(paths, (str, Path)) else paths)]
    fetched = [path for path in given if RawFolder.here(path)]
    if not fetched:
        return _Reading(frequency).saved(_files(given), progress)
    if len(given) > 1:
        raise BadInput(f"{fetched[0].name}: a folder of fetched payloads cannot be read with others; name it alone")
    return _Reading(frequency).fetched(Fetched(RawFolder(fetched[0])), progress)


class _Reading:
    """One pass over payloads: rows to the pile, names and findings kept."""

    def __init__(self, frequency: Frequency) -> None:
        self._frequency = frequency
        self._pile = Pile(frequency)
        self._known: dict[str, Description] = {}
        self._found: list[dict[str, object]] = []

    def saved(self, files: Sequence[Path], progress: Progress) -> HoldingsFeed:
        """Read files that a person saved; any surprise is refused."""
        sources: list[SourceFile] = []
        for done, file in enumerate(files, start=1):
            sources.append(text_receipt(file))
            payload = decode(file, file.read_bytes())
            if not payload.days:
                refuse(file, "fields chainTvls, tokensInUsd", "no token values in USD", REMEDY)
            if str(payload.id) in self._known:
                what = f"protocol {shown(str(payload.id))} is also in another file"
                refuse(file, "field id", what, "leave one of the two out")
            self._found += self._take(file, payload)
            progress(done, len(files), file.name)
        known = pl.DataFrame(list(self._known.values()), schema=_KNOWN, orient="row")
        place = Rows(files[0], 0, "row")
        return self._pile.feed(sources, place, duplicates="sum", known=known, findings=self._found)

    def fetched(self, folder: Fetched, progress: Progress) -> HoldingsFeed:
        """Read a raw folder; what had no token values, or is counted elsewhere, becomes a finding."""
        for done, (file, payload) in enumerate(folder.payloads(), start=1):
            if not payload.days:
                folder.note("info", "protocol without token values", file.name, "left out")
            elif str(payload.id) in self._known:
                folder.note("warning", "protocol under two names", file.name, "the first one counts")
            elif folder.is_sum(payload):
                folder.note("warning", "protocol that sums others", file.name, "left out, its parts are counted")
            else:
                folder.found += self._take(file, payload, until=folder.day)
            progress(done, folder.count, file.name)
        if not self._known:
            refuse(folder.path, "", "no payload holds token values in USD", "fetch other protocols")
        known = folder.with_listed(pl.DataFrame(list(self._known.values()), schema=_KNOWN, orient="row"))
        place = Rows(folder.path, 0, "row")
        feed = self._pile.feed([folder.receipt()], place, duplicates="sum", known=known, findings=folder.findings())
        return folder.with_claimants(feed)

    def _take(self, file: Path, payload: Payload, until: dt.date | None = None) -> list[dict[str, object]]:
        mender = Mender(file, "tokens")
        frame = rows(file, payload, mender, self._frequency)
        self._known[str(payload.id)] = description(payload, frame, mender)
        if until is not None:
            over = frame.filter(period_end(self._frequency, pl.col("date")) <= until)
            mender.note("info", "period not over when fetched", len(frame) - len(over), "left out until it is")
            frame = over
        self._pile.add(frame)
        return mender.findings


def _folder(path: Path) -> Path:
    """Return the raw folder inside a folder of everything that was fetched; any other path as it is."""
    inside = path / FOLDER
    return inside if RawFolder.here(inside) else path


def _files(paths: Iterable[Path]) -> list[Path]:
    files = [existing(file) for path in paths for file in _inside(path)]
    if not files:
        raise BadInput(f"defillama: no files given; {REMEDY}")
    return files


def _inside(path: Path) -> Iterator[Path]:
    inside = sorted(path.glob("*.json")) if path.is_dir() else [existing(path)]
    if not inside:
        raise BadInput(one_line(f"{path.name}: the folder holds no .json files and no fetched payloads; {REMEDY}"))
    yield from inside
