"""The daily token lists of a DefiLlama payload as one table, chain by chain, and what no chain accounts for.

Keys of `chainTvls` are chains, or kinds of balance that the protocol's own total leaves out ("staking", "pool2",
"borrowed", ...), given once per chain ("Ethereum-borrowed") and once as the sum over chains ("borrowed"). A sum is
left out where its parts are there. Where the protocol's total (`tokensInUsd` beside `chainTvls`) exceeds its chains,
the rest is real money on chains the payload does not list: it is kept, on chain ''. A weekly snapshot needs one day in
seven: amounts of the others are not even parsed.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from itertools import chain as chained
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from dexposure_core.sources.border import refuse, shown
from dexposure_core.sources.columns import FIRST_DATE, LAST_DATE
from dexposure_core.sources.feed import Frequency
from dexposure_core.sources.mending import Mender

Amount = float | str | None
REMEDY: Final = "save the answer of https://api.llama.fi/protocol/{slug} again"
_KINDS: Final = frozenset(
    {"borrowed", "doublecounted", "liquidstaking", "offers", "pool2", "staking", "treasury", "vesting"}
)
_TOKENS: Final = msgspec.json.Decoder(list[dict[str, Amount]])
_ROUNDING: Final = 1e-6
_DAY: Final = 86_400
_EPOCH: Final = dt.date(1970, 1, 1)
_FIRST: Final = (FIRST_DATE - _EPOCH).days * _DAY
_AFTER: Final = ((LAST_DATE - _EPOCH).days + 1) * _DAY


class Day(msgspec.Struct, gc=False):
    """One entry of a token list: unix seconds, and amount per symbol, unread until it is needed."""

    date: float | str
    tokens: msgspec.Raw


class Lists(msgspec.Struct):
    """The two token lists of a chain or of the whole protocol: USD and units."""

    tokens_in_usd: list[Day] | None = msgspec.field(name="tokensInUsd", default=None)
    tokens: list[Day] | None = None


class _Daily(NamedTuple):
    """One chain's lists, or the protocol's own (`chain` is ''): day since 1970 → the last entry of that day."""

    chain: str
    where: str
    usd: dict[int, Day]
    units: dict[int, Day]


def all_chains(
    file: Path, total: Lists, chains: Mapping[str, Lists], mender: Mender, frequency: Frequency = "day"
) -> pl.DataFrame:
    """Return date, chain, token, quantity, value_usd; one row per day, chain and token; missing amounts null.

    Args:
        file: named in messages.
        total: the protocol's own lists.
        chains: the lists of each key of `chainTvls`.
        mender: takes the findings.
        frequency: days that no snapshot at this frequency can need are left out (every list's last of each period
            is kept, in all lists).

    Raises:
        BadInput: if a date or an amount cannot be one.
    """
    filled = {name: lists for name, lists in chains.items() if lists.tokens_in_usd}
    sums = [name for name in filled if _kind(name) == name and any(o.endswith(f"-{name}") for o in filled)]
    mender.note("info", "chain keys that sum others", len(sums), "left out, their parts are counted")
    daily = [_daily(file, name, f"chainTvls.{name}", x, mender) for name, x in filled.items() if name not in sums]
    if not total.tokens_in_usd:
        return _rows(file, _needed(daily, frequency, mender)).drop("list")
    own = [number for number, lists in enumerate(daily) if _kind(lists.chain) is None]
    daily.append(_daily(file, "", "payload", total, mender))
    rows = _rows(file, _needed(daily, frequency, mender))
    of_total = pl.col("list") == len(daily) - 1
    rest = _rest(rows.filter(of_total), rows.filter(pl.col("list").is_in(own)))
    if own:
        usd = float(rest["value_usd"].sum())
        mender.note("warning", "USD that no chain accounts for", len(rest), "kept, chain ''", usd=usd)
    return pl.concat([rows.filter(~of_total), rest.select(rows.columns)]).drop("list")


def _kind(name: str) -> str | None:
    """Return which kind of balance outside the total a key of `chainTvls` names; None for a plain chain."""
    last = name.rsplit("-", 1)[-1]
    return last if last.lower() in _KINDS else None


def _rest(total: pl.DataFrame, chains: pl.DataFrame) -> pl.DataFrame:
    """Return what of the total the chains do not hold, beyond rounding; columns as given."""
    if chains.is_empty():
        return total
    held = chains.group_by("date", "token").agg(
        pl.col("value_usd").sum().alias("held_usd"),
        pl.when(pl.col("quantity").null_count() == 0).then(pl.col("quantity").sum()).alias("held"),
    )
    both = total.join(held, on=["date", "token"], how="left", maintain_order="left")
    alone = pl.col("held_usd").is_null()
    units = pl.when(alone).then("quantity").otherwise(pl.col("quantity") - pl.col("held"))
    rest_usd = pl.col("value_usd") - pl.col("held_usd").fill_null(0.0)
    beyond = alone | (rest_usd > _ROUNDING * pl.col("value_usd").abs())
    return both.filter(beyond).with_columns(
        value_usd=rest_usd, quantity=pl.when(units >= 0).then(units)
    )  # fmt: skip


def _daily(file: Path, chain: str, where: str, lists: Lists, mender: Mender) -> _Daily:
    """Return the last entry of each day, of the list in USD and of the list in units."""
    usd = _by_day(file, f"{where}.tokensInUsd", lists.tokens_in_usd or [])
    mender.note("info", "the same day twice", len(lists.tokens_in_usd or []) - len(usd), "the last one counts")
    return _Daily(chain, where, usd, _by_day(file, f"{where}.tokens", lists.tokens or []))


def _needed(daily: Sequence[_Daily], frequency: Frequency, mender: Mender) -> Sequence[_Daily]:
    """Return the lists with the days only that are some list's last of a period."""
    if frequency == "day":
        return daily
    needed: set[int] = set()
    for lists in daily:
        days = np.sort(np.fromiter(lists.usd, dtype=np.int64, count=len(lists.usd)))
        of = periods(days, frequency)
        needed.update(days[np.append(of[1:] != of[:-1], True)].tolist())
    left = sum(len(lists.usd) - len(needed & lists.usd.keys()) for lists in daily)
    mender.note("info", "days before their period's last", left, f"not used at frequency {frequency}")
    order = sorted(needed)
    return [
        lists._replace(
            usd={day: lists.usd[day] for day in order if day in lists.usd},
            units={day: lists.units[day] for day in order if day in lists.units},
        )
        for lists in daily
    ]


