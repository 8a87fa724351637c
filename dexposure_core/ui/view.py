"""What a page looks at: one frozen record, made from the address and the sidebar, that a link reproduces in full.

The address is untrusted. `resolve` turns whatever it says into the nearest valid choice and keeps a plain
note of every value it could not take.
"""

from __future__ import annotations

import datetime as dt
import functools
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote_plus, urlencode

from dexposure_core.network.chains import DEFAULT, chain_words
from dexposure_core.network.snapshot import BASES, Basis
from dexposure_core.pipeline.phrases import period
from dexposure_core.ui import text
from dexposure_core.ui.output.provenance import Provenance

HORIZONS: Final = (1, 4, 8, 12)
KEYS: Final = ("vintage", "basis", "date", "protocol", "horizon", "chain")
KEY_PARTS: Final = "\t"  # between the parts of a cache's key; no vintage and no chain has one in its name


@dataclass(frozen=True, kw_only=True)
class View:
    """Everything that defines what a page shows.

    Args:
        page: key of the page.
        vintage: id of the data build; the key of every cache.
        basis: holdings or flow.
        date: a real snapshot date of that basis.
        dates: all snapshot dates of that basis, ascending.
        protocol: id of the chosen protocol, None when none is chosen.
        protocol_name: its name, unescaped; empty when none is chosen.
        horizon: forecast horizon in weeks.
        simulated: whether the vintage is simulated.
        sources: names of the files it was built from.
        content_hash: sha256 of the vintage's content.
        frequency: day, week, month, or as given.
        chains: the choice of chains (see `network.chains`).
        data: the key under which the page reads: the vintage, seen through those chains where the page follows them.
        measured: whether every date of what the page reads has been measured in full.
        notes: what the address asked for that could not be shown, in words, unescaped.
    """

    page: str
    vintage: str
    basis: Basis
    date: dt.date
    dates: tuple[dt.date, ...]
    protocol: str | None = None
    protocol_name: str = ""
    horizon: int = 4
    simulated: bool = False
    sources: tuple[str, ...] = ()
    content_hash: str = ""
    frequency: str = "week"
    chains: str = DEFAULT
    data: str = ""
    measured: bool = True
    notes: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        """Read the vintage itself when nothing else is said."""
        if not self.data:
            object.__setattr__(self, "data", self.vintage)

    @property
    def shown_chains(self) -> str:
        """The chains that make the network on this page: the choice, or all where the page does not follow it."""
        return DEFAULT if self.data == self.vintage else self.chains

    @property
    def previous(self) -> dt.date | None:
        """The snapshot before this one, None at the first."""
        place = bisect_left(self.dates, self.date)
        return self.dates[place - 1] if place else None

    @property
    def following(self) -> dt.date | None:
        """The snapshot after this one, None at the last."""
        place = bisect_left(self.dates, self.date) + 1
        return self.dates[place] if place < len(self.dates) else None

    @property
    def period(self) -> str:
        """What lies between two snapshots, in words: week, day, month or period."""
        return period(self.frequency)

    def window(self, days: int = 731) -> tuple[dt.date, ...]:
        """Return the snapshot dates of the trailing window that ends at this date (default two years)."""
        return tuple(d for d in self.dates if self.date - dt.timedelta(days=days) < d <= self.date)

    def parameters(self) -> dict[str, str]:
        """Return the address's parameters that reproduce this view."""
        values = {"vintage": self.vintage, "basis": self.basis, "date": str(self.date), "horizon": str(self.horizon)}
        values |= {"chain": self.chains} if self.chains != DEFAULT else {}
        return values | ({"protocol": self.protocol} if self.protocol else {})

    def link(self, page: str | None = None, **changes: str) -> str:
        """Return the relative address of a page with this view, some parameters changed."""
        return f"/{page or self.page}?{urlencode(self.parameters() | changes)}"

    def protocol_link(self, protocol: str) -> str:
        """Return the relative address of a protocol's page at this view."""
        return f"{self._protocol_page}{quote_plus(protocol)}"

    @functools.cached_property
    def _protocol_page(self) -> str:
        """The part that all protocols' addresses share: a table asks for hundreds of them."""
        others = {name: value for name, value in self.parameters().items() if name != "protocol"}
        return f"/protocol?{urlencode(others)}&protocol="

    def provenance(self, *, date: bool = True, **parameters: object) -> Provenance:
        """Return what exports say about themselves; `date=False` for what spans all dates."""
        made = Provenance(
            vintage=self.vintage,
            sources=self.sources,
            simulated=self.simulated,
            basis=self.basis,
            date=self.date if date else None,
            chains="" if self.shown_chains == DEFAULT else chain_words(self.shown_chains),
            content_hash=self.content_hash,
        )
        return made.having(**parameters)


def lens_key(vintage: str, chains: str, *, measured: bool = False) -> str:
    """Return the key of a vintage seen through chains; another one once all its dates have been measured in full."""
    return KEY_PARTS.join((vintage, chains, "measured") if measured else (vintage, chains))


def base_of(key: str) -> str:
    """Return the vintage of a key."""
    return key.partition(KEY_PARTS)[0]


def pick_basis(asked: str | None, offered: Sequence[Basis]) -> tuple[Basis, str]:
    """Return the basis to show and a note when it is not the one asked for."""
    if asked is None:
        return offered[0], ""
    for basis in offered:
        if basis == asked:
            return basis, ""
    known = "is not in this vintage" if asked in BASES else "is not a basis"
    return offered[0], f"“{text.short(asked)}” {known}; showing the {offered[0]} basis."


def pick_date(asked: str | None, dates: Sequence[dt.date]) -> tuple[dt.date, str]:
    """Return the snapshot nearest to the date asked for (the last by default) and a note when it is another."""
    if asked is None:
        return dates[-1], ""
    try:
        day = dt.date.fromisoformat(asked)
    except ValueError:
        return dates[-1], f"“{text.short(asked)}” is not a date (YYYY-MM-DD); showing the latest snapshot, {dates[-1]}."
    nearest = min(dates, key=lambda d: (abs((d - day).days), d))
    return nearest, "" if nearest == day else f"There is no snapshot on {day}; showing the nearest, {nearest}."


def pick_horizon(asked: str | None) -> tuple[int, str]:
    """Return the horizon in weeks and a note when the one asked for is not offered."""
    if asked is None:
        return 4, ""
    if asked.isascii() and asked.isdigit() and int(asked[:4]) in HORIZONS:
        return int(asked[:4]), ""
    return 4, f"“{text.short(asked)}” is not a horizon (1, 4, 8 or 12 weeks); showing 4 weeks."


def pick_protocol(asked: str | None, names: Mapping[str, str]) -> tuple[str | None, str]:
    """Return the protocol's id, also when it is asked for by its name, and a note when there is none such."""
    if not asked:
        return None, ""
    if asked in names:
        return asked, ""
    named = [p for p, name in names.items() if name.casefold() == asked.casefold()]
    if len(named) == 1:
        return named[0], ""
    from dexposure_core.errors import suggest

    hint = suggest(text.short(asked, 80), names.values())
    return None, f"This vintage has no protocol “{text.short(asked)}”{hint}. No protocol is chosen."
