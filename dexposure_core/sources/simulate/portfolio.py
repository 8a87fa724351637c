"""What a protocol holds: chain × token lines with weights, first and last weeks.

The first lines are the protocol's known holdings; further lines are drawn from the tokens that protocols of its
category hold and that live on its chains. Weights fall with rank. Every line has its own start (tokens are added over
time) and many small ones flicker: they leave and come back.
"""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dexposure_core.sources.simulate.chance import Floats, Words, generator, gumbel, words
from dexposure_core.sources.simulate.facts import WEEKS, Facts, week

TASTES: Final = {  # which kinds of token a category picks up beyond its known holdings, and how gladly
    "Dexes": "stablecoin 1.2, governance 1.3, meme 1.5, wrapped 1, native 1, liquid-staking .6, savings .3, bucket .15",
    "Lending": "stablecoin 1.5, wrapped 1.2, liquid-staking 1.2, native 1, restaking .8, savings .6, governance .5",
    "CDP": "liquid-staking 1.5, wrapped 1.2, native 1, stablecoin .7, restaking .5, lp .3",
    "CEX": "native 2, stablecoin 1.5, governance 1.5, meme 2, wrapped .6, liquid-staking .4",
    "Bridge": "stablecoin 1.5, wrapped 1.2, native .8, governance .8, liquid-staking .7",
    "Chain": "stablecoin 1.5, wrapped 1.2, governance 1, meme .4, native .8, liquid-staking .8",
    "Yield Aggregator": "lp 2, receipt .8, stablecoin .6, wrapped .5, vault .4, bucket .5",
    "Farm": "lp 2, stablecoin .5, wrapped .5, bucket .5",
    "Yield": "lp 1, receipt 1, savings 1, vault .8, stablecoin .6, liquid-staking .6, principal .5, bucket .2",
    "Liquid Staking": "",
    "Restaking": "liquid-staking 2, restaking 2, savings .5, wrapped .4",
    "Liquid Restaking": "liquid-staking 2, restaking .8",
    "Derivatives": "stablecoin 1.5, wrapped .7, native .5, lp .2",
    "Indexes": "governance 1.5, wrapped .6, stablecoin .5, liquid-staking .4",
    "Services": "wrapped 1, stablecoin 1, receipt 1, liquid-staking 1",
    "RWA": "stablecoin .3",
    "": "stablecoin 1, wrapped 1, native .6, governance .6, lp .4, bucket .15",
}
Columns = tuple[Floats, npt.NDArray[np.int64], npt.NDArray[np.int64]]

