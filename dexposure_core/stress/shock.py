"""What hits the system at round 0.

Two kinds, freely mixed: a protocol loses a fraction (of its loss-absorbing value; for a protocol that only issues,
the fraction its tokens lose), or holders lose USD directly (a token that falls hits each holder by its holding).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from dexposure_core.errors import BadOption
from dexposure_core.network.snapshot import Floats, Snapshot


@dataclass(frozen=True, kw_only=True)
class Shock:
    """Losses at round 0.

    Attributes:
        fractions: protocol id → fraction 0..1 of its loss-absorbing value (or of its tokens, if it only issues).
        losses_usd: protocol id → USD >= 0 it loses on what it holds; counted up to its loss-absorbing value.

    Raises:
        BadOption: when a fraction is not in 0..1, or a loss is negative or not finite.
    """

    fractions: Mapping[str, float] = field(default_factory=dict)
    losses_usd: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every number and keep private read-only copies."""
        for protocol, fraction in self.fractions.items():
            check_fraction(f"shock of '{protocol}'", fraction)
        for protocol, loss in self.losses_usd.items():
            if not _is_number(loss) or not 0 <= loss < math.inf:
                raise BadOption(f"loss of '{protocol}' = {loss!r}; must be a finite amount in USD, >= 0")
        object.__setattr__(self, "fractions", MappingProxyType({k: float(v) for k, v in self.fractions.items()}))
        object.__setattr__(self, "losses_usd", MappingProxyType({k: float(v) for k, v in self.losses_usd.items()}))

    @property
    def empty(self) -> bool:
        """Whether nothing is hit at all."""
        return not any(self.fractions.values()) and not any(self.losses_usd.values())

    def arrays(self, snapshot: Snapshot) -> tuple[Floats, Floats]:
        """Return (N,) fractions and (N,) USD losses in snapshot order.

        Raises:
            UnknownProtocol: when a shocked protocol is not in the snapshot.
        """
        fractions = np.zeros(len(snapshot.protocols))
        losses = np.zeros(len(snapshot.protocols))
        for into, given in ((fractions, self.fractions), (losses, self.losses_usd)):
            for protocol, amount in given.items():
                into[snapshot.row(protocol)] = amount
        return fractions, losses


def token_shock(snapshot: Snapshot, holders: Mapping[str, float], fraction: float) -> Shock:
    """Return the shock of a token that loses `fraction` of its value: every holder loses that share of its holding.

    Args:
        snapshot: the network to be shocked; holders that are not in it are refused.
        holders: protocol id → USD it holds of the token.
        fraction: 0..1.

    Raises:
        UnknownProtocol: when a holder is not in the snapshot.
        BadOption: when the fraction is not in 0..1 or a holding is negative or not finite.
    """
    check_fraction("fraction the token loses", fraction)
    for protocol in holders:
        snapshot.row(protocol)
    return Shock(losses_usd={protocol: fraction * usd for protocol, usd in holders.items()})


def check_fraction(what: str, value: object) -> float:
    """Return `value` as a float in 0..1.

    Raises:
        BadOption: when it is anything else; the message starts with `what`.
    """
    if not _is_number(value) or not 0 <= float(value) <= 1:  # type: ignore[arg-type]
        raise BadOption(f"{what} = {value!r}; must be a number from 0 to 1 (0.3 for 30 %)")
    return float(value)  # type: ignore[arg-type]


def _is_number(value: object) -> bool:
    try:
        return not isinstance(value, bool | str | bytes) and not math.isnan(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
