"""The tokens from which portfolios are filled: how popular each is, where it lives, when it can be held.

A protocol picks tokens by popularity, by the taste of its category and by chance (Gumbel, so that one more token moves
at most one choice). Tokens that are their own issuers among the crowd are not picked: they are held where listed.
"""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dexposure_core.sources.simulate.chance import Floats, Words, gumbel, words
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
HOME: Final = "Ethereum"
COMMON: Final = 8  # known holders from which a token is found on every chain
APPEAL: Final = 0.6  # how far popularity decides what is picked up


@dataclass(frozen=True, kw_only=True)
class Pool:
    """The tokens from which further lines are drawn.

    Attributes:
        names: row of each token name.
        first, last: (T,) weeks between which a token can be held.
        open: weeks between which a chain runs; a chain that is not named always does.
        home: row of a chain's own coin → that chain.
        listed: rows of the tokens listed on a protocol.
        rows: (P,) rows of the tokens that can be picked; the next four follow their order.
        words: (P,) hashed names.
        kind_names: names of kinds.
        kinds: (P,) rows of `kind_names`.
        appeal: (P,) log popularity.
        on_chain: (P,) per chain, whether a token lives on it.
    """

    names: dict[str, int]
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]
    open: dict[str, tuple[int, int]]
    home: dict[int, str]
    listed: dict[str, list[int]]
    rows: npt.NDArray[np.int64]
    words: Words
    kind_names: list[str]
    kinds: npt.NDArray[np.int64]
    appeal: Floats
    on_chain: dict[str, npt.NDArray[np.bool_]]

    def picks(self, row: dict[str, Any], chains: list[str], count: int, seed: int) -> list[int]:
        """Return rows of up to `count` tokens for a protocol, the best by popularity, taste and chance."""
        taste = _taste(row["category"])
        fits = np.logical_or.reduce([self.on_chain[chain] for chain in chains])
        liking = np.array([taste.get(kind, 0.0) for kind in self.kind_names])[self.kinds]
        with np.errstate(divide="ignore"):
            score = self.appeal + np.log(liking * fits) + gumbel(seed, row["protocol"], self.words)
        order = np.argsort(-score, kind="stable")[:count]
        return [int(self.rows[t]) for t in order if np.isfinite(score[t])]


@functools.cache
def _taste(category: str) -> dict[str, float]:
    pairs = (part.rsplit(" ", 1) for part in TASTES.get(category, TASTES[""]).split(", ") if part)
    return {kind: float(weight) for kind, weight in pairs}


def make_pool(facts: Facts) -> Pool:
    """Return the pool of all tokens; a token many hold lives everywhere, another where its issuer is."""
    names = facts.tokens["token"].to_list()
    rows = {name: i for i, name in enumerate(names)}
    weeks = np.array([_held_between(*row) for row in facts.tokens.select("first", "last").iter_rows()])
    coins = facts.chains.select("chain", "native").iter_rows()
    listed: dict[str, list[int]] = {}
    for protocol, token in facts.listings.iter_rows():
        listed.setdefault(protocol, []).append(rows[token])
    return Pool(
        names=rows, first=weeks[:, 0], last=weeks[:, 1], listed=listed,
        open={chain: _held_between(*run) for chain, *run in facts.chains.select("chain", "first", "last").iter_rows()},
        home={rows[coin]: chain for chain, coin in coins if coin in rows}, **_pickable(facts),
    )  # fmt: skip


def _pickable(facts: Facts) -> dict[str, Any]:
    chosen = np.flatnonzero(facts.tokens["holders"].to_numpy() >= 0)
    tokens = facts.tokens[chosen]
    holders = tokens["holders"].to_numpy()
    where = dict(facts.protocols.select("protocol", "chains").iter_rows())
    homes = [(where.get(issuer) or "").split("|") for issuer in tokens["issuer"]]
    everywhere = np.array([count >= COMMON or home == [""] for count, home in zip(holders, homes, strict=True)])
    chains = {chain for listed in where.values() if listed for chain in listed.split("|")} | {HOME}
    on_chain = {chain: everywhere.copy() for chain in sorted(chains)}
    for token, home in enumerate(homes):
        for chain in home if home != [""] else []:
            on_chain[chain][token] = True
    labels, kinds = np.unique(tokens["kind"].to_numpy().astype(str), return_inverse=True)
    return {
        "rows": chosen, "words": words(tokens["token"].to_list()), "kind_names": labels.tolist(), "kinds": kinds,
        "appeal": APPEAL * np.log(holders + 0.5), "on_chain": on_chain,
    }  # fmt: skip


def _held_between(first: dt.date | None, last: dt.date | None) -> tuple[int, int]:
    """Return the weeks between which a token can be held: one week beyond its end, so that its fall is seen."""
    return week(first) if first else 0, min(WEEKS - 1, week(last) + 1) if last else WEEKS - 1