BORROWERS: Final = frozenset({"Lending", "Leveraged Farming", "Uncollateralized Lending"})
HOME: Final = "Ethereum"
ROLLUPS: Final = frozenset({"Arbitrum", "Optimism", "Base", "zkSync", "Linea", "Blast", "Scroll", "Starknet", "Mantle"})
COMMON: Final = 8  # known holders from which a token is found on every chain
APPEAL: Final = 0.45  # how far popularity decides what is picked up
MAIN_LINES: Final = 3  # known holdings that are there from the first week
LENT_OUT: Final = 2e7  # USD: larger lenders report what they lend out
TAIL: Final = 0.6  # small lines per main line
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
TAIL_WEIGHTS: Final = (-6.0, -2.2)  # powers of ten
FLICKER: Final = 0.3  # share of small lines that come and go
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
        density: multiplies the number of lines of every protocol.
        edges: (WEEKS,) number of exposures of the real network as a share of its largest.
    """

    density: float
    edges: Floats


@dataclass(frozen=True, kw_only=True)
class Pool:
    """The tokens from which further lines are drawn.

    Attributes:
        names: row of each token name.
        words: (T,) hashed names.
        kind_names: names of kinds.
        kinds: (T,) rows of `kind_names`.
        appeal: (T,) log popularity; -inf for tokens nobody picks up by chance.
        on_chain: (T,) per chain, whether a token lives on it.
        first, last: (T,) weeks between which a token can be held.
        open: weeks between which a chain runs; a chain that is not named always does.
        home: row of a chain's own coin → that chain.
    """

    names: dict[str, int]
    words: Words
    kind_names: list[str]
    kinds: npt.NDArray[np.int64]
    appeal: Floats
    on_chain: dict[str, npt.NDArray[np.bool_]]
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]
    open: dict[str, tuple[int, int]]
    home: dict[int, str]


def choose_lines(
    row: dict[str, Any], pool: Pool, life: tuple[int, int], size: float, spread: Spread, seed: int
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
    known = [pool.names[name] for name in (row["holds"] or "").split("|") if name]
    width = spread.density * (size / 1e6) ** 0.33
    extra = round(width * TAIL * chance.lognormal(0, 0.5) * TAILS.get(row["category"], 1.0))
    tail = [t for t in _more(row, pool, chains, extra + len(known), seed) if t not in known][:extra]
    main = _table(known, chains, pool.home, max(2, round(width + chance.uniform(0, 1.5))), chance)
    weight, token, chain = (np.concatenate(pair) for pair in zip(main, _tail(tail, chains, chance), strict=True))
    first, last = _lives(pool, token, life, np.isin(token, known[:MAIN_LINES]), spread.edges, chance)
    present = _while_open(_presence(first, last, weight, chance), [pool.open.get(chains[c]) for c in chain])
    lines = Lines(
        chain=[chains[c] for c in chain], token=token, weight=weight, present=present, counts=np.ones(len(token), bool)
    )
    return _with_borrowed(lines) if row["category"] in BORROWERS and size > LENT_OUT else lines


def _more(row: dict[str, Any], pool: Pool, chains: list[str], extra: int, seed: int) -> list[int]:
    """Return rows of up to `extra` further tokens, the best by popularity, taste and chance."""
    taste = _taste(row["category"])
    fits = np.logical_or.reduce([pool.on_chain[chain] for chain in chains])
    liking = np.array([taste.get(kind, 0.0) for kind in pool.kind_names])[pool.kinds]
    with np.errstate(divide="ignore"):
        score = pool.appeal + np.log(liking * fits) + gumbel(seed, row["protocol"], pool.words)
    order = np.argsort(-score, kind="stable")[:extra]
    return [int(t) for t in order if np.isfinite(score[t])]


@functools.cache
def _taste(category: str) -> dict[str, float]:
    pairs = (part.rsplit(" ", 1) for part in TASTES.get(category, TASTES[""]).split(", ") if part)
    return {kind: float(weight) for kind, weight in pairs}


def _table(
    tokens: list[int], chains: list[str], home: dict[int, str], wanted: int, chance: np.random.Generator
) -> Columns:
    """Return weight, token and chain of the `wanted` heaviest lines over the known tokens and the chains.

    A chain's own coin is held on that chain when the protocol is there; ether also on the rollups that use it.
    """
    by_token = np.arange(1, len(tokens) + 1) ** -0.75 * np.exp(0.35 * chance.standard_normal(len(tokens)))
    by_chain = np.arange(1, len(chains) + 1) ** -2.4
    table = by_token[:, None] * by_chain[None, :] * np.exp(0.5 * chance.standard_normal((len(tokens), len(chains))))
    for row, token in enumerate(tokens):
        if (own := home.get(token)) in chains:
            total = table[row].sum()
            table[row] *= [chain == own or (own == HOME and chain in ROLLUPS) for chain in chains]
            table[row] *= total / table[row].sum()
    flat = np.argsort(-table, axis=None, kind="stable")[: min(wanted, np.count_nonzero(table))]
    weight = table.ravel()[flat]
    return weight / weight.sum(), np.array(tokens, np.int64)[flat // len(chains)], flat % len(chains)


def _tail(tokens: list[int], chains: list[str], chance: np.random.Generator) -> Columns:
    """Return weight, token and chain of the small lines: weights spread evenly over nearly four powers of ten."""
    count = len(tokens)
    weight = 10.0 ** chance.uniform(*TAIL_WEIGHTS, count)
    chain = np.minimum(chance.geometric(0.7, count) - 1, len(chains) - 1)
    return weight, np.array(tokens, np.int64), chain


def _lives(
    pool: Pool, token: npt.NDArray[np.int64], life: tuple[int, int], main: npt.NDArray[np.bool_], edges: Floats,
    chance: np.random.Generator,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:  # fmt: skip
    """Return first and last week of every line: main lines with the protocol, the others as the real network grew."""
    count = len(token)
    grown = np.searchsorted(edges, chance.uniform(size=count))
    stay = np.where(main, WEEKS, chance.exponential(260, count).astype(np.int64) + 26)
    first = np.maximum(np.where(main, life[0], np.maximum(grown, life[0])), pool.first[token])
    return first, np.minimum(np.minimum(life[1], pool.last[token]), first + stay)


def _presence(
    first: npt.NDArray[np.int64], last: npt.NDArray[np.int64], weight: Floats, chance: np.random.Generator
) -> npt.NDArray[np.bool_]:
    weeks = np.arange(WEEKS)
    present = (weeks >= first[:, None]) & (weeks <= last[:, None])
    small = (weight < 0.04) & (chance.uniform(size=len(weight)) < FLICKER)
    draws = chance.uniform(size=(len(weight), WEEKS))
    for line in np.flatnonzero(small):
        present[line] &= _flicker(draws[line])
    return present


def _while_open(present: npt.NDArray[np.bool_], runs: list[tuple[int, int] | None]) -> npt.NDArray[np.bool_]:
    """Take away what stands on a chain that does not run yet or any more, as long as something else is left."""
    weeks = np.arange(WEEKS)
    running = np.array([[True] * WEEKS if run is None else (weeks >= run[0]) & (weeks <= run[1]) for run in runs])
    kept = present & running.reshape(present.shape)
    return np.where(kept.any(axis=0), kept, present)


def _flicker(draws: Floats) -> npt.NDArray[np.bool_]:
    """Return a two-state chain: held, left with chance LEAVE a week, back with chance RETURN."""
    turn = draws < RETURN
    stay = draws >= LEAVE
    held = np.ones(WEEKS, bool)
    for w in range(1, WEEKS):
        held[w] = stay[w] if held[w - 1] else turn[w]
    return held


def _with_borrowed(lines: Lines) -> Lines:
    """Add what is lent out of the three heaviest lines, on a chain named '<chain>-borrowed'; it is not TVL."""
    top = np.argsort(-lines.weight, kind="stable")[:3]
    return Lines(
        chain=lines.chain + [f"{lines.chain[i]}-borrowed" for i in top],
        token=np.concatenate([lines.token, lines.token[top]]),
        weight=np.concatenate([lines.weight, 0.45 * lines.weight[top]]),
        present=np.concatenate([lines.present, lines.present[top]]),
        counts=np.concatenate([lines.counts, np.zeros(len(top), bool)]),
    )


def make_pool(facts: Facts) -> Pool:
    """Return the pool of all tokens; a token many hold lives everywhere, another where its issuer is."""
    tokens = facts.tokens
    names = tokens["token"].to_list()
    holders = tokens["holders"].to_numpy()
    where = dict(facts.protocols.select("protocol", "chains").iter_rows())
    homes = [(where.get(issuer) or "").split("|") for issuer in tokens["issuer"]]
    everywhere = np.array([count >= COMMON or home == [""] for count, home in zip(holders, homes, strict=True)])
    chains = {chain for listed in where.values() if listed for chain in listed.split("|")} | {HOME}
    on_chain = {chain: everywhere | np.array([chain in home for home in homes]) for chain in sorted(chains)}
    labels, kinds = np.unique(tokens["kind"].to_numpy().astype(str), return_inverse=True)
    weeks = np.array([_held_between(*row) for row in tokens.select("first", "last").iter_rows()])
    rows = {name: i for i, name in enumerate(names)}
    coins = facts.chains.select("chain", "native").iter_rows()
    return Pool(
        names=rows, words=words(names), kind_names=labels.tolist(), kinds=kinds,
        appeal=APPEAL * np.log(holders + 0.5), on_chain=on_chain, first=weeks[:, 0], last=weeks[:, 1],
        open={chain: _held_between(*run) for chain, *run in facts.chains.select("chain", "first", "last").iter_rows()},
        home={rows[coin]: chain for chain, coin in coins if coin in rows},
    )  # fmt: skip


def _held_between(first: dt.date | None, last: dt.date | None) -> tuple[int, int]:
    """Return the weeks between which a token can be held: one week beyond its end, so that its fall is seen."""
    return week(first) if first else 0, min(WEEKS - 1, week(last) + 1) if last else WEEKS - 1
