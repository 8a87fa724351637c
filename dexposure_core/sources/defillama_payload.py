"""One `/protocol/{slug}` answer: what it must be, and its rows.

The fields looked at are id, name, symbol, category and chainTvls (with the lists tokensInUsd and tokens); everything
else may come and go. A payload whose lists are there but empty is fine: the service does not know the tokens.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from dexposure_core.errors import BadInput, SourceChanged
from dexposure_core.network.naming import NO_NAMES
from dexposure_core.sources.border import one_line, refuse, shown
from dexposure_core.sources.defillama_days import REMEDY, Lists, all_chains
from dexposure_core.sources.feed import Frequency
from dexposure_core.sources.mending import Mender
from dexposure_core.sources.published_index import without_nan

Description = tuple[str, str, str | None, str | None, str | None, float]
_CHANGED: Final = "nothing of it was stored; look at the answer, then mend the reader or say --keep-going"


class Payload(Lists, kw_only=True):
    """The fields of an answer that count."""

    id: str | int
    name: str
    symbol: str | None = None
    category: str | None = None
    chains: dict[str, Lists] | None = msgspec.field(name="chainTvls", default=None)

    @property
    def days(self) -> int:
        """How many dated token lists there are."""
        lists = [self, *(self.chains or {}).values()]
        return sum(len(x.tokens_in_usd or []) for x in lists)


_DECODER: Final = msgspec.json.Decoder(Payload)


def decode(file: Path, body: bytes) -> Payload:
    """Return a payload.

    Args:
        file: named in messages.
        body: JSON in UTF-8; bare NaN allowed.

    Raises:
        BadInput: if it is no payload; it may be one without token values.
    """
    try:
        return _DECODER.decode(without_nan(body))
    except msgspec.ValidationError as error:
        refuse(file, "", f"not a /protocol payload: {error}", REMEDY)
    except msgspec.DecodeError as error:
        refuse(file, "", f"not valid JSON or truncated ({error})", REMEDY)


def rows(file: Path, payload: Payload, mender: Mender, frequency: Frequency) -> pl.DataFrame:
    """Return line, date, protocol, chain, token, quantity, value_usd of every chain.

    Only the dates that a snapshot at this frequency can need: the last of each period, of any list.

    Raises:
        BadInput: if a date or an amount cannot be one.
    """
    frame = all_chains(file, payload, payload.chains or {}, mender, frequency)
    return frame.select(
        pl.int_range(1, len(frame) + 1, eager=True).alias("line"),
        "date",
        pl.lit(str(payload.id)).alias("protocol"),
        mender.clean(frame["chain"], "chain"),
        mender.clean(frame["token"], "token").replace("", "UNKNOWN"),
        "quantity",
        "value_usd",
    )


def description(payload: Payload, frame: pl.DataFrame, mender: Mender) -> Description:
    """Return protocol, name, category, sector, symbol, and TVL on the last day without borrowed."""
    own = frame.filter(~pl.col("chain").str.to_lowercase().str.contains("borrowed", literal=True))
    last = own.filter(pl.col("date") == own["date"].max())["value_usd"]
    given = pl.Series([payload.name, payload.category, payload.symbol], dtype=pl.String)
    name, category, symbol = mender.clean(given, "name, category or symbol")
    return str(payload.id), name, category, category, None if symbol in NO_NAMES else symbol, float(last.sum())


def check(slug: str, body: bytes, *, days_before: int = 0) -> Payload:
    """Return the payload of an answer that just came, once all of it can be read.

    Args:
        slug: the protocol asked for.
        body: the answer.
        days_before: dated token lists of the last payload; all of them gone at once is a change.

    Raises:
        SourceChanged: naming the protocol, the field and what was found.
        msgspec.DecodeError: if it is not JSON, or not all of it (never a ValidationError).
    """
    where = f"defillama: protocol {shown(slug)}"
    try:
        payload = _DECODER.decode(without_nan(body))
    except msgspec.ValidationError as error:
        msgspec.json.decode(without_nan(body))  # what ends too early is another matter
        raise SourceChanged(one_line(f"{where}: {_field(error, body)}; {_CHANGED}")) from None
    lists = [payload, *(payload.chains or {}).values()]
    if not payload.days and (missing := _missing(body)):
        raise SourceChanged(one_line(f"{where}: {missing}; {_CHANGED}"))
    if not payload.days and days_before:
        what = f"empty in all of {len(lists)} lists, {days_before} dates before"
        raise SourceChanged(f"{where}: field chainTvls.*.tokensInUsd: {what}; {_CHANGED}")
    try:
        file = Path(slug)
        rows(file, payload, Mender(file, "tokens"), "day") if payload.days else None
    except BadInput as error:
        found = str(error).removeprefix(f"{file.name}: ").removesuffix(f"; {REMEDY}")
        raise SourceChanged(one_line(f"{where}: field {found}; {_CHANGED}")) from None
    return payload


def _field(error: msgspec.ValidationError, body: bytes) -> str:
    """Return `field chainTvls[...].tokensInUsd: expected ..., got ...`, and the fields that are there."""
    what, at, place = str(error).partition(" - at `$")
    field = place.removesuffix("`").removeprefix(".") or "(the answer itself)"
    if field.startswith("chainTvls[...]"):
        field = field.replace("[...]", f".{_odd_chain(body)}", 1)
    if what.startswith("Object missing required field"):
        name = what.split("`")[1]
        inside = f"{field}.{name}" if at and place != "`" else name
        return f"field {inside}: missing; found {_keys(body)}"
    return f"field {field}: {what[:1].lower()}{what[1:]}"


def _odd_chain(body: bytes) -> str:
    """Return the first chain whose lists are not what they must be."""
    for name, lists in msgspec.json.decode(without_nan(body))["chainTvls"].items():
        try:
            msgspec.convert(lists, Lists)
        except msgspec.ValidationError:
            return str(name)[:40]
    return "*"


def _missing(body: bytes) -> str | None:
    """Return what is missing of a payload without any token list: the lists' names are not even there."""
    answer = msgspec.json.decode(without_nan(body))
    chains = answer.get("chainTvls")
    if not isinstance(chains, dict):
        return None if "tokensInUsd" in answer else f"field chainTvls: missing; found {_keys(body)}"
    filled = {name: lists for name, lists in chains.items() if isinstance(lists, dict) and lists}
    if not filled or "tokensInUsd" in answer or any("tokensInUsd" in lists for lists in filled.values()):
        return None
    name, lists = next(iter(filled.items()))
    return f"field chainTvls.{name[:40]}.tokensInUsd: missing; found {', '.join(list(lists)[:8])}"


def _keys(body: bytes) -> str:
    answer = msgspec.json.decode(without_nan(body))
    if not isinstance(answer, dict):
        return f"a {type(answer).__name__}"
    return ", ".join(str(key)[:30] for key in list(answer)[:12]) or "an empty object"
