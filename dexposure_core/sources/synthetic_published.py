"""Files in the shape of the published DeXposure JSON, of any size, for benchmarks and tests.

Protocols (numbers as ids) hold tokens issued by other protocols or by themselves-as-nodes ("WETH"); a few issuers are
held by very many (weights 1/rank). Values follow a common market factor and own noise, so a link, the change of a value
over a week, mostly points the same way for everybody, as in the real files. A link p → q says that p's holding of q's
tokens shrank. Equal arguments give equal bytes. With `defects`, every week also holds a few rows of each kind of defect
seen in the wild.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice, product
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from dexposure_core.errors import BadOption
from dexposure_core.progress import Progress, silent

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_KNOWN: Final = ("WETH", "USDT", "USDC", "WBTC", "DAI", "LP", "UNKNOWN", "OTHER", "STETH", "$PAAL", "USDC.E", "WBNB")
_HOLDERS: Final = 0.52
"""Share of the nodes that hold something; the others only issue."""
_CHURN: Final = 0.04
"""Share of pairs in reserve, so that links come and go from week to week."""
_RECEIPTS: Final = 0.25
"""How often what is held of a protocol is a receipt for a deposit ("aXYZ") and not its own token."""
_DEFECTS: Final = (
    '{{"source": "{a}", "target": null, "size": 10.5, "composition": {{"WETH": 10.5}}}}',
    '{{"source": null, "target": "{a}", "size": 3.25, "composition": {{}}}}',
    '{{"source": "{a}", "target": "{a}", "size": 99.0, "composition": {{"WETH": 99.0}}}}',
    '{{"source": "{a}", "target": "{b}", "size": -7.0, "composition": {{"{b}": -7.0}}}}',
    '{{"source": "{a}", "target": "{b}", "size": NaN, "composition": {{"{b}": NaN}}}}',
    '{{"source": "{a}", "target": "{b}", "size": 0.0, "composition": {{}}}}',
    '{{"source": "{a}", "target": "ONLYINLINKS", "size": 12.0, "composition": {{"ONLYINLINKS": 12.0}}}}',
)


@dataclass(frozen=True, kw_only=True)
class World:
    """The fixed part: who may be linked to whom, by which token, and how large the holding is at first.

    Attributes:
        ids: (N,) node ids as they stand in JSON.
        holder, issuer: (K,) rows of `ids`, unordered pairs all different; only the first links of them are in a week.
        tokens: (K,) the token held.
        value_usd: (K,) its value on the first date.
    """

    ids: list[str]
    holder: Indices
    issuer: Indices
    tokens: list[str]
    value_usd: Floats


def write(
    path: str | Path,
    *,
    weeks: int = 8,
    nodes: int = 10_500,
    links: int = 73_500,
    seed: int = 0,
    start: dt.date = dt.date(2024, 1, 1),
    defects: bool = True,
    progress: Progress = silent,
) -> Path:
    """Write a file of `weeks` weeks with `nodes` nodes and `links` links each; one week is in memory at a time.

    Args:
        path: where to write.
        weeks: how many dates.
        nodes: nodes of each week.
        links: links of each week; 8 weeks × 10,500 nodes × 73,500 links come to about 76 MB.
        seed: equal arguments give equal bytes.
        start: the first date; the others follow every seven days.
        defects: add, per week, a handful of rows of every kind of defect of the real files.
        progress: told of every week.

    Raises:
        BadOption: if a size is not positive or so many links cannot be drawn between so few nodes.
    """
    rng, target = np.random.default_rng(seed), Path(path)
    world = _world(rng, nodes, links)
    with target.open("w", encoding="utf-8") as out:
        out.write('{"data": {')
        for week, (before, after) in enumerate(_values(rng, world.value_usd, weeks)):
            present = np.sort(rng.permutation(len(after))[:links])
            out.write(f'{", " if week else ""}"{start + dt.timedelta(weeks=week)}": {{"nodes": [')
            out.write(", ".join(_nodes(world, before, present, defects=defects)))
            out.write('], "links": [')
            out.write(", ".join(_links(world, before, after, present, defects=defects)))
            out.write("]}")
            progress(week + 1, weeks, "writing weeks")
        out.write("}}\n")
    return target


def _world(rng: np.random.Generator, nodes: int, links: int) -> World:
    holders = max(1, int(nodes * _HOLDERS))
    symbols = list(islice(_symbols(), nodes))
    numbers = np.sort(rng.permutation(2 * holders)[:holders]) + 1
    issued = symbols[nodes - holders :] + symbols[: nodes - holders]
    ids = [str(n) for n in numbers] + issued[holders:]
    holder, issuer = _pairs(rng, holders, nodes, int(links * (1 + _CHURN)), links)
    receipt = (rng.random(len(issuer)) < _RECEIPTS) & (issuer < holders)
    tokens = [f"a{issued[q]}" if r else issued[q] for q, r in zip(issuer.tolist(), receipt.tolist(), strict=True)]
    value = np.exp(rng.normal(10.0, 3.0, len(issuer)))
    return World(ids=ids, holder=holder, issuer=issuer, tokens=tokens, value_usd=value)


def _symbols() -> Iterator[str]:
    yield from _KNOWN
    letters = "ABCDEFGHIKLMNOPRSTUVXYZ"
    for size in count(4):
        yield from ("".join(reversed(s)) for s in product(letters, repeat=size))


def _pairs(rng: np.random.Generator, holders: int, nodes: int, wanted: int, needed: int) -> tuple[Indices, Indices]:
    """Return (K,) holders and issuers, unordered pairs all different, `needed` <= K <= `wanted`."""
    possible = holders * (nodes - holders) + holders * (holders - 1) // 2
    if min(holders, nodes, needed) < 1 or needed > possible:
        raise BadOption(f"{needed} links between {nodes} nodes cannot be drawn; choose 1..{possible} links")
    weight = 1.0 / (1.0 + rng.permutation(nodes))
    drawn = np.empty(0, dtype=np.int64)
    for _ in range(8):
        p, q = rng.integers(0, holders, wanted), rng.choice(nodes, wanted, p=weight / weight.sum())
        drawn = np.concatenate([drawn, (np.minimum(p, q) * nodes + np.maximum(p, q))[p != q]])
        drawn = drawn[np.sort(np.unique(drawn, return_index=True)[1])]
        if len(drawn) >= wanted:
            break
    if len(drawn) < needed:
        every = np.array([a * nodes + b for a in range(holders) for b in range(a + 1, nodes)], dtype=np.int64)
        drawn = np.concatenate([drawn, np.setdiff1d(every, drawn)])[:needed]
    drawn = drawn[:wanted]
    return drawn // nodes, drawn % nodes


def _values(rng: np.random.Generator, first: Floats, weeks: int) -> Iterator[tuple[Floats, Floats]]:
    """Yield each week's (K,) values at its beginning and end: a common factor times own noise."""
    value = first
    for _ in range(weeks):
        before, value = value, value * np.exp(rng.normal(0.0, 0.05) + rng.normal(0.0, 0.05, len(value)))
        yield before, value


