"""Acknowledgements: which alerts somebody has seen, kept in one small JSON file.

    {"format": 1, "acknowledged": {"<id>": {"at": "2025-08-19T08:00:00+00:00", "note": "...", "words": "..."}}}

The id of an alert is made of what it says (rule, basis, direction, the date on which it began, whether data are
simulated), so an update that adds a week leaves it alone, and what is acknowledged stays so for as long as it lasts.
The file is written whole, flushed and renamed into place: a kill at any moment leaves the old one or the new one. One
writer at a time.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from dexposure_core.disk import lock, write_whole
from dexposure_core.errors import BadInput
from dexposure_core.pipeline.hostile_toml import refuse
from dexposure_core.settings import user_store

NAME: Final = "acknowledged.json"
FORMAT: Final = 1
_LARGEST: Final = 5_000_000  # bytes
_ID: Final = re.compile(r"[0-9a-f]{12}")
_NOTE: Final = 500


@dataclass(frozen=True, kw_only=True)
class Ack:
    """One acknowledgement: when (UTC, ISO), why, and what the alert said then."""

    at: str
    note: str = ""
    words: str = ""


Acks = Mapping[str, Ack]


def usual_file() -> Path:
    """Return where acknowledgements are kept when no other file is named: in the user's own data folder."""
    return user_store() / NAME


def ack_now(note: str, words: str) -> Ack:
    """Return an acknowledgement of this moment; a note is cut to 500 characters."""
    return Ack(at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"), note=note[:_NOTE], words=words[:_NOTE])


def read_acks(path: Path) -> dict[str, Ack]:
    """Read a file of acknowledgements; none when there is no file.

    Raises:
        BadInput: it cannot be read, or is something else.
    """
    try:
        if path.stat().st_size > _LARGEST:
            refuse(path.name, f"larger than {_LARGEST:,} bytes", "this is no file of acknowledgements")
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        refuse(str(path)[:160], f"cannot be read: {error.strerror}", "check its permissions or name another file")
    return parse_acks(content, path.name)


def parse_acks(content: bytes, name: str = NAME) -> dict[str, Ack]:
    """Read the content of such a file; `name` is what messages call it.

    Raises:
        BadInput: it is something else; says where.
    """
    if len(content) > _LARGEST:
        refuse(name, f"larger than {_LARGEST:,} bytes", "this is no file of acknowledgements")
    try:
        given = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        refuse(name, f"not JSON: {error!s:.80}", "give a file that `dexposure alerts ack` or the Alerts page wrote")
    if not isinstance(given, dict) or given.get("format") != FORMAT or not isinstance(given.get("acknowledged"), dict):
        refuse(name, "not a file of acknowledgements", f'it must hold "format": {FORMAT} and "acknowledged"')
    return {key: _ack(f"{name}, {key!s:.40}", key, row) for key, row in given["acknowledged"].items()}


def acks_text(acks: Acks) -> str:
    """Return acknowledgements as the text of a file, in order of their ids."""
    rows = {key: {"at": ack.at, "note": ack.note, "words": ack.words} for key, ack in sorted(acks.items())}
    return msgspec.json.format(msgspec.json.encode({"format": FORMAT, "acknowledged": rows}), indent=1).decode() + "\n"


def change_acks(path: Path, add: Acks, remove: tuple[str, ...] = ()) -> dict[str, Ack]:
    """Add and remove acknowledgements in a file and return what it then holds; other writers wait their turn.

    Raises:
        BadInput: the file is something else or cannot be written; it is then as before.
    """
    with _alone(path):
        acks = {key: ack for key, ack in read_acks(path).items() if key not in remove} | dict(add)
        try:
            write_whole(path, acks_text(acks).encode())
        except OSError as error:
            raise _unwritable(path, error) from None
    return acks


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the file's lock; the system lets go of it however the process ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.with_name(f".{path.name}.lock").open("ab")
    except OSError as error:
        raise _unwritable(path, error) from None
    with handle:
        lock(handle.fileno(), wait=True)
        yield


def _unwritable(path: Path, error: OSError) -> BadInput:
    return BadInput(f"{path!s:.160}: {error.strerror}; check its permissions and its disk, or name another file")


def _ack(place: str, key: object, row: Any) -> Ack:
    if not isinstance(key, str) or not _ID.fullmatch(key):
        refuse(place, "no id of an alert", "ids are twelve characters of 0-9 and a-f")
    texts = {name: row.get(name, "") for name in ("at", "note", "words")} if isinstance(row, dict) else {"at": None}
    if not all(isinstance(value, str) for value in texts.values()):
        refuse(place, "not an acknowledgement", 'it must hold the texts "at", "note" and "words"')
    return Ack(**{name: str(value)[:_NOTE] for name, value in texts.items()})