def periods(days: npt.NDArray[np.int64], frequency: Frequency) -> npt.NDArray[np.int64]:
    """Return a number for the period of each day since 1970: days of one period share it (see `feed.period_end`)."""
    if frequency == "week":
        return (days + 2) // 7  # 1970-01-05 was a Monday, and a week ends on one
    if frequency == "month":
        return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return days


def _rows(file: Path, daily: Sequence[_Daily]) -> pl.DataFrame:
    """Return list (its number), date, chain, token, quantity (null where the payload has none), value_usd."""
    usd = _long(file, [(f"{lists.where}.tokensInUsd", lists.usd) for lists in daily]).rename({"amount": "value_usd"})
    units = _long(file, [(f"{lists.where}.tokens", lists.units) for lists in daily]).rename({"amount": "quantity"})
    both = usd.join(units, on=["list", "day", "token"], how="left", maintain_order="left")
    chains = pl.Series("chain", [lists.chain for lists in daily], dtype=pl.String).gather(both["list"])
    return both.select("list", pl.col("day").cast(pl.Date).alias("date"), chains, "token", "quantity", "value_usd")


def _long(file: Path, lists: Sequence[tuple[str, dict[int, Day]]]) -> pl.DataFrame:
    """Return list, day, token, amount of all lists, one after the other."""
    place = [(number, day) for number, (_, days) in enumerate(lists) for day in days]
    tokens = _tokens(file, lists)
    counts = np.fromiter((len(entry) for entry in tokens), dtype=np.int64, count=len(tokens))
    where = np.array(place, dtype=np.int32).reshape(-1, 2).repeat(counts, axis=0)
    return pl.DataFrame(
        {
            "list": where[:, 0],
            "day": where[:, 1],
            "token": pl.Series(list(chained.from_iterable(tokens)), dtype=pl.String),
            "amount": _amounts(file, lists, tokens, int(counts.sum())),
        }
    )


def _tokens(file: Path, lists: Sequence[tuple[str, dict[int, Day]]]) -> list[dict[str, Amount]]:
    """Return the amounts per symbol of every day of every list."""
    try:
        return _TOKENS.decode(b"[%s]" % b",".join(entry.tokens for _, days in lists for entry in days.values()))
    except msgspec.DecodeError as error:
        for where, days in lists:
            for number, entry in enumerate(days.values()):
                _one(file, f"{where}[{number}].tokens", entry)
        refuse(file, "tokens", str(error), REMEDY)


def _one(file: Path, where: str, entry: Day) -> None:
    try:
        msgspec.json.decode(entry.tokens, type=dict[str, Amount])
    except msgspec.DecodeError as error:
        what, _, at = str(error).partition(" - at `$")
        refuse(file, f"{where}{at.removesuffix('`')}", what[:1].lower() + what[1:], REMEDY)


def _amounts(
    file: Path, lists: Sequence[tuple[str, dict[int, Day]]], tokens: Sequence[dict[str, Amount]], count: int
) -> pl.Series:
    """Return all amounts; where one is no plain number, list by list, so that a message can name the list."""
    values = chained.from_iterable(entry.values() for entry in tokens)
    try:
        numbers = np.fromiter(values, dtype=np.float64, count=count)
    except (TypeError, ValueError):
        entries = iter(tokens)
        parts = [
            _numbers(file, f"{where}.tokens", list(chained.from_iterable(next(entries).values() for _ in days)))
            for where, days in lists
        ]
        numbers = np.concatenate(parts)
    finite = np.isfinite(numbers)
    series = pl.Series(numbers)
    return series if finite.all() else series.set(pl.Series(~finite), None)


def _by_day(file: Path, where: str, days: Sequence[Day]) -> dict[int, Day]:
    """Return the last entry of each day."""
    seconds = _numbers(file, f"{where}.date", [day.date for day in days])
    with np.errstate(invalid="ignore"):
        wrong = ~((seconds >= _FIRST) & (seconds < _AFTER))
    if wrong.any():
        row = int(wrong.argmax())
        found = shown(days[row].date)
        what = f"{found} is not a unix time in seconds between {FIRST_DATE.year} and {LAST_DATE.year}"
        refuse(file, f"{where}[{row}].date", what, REMEDY)
    return dict(zip((seconds // _DAY).astype(np.int64).tolist(), days, strict=True))


def _numbers(file: Path, where: str, values: Sequence[Amount]) -> npt.NDArray[np.float64]:
    """Return numbers, texts parsed; NaN where missing."""
    try:
        return np.array([math.nan if v is None else float(v) for v in values], dtype=np.float64)
    except ValueError:
        wrong = next(v for v in values if isinstance(v, str) and not _is_number(v))
        refuse(file, where, f"{shown(wrong)} is not a number", REMEDY)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
