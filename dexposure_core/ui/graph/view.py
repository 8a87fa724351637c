"""From a snapshot, a cut and a layout to the circles and arrows of a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from dexposure_core.network import Snapshot
from dexposure_core.pipeline.picture.backbone import Cut, Floats, strength, totals
from dexposure_core.pipeline.picture.layout import Layout, node_radii
from dexposure_core.ui.graph.render import Edge, LegendEntry, Node

Usd = Callable[[float], str]
THINNEST, THICKEST = 0.6, 9.0
WORDS = {"holdings": "{0} holds {2} of tokens issued by {1}", "flow": "Net flow of {2} from {0} to {1}"}


def nodes(
    snapshot: Snapshot, cut: Cut, places: Layout, colours: Mapping[str, str], usd: Usd, marked: str | None = None
) -> tuple[Node, ...]:
    """Return a circle for every protocol of the cut (a diamond for one that only issues), strongest first.

    Args:
        snapshot: the network.
        cut: what of it to show.
        places: the vintage's layout.
        colours: sector → colour; others get the one of ''.
        usd: how to write an amount.
        marked: id of the searched protocol.
    """
    radius = node_radii(snapshot)
    held, owed = totals(snapshot)
    return tuple(
        Node(
            id=str(snapshot.protocols[row]),
            name=str(snapshot.names[row]),
            place=places.place(str(snapshot.protocols[row]), str(snapshot.sectors[row])),
            radius=float(radius[row]),
            colour=colours.get(str(snapshot.sectors[row]), colours[""]),
            issuer=bool(snapshot.tvl_usd[row] <= 0),
            group=str(snapshot.sectors[row]),
            facts=_facts(snapshot, int(row), held, owed, usd),
            marked=str(snapshot.protocols[row]) == marked,
        )
        for row in cut.protocols
    )


def _facts(snapshot: Snapshot, row: int, held: Floats, owed: Floats, usd: Usd) -> tuple[str, ...]:
    tvl = float(snapshot.tvl_usd[row])
    return (
        str(snapshot.sectors[row]),
        f"TVL {usd(tvl)}" if tvl > 0 else "Issues tokens, locks nothing itself",
        f"Holds {usd(float(held[row]))} of others' tokens",
        f"Others hold {usd(float(owed[row]))} of its tokens",
    )


def edges(snapshot: Snapshot, cut: Cut, colours: Mapping[str, str], usd: Usd) -> tuple[Edge, ...]:
    """Return an arrow creditor → debtor for every exposure of the cut; width by the square root of its USD."""
    amounts = snapshot.exposure_usd[cut.exposures]
    top = float(amounts.max(initial=1.0))
    widths = np.maximum(THINNEST, THICKEST * np.sqrt(amounts / top))
    found = []
    for exposure, width in zip(cut.exposures, widths, strict=True):
        creditor, debtor = int(snapshot.creditor[exposure]), int(snapshot.debtor[exposure])
        amount = usd(float(snapshot.exposure_usd[exposure]))
        words = WORDS[snapshot.basis].format(snapshot.names[creditor], snapshot.names[debtor], amount)
        found.append(
            Edge(
                creditor=str(snapshot.protocols[creditor]),
                debtor=str(snapshot.protocols[debtor]),
                width=float(width),
                colour=colours.get(str(snapshot.sectors[creditor]), colours[""]),
                words=words,
            )
        )
    return tuple(found)


def legend(snapshot: Snapshot, cut: Cut, colours: Mapping[str, str]) -> tuple[LegendEntry, ...]:
    """Return one entry a sector that is in the picture, the one with most exposure first."""
    total = strength(snapshot)
    sums: dict[str, float] = {}
    for row in cut.protocols:
        sector = str(snapshot.sectors[row])
        sums[sector] = sums.get(sector, 0.0) + float(total[row])
    order = sorted(sums, key=lambda sector: -sums[sector])
    return tuple(LegendEntry(group=sector, text=sector, colour=colours.get(sector, colours[""])) for sector in order)