def _nodes(world: World, value: Floats, present: Indices, *, defects: bool) -> Iterator[str]:
    held: list[list[int]] = [[] for _ in world.ids]
    for k in present.tolist():
        held[world.holder[k]].append(k)
    for name, rows in zip(world.ids, held, strict=True):
        parts: dict[str, float] = {}
        for k in rows:
            parts[world.tokens[k]] = parts.get(world.tokens[k], 0.0) + value[k]
        text = ", ".join([f'"{token}": {usd:.7f}' for token, usd in parts.items()])
        size = f"{sum(parts.values()):.7f}" if parts else "0"
        yield f'{{"id": "{name}", "size": {size}, "composition": {{{text}}}}}'
    if defects:
        yield '{"id": null, "size": 5.0, "composition": {"WETH": 5.0}}'
        yield '{"id": "NEGATIVE", "size": -1.0, "composition": {"WETH": -1.0}}'
        yield '{"id": "NOTANUMBER", "size": NaN, "composition": {"WETH": NaN}}'


def _links(world: World, before: Floats, after: Floats, present: Indices, *, defects: bool) -> Iterator[str]:
    change = (after - before)[present].tolist()
    ends = zip(world.holder[present].tolist(), world.issuer[present].tolist(), present.tolist(), change, strict=True)
    for holder, issuer, k, usd in ends:
        source, target = (holder, issuer) if usd < 0 else (issuer, holder)
        size, names = f"{abs(usd):.7f}", (world.ids[source], world.ids[target])
        row = f'"source": "{names[0]}", "target": "{names[1]}", "size": {size}'
        yield f'{{{row}, "composition": {{"{world.tokens[k]}": {size}}}}}'
    if defects:
        first, other = world.ids[world.holder[present[0]]], world.ids[world.issuer[present[0]]]
        yield from (row.format(a=first, b=other) for row in _DEFECTS)
        yield f'{{"source": "{first}", "target": "{other}", "size": 1.5, "composition": {{"WETH": 1.5}}}}'
        yield f'{{"source": "{first}", "target": "{other}", "size": 2.5, "composition": {{"WETH": 2.5}}}}'
