"""How a shock spread, as rings: those struck in the middle, whoever lost first in round r on the r-th ring around.

Colour is the round, area the loss (those struck at most a little larger than the largest other); arrows run from the
debtor that failed to the creditor that lost by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import polars as pl

from dexposure_core.ui import text
from dexposure_core.ui.graph.render import Edge, LegendEntry, Node

RING = 105.0  # least distance of two rings
GAP = 14.0
STRETCH = 1.45  # rings are ellipses, as wide as a screen
LAST = 4  # rounds from here on share a ring
SMALLEST, LARGEST = 5.0, 30.0


def rings(
    protocols: pl.DataFrame, channels: pl.DataFrame, colour: Callable[[int], str], *, limit: int = 60
) -> tuple[tuple[Node, ...], tuple[Edge, ...], tuple[LegendEntry, ...]]:
    """Return the picture of the `limit` largest losers and the exposures that carried losses between them.

    Args:
        protocols: protocol, name, sector, loss_usd, distress, struck, first_round; largest loss first.
        channels: debtor, creditor, first_round, loss_usd, names of both; largest first.
        colour: round → colour.
        limit: how many protocols; at most half of them struck ones.
    """
    struck = protocols.filter("struck").head(limit // 2)
    shown = pl.concat([struck, protocols.filter(~pl.col("struck")).head(limit - struck.height)])
    shown = shown.with_columns(ring=pl.col("first_round").clip(upper_bound=LAST)).sort(
        "ring", "sector", "loss_usd", descending=[False, False, True]
    )
    top = max([*shown.filter(~pl.col("struck"))["loss_usd"].to_list(), 1.0])
    radii = [max(SMALLEST, LARGEST * min(1.2, math.sqrt(usd / top))) for usd in shown["loss_usd"].to_list()]
    places = _places(shown["ring"].to_list(), radii)
    nodes = [
        Node(
            id=row["protocol"], name=row["name"], place=place, group=str(row["ring"]), colour=colour(row["ring"]),
            radius=radius, issuer=row["loss_usd"] == 0, facts=(row["sector"], _fate(row["loss_usd"], row["distress"])),
        )
        for row, place, radius in zip(shown.to_dicts(), places, radii, strict=True)
    ]  # fmt: skip
    nodes.sort(key=lambda node: -node.radius)
    known = {node.id for node in nodes}
    between = channels.filter(pl.col("debtor").is_in(known), pl.col("creditor").is_in(known)).head(3 * len(nodes))
    legend = [
        LegendEntry(group=str(ring), text=_called(ring), colour=colour(ring)) for ring in sorted(set(shown["ring"]))
    ]
    return tuple(nodes), _edges(between, colour), tuple(legend)


def _fate(loss_usd: float, distress: float) -> str:
    if loss_usd <= 0:
        return "Its tokens fail; it books no loss itself"
    return f"Loses {text.usd(loss_usd)}, {text.percent(distress)} of what it can lose"


def _edges(channels: pl.DataFrame, colour: Callable[[int], str]) -> tuple[Edge, ...]:
    top = max([*channels["loss_usd"].to_list(), 1.0])
    return tuple(
        Edge(
            creditor=row["debtor"], debtor=row["creditor"],  # the arrow follows the loss: from debtor to creditor
            width=max(0.5, 8 * math.sqrt(row["loss_usd"] / top)), colour=colour(min(row["first_round"], LAST)),
            words=f"{row['creditor_name']} loses {text.usd(row['loss_usd'])} through {row['debtor_name']}",
        )
        for row in channels.to_dicts()
    )  # fmt: skip


def _places(rings: Sequence[int], radii: Sequence[float]) -> list[tuple[float, float]]:
    """Return a place for each entry: round its ring, with room by its size, each ring wide enough for its own."""
    reach, places = 0.0, [(0.0, 0.0)] * len(rings)
    for ring in sorted(set(rings)):
        members = [i for i, other in enumerate(rings) if other == ring]
        rooms = [2 * radii[i] + GAP for i in members]
        alone = len(members) == 1 and ring == min(rings)
        reach = 0.0 if alone else max(reach + RING, sum(rooms) / (2 * math.pi))
        turn = 0.6 * ring - math.pi / 2
        for i, room in zip(members, rooms, strict=True):
            turn += math.pi * room / sum(rooms)
            places[i] = (STRETCH * reach * math.cos(turn), reach * math.sin(turn))
            turn += math.pi * room / sum(rooms)
    return places


def _called(ring: int) -> str:
    return "shock" if ring == 0 else f"round {ring}" + (" and later" if ring == LAST else "")
