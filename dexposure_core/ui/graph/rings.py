"""How a shock spread, as rings: those struck in the middle, whoever lost first in round r on the r-th ring around.

Area is TVL, colour the share of what a protocol can lose that it lost. Arrows run from the debtor that failed to the
creditor that lost by it: as few as explain nine tenths of what was lost by contagion, or as many as the eye can follow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from dexposure_core.ui import text
from dexposure_core.ui.graph.render import Edge, LegendEntry, Node, Ring

RING = 105.0  # least distance of two rings
GAP = 14.0
STRETCH = 1.45  # rings are ellipses, as wide as a screen
LAST = 4  # rounds from here on share a ring
SMALLEST, LARGEST = 4.0, 30.0
EXPLAINED = 0.9
BINS = (0.01, 0.05, 0.2, 0.5)
NAMES = ("below 1 %", "1 to 5 %", "5 to 20 %", "20 to 50 %", "half or more lost")


@dataclass(frozen=True, kw_only=True)
class Rings:
    """The picture of a spread; `explained` is the share of all losses by contagion that its arrows carry."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    legend: tuple[LegendEntry, ...]
    guides: tuple[Ring, ...]
    explained: float


def rings(
    protocols: pl.DataFrame, channels: pl.DataFrame, colours: Sequence[str], arrow: str, *, limit: int = 60
) -> Rings:
    """Return the picture of the exposures that explain most of the loss by contagion, and of whoever was struck.

    Args:
        protocols: protocol, name, sector, tvl_usd, loss_usd, distress, struck, first_round; largest loss first.
        channels: debtor, creditor, first_round, loss_usd, names of both; largest first, all of them.
        colours: one for each of `NAMES`.
        arrow: colour of the arrows.
        limit: how many protocols; at most half of them struck ones that passed nothing on.
    """
    struck = protocols.filter("struck")
    kept = _telling(channels, limit - min(struck.height, limit // 2))
    ends = {*kept["debtor"].to_list(), *kept["creditor"].to_list()}
    there = protocols.filter(pl.col("protocol").is_in(ends))
    more = struck.filter(~pl.col("protocol").is_in(ends)).head(max(0, min(limit // 2, limit - there.height)))
    rest = protocols.filter(~pl.col("protocol").is_in([*ends, *more["protocol"].to_list()]))
    shown = pl.concat([there, more, rest.head(max(0, limit - there.height - more.height))])
    shown = shown.with_columns(ring=pl.col("first_round").clip(upper_bound=LAST)).sort(
        "ring", "sector", "loss_usd", descending=[False, False, True]
    )
    top = max([*shown["tvl_usd"].to_list(), 1.0])
    radii = [max(SMALLEST, LARGEST * math.sqrt(usd / top)) for usd in shown["tvl_usd"].to_list()]
    places, guides = _places(shown["ring"].to_list(), radii)
    order = {protocol: place for place, protocol in enumerate(protocols["protocol"].to_list())}
    nodes = [
        _node(row, place, radius, colours) for row, place, radius in zip(shown.to_dicts(), places, radii, strict=True)
    ]
    nodes.sort(key=lambda node: order[node.id])  # the largest losers are named first
    used = sorted({int(node.group) for node in nodes})
    total = float(channels["loss_usd"].sum() or 0.0)
    return Rings(
        nodes=tuple(nodes),
        edges=_edges(kept, arrow),
        legend=tuple(LegendEntry(group=str(i), text=NAMES[i], colour=colours[i]) for i in used),
        guides=tuple(guides),
        explained=float(kept["loss_usd"].sum()) / total if total > 0 else math.nan,
    )


def _telling(channels: pl.DataFrame, protocols: int) -> pl.DataFrame:
    """Return the fewest channels that carry `EXPLAINED` of the loss, as far as they join at most so many protocols."""
    before = pl.col("loss_usd").cum_sum() - pl.col("loss_usd")
    wanted = channels.filter(before < EXPLAINED * pl.col("loss_usd").sum()) if channels.height else channels
    known: set[str] = set()
    for row, (debtor, creditor) in enumerate(wanted.head(3 * protocols).select("debtor", "creditor").iter_rows()):
        if len(known | {debtor, creditor}) > protocols:
            return wanted.head(row)
        known |= {debtor, creditor}
    return wanted.head(3 * protocols)


def _node(row: dict[str, object], place: tuple[float, float], radius: float, colours: Sequence[str]) -> Node:
    loss, distress, tvl = (float(str(row[name])) for name in ("loss_usd", "distress", "tvl_usd"))
    tint = sum(distress >= least for least in BINS)
    return Node(
        id=str(row["protocol"]), name=str(row["name"]), place=place, group=str(tint), colour=colours[tint],
        radius=radius, issuer=tvl <= 0, step=int(str(row["first_round"])),
        facts=(str(row["sector"]), _fate(loss, distress), _when(int(str(row["first_round"]))), _size(tvl)),
    )  # fmt: skip


def _fate(loss_usd: float, distress: float) -> str:
    if loss_usd <= 0:
        return f"Its tokens lose {text.percent(distress)}; it books no loss itself"
    return f"Loses {text.usd(loss_usd)}, {text.percent(distress)} of what it can lose"


def _when(number: int) -> str:
    return "Hit by the shock itself" if number == 0 else f"First loses in round {number}"


def _size(tvl: float) -> str:
    return f"TVL {text.usd(tvl)}" if tvl > 0 else "Issues tokens, locks nothing itself"


def _edges(channels: pl.DataFrame, colour: str) -> tuple[Edge, ...]:
    top = max([*channels["loss_usd"].to_list(), 1.0])
    return tuple(
        Edge(
            creditor=row["debtor"], debtor=row["creditor"],  # the arrow follows the loss: from debtor to creditor
            width=max(0.5, 8 * math.sqrt(row["loss_usd"] / top)), colour=colour, step=row["first_round"],
            words=f"{row['creditor_name']} loses {text.usd(row['loss_usd'])} through {row['debtor_name']}",
        )
        for row in channels.to_dicts()
    )  # fmt: skip


def _places(rings: Sequence[int], radii: Sequence[float]) -> tuple[list[tuple[float, float]], list[Ring]]:
    """Return a place for each entry: round its ring, with room by its size, each ring wide enough for its own."""
    reach, places, guides = 0.0, [(0.0, 0.0)] * len(rings), []
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
        if reach > 0:
            guides.append(Ring(across=STRETCH * reach, up=reach, text=_called(ring)))
    return places, guides


def _called(ring: int) -> str:
    return "the shock" if ring == 0 else f"round {ring}" + (" and later" if ring == LAST else "")
