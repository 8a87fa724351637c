"""The crowd behind the known names: numbered protocols and tokens, for worlds larger than the embedded one.

They are drawn from the same distributions as the smaller known protocols (category, chains, launch, end) and labelled
as what they are ("Simulated Dexes 00017"); no real name is used twice and none is invented. They are outside the known
level of the system: together they add about one per cent.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import numpy as np
import polars as pl

from dexposure_core.sources.simulate.chance import generator
from dexposure_core.sources.simulate.facts import KNOTS, MONDAYS, WEEKS, Facts, growth

PREFIX: Final = "sim-"
MEDIAN_MUSD, SPREAD_MUSD = 0.4, 1.6  # median and log-spread of a crowd protocol's size
DEATHS: Final = 0.3  # share that ends before the data do
KNOWN_HOLDINGS: Final = 4
TOKEN_KINDS: Final = ("governance", "lp", "vault", "meme")
TOKEN_SHARES: Final = (0.62, 0.14, 0.12, 0.12)


def with_crowd(facts: Facts, protocols: int, tokens: int, seed: int) -> Facts:
    """Return the facts with `protocols` and `tokens` more, numbered; existing rows stay as they are."""
    if protocols <= 0 and tokens <= 0:
        return facts
    nodes = growth(facts, "nodes")
    likely = _likely_tokens(facts)
    models = facts.protocols.filter(pl.col("holds").is_not_null() & (pl.col("category") != "CEX")).to_dicts()
    rows = [_protocol(i, models, likely, nodes, seed) for i in range(protocols)]
    new = [_token(i, rows, seed) for i in range(tokens)]
    more = {"protocols": pl.DataFrame(rows, schema=facts.protocols.schema)} if rows else {}
    return facts.extended(tokens=pl.DataFrame(new, schema=facts.tokens.schema), **more)


def _likely_tokens(facts: Facts) -> dict[str, list[str]]:
    """Return, per chain, the tokens that known protocols on it hold."""
    held: dict[str, list[str]] = {}
    for chains, holds in facts.protocols.select("chains", "holds").drop_nulls().iter_rows():
        held.setdefault(chains.split("|")[0], []).extend(holds.split("|"))
    return held


def _protocol(
    i: int, models: list[dict[str, Any]], likely: dict[str, list[str]], nodes: np.ndarray[Any, Any], seed: int
) -> dict[str, Any]:
    chance = generator(seed, "crowd protocol", i)
    model = models[int(chance.integers(len(models)))]
    start = int(np.searchsorted(nodes, chance.uniform()))
    life = int(chance.exponential(70)) + 12 if chance.uniform() < DEATHS else 2 * WEEKS
    size = float(np.round(MEDIAN_MUSD * np.exp(SPREAD_MUSD * chance.standard_normal()), 3))
    pool = likely[model["chains"].split("|")[0]]
    picks = chance.integers(len(pool), size=KNOWN_HOLDINGS)
    row: dict[str, Any] = dict.fromkeys(model)
    row |= {
        "protocol": f"{PREFIX}{i:05d}",
        "name": f"Simulated {model['category']} {i:05d}",
        "category": model["category"],
        "sector": model["sector"],
        "chains": model["chains"],
        "first": MONDAYS[min(start, WEEKS - 1)],
        "last": MONDAYS[start + life] if start + life < WEEKS else None,
        "holds": "|".join(dict.fromkeys(pool[int(k)] for k in picks)),
    }
    return row | {f"musd_{knot:%Y-%m}": size for knot in KNOTS}


def _token(i: int, protocols: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    """Return a token; the first ones are issued by the crowd's protocols, the others are their own issuers."""
    chance = generator(seed, "crowd token", i)
    name = f"SIM{i:05d}"
    owner = protocols[i] if i < len(protocols) else None
    kind = str(chance.choice(TOKEN_KINDS, p=TOKEN_SHARES)) if owner else "governance"
    first: dt.date = owner["first"] if owner else MONDAYS[int(chance.integers(WEEKS - 20))]
    follows = {"lp": "ETH", "vault": "USDC"}.get(kind)
    return {
        "token": name, "issuer": owner["protocol"] if owner else name, "kind": kind, "follows": follows,
        "beta": {"lp": 0.5, "vault": 1.0}.get(kind), "first": first, "last": None, "holders": 0.0,
    }  # fmt: skip
