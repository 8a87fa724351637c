"""The colours of the house, for screens and for printed pages alike: sectors, causes of a change, paper and ink.

Sector colours keep apart under the common colour-blindnesses and on white and dark paper alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

SECTOR_COLOURS: Final = (
    "#1F6FB4", "#D9820B", "#0B8F6F", "#B9487F", "#4AA3DF", "#B8401A", "#7A5BB5", "#8F8A1B",
)  # fmt: skip
GREYS: Final = ("#7C848E", "#A3A9B1", "#5C636C", "#BDC2C8")
CAUSES: Final[Mapping[str, tuple[str, str]]] = {
    "price_usd": ("Price", SECTOR_COLOURS[0]),
    "quantity_usd": ("Quantity", SECTOR_COLOURS[1]),
    "entry_usd": ("Entry", SECTOR_COLOURS[2]),
    "exit_usd": ("Exit", SECTOR_COLOURS[3]),
    "mapping_usd": ("Mapping", SECTOR_COLOURS[6]),
}


@dataclass(frozen=True, kw_only=True)
class Mode:
    """The colours that differ between light and dark paper.

    `up` and `down` mark a rise and a fall without judging them; `alarm` is for losses and alerts.
    """

    name: str
    paper: str
    surface: str
    ink: str
    muted: str
    grid: str
    accent: str
    up: str
    down: str
    alarm: str
    loss: tuple[str, ...]
    change: tuple[str, ...]


LIGHT: Final = Mode(
    name="light", paper="#FFFFFF", surface="#F4F6F8", ink="#1B2430", muted="#5B6673", grid="#E3E7EB",
    accent="#0B6E99", up="#B8501A", down="#1F6FB4", alarm="#A8281E",
    loss=("#FFF5EE", "#FDD3B0", "#F6A06A", "#DE6238", "#A8281E", "#5E0D16"),
    change=("#1B5A99", "#6AA3CF", "#CFE1EF", "#F5F5F3", "#F9D8C0", "#E58A56", "#A8401A"),
)  # fmt: skip


def sector_colours(sectors: Sequence[str]) -> dict[str, str]:
    """Give each sector its colour, in the order given: eight colours, then greys; 'Unknown' and 'Other' are grey."""
    named = [s for s in dict.fromkeys(sectors) if s not in ("Unknown", "Other")]
    grey = named[len(SECTOR_COLOURS) :]
    colours = dict(zip(named, SECTOR_COLOURS, strict=False))
    colours |= {sector: GREYS[1 + i % 3] for i, sector in enumerate(grey)}
    return colours | {"Unknown": GREYS[0], "Other": GREYS[1]}
