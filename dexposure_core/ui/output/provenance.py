"""What every export says about itself: source, vintage, date, basis, parameters, and whether it is simulated."""

from __future__ import annotations

import datetime as dt
import textwrap
from dataclasses import dataclass, replace
from typing import Final

from dexposure_core import __version__
from dexposure_core.network.chains import chain_aside
from dexposure_core.ui import text

PRODUCT: Final = "DeXposure Monitor"
SIMULATED: Final = "SIMULATED DATA"
LINE: Final = 64  # characters that fit under a chart of half the page's width


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a chart or table comes from.

    Args:
        vintage: id of the data build.
        sources: names of the files the vintage was built from.
        simulated: whether the data are simulated.
        basis: holdings or flow; None when it does not matter.
        date: snapshot date; None for what spans all dates.
        chains: in words, the chains that make the network; empty when it is the whole system.
        parameters: (name, value) of whatever else shaped the result, in reading order.
        assumptions: what a reader of the numbers must know; too long for a chart's caption, written into every file.
        content_hash: sha256 of the vintage's content; empty when not known.
    """

    vintage: str
    sources: tuple[str, ...]
    simulated: bool
    basis: str | None = None
    date: dt.date | None = None
    chains: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    assumptions: tuple[str, ...] = ()
    content_hash: str = ""

    def having(self, **parameters: object) -> Provenance:
        """Return a copy with more parameters, underscores in names written as spaces."""
        more = tuple((name.replace("_", " "), str(value)) for name, value in parameters.items())
        return replace(self, parameters=self.parameters + more)

    def line(self) -> str:
        """Return all of it on one line, as written into every CSV row and HTML file."""
        parts = [SIMULATED] if self.simulated else []
        parts += [PRODUCT, f"source: {', '.join(self.sources) or 'not stated'}", f"vintage: {self.vintage}"]
        parts += [f"date: {self.date}"] if self.date else []
        parts += [f"basis: {self.basis}"] if self.basis else []
        parts += [f"chains: {self.chains}; {chain_aside(self.chains)}"] if self.chains else []
        parts += [f"{name}: {value}" for name, value in self.parameters]
        parts += [f"assumes: {'; '.join(self.assumptions)}"] if self.assumptions else []
        parts += [f"data sha256: {self.content_hash}", f"software: {__version__}"] if self.content_hash else []
        return "; ".join(parts)

    def citation(self, what: str) -> str:
        """Return how to cite a figure or table: software, what it shows, date, basis, source, vintage, data hash."""
        label = f"{SIMULATED}, not observations of any real protocol. " if self.simulated else ""
        told = [f"{self.basis} basis"] if self.basis else []
        told += [f"{self.chains} ({chain_aside(self.chains)})"] if self.chains else []
        told += [f"{name} {value}" for name, value in self.parameters]
        when = f", {self.date}" if self.date else ""
        data = f", data sha256 {self.content_hash}" if self.content_hash else ""
        joined = ", ".join(told)
        about = f"{joined[:1].upper()}{joined[1:]}. " if told else ""
        about += f"Assumes: {'; '.join(self.assumptions)}. " if self.assumptions else ""
        return (
            f"{PRODUCT} {__version__}: {text.short(what, 160)}{when}. {about}{label}"
            f"Source: {text.short(self.source(), 80)}. Vintage {self.vintage}{data}."
        )

    def source(self) -> str:
        """Return the sources in a few words: the first name and how many more."""
        more = len(self.sources) - 1
        return ", ".join(self.sources[:1]) + (f" and {more} more" if more > 0 else "") or "not stated"

    def caption(self) -> str:
        """Return the short lines under a chart (HTML, escaped): one or two on the content, one on the product."""
        first = [SIMULATED] if self.simulated else []
        first += [f"{text.short(self.chains, 40)}, {chain_aside(self.chains)}"] if self.chains else []
        first += [f"source: {text.short(self.source(), 44)}"]
        first += [str(self.date)] if self.date else []
        first += [f"{self.basis} basis"] if self.basis else []
        told = [f"{name} {value}" for name, value in self.parameters]
        line = text.short(" · ".join(first + told), 200).replace(" %", "\u00a0%")
        for part in (p for p in told if len(p) < LINE // 2):  # a value stays beside its name
            line = line.replace(part, part.replace(" ", "\u00a0"))
        lines = textwrap.wrap(line, LINE)[:3]
        return "<br>".join([*map(text.html, lines), f"{PRODUCT} · vintage {text.html(self.vintage)}"])

    def file_parts(self, key: str) -> tuple[str, ...]:
        """Return the parts of a file name: what, date, basis, vintage and whether simulated."""
        label = "simulated" if self.simulated else ""
        return ("dexposure", key, str(self.date or ""), self.basis or "", self.chains[:40], f"v{self.vintage}", label)
