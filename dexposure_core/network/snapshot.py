"""The exposure network on one date: who holds how much of whose tokens.

A snapshot is the only form in which measures, contagion rules and forecasters see a network. It is
checked once, at construction, and never changes afterwards; everything downstream trusts it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from dexposure_core.errors import InvalidSnapshot, UnknownProtocol, suggest

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Basis = Literal["holdings", "flow"]
BASES: Final[tuple[Basis, ...]] = ("holdings", "flow")
UNKNOWN_SECTOR: Final = "Unknown"

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]


class Snapshot:
    """Credit exposures between protocols on one date; immutable and validated.

    Args:
        date: the snapshot's date.
        protocols: (N,) unique ids, str.
        names: (N,) display names, str.
        sectors: (N,) broad sectors, str.
        tvl_usd: (N,) float >= 0, total value locked.
        creditor: (E,) int, row of the protocol that holds the token.
        debtor: (E,) int, row of the protocol that issues it; never equal to `creditor`.
        exposure_usd: (E,) float > 0, one row per ordered pair.
        basis: "holdings" (a stock, USD) or "flow" (a weekly change, USD).
        categories: (N,) fine categories, str; the sectors when not given.

    Raises:
        InvalidSnapshot: when any of the above does not hold.
    """

    __slots__ = (
        "_by_creditor", "_rows", "basis", "categories", "creditor", "date", "debtor",
        "exposure_usd", "names", "protocols", "sectors", "tvl_usd",
    )  # fmt: skip

    date: dt.date
    basis: Basis
    protocols: Texts
    names: Texts
    sectors: Texts
    categories: Texts
    tvl_usd: Floats
    creditor: Indices
    debtor: Indices
    exposure_usd: Floats

    def __init__(
        self,
        *,
        date: dt.date,
        protocols: Sequence[str] | npt.NDArray[Any],
        names: Sequence[str] | npt.NDArray[Any],
        sectors: Sequence[str] | npt.NDArray[Any],
        tvl_usd: Sequence[float] | npt.NDArray[Any],
        creditor: Sequence[int] | npt.NDArray[Any],
        debtor: Sequence[int] | npt.NDArray[Any],
        exposure_usd: Sequence[float] | npt.NDArray[Any],
        basis: Basis,
        categories: Sequence[str] | npt.NDArray[Any] | None = None,
    ) -> None:
        ids = _texts("protocols", protocols)
        put = object.__setattr__
        put(self, "date", _date(date))
        put(self, "basis", _basis(basis))
        put(self, "protocols", ids)
        put(self, "names", _texts("names", names, len(ids)))
        put(self, "sectors", _texts("sectors", sectors, len(ids)))
        put(self, "categories", self.sectors if categories is None else _texts("categories", categories, len(ids)))
        put(self, "tvl_usd", _amounts("tvl_usd", tvl_usd, len(ids), positive=False))
        amounts = _amounts("exposure_usd", exposure_usd, None, positive=True)
        put(self, "exposure_usd", amounts)
        put(self, "creditor", _ends("creditor", creditor, len(amounts), len(ids)))
        put(self, "debtor", _ends("debtor", debtor, len(amounts), len(ids)))
        self._check_pairs()

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: a snapshot never changes."""
        raise AttributeError(f"Snapshot is immutable; build a new one instead of setting '{name}'")

    def __delattr__(self, name: str) -> None:
        """Refuse: a snapshot never changes."""
        raise AttributeError(f"Snapshot is immutable; '{name}' cannot be deleted")

    def __repr__(self) -> str:
        """Return one line: date, basis and size."""
        return (
            f"Snapshot({self.date}, {self.basis}, {len(self.protocols)} protocols, {len(self.exposure_usd)} exposures)"
        )

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by rebuilding, so that a loaded snapshot is as checked and as frozen as a new one."""
        return _rebuild, (
            {
                "date": self.date, "protocols": self.protocols, "names": self.names, "sectors": self.sectors,
                "categories": self.categories, "tvl_usd": self.tvl_usd, "creditor": self.creditor,
                "debtor": self.debtor, "exposure_usd": self.exposure_usd, "basis": self.basis,
            },
        )  # fmt: skip

    def __contains__(self, protocol: object) -> bool:
        """Return whether the snapshot has a protocol of this id."""
        return protocol in self._found()

    def row(self, protocol: str) -> int:
        """Return the row of a protocol id.

        Raises:
            UnknownProtocol: when the snapshot has no such protocol; names the closest one (a third of a second among
                11,000: ask `in` where absence is an answer).
        """
        rows = self._found()
        try:
            return rows[protocol]
        except KeyError:
            hint = suggest(protocol, [*rows, *map(str, self.names)])
            raise UnknownProtocol(f"No protocol '{protocol[:80]}' in the {self.date} snapshot{hint}") from None

    def rows(self, protocols: npt.NDArray[np.object_]) -> Indices:
        """Return the row of each of some ids (M,), -1 where there is none."""
        return np.fromiter(map(self._found().get, protocols, repeat(-1)), dtype=np.int64, count=len(protocols))

    def _found(self) -> dict[str, int]:
        """Return the rows of all ids, made at the first question: most snapshots are never asked."""
        rows: dict[str, int] | None = getattr(self, "_rows", None)
        if rows is None:
            rows = dict(zip(self.protocols.tolist(), range(len(self.protocols)), strict=True))
            object.__setattr__(self, "_rows", rows)
        return rows

    def matrix(self) -> csr_array:
        """Return the (N, N) exposure matrix in USD, row = creditor, column = debtor (scipy CSR)."""
        return self.matrix_of(self.exposure_usd.copy())

    def matrix_of(self, amounts: Floats) -> csr_array:
        """Return (E,) amounts of the exposures as an (N, N) matrix like `matrix`; it may keep the array given."""
        from scipy.sparse import csr_array

        order, debtor, starts = self._layout()
        shape = (len(self.protocols), len(self.protocols))
        return csr_array((amounts if order is None else amounts[order], debtor, starts), shape=shape)

    def _layout(self) -> tuple[Indices | None, npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Return how exposures lie in a matrix by rows, found once: order (None: as they are), columns, row starts."""
        found = getattr(self, "_by_creditor", None)
        if found is None:
            in_order = not (self.creditor[1:] < self.creditor[:-1]).any()
            order = None if in_order else np.argsort(self.creditor, kind="stable")
            starts = np.zeros(len(self.protocols) + 1, dtype=np.int32)
            np.cumsum(np.bincount(self.creditor, minlength=len(self.protocols)), out=starts[1:])
            debtor = (self.debtor if order is None else self.debtor[order]).astype(np.int32)
            found = (order, debtor, starts)
            object.__setattr__(self, "_by_creditor", found)
        return found

    def _check_pairs(self) -> None:
        if len(set(self.protocols.tolist())) != len(self.protocols):
            raise InvalidSnapshot(f"protocols: ids must be unique; {len(self.protocols)} given, not all different")
        loops = self.creditor == self.debtor
        if loops.any():
            who = self.protocols[self.creditor[int(loops.argmax())]]
            raise InvalidSnapshot(f"creditor and debtor are both '{who}'; a protocol has no exposure to itself")
        pairs = self.creditor * max(1, len(self.protocols)) + self.debtor
        if (pairs[1:] > pairs[:-1]).all():  # rows that come sorted, as most do
            return
        if not np.diff(np.sort(pairs)).all():
            raise InvalidSnapshot("exposure_usd: one row per ordered (creditor, debtor) pair; sum parallel rows first")


