"""The facts the simulated world starts from: the tables in `facts/`, read once, checked, frozen.

Protocols, issuers, chains, launch and end dates, TVL and prices at nine dates, the market's path, the days on which a
peg broke or a protocol was hit. Figures are public approximations rounded to what can be known; nothing here is a
measurement.
"""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]

FOLDER: Final = Path(__file__).parent / "facts"
TABLES: Final = (
    "protocols",
    "tokens",
    "prices",
    "market",
    "levels",
    "breaks",
    "shocks",
    "growth",
    "mix",
    "sizes",
    "chains",
    "events",
)
KNOTS: Final = tuple(
    dt.date.fromisoformat(f"{month}-01")
    for month in (
        "2020-06", "2021-01", "2021-11", "2022-05", "2022-11", "2023-06", "2024-03", "2024-12", "2025-08",
    )
)  # fmt: skip
FIRST: Final = dt.date(2020, 3, 23)
WEEKS: Final = 283
MONDAYS: Final = tuple(FIRST + dt.timedelta(weeks=w) for w in range(WEEKS))
EXCHANGES_ENTER: Final = dt.date(2022, 11, 14)
CROWD: Final = "sim-"  # how the ids of numbered protocols begin
LISTINGS: Final = {"protocol": pl.String, "token": pl.String}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The fact tables as polars frames; see `facts/README.md` for their columns.

    `listings` is of no file: protocol, token of the tokens that a larger world lists on its protocols.
    """

    protocols: pl.DataFrame
    tokens: pl.DataFrame
    prices: pl.DataFrame
    market: pl.DataFrame
    levels: pl.DataFrame
    breaks: pl.DataFrame
    shocks: pl.DataFrame
    growth: pl.DataFrame
    mix: pl.DataFrame
    sizes: pl.DataFrame
    chains: pl.DataFrame
    events: pl.DataFrame
    listings: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=LISTINGS))

    def replaced(self, **tables: pl.DataFrame) -> Facts:
        """Return the facts with the named tables replaced."""
        return replace(self, **tables)

    def extended(self, **more: pl.DataFrame) -> Facts:
        """Return the facts with rows added to the named tables."""
        return self.replaced(**{name: pl.concat([getattr(self, name), rows]) for name, rows in more.items()})


DATES: Final = ("first", "last", "day", "date", "happened")
NUMBERS: Final = (
    "beta",
    "ratio",
    "factor",
    "recovery_weeks",
    "nodes",
    "edges",
    "holders",
    "count",
)


@functools.cache
def load() -> Facts:
    """Read the fact tables shipped with the package."""
    return Facts(**{name: _read(FOLDER / f"{name}.csv") for name in TABLES})


def _read(path: Path) -> pl.DataFrame:
    text = pl.read_csv(path, infer_schema=False)
    dates = [pl.col(name).str.to_date() for name in text.columns if name in DATES]
    numbers = [pl.col(name).cast(pl.Float64) for name in text.columns if "usd" in name or name in NUMBERS]
    return text.with_columns(*dates, *numbers)


def week(day: dt.date) -> int:
    """Return the index of the first Monday on or after `day` (0 for days before the first)."""
    return max(0, -((FIRST - day).days // 7))


def wider(facts: Facts, power: float) -> Floats:
    """Return (WEEKS,) exposures per node of the real network as a share of its largest, never falling, to a power.

    Main lines are there before: what a larger world adds to them comes later than the whole.
    """
    ratio = np.maximum.accumulate(real_counts(facts, "edges") / real_counts(facts, "nodes"))
    return np.asarray((ratio / ratio[-1]) ** power)


def is_crowd(protocol: str) -> bool:
    """Return whether a protocol is a numbered one."""
    return protocol.startswith(CROWD)


def broken(facts: Facts) -> dict[str, Floats]:
    """Return, per token that ever left its usual price, the factor (WEEKS,) on that price."""
    return {
        str(token): interpolate(rows["day"].to_list(), rows["ratio"].to_numpy())
        for (token,), rows in facts.breaks.group_by("token", maintain_order=True)
    }


def growth(facts: Facts, of: str) -> Floats:
    """Return (WEEKS,) size of the real network (`nodes` or `edges`) as a share of its largest, never falling.

    To the power 0.8: a small world cannot begin as small as one of eleven thousand nodes.
    """
    counts = real_counts(facts, of)
    return np.asarray((np.maximum.accumulate(counts) / counts.max()) ** 0.8)


def real_counts(facts: Facts, of: str) -> Floats:
    """Return (WEEKS,) `nodes` or `edges` of the real network."""
    return interpolate(facts.growth["day"].to_list(), facts.growth[of].to_numpy())


def interpolate(days: list[dt.date], values: Floats) -> Floats:
    """Return (WEEKS,) values on the Mondays, log-linear between the given days, flat outside them."""
    at = np.array([day.toordinal() for day in days], dtype=np.float64)
    mondays = np.array([monday.toordinal() for monday in MONDAYS], dtype=np.float64)
    path: Floats = np.exp(np.interp(mondays, at, np.log(values)))
    return path
