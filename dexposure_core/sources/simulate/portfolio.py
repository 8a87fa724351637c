"""What a protocol holds: chain × token lines with weights, first and last weeks.

The first lines are the protocol's known holdings; further lines are drawn from the tokens that protocols of its
category hold and that live on its chains. Weights fall with rank. Every line has its own start (tokens are added over
time) and many small ones flicker: they leave and come back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dexposure_core.sources.simulate.chance import Floats, Words, generator, gumbel
from dexposure_core.sources.simulate.facts import WEEKS, week

TASTES: Final[dict[str, dict[str, float]]] = {  # which kinds of token a category picks up beyond its known holdings
    "Dexes": {"governance": 1.0, "stablecoin": 1.2, "wrapped": 1.0, "native": 1.0, "liquid-staking": 0.6, "savings": 0.3},
    "Lending": {"stablecoin": 1.5, "wrapped": 1.2, "native": 1.0, "liquid-staking": 1.2, "restaking": 0.8, "governance": 0.5, "principal": 0.5, "savings": 0.6, "lp": 0.2},
    "CDP": {"wrapped": 1.2, "liquid-staking": 1.5, "stablecoin": 0.7, "native": 1.0, "restaking": 0.5, "lp": 0.3},
    "CEX": {"native": 2.0, "governance": 1.2, "stablecoin": 1.5, "wrapped": 0.6, "liquid-staking": 0.4},
    "Bridge": {"stablecoin": 1.5, "wrapped": 1.2, "native": 0.8, "governance": 0.8, "liquid-staking": 0.7},
    "Chain": {"stablecoin": 1.5, "wrapped": 1.2, "native": 0.8, "governance": 1.0, "liquid-staking": 0.8, "restaking": 0.5},
    "Yield Aggregator": {"lp": 2.0, "receipt": 0.8, "stablecoin": 0.6, "wrapped": 0.5, "vault": 0.4},
    "Yield": {"lp": 1.0, "receipt": 1.0, "savings": 1.0, "vault": 0.8, "principal": 0.5, "stablecoin": 0.6, "liquid-staking": 0.6, "restaking": 0.5},
    "Liquid Staking": {"native": 0.3},
    "Restaking": {"liquid-staking": 2.0, "restaking": 2.0, "savings": 0.5, "wrapped": 0.4},
    "Liquid Restaking": {"liquid-staking": 2.0, "restaking": 0.8},
    "Derivatives": {"stablecoin": 1.5, "wrapped": 0.7, "native": 0.5},
    "Indexes": {"governance": 1.5, "wrapped": 0.6, "stablecoin": 0.5, "liquid-staking": 0.4},
    "Services": {"wrapped": 1.0, "stablecoin": 1.0, "receipt": 1.0, "liquid-staking": 1.0},
    "RWA": {"stablecoin": 0.3},
    "": {"stablecoin": 1.0, "wrapped": 1.0, "native": 0.6, "governance": 0.6, "lp": 0.4},
}  # fmt: skip
BORROWERS: Final = frozenset({"Lending", "Leveraged Farming", "Uncollateralized Lending"})
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
class Pool:
    """The tokens from which further lines are drawn.

    Attributes:
        names: row of each token name.
        words: (T,) hashed names.
        kinds: (T,) kinds.
        appeal: (T,) log popularity; -inf for tokens nobody picks up by chance.
        chains: (T,) the chains a token lives on; empty = everywhere.
        first, last: (T,) weeks between which a token can be held.
    """

    names: dict[str, int]
    words: Words
    kinds: npt.NDArray[np.str_]
    appeal: Floats
    chains: list[frozenset[str]]
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]


def choose_lines(
    row: dict[str, Any], pool: Pool, life: tuple[int, int], size: float, density: float, seed: int
) -> Lines:
    """Return the lines of one protocol.

    Args:
        row: its facts.
        pool: the tokens.
        life: its first and last week.
        size: its largest known TVL, USD.
        density: multiplies the number of lines.
        seed: of the world.
    """
    chance = generator(seed, "lines", row["protocol"])
    chains = (row["chains"] or "Ethereum").split("|")
    known = [pool.names[name] for name in (row["holds"] or "").split("|") if name]
    wanted = int(np.clip(round(density * 0.95 * (size / 1e6) ** 0.33 + chance.uniform(0, 1.2)), 1, 400))
    extra = max(0, round(wanted * 0.8) - len(known))
    tokens = known + [t for t in _more(row, pool, chains, extra, seed) if t not in known]
    weight, token, chain = _spread(tokens, len(known), chains, wanted, chance)
    first, last = _life(pool, token, life, len(known), tokens, chance)
    present = _presence(first, last, weight, chance)
    lines = Lines(
        chain=[chains[c] for c in chain], token=token, weight=weight, present=present, counts=np.ones(len(token), bool)
    )
    return _with_borrowed(lines) if row["category"] in BORROWERS and size > 2e7 else lines


def _more(row: dict[str, Any], pool: Pool, chains: list[str], extra: int, seed: int) -> list[int]:
    """Return rows of `extra` further tokens, the best by popularity, taste and chance."""
    if extra <= 0:
        return []
    taste = TASTES.get(row["category"], TASTES[""])
    home = set(chains)
    fits = np.array([not where or bool(where & home) for where in pool.chains])
    liking = np.array([taste.get(str(kind), 0.0) for kind in pool.kinds])
    with np.errstate(divide="ignore"):
        score = pool.appeal + np.log(liking * fits) + gumbel(seed, row["protocol"], pool.words)
    order = np.argsort(-score, kind="stable")[:extra]
    return [int(t) for t in order if np.isfinite(score[t])]


def _spread(
    tokens: list[int], known: int, chains: list[str], wanted: int, chance: np.random.Generator
) -> tuple[Floats, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return weight, token and chain of the `wanted` heaviest (token, chain) lines."""
    rank = np.arange(1, len(tokens) + 1)
    by_token = rank**-0.9 * np.where(rank > known, 0.15, 1.0) * np.exp(0.35 * chance.standard_normal(len(tokens)))
    by_chain = np.arange(1, len(chains) + 1) ** -1.7
    table = by_token[:, None] * by_chain[None, :] * np.exp(0.5 * chance.standard_normal((len(tokens), len(chains))))
    flat = np.argsort(-table, axis=None, kind="stable")[: max(wanted, min(len(tokens), 2))]
    weight = table.ravel()[flat]
    return weight / weight.sum(), np.array(tokens, np.int64)[flat // len(chains)], flat % len(chains)


def _life(
    pool: Pool, token: npt.NDArray[np.int64], life: tuple[int, int], known: int, tokens: list[int],
    chance: np.random.Generator,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:  # fmt: skip
    """Return first and last week of every line: main lines with the protocol, the others some time later."""
    main = np.isin(token, tokens[: max(known, 1)])
    delay = np.where(main, 0, chance.exponential(26, len(token)).astype(np.int64))
    leave = np.where(main, WEEKS, chance.exponential(220, len(token)).astype(np.int64) + 26)
    first = np.maximum(life[0] + delay, pool.first[token])
    return first, np.minimum.reduce([np.full(len(token), life[1]), pool.last[token], first + leave])


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


def token_weeks(first: object, last: object) -> tuple[int, int]:
    """Return the weeks between which a token can be held (one week beyond its end, so that its fall is seen)."""
    start = week(first) if first else 0  # type: ignore[arg-type]
    end = min(WEEKS - 1, week(last) + 1) if last else WEEKS - 1  # type: ignore[arg-type]
    return start, end
