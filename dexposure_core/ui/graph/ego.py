"""One protocol and its partners: creditors on the left, debtors on the right, the small ones summed.

The sums are the protocol's whole exposure in and out, so that nothing is lost by leaving names out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dexposure_core.network import Snapshot
from dexposure_core.pipeline.picture.backbone import Indices


@dataclass(frozen=True, kw_only=True)
class Partner:
    """One creditor or debtor, or the rest of them summed (then `protocol` is '')."""

    protocol: str
    name: str
    sector: str
    exposure_usd: float
    count: int


@dataclass(frozen=True, kw_only=True)
class Ego:
    """A protocol's partners on one date, largest first, the rest last.

    `creditors` hold its tokens (they lose if it fails); `debtors` issued what it holds (it loses if they fail).
    """

    protocol: str
    name: str
    sector: str
    creditors: tuple[Partner, ...]
    debtors: tuple[Partner, ...]

    @property
    def as_debtor_usd(self) -> float:
        """Return what others hold of its tokens, USD."""
        return sum(partner.exposure_usd for partner in self.creditors)

    @property
    def as_creditor_usd(self) -> float:
        """Return what it holds of others' tokens, USD."""
        return sum(partner.exposure_usd for partner in self.debtors)


def ego(snapshot: Snapshot, protocol: str, limit: int = 12) -> Ego:
    """Return the partners of one protocol, at most `limit` a side named.

    Raises:
        UnknownProtocol: when the snapshot does not have it.
    """
    row = snapshot.row(protocol)
    return Ego(
        protocol=protocol,
        name=str(snapshot.names[row]),
        sector=str(snapshot.sectors[row]),
        creditors=_side(snapshot, np.flatnonzero(snapshot.debtor == row), snapshot.creditor, limit),
        debtors=_side(snapshot, np.flatnonzero(snapshot.creditor == row), snapshot.debtor, limit),
    )


def _side(snapshot: Snapshot, exposures: Indices, end: Indices, limit: int) -> tuple[Partner, ...]:
    amounts = snapshot.exposure_usd[exposures]
    order = exposures[np.argsort(-amounts, kind="stable")]
    named = order if len(order) <= limit + 1 else order[:limit]
    partners = [_partner(snapshot, int(end[i]), float(snapshot.exposure_usd[i])) for i in named]
    rest = order[len(named) :]
    if len(rest):
        usd = float(snapshot.exposure_usd[rest].sum())
        partners.append(
            Partner(protocol="", name=f"{len(rest):,} others", sector="", exposure_usd=usd, count=len(rest))
        )
    return tuple(partners)


def _partner(snapshot: Snapshot, row: int, usd: float) -> Partner:
    return Partner(
        protocol=str(snapshot.protocols[row]),
        name=str(snapshot.names[row]),
        sector=str(snapshot.sectors[row]),
        exposure_usd=usd,
        count=1,
    )