def _rebuild(fields: dict[str, Any]) -> Snapshot:
    return Snapshot(**fields)


def _date(value: object) -> dt.date:
    if isinstance(value, dt.datetime) or not isinstance(value, dt.date):
        raise InvalidSnapshot(f"date: expected datetime.date, got {value!r}")
    return value


def _basis(value: str) -> str:
    if value not in BASES:
        raise InvalidSnapshot(f"basis: '{value}' is not one of {', '.join(BASES)}")
    return value


def _texts(name: str, values: Sequence[str] | npt.NDArray[Any], length: int | None = None) -> Texts:
    array = np.array(values, dtype=object)
    if array.ndim != 1 or (length is not None and len(array) != length):
        raise InvalidSnapshot(
            f"{name}: expected {'a row' if length is None else length} of texts, got shape {array.shape}"
        )
    if not all(issubclass(kind, str) for kind in set(map(type, array))):
        raise InvalidSnapshot(f"{name}: every entry must be a str")
    array.flags.writeable = False
    return array


def _amounts(name: str, values: Sequence[float] | npt.NDArray[Any], length: int | None, *, positive: bool) -> Floats:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidSnapshot(f"{name}: not numbers ({error})") from None
    if array.ndim != 1 or (length is not None and len(array) != length):
        raise InvalidSnapshot(
            f"{name}: expected {'a row' if length is None else length} of amounts, got shape {array.shape}"
        )
    fine = np.isfinite(array) & ((array > 0) if positive else (array >= 0))
    if not fine.all():
        first = int((~fine).argmax())
        raise InvalidSnapshot(f"{name}[{first}] = {array[first]}; must be finite and {'> 0' if positive else '>= 0'}")
    array.flags.writeable = False
    return array


def _ends(name: str, values: Sequence[int] | npt.NDArray[Any], edges: int, nodes: int) -> Indices:
    array = np.asarray(values)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise InvalidSnapshot(f"{name}: expected integers (rows of `protocols`), got {array.dtype}")
    array = np.array(array, dtype=np.int64)
    if array.shape != (edges,):
        raise InvalidSnapshot(f"{name}: expected {edges} rows like exposure_usd, got shape {array.shape}")
    if edges and (array.min() < 0 or array.max() >= nodes):
        raise InvalidSnapshot(f"{name}: rows must lie in 0..{nodes - 1}, got {array.min()}..{array.max()}")
    array.flags.writeable = False
    return array
