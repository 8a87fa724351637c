"""One week of the published DeXposure file, as the reader hands it over.

The frames are the file's rows with columns typed and named, defects included: null ids, self-loops,
parallel links, negative or NaN sizes. `dexposure_core.network.rebuild` drops and counts them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import polars as pl

from dexposure_core.network.period import FINDINGS, PROTOCOLS, Period, snapshot_of
from dexposure_core.network.snapshot import Basis, Snapshot


def _no_names() -> pl.DataFrame:
    return pl.DataFrame(schema=PROTOCOLS)


def _no_findings() -> pl.DataFrame:
    return pl.DataFrame(schema=FINDINGS)


@dataclass(frozen=True, kw_only=True)
class PublishedWeek:
    """One date of the published JSON.

    Args:
        date: the key of the week, a Monday in the published files.
        nodes: protocol, size_usd (null or NaN allowed).
        node_tokens: protocol, token, value_usd: the compositions of the nodes.
        links: creditor, debtor, size_usd (creditor = "source", debtor = "target").
        link_tokens: creditor, debtor, token, value_usd: the compositions of the links.
        findings: what the reader already found, columns of the findings table without the date.
        protocols: protocol, name, category, sector as far as metadata was given.
        tokens: token, issuer from the mapping files; None when none were given.
    """

    date: dt.date
    nodes: pl.DataFrame
    node_tokens: pl.DataFrame
    links: pl.DataFrame
    link_tokens: pl.DataFrame
    findings: pl.DataFrame = field(default_factory=_no_findings)
    protocols: pl.DataFrame = field(default_factory=_no_names)
    tokens: pl.DataFrame | None = None

    def snapshot(self, basis: Basis = "flow") -> Snapshot:
        """Return the week's network: flows as published, or the holdings basis rebuilt from compositions."""
        return snapshot_of(from_published(self, self.tokens), basis, self.protocols)


def from_published(
    week: PublishedWeek, tokens: pl.DataFrame | None = None, overrides: pl.DataFrame | None = None
) -> Period:
    """Return the tables of one published week; see `dexposure_core.network.rebuild`.

    Args:
        week: the week as read.
        tokens: token, issuer for tokens whose issuer the links do not tell; None means the week's own.
        overrides: token, issuer (null: nobody) of tokens whose issuer a person decided.
    """
    from dexposure_core.network.rebuild import from_published as rebuilt

    return rebuilt(week, week.tokens if tokens is None else tokens, overrides)
