"""What a protocol holds: chain × token lines with weights, first and last weeks.

The first lines are the protocol's known holdings; further lines are picked from the tokens that protocols of its
category hold and that live on its chains, or listed on it. Weights fall with rank; small lines lie many powers of ten
below the main ones. Every line has its own start (tokens are added over time) and a few small ones flicker: they leave
and come back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dexposure_core.sources.simulate.chance import Floats, generator
from dexposure_core.sources.simulate.facts import WEEKS, is_crowd
from dexposure_core.sources.simulate.pool import HOME, Pool

Columns = tuple[Floats, npt.NDArray[np.int64], npt.NDArray[np.int64]]

BORROWERS: Final = frozenset({"Lending", "Leveraged Farming", "Uncollateralized Lending"})
ROLLUPS: Final = frozenset(
    {
        "Arbitrum",
        "Optimism",
        "Base",
        "zkSync",
        "Linea",
        "Blast",
        "Scroll",
        "Starknet",
        "Mantle",
    }
)
STEEP: Final = 1.0  # exponent with which known holdings fall by rank
MAIN_LINES: Final = 3  # known holdings that are there from the first week
LENT_OUT: Final = 1e6  # USD: larger lenders report what they lend out
LENT: Final = 0.45  # of what is supplied
LENT_LINES: Final = 0.4  # share of a lender's lines that are lent out, the heaviest
TAILS: Final = {
    "CEX": 3.0,
    "Dexes": 1.8,
    "Chain": 1.3,
    "Yield": 1.6,
    "Yield Aggregator": 1.6,
    "Restaking": 1.5,
    "Liquid Staking": 0.1,
    "RWA": 0.2,
    "Derivatives": 0.6,
}
TAIL_WEIGHTS: Final = (-7.0, -2.2)  # powers of ten
LOCAL_WEIGHTS: Final = (-6.0, -0.3)  # of tokens listed on a numbered protocol
LONG: Final = 1500  # mean weeks that a small line is held
FLICKER: Final = 0.03  # share of small lines that come and go
LEAVE, RETURN = 0.06, 0.3  # per week


@dataclass(frozen=True, kw_only=True)
class Lines:
    """The lines of one protocol; every array has one row per line.

    Attributes:
        chain: (L,) chain names.
        token: (L,) rows of the token table.
        weight: (L,) share of the portfolio at reference prices, before noise.
        present: (L, WEEKS) whether the line is held.
        counts: (L,) whether the line is part of the protocol's TVL (not borrowed).
    """

    chain: list[str]
    token: npt.NDArray[np.int64]
    weight: Floats
    present: npt.NDArray[np.bool_]
    counts: npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How widely portfolios are spread.

    Attributes:
        density: multiplies the number of main lines of every protocol.
        tail: multiplies the number of tokens picked up.
        copies: chance that a small line on one chain is also held on another chain of the protocol.
        wider: (WEEKS,) exposures per node of the real network as a share of its largest, never falling.
    """

    density: float
    tail: float
    copies: float
    wider: Floats


def choose_lines(
    row: dict[str, Any],
    pool: Pool,
    life: tuple[int, int],
    size: float,
    spread: Spread,
    seed: int,
) -> Lines:
    """Return the lines of one protocol.

    Args:
        row: its facts.
        pool: the tokens.
        life: its first and last week.
        size: its largest known TVL, USD.
        spread: how many lines, and how they came over time.
        seed: of the world.
    """
    chance = generator(seed, "lines", row["protocol"])
    chains = (row["chains"] or HOME).split("|")
    (weight, token, chain), from_start = _columns(row, pool, chains, size, spread, seed, chance)
    first, last = _lives(pool, token, life, from_start, spread.wider, chance)
    runs = [pool.open.get(chains[c]) for c in chain]
    present = _while_open(_presence(first, last, weight, chance), runs)
    names, counts = [chains[c] for c in chain], np.ones(len(token), bool)
    lines = Lines(chain=names, token=token, weight=weight, present=present, counts=counts)
    return _with_borrowed(lines) if row["category"] in BORROWERS and size > LENT_OUT else lines


def _columns(
    row: dict[str, Any], pool: Pool, chains: list[str], size: float, spread: Spread, seed: int,
    chance: np.random.Generator,
) -> tuple[Columns, npt.NDArray[np.bool_]]:  # fmt: skip
    """Return weight, token and chain of the main, the picked and the listed lines, and which came with the protocol."""
    known = [pool.names[name] for name in (row["holds"] or "").split("|") if name]
    width = (size / 1e6) ** 0.33
    extra = round(spread.tail * width * chance.lognormal(0, 0.5) * TAILS.get(row["category"], 1.0))
    picked = [t for t in pool.picks(row, chains, extra + len(known), seed) if t not in known][:extra]
    listed = [t for t in pool.listed.get(row["protocol"], []) if t not in known]
    wanted = max(2, round(spread.density * width + chance.uniform(0, 1.5)))
    main = _table(known, chains, pool.home, wanted, chance)
    powers = LOCAL_WEIGHTS if is_crowd(row["protocol"]) else TAIL_WEIGHTS
    tail = _tail(picked, chains, TAIL_WEIGHTS, spread.copies, chance)
    local = _tail(listed, chains, powers, spread.copies, chance)
    weight, token, chain = (np.concatenate(parts) for parts in zip(main, tail, local, strict=True))
    from_start = np.isin(token, known[:MAIN_LINES]) | np.isin(token, listed)
    return (weight, token, chain), from_start


