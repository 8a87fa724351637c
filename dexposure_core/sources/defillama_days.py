"""The daily token lists of a DefiLlama payload as one table, chain by chain, and what no chain accounts for.

Keys of `chainTvls` are chains, or kinds of balance that the protocol's own total leaves out ("staking", "pool2",
"borrowed", ...), given once per chain ("Ethereum-borrowed") and once as the sum over chains ("borrowed"). A sum is
left out where its parts are there. Where the protocol's total (`tokensInUsd` beside `chainTvls`) exceeds its chains,
the rest is real money on chains the payload does not list: it is kept, on chain ''.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import chain as chained
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import polars as pl

from dexposure_core.sources.border import refuse, shown
from dexposure_core.sources.columns import FIRST_DATE, LAST_DATE
from dexposure_core.sources.feed import Frequency, period_end
from dexposure_core.sources.mending import Mender

Amount = float | str | None
REMEDY: Final = "save the answer of https://api.llama.fi/protocol/{slug} again"
_KINDS: Final = frozenset(
    {"borrowed", "doublecounted", "liquidstaking", "offers", "pool2", "staking", "treasury", "vesting"}
)
_ROUNDING: Final = 1e-6


class Day(msgspec.Struct, gc=False):
    """One entry of a token list: unix seconds, and amount per symbol."""

    date: float | str
    tokens: dict[str, Amount]


class Lists(msgspec.Struct):
    """The two token lists of a chain or of the whole protocol: USD and units."""

    tokens_in_usd: list[Day] | None = msgspec.field(name="tokensInUsd", default=None)
    tokens: list[Day] | None = None


Daily = dict[dt.date, Day]


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
    daily = {name: _daily(file, f"chainTvls.{name}", x, mender) for name, x in filled.items() if name not in sums}
    whole = _daily(file, "payload", total, mender) if total.tokens_in_usd else None
    daily_lists = [*daily.values(), *([whole] if whole else [])]
    needed = _needed([usd for usd, _ in daily_lists], frequency)
    _note_earlier([usd for usd, _ in daily_lists], needed, frequency, mender)
    parts = {name: _lists(file, f"chainTvls.{name}", days, needed) for name, days in daily.items()}
    frames = [frame.with_columns(chain=pl.lit(name)) for name, frame in parts.items()]
    if whole:
        own = [frame for name, frame in parts.items() if _kind(name) is None]
        rest = _rest(_lists(file, "payload", whole, needed), own)
        if own:
            mender.note("warning", "USD that no chain accounts for", len(rest), "kept, chain ''", usd=_sum(rest))
        frames.append(rest.with_columns(chain=pl.lit("")))
    return pl.concat(frames).select("date", "chain", "token", "quantity", "value_usd")


def _kind(name: str) -> str | None:
    """Return which kind of balance outside the total a key of `chainTvls` names; None for a plain chain."""
    last = name.rsplit("-", 1)[-1]
    return last if last.lower() in _KINDS else None


def _rest(total: pl.DataFrame, chains: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return what of the total the chains do not hold, beyond rounding: date, token, value_usd, quantity."""
    if not chains:
        return total
    held = pl.concat(chains).group_by("date", "token").agg(
        pl.col("value_usd").sum().alias("held_usd"),
        pl.when(pl.col("quantity").null_count() == 0).then(pl.col("quantity").sum()).alias("held"),
    )  # fmt: skip
    both = total.join(held, on=["date", "token"], how="left", maintain_order="left")
    alone = pl.col("held_usd").is_null()
    units = pl.when(alone).then("quantity").otherwise(pl.col("quantity") - pl.col("held"))
    rest = both.with_columns(rest_usd=pl.col("value_usd") - pl.col("held_usd").fill_null(0.0), units=units)
    rest = rest.filter(alone | (pl.col("rest_usd") > _ROUNDING * pl.col("value_usd").abs()))
    known = pl.when(pl.col("units") >= 0).then("units").alias("quantity")
    return rest.select("date", "token", pl.col("rest_usd").alias("value_usd"), known)


def _sum(frame: pl.DataFrame) -> float:
    return float(frame["value_usd"].sum())


