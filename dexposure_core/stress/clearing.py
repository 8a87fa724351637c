"""Clearing payments: who can pay how much when everyone pays what it can (Eisenberg and Noe 2001).

A holding of a protocol's token is a claim on its assets. With p̄ what a protocol owes, e what it has beside such claims,
and r the share of what it owes that it pays, the same for all creditors,

    received_i = Σ_j E_ij r_j          r_i = 1 where e_i + received_i >= p̄_i, else (α e_i + β received_i) / p̄_i

and the solution is the largest one: from r = 1 downwards, round by round (Rogers and Veraart 2013 for α, β < 1, the
cost of default). Who pays less passes on what its unpaid share 1 − r grew by, so losses decompose like those of other
rules.

DeFi protocols publish no balance sheets. Unless they are given, p̄ = max(A, what is held of it) with A the absorbing
value: tokens that no protocol holds are claims of others, alike in rank; and e = max(0, p̄ − what it holds): without a
shock everyone can pay. A protocol with A = 0 receives nothing, as under every other rule. A shocked protocol loses its
fraction of all its assets at face value, a holder hit by a token that many USD.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from dexposure_core.errors import BadOption
from dexposure_core.network.snapshot import Floats, Snapshot
from dexposure_core.stress.rules import Options, Round

if TYPE_CHECKING:
    from scipy.sparse import csr_array


_IN_FULL: Final = 1.0 - 1e-12
"""What is owed is paid in full from this share on: the rounding of a sum is no default."""


@dataclass(frozen=True, kw_only=True)
class Books:
    """What protocols have and owe, USD."""

    owes_usd: Floats  # (N,) to all creditors, protocols and others
    other_usd: Floats  # (N,) assets beside claims on protocols
    holds_usd: Floats  # (N,) claims on protocols at face value
    claims: csr_array  # (N, N) the same by debtor


def books_of(
    snapshot: Snapshot,
    claims: csr_array,
    absorbing_usd: Floats,
    external_assets_usd: npt.ArrayLike | None = None,
    external_liabilities_usd: npt.ArrayLike | None = None,
) -> Books:
    """Return the balance sheets as given, or those that absorbing values imply.

    Args:
        snapshot: the network.
        claims: (N, N) its exposures, row = creditor.
        absorbing_usd: (N,) what each protocol can lose.
        external_assets_usd: (N,) assets beside claims on protocols.
        external_liabilities_usd: (N,) what is owed to others than protocols, of equal rank; 0 unless given.

    Raises:
        BadOption: liabilities without assets, or amounts that are not N finite numbers >= 0.
    """
    count = len(snapshot.protocols)
    held_of = np.bincount(snapshot.debtor, weights=snapshot.exposure_usd, minlength=count)
    if external_assets_usd is None:
        if external_liabilities_usd is not None:
            raise BadOption("external_liabilities_usd without external_assets_usd; give both, or neither")
        receives = absorbing_usd > 0
        holds = np.where(receives, claims.sum(axis=1), 0.0)
        owes = np.maximum(absorbing_usd, held_of)
        mine = claims.copy()
        mine.data = mine.data * np.repeat(receives, np.diff(mine.indptr))
        return Books(owes_usd=owes, other_usd=np.maximum(owes - holds, 0.0), holds_usd=holds, claims=mine)
    assets = amounts("external_assets_usd", external_assets_usd, count)
    others = np.zeros(count) if external_liabilities_usd is None else external_liabilities_usd
    owes = held_of + amounts("external_liabilities_usd", others, count)
    return Books(owes_usd=owes, other_usd=assets, holds_usd=claims.sum(axis=1), claims=claims)


class Clearing:
    """The payments of K scenarios, settled round by round; asked what is passed on like any rule.

    Attributes:
        paid: (N, K) share of what it owes that each protocol pays.
    """

    def __init__(self, books: Books, fractions: Floats, losses_usd: Floats, options: Options) -> None:
        face = (books.other_usd + books.holds_usd)[:, None]
        self._books, self._options = books, options
        self._other = books.other_usd[:, None] - fractions * face - losses_usd  # below 0: claims are lost, too
        self.paid: Floats = np.ones(fractions.shape)

    def __call__(self, now: Round) -> Floats:
        """Return (N, K) what the unpaid share of each protocol grew by, given what the others paid so far."""
        del now  # the state of a clearing is what has been paid
        owes = self._books.owes_usd[:, None]
        received = self._books.claims @ self.paid
        whole = self._other + received >= owes * _IN_FULL
        alpha, beta = self._options["alpha"], self._options["beta"]
        left = alpha * np.maximum(self._other, 0.0) + beta * np.maximum(received + np.minimum(self._other, 0.0), 0.0)
        share = np.divide(left, owes, out=np.ones_like(left), where=(owes > 0) & ~whole)
        paid = np.minimum(self.paid, share)  # never more than in the round before, whatever the last digit says
        grown: Floats = self.paid - paid
        self.paid = paid
        return grown


def amounts(name: str, given: npt.ArrayLike, count: int) -> Floats:
    """Return (count,) amounts in USD, each finite and >= 0.

    Raises:
        BadOption: when they are not; the message starts with `name`.
    """
    values = np.asarray(given, dtype=np.float64)
    if values.shape != (count,):
        raise BadOption(f"{name}: expected {count} amounts, got shape {values.shape}")
    fine = np.isfinite(values) & (values >= 0)
    if not fine.all():
        first = int((~fine).argmax())
        raise BadOption(f"{name}[{first}] = {values[first]}; must be finite and >= 0")
    return values
