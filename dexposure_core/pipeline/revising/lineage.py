"""Which earlier vintage a vintage revises: its predecessor among those of the store.

A store may hold unlike things: two years of one source, a simulated world, somebody's extract. A vintage revises
another only where both describe the same: same frequency, same kind of source, same seed and size when simulated, the
same choice of chains, a snapshot date in common, and at least half of the earlier one's protocols still there. Of those
that fit, the predecessor is the one built last before it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

from dexposure_core.store import Manifest

ALIKE: Final = ("source", "seed", "scale", "chains")
LEAST_SHARED: Final = 0.5


def predecessor(vintage: str, known: Sequence[Manifest], protocols: Callable[[str], Collection[str]]) -> str | None:
    """Return the vintage that `vintage` revises; None when no other of the store fits, or it is not in the store.

    Args:
        vintage: id of the later one.
        known: the manifests of the store, in any order.
        protocols: vintage → ids of its protocols; asked only of those that fit otherwise.
    """
    mine = next((m for m in known if m.vintage == vintage), None)
    if mine is None:
        return None
    earlier = [m for m in known if (m.created_at, m.vintage) < (mine.created_at, mine.vintage)]
    for other in sorted(earlier, key=lambda m: (m.created_at, m.vintage), reverse=True):
        if alike(other, mine) and _shared(protocols(other.vintage), protocols(vintage)) >= LEAST_SHARED:
            return other.vintage
    return None


def alike(one: Manifest, other: Manifest) -> bool:
    """Return whether two vintages describe the same thing as far as their manifests tell."""
    kind = one.frequency == other.frequency and one.simulated == other.simulated
    choices = all(one.parameters.get(name) == other.parameters.get(name) for name in ALIKE)
    dates = {day for days in one.calendar.values() for day in days}
    return kind and choices and any(day in dates for days in other.calendar.values() for day in days)


def _shared(earlier: Collection[str], later: Collection[str]) -> float:
    """Return the share of the earlier protocols that the later vintage has too; 0 when there are none."""
    return len(set(earlier) & set(later)) / len(earlier) if earlier else 0.0