def _daily(file: Path, where: str, lists: Lists, mender: Mender) -> tuple[Daily, Daily]:
    """Return the last entry of each day, of the list in USD and of the list in units."""
    usd = _by_day(file, f"{where}.tokensInUsd", lists.tokens_in_usd or [])
    mender.note("info", "the same day twice", len(lists.tokens_in_usd or []) - len(usd), "the last one counts")
    return usd, _by_day(file, f"{where}.tokens", lists.tokens or [])


def _by_day(file: Path, where: str, days: Sequence[Day]) -> Daily:
    return dict(zip(_dates(file, where, [day.date for day in days]).to_list(), days, strict=True))


def _needed(lists: Sequence[Daily], frequency: Frequency) -> frozenset[dt.date] | None:
    """Return every list's last date of each period; None when all dates are needed."""
    if frequency == "day":
        return None
    dates = pl.concat(
        [pl.DataFrame({"list": n, "date": pl.Series(list(x), dtype=pl.Date)}) for n, x in enumerate(lists)]
    )
    periods = dates.group_by("list", period_end(frequency, pl.col("date")).alias("period")).agg(pl.col("date").max())
    return frozenset(periods["date"].to_list())


def _note_earlier(
    lists: Sequence[Daily], needed: frozenset[dt.date] | None, frequency: Frequency, mender: Mender
) -> None:
    if needed is not None:
        left = sum(len(day.tokens) for days in lists for date, day in days.items() if date not in needed)
        name = "observations before their period's last"
        mender.note("info", name, left, f"not used at frequency {frequency}")


def _lists(file: Path, where: str, lists: tuple[Daily, Daily], needed: frozenset[dt.date] | None) -> pl.DataFrame:
    """Return date, token, value_usd, quantity (null where the payload has none) of the dates needed."""
    usd = _long(file, f"{where}.tokensInUsd", lists[0], needed).rename({"amount": "value_usd"})
    units = _long(file, f"{where}.tokens", lists[1], needed).rename({"amount": "quantity"})
    return usd.join(units, on=["date", "token"], how="left", maintain_order="left")


def _long(file: Path, where: str, days: Daily, needed: frozenset[dt.date] | None) -> pl.DataFrame:
    """Return date, token, amount of the dates needed."""
    last = days if needed is None else {date: day for date, day in days.items() if date in needed}
    counts = np.fromiter((len(day.tokens) for day in last.values()), dtype=np.int64, count=len(last))
    kept = pl.Series("date", list(last), dtype=pl.Date)
    values = list(chained.from_iterable(day.tokens.values() for day in last.values()))
    return pl.DataFrame(
        {
            "date": kept.gather(np.repeat(np.arange(len(last)), counts)),
            "token": pl.Series(list(chained.from_iterable(day.tokens for day in last.values())), dtype=pl.String),
            "amount": _numbers(file, f"{where}.tokens", values),
        }
    )


def _dates(file: Path, where: str, values: Sequence[Amount]) -> pl.Series:
    seconds = _numbers(file, f"{where}.date", values)
    dates = pl.from_epoch(seconds.cast(pl.Int64, strict=False), time_unit="s").dt.date()
    wrong = (dates.is_null() | (dates < FIRST_DATE) | (dates > LAST_DATE)).fill_null(value=True)
    if wrong.any():
        row = wrong.arg_max() or 0
        what = f"{shown(values[row])} is not a unix time in seconds between {FIRST_DATE.year} and {LAST_DATE.year}"
        refuse(file, f"{where}[{row}].date", what, REMEDY)
    return dates


def _numbers(file: Path, where: str, values: Sequence[Amount]) -> pl.Series:
    """Return amounts as Float64, texts parsed; null where missing or not finite."""
    try:
        numbers = _plain(values)
    except ValueError:
        wrong = next(v for v in values if isinstance(v, str) and not _is_number(v))
        refuse(file, where, f"{shown(wrong)} is not a number", REMEDY)
    return numbers.set(~numbers.is_finite(), None)


def _plain(values: Sequence[Amount]) -> pl.Series:
    """Return amounts as Float64; most payloads hold nothing but floats, which need no look one by one."""
    try:
        return pl.Series(np.fromiter(values, dtype=np.float64, count=len(values)))
    except (TypeError, ValueError, OverflowError):
        return pl.Series([None if v is None else float(v) for v in values], dtype=pl.Float64)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