def _table(
    tokens: list[int],
    chains: list[str],
    home: dict[int, str],
    wanted: int,
    chance: np.random.Generator,
) -> Columns:
    """Return weight, token and chain of the `wanted` heaviest lines over the known tokens and the chains.

    A chain's own coin is held on that chain when the protocol is there; ether also on the rollups that use it.
    """
    by_token = np.arange(1, len(tokens) + 1) ** -STEEP * np.exp(0.35 * chance.standard_normal(len(tokens)))
    by_chain = np.arange(1, len(chains) + 1) ** -2.4
    table = by_token[:, None] * by_chain[None, :] * np.exp(0.5 * chance.standard_normal((len(tokens), len(chains))))
    for row, token in enumerate(tokens):
        if (own := home.get(token)) in chains:
            total = table[row].sum()
            table[row] *= [chain == own or (own == HOME and chain in ROLLUPS) for chain in chains]
            table[row] *= total / table[row].sum()
    flat = np.argsort(-table, axis=None, kind="stable")[: min(wanted, np.count_nonzero(table))]
    weight = table.ravel()[flat]
    return (
        weight / weight.sum(),
        np.array(tokens, np.int64)[flat // len(chains)],
        flat % len(chains),
    )


def _tail(
    tokens: list[int],
    chains: list[str],
    powers: tuple[float, float],
    copies: float,
    chance: np.random.Generator,
) -> Columns:
    """Return weight, token and chain of the small lines: weights spread evenly over many powers of ten.

    Each stands on one of the first chains, and with chance `copies` on each of the others, smaller there.
    """
    count = len(tokens)
    weight = 10.0 ** chance.uniform(*powers, count)
    chain = np.minimum(chance.geometric(0.7, count) - 1, len(chains) - 1)
    there = chance.uniform(size=(count, len(chains))) < copies
    there[np.arange(count), chain] = True
    token, where = np.nonzero(there)
    smaller = np.where(where == chain[token], 1.0, 10.0 ** chance.uniform(-2, 0, len(token)))
    return weight[token] * smaller, np.array(tokens, np.int64)[token], where


def _lives(
    pool: Pool, token: npt.NDArray[np.int64], life: tuple[int, int], from_start: npt.NDArray[np.bool_], wider: Floats,
    chance: np.random.Generator,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:  # fmt: skip
    """Return first and last week of every line: some are there with the protocol, others came as portfolios widened."""
    count = len(token)
    grown = np.searchsorted(wider, chance.uniform(size=count))
    stay = np.where(from_start, WEEKS, chance.exponential(LONG, count).astype(np.int64) + 26)
    first = np.maximum(np.where(from_start, life[0], np.maximum(grown, life[0])), pool.first[token])
    return first, np.minimum(np.minimum(life[1], pool.last[token]), first + stay)


def _presence(
    first: npt.NDArray[np.int64],
    last: npt.NDArray[np.int64],
    weight: Floats,
    chance: np.random.Generator,
) -> npt.NDArray[np.bool_]:
    weeks = np.arange(WEEKS)
    present = (weeks >= first[:, None]) & (weeks <= last[:, None])
    small = np.flatnonzero((weight < 0.04) & (chance.uniform(size=len(weight)) < FLICKER))
    present[small] &= _flicker(chance.uniform(size=(len(small), WEEKS)))
    return present


def _while_open(present: npt.NDArray[np.bool_], runs: list[tuple[int, int] | None]) -> npt.NDArray[np.bool_]:
    """Take away what stands on a chain that does not run yet or any more, as long as something else is left."""
    weeks = np.arange(WEEKS)
    running = np.array([[True] * WEEKS if run is None else (weeks >= run[0]) & (weeks <= run[1]) for run in runs])
    kept = present & running.reshape(present.shape)
    return np.where(kept.any(axis=0), kept, present)


def _flicker(draws: Floats) -> npt.NDArray[np.bool_]:
    """Return (K, WEEKS) two-state chains: held, left with chance LEAVE a week, back with chance RETURN."""
    turn, stay = draws < RETURN, draws >= LEAVE
    held = np.ones(draws.shape, bool)
    for w in range(1, WEEKS):
        held[:, w] = np.where(held[:, w - 1], stay[:, w], turn[:, w])
    return held


def _with_borrowed(lines: Lines) -> Lines:
    """Add what is lent out of the heaviest lines, on a chain named '<chain>-borrowed'; it is not TVL."""
    top = np.argsort(-lines.weight, kind="stable")[: max(3, round(LENT_LINES * len(lines.weight)))]
    return Lines(
        chain=lines.chain + [f"{lines.chain[i]}-borrowed" for i in top],
        token=np.concatenate([lines.token, lines.token[top]]),
        weight=np.concatenate([lines.weight, LENT * lines.weight[top]]),
        present=np.concatenate([lines.present, lines.present[top]]),
        counts=np.concatenate([lines.counts, np.zeros(len(top), bool)]),
    )
