"""What a measure is: a number of one snapshot with everything a reader must know of it.

The texts are the only ones there are: tables, pages, boxes beside the numbers and docs/measures.md all show these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dexposure_core.measures.facts import Facts
from dexposure_core.network.snapshot import Snapshot


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One number that describes a snapshot.

    Attributes:
        name: key in tables and JSON.
        title: what a reader sees.
        unit: "USD", "share" (0..1), "index" (0..1 HHI), "count" or "number".
        help: the exact definition, including the variant and when it is not defined.
        written: the formula as it is read, plain text.
        limits: what the number does not say, or is moved by without the system having moved.
        reference: where the definition comes from.
        formula: the number from the shared intermediate results.
    """

    name: str
    title: str
    unit: str
    help: str
    written: str
    limits: str
    reference: str
    formula: Callable[[Facts], float]

    def of(self, snapshot: Snapshot) -> float:
        """Return the measure of one snapshot; NaN when it is not defined."""
        return self.formula(Facts(snapshot))
