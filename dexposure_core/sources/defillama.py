"""DefiLlama's `/protocol/{slug}` answers, as saved by a person: one protocol's daily tokens per chain.

    chainTvls.{chain}.tokensInUsd[] = {"date": unix seconds, "tokens": {symbol: usd}}     tokens[] = the same in units

A chain key may also be "staking", "pool2", "borrowed" or "Ethereum-borrowed": they stay chain names, so that whoever
builds the network can leave them out. Amounts may be huge integers or strings. The last day of a payload is usually
there twice, at midnight and at the time of download: the last one counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from dexposure_core.errors import BadInput
from dexposure_core.network.naming import NO_NAMES
from dexposure_core.progress import Progress, silent
from dexposure_core.sources.border import SourceFile, existing, one_line, refuse, shown, text_receipt
from dexposure_core.sources.columns import Rows
from dexposure_core.sources.defillama_days import REMEDY, Lists, all_chains
from dexposure_core.sources.feed import Frequency, HoldingsFeed, period_end
from dexposure_core.sources.mending import Mender
from dexposure_core.sources.pile import Pile
from dexposure_core.sources.published_index import without_nan

_KNOWN: Final = {
    **dict.fromkeys(("protocol", "name", "category", "sector", "symbol"), pl.String),
    "tvl_usd": pl.Float64,
}


class _Payload(Lists, kw_only=True):
    id: str | int
    name: str
    symbol: str | None = None
    category: str | None = None
    chains: dict[str, Lists] | None = msgspec.field(name="chainTvls", default=None)


_DECODER: Final = msgspec.json.Decoder(_Payload)


def read(
    paths: str | Path | Sequence[str | Path], *, frequency: Frequency = "week", progress: Progress = silent
) -> HoldingsFeed:
    """Read saved payloads, one protocol each, and return their snapshots.

    Args:
        paths: files, or folders whose *.json files are all payloads.
        frequency: week (Mondays), day, or month (last days).
        progress: told of every file.

    Raises:
        BadInput: if a file is not a payload, a field has another type, a date or amount cannot be one, no file holds
            tokens in USD, or two files hold the same protocol.
        BadOption: for an unknown frequency.
    """
    period_end(frequency, pl.col("date"))
    files = _files([paths] if isinstance(paths, (str, Path)) else paths)
    pile = Pile(frequency)
    sources: list[SourceFile] = []
    found: list[dict[str, object]] = []
    known: dict[str, tuple[str, str, str | None, str | None, str | None, float]] = {}
    for done, file in enumerate(files, start=1):
        payload, source = _decode(file)
        protocol, mender = str(payload.id), Mender(file, "tokens")
        if protocol in known:
            refuse(file, "field id", f"protocol {shown(protocol)} is also in another file", "leave one of the two out")
        frame = _frame(file, payload, mender)
        known[protocol] = _description(payload, frame, mender)
        sources.append(source)
        found += mender.findings
        pile.add(frame)
        progress(done, len(files), file.name)
    table = pl.DataFrame(list(known.values()), schema=_KNOWN, orient="row")
    return pile.feed(sources, Rows(files[0], 0, "row"), duplicates="sum", known=table, findings=found)


def _files(paths: Iterable[str | Path]) -> list[Path]:
    files: list[Path] = []
    for path in map(Path, paths):
        inside = sorted(path.glob("*.json")) if path.is_dir() else [existing(path)]
        if not inside:
            raise BadInput(one_line(f"{path.name}: the folder holds no .json files; {REMEDY}"))
        files += [existing(file) for file in inside]
    if not files:
        raise BadInput(f"defillama: no files given; {REMEDY}")
    return files


def _decode(file: Path) -> tuple[_Payload, SourceFile]:
    source = text_receipt(file)
    try:
        payload = _DECODER.decode(without_nan(file.read_bytes()))
    except msgspec.ValidationError as error:
        refuse(file, "", f"not a /protocol payload: {error}", REMEDY)
    except msgspec.DecodeError as error:
        refuse(file, "", f"not valid JSON or truncated ({error})", REMEDY)
    if not payload.tokens_in_usd and not any(c.tokens_in_usd for c in (payload.chains or {}).values()):
        refuse(file, "fields chainTvls, tokensInUsd", "no token values in USD", REMEDY)
    return payload, source


def _frame(file: Path, payload: _Payload, mender: Mender) -> pl.DataFrame:
    """Return line, date, protocol, chain, token, quantity, value_usd of every chain."""
    frame = all_chains(file, payload, payload.chains or {}, mender)
    return frame.select(
        pl.int_range(1, len(frame) + 1, eager=True).alias("line"),
        "date",
        pl.lit(str(payload.id)).alias("protocol"),
        mender.clean(frame["chain"], "chain"),
        mender.clean(frame["token"], "token").replace("", "UNKNOWN"),
        "quantity",
        "value_usd",
    )


def _description(
    payload: _Payload, frame: pl.DataFrame, mender: Mender
) -> tuple[str, str, str | None, str | None, str | None, float]:
    """Return protocol, name, category, sector, symbol, and TVL on the last day without borrowed."""
    own = frame.filter(~pl.col("chain").str.to_lowercase().str.contains("borrowed", literal=True))
    last = own.filter(pl.col("date") == own["date"].max())["value_usd"]
    given = pl.Series([payload.name, payload.category, payload.symbol], dtype=pl.String)
    name, category, symbol = mender.clean(given, "name, category or symbol")
    return str(payload.id), name, category, category, None if symbol in NO_NAMES else symbol, float(last.sum())
