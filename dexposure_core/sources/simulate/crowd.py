"""The crowd behind the known names: numbered protocols and tokens, for worlds larger than the embedded one.

Protocols are drawn from the mix of categories of the real dataset and modelled on a known protocol of theirs (chains,
holdings); most of them fall idle after a while and keep what they hold. Tokens are listed where they are born: mostly
on exchanges, few of them on many. They are labelled as what they are ("Simulated Dexes 00017"); no real name is used
twice and none is invented. They are outside the known level of the system: together they add about one per cent.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from dexposure_core.sources.simulate.chance import Floats, Words, generator, gumbel, words
from dexposure_core.sources.simulate.facts import CROWD, EXCHANGES_ENTER, KNOTS, MONDAYS, WEEKS, Facts, week
from dexposure_core.sources.simulate.levels import largest_size
from dexposure_core.sources.simulate.population import Population, populations

MEDIAN_MUSD, SPREAD_MUSD = 0.25, 1.9  # median and log-spread of a crowd protocol's peak
RISE: Final = 6  # weeks from birth to peak
IDLE_AFTER: Final = 45.0  # mean weeks from peak to the end of activity
IDLE: Final = 0.8  # share of protocols that fall idle
IDLE_MEDIAN, IDLE_SPREAD = 0.01, 1.6  # what an idle protocol keeps of its peak
KNOWN_HOLDINGS: Final = 5
ISSUING: Final = 0.36  # share of crowd protocols with a token of their own that others hold
BUCKETS: Final = 0.75  # tokens without one issuer (pool shares, unknown contracts) per token that is its own issuer
TOKEN_KINDS: Final = ("governance", "lp", "vault", "meme")
TOKEN_SHARES: Final = (0.62, 0.14, 0.12, 0.12)
FAVOUR: Final = {"Dexes": 1.0, "CEX": 1.0, "Yield": 0.35, "Lending": 0.3, "Farm": 0.4, "Liquidity manager": 0.5,
                 "Chain": 0.6, "Bridge": 0.5, "Launchpad": 0.5, "Token Locker": 0.8}  # fmt: skip
BREADTH: Final = 0.8  # log-spread of how many tokens a protocol lists
LISTINGS: Final = 2.3  # exponent of how many list a token: most one, few many
MOST: Final = 80
CHAINS: Final = 640  # numbered chains of a full world
COMMON_CHAINS: Final = (
    "Ethereum", "BSC", "Arbitrum", "Polygon", "Base", "Optimism", "Avalanche", "Fantom", "Linea", "Scroll", "Mantle",
    "zkSync", "Blast", "Celo", "Cronos", "Moonbeam", "Aurora", "Metis", "Sonic", "Mode", "Harmony", "Heco",
    "Moonriver", "Klaytn", "Manta", "Solana", "Tron", "Near", "Sui", "Aptos",
)  # fmt: skip
FEW_CHAINS: Final = 0.06
OFF_PATH: Final = 0.2  # share of crowd protocols on numbered chains


@dataclass(frozen=True, kw_only=True)
class Listers:
    """Protocols on which tokens are listed, in the order of their first week.

    Attributes:
        names: their ids.
        words: (P,) hashed ids.
        first: (P,) first weeks, ascending.
        favour: (P,) log of the chance of being chosen.
    """

    names: list[str]
    words: Words
    first: npt.NDArray[np.int64]
    favour: Floats

    def draw(self, token: str, count: int, born: int, seed: int) -> list[str]:
        """Return up to `count` protocols that are there in week `born`; one more protocol displaces at most one."""
        there = int(np.searchsorted(self.first, born, side="right"))
        score = self.favour[:there] + gumbel(seed, token, self.words[:there])
        best = np.argpartition(-score, count)[:count] if count < there else np.arange(there)
        return [self.names[i] for i in sorted(best.tolist())]


def with_crowd(facts: Facts, share: float, tokens: float, seed: int) -> Facts:
    """Return the facts with a crowd; existing rows stay.

    Args:
        facts: the known world.
        share: of the gap to the real network that numbered protocols fill, 0 to 1.
        tokens: the same of numbered tokens.
        seed: of the world.
    """
    protocols, own = populations(share, tokens, seed)
    rows = _protocols(facts, protocols, share, seed)
    issued = [_issued(i, rows, seed) for i in range(round(ISSUING * len(rows)))]
    free = [_own(i, own, seed) for i in range(len(own))]
    loose = [_bucket(i, own, seed) for i in range(round(BUCKETS * share * len(own)))]
    nodes = [_node(token, facts.protocols.columns) for token in free]
    listers = _listers(facts, rows, seed)
    wide = [(born["token"], week(born["first"]), _holders(born["token"], seed)) for born in free]
    wide += [(born["token"], week(born["first"]), 1) for born in loose]
    return facts.extended(
        protocols=pl.DataFrame(rows + nodes, schema=facts.protocols.schema),
        tokens=pl.DataFrame(issued + free + loose, schema=facts.tokens.schema),
        sizes=_sizes(rows, protocols, facts.sizes.schema, seed),
        listings=_listings(wide, listers, facts.listings.schema, seed),
    )


def idle_from(protocol: str, first: int, seed: int) -> int:
    """Return the week from which a protocol of the crowd, born in week `first`, lies idle (WEEKS: never)."""
    chance = generator(seed, "idle", protocol)
    after = int(chance.exponential(IDLE_AFTER)) + 1
    return first + RISE + after if chance.uniform() < IDLE else WEEKS


def _protocols(facts: Facts, lives: Population, share: float, seed: int) -> list[dict[str, Any]]:
    known = facts.protocols.filter(pl.col("holds").is_not_null() & (pl.col("category") != "CEX")).to_dicts()
    models: dict[str, list[dict[str, Any]]] = {}
    for row in known:
        models.setdefault(row["category"], []).append(row)
    mix = facts.mix.filter(pl.col("category").is_in(list(models)))
    names, odds = mix["category"].to_list(), mix["count"].to_numpy()
    likely, chains = _likely_tokens(known), max(1, round(CHAINS * share))
    rows = []
    for i in range(len(lives)):
        chance = generator(seed, "crowd protocol", i)
        category = names[int(chance.choice(len(names), p=odds / odds.sum()))]
        model = models[category][int(chance.integers(len(models[category])))]
        where = _chains(model["chains"], chains, chance)
        rows.append(
            _protocol(
                i,
                model,
                where,
                likely,
                (int(lives.first[i]), int(lives.last[i])),
                chance,
            )
        )
    return rows


def _chains(model: str, numbered: int, chance: np.random.Generator) -> str:
    """Return the model's first chains, as many as chance says, or a numbered chain of its own."""
    if chance.uniform() < OFF_PATH:
        return f"Simulated Chain {int(numbered * chance.uniform() ** 1.6):03d}"
    listed = model.split("|")
    more = [chain for chain in COMMON_CHAINS if chain not in listed]
    wanted = int(chance.geometric(FEW_CHAINS))
    extra = chance.permutation(len(more))[: max(0, wanted - len(listed))]
    return "|".join((listed + [more[i] for i in sorted(extra)])[:wanted])


def _likely_tokens(known: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return, per chain, the tokens that known protocols on it hold."""
    held: dict[str, list[str]] = {}
    for row in known:
        held.setdefault(row["chains"].split("|")[0], []).extend(row["holds"].split("|"))
    return {chain: sorted(set(tokens)) for chain, tokens in held.items()}


def _protocol(
    i: int, model: dict[str, Any], chains: str, likely: dict[str, list[str]], life: tuple[int, int],
    chance: np.random.Generator,
) -> dict[str, Any]:  # fmt: skip
    pool = likely.get(chains.split("|", maxsplit=1)[0]) or likely["Ethereum"]
    picks = chance.integers(len(pool), size=int(chance.integers(1, KNOWN_HOLDINGS + 1)))
    size = float(np.round(MEDIAN_MUSD * np.exp(SPREAD_MUSD * chance.standard_normal()), 6))
    row: dict[str, Any] = dict.fromkeys(model)
    row |= {
        "protocol": f"{CROWD}{i:05d}",
        "name": f"Simulated {model['category']} {i:05d}",
        "category": model["category"],
        "sector": model["sector"],
        "chains": chains,
        "first": MONDAYS[life[0]],
        "last": MONDAYS[life[1]] if life[1] < WEEKS else None,
        "holds": "|".join(dict.fromkeys(pool[int(k)] for k in picks)),
    }
    return row | {f"musd_{KNOTS[-1]:%Y-%m}": size}


def _sizes(rows: list[dict[str, Any]], lives: Population, schema: pl.Schema, seed: int) -> pl.DataFrame:
    """Return the size of every crowd protocol at its birth, its peak, and when it falls idle."""
    table = []
    for row, first in zip(rows, lives.first.tolist(), strict=True):
        peak, name = float(row[f"musd_{KNOTS[-1]:%Y-%m}"]), row["protocol"]
        chance = generator(seed, "idle size", name)
        kept = peak * min(1.0, IDLE_MEDIAN * float(np.exp(IDLE_SPREAD * chance.standard_normal())))
        idle = idle_from(name, first, seed)
        steps = [(first, 0.1 * peak), (first + RISE, peak), (idle, kept)]
        table += [(name, MONDAYS[at], musd) for at, musd in steps if at < WEEKS]
    return pl.DataFrame(table, schema=schema, orient="row")


def _issued(i: int, protocols: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    """Return the token of a crowd protocol; others may pick it up."""
    chance = generator(seed, "crowd token", i)
    kind = str(chance.choice(TOKEN_KINDS, p=TOKEN_SHARES))
    follows = {"lp": "ETH", "vault": "USDC"}.get(kind)
    return {
        "token": f"SIMP{i:05d}", "issuer": protocols[i]["protocol"], "kind": kind, "follows": follows,
        "beta": {"lp": 0.5, "vault": 1.0}.get(kind), "first": protocols[i]["first"], "last": None,
        "holders": float(np.floor(chance.pareto(1.1))),
    }  # fmt: skip


def _own(i: int, lives: Population, seed: int) -> dict[str, Any]:
    """Return a token that is its own issuer; it is held where it is listed."""
    chance = generator(seed, "crowd own token", i)
    last, name = int(lives.last[i]), f"SIM{i:05d}"
    return {
        "token": name, "issuer": name, "kind": "meme" if chance.uniform() < 0.4 else "governance", "follows": None,
        "beta": None, "first": MONDAYS[int(lives.first[i])], "last": MONDAYS[last] if last < WEEKS else None,
        "holders": -1.0,
    }  # fmt: skip


def _bucket(i: int, lives: Population, seed: int) -> dict[str, Any]:
    """Return a token without one issuer: a pool share or an unknown contract."""
    chance = generator(seed, "crowd bucket", i)
    born = int(lives.first[int(chance.integers(len(lives)))])
    ends = born + int(chance.exponential(130)) + 4
    name = f"SIM{i:05d}-LP" if chance.uniform() < 0.4 else f"UNKNOWN (sim:{i:05d})"
    return {
        "token": name, "issuer": None, "kind": "bucket", "follows": "ETH", "beta": 0.5, "first": MONDAYS[born],
        "last": MONDAYS[ends] if ends < WEEKS else None, "holders": -1.0,
    }  # fmt: skip


def _node(token: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Return the row of a token as a node of its own."""
    category = "Meme Token" if token["kind"] == "meme" else "Utility Token"
    row: dict[str, Any] = dict.fromkeys(names)
    return row | {
        "protocol": token["token"], "name": f"Simulated token {token['token']}", "category": category,
        "sector": "Primary Market Tokens",
    }  # fmt: skip


def _listers(facts: Facts, crowd: list[dict[str, Any]], seed: int) -> Listers:
    known = facts.protocols.filter(pl.col("holds").is_not_null()).to_dicts()
    rows = [row for row in known + crowd if row["category"] in FAVOUR]
    first = np.array([week(row["first"] or dt.date.min.replace(year=2015)) for row in rows])
    first = np.where(
        [row["category"] == "CEX" for row in rows],
        np.maximum(first, week(EXCHANGES_ENTER)),
        first,
    )
    weight = [_breadth(row, seed) for row in rows]
    order = np.argsort(first, kind="stable")
    names = [rows[i]["protocol"] for i in order]
    return Listers(names=names, words=words(names), first=first[order], favour=np.log(np.array(weight)[order]))


def _breadth(row: dict[str, Any], seed: int) -> float:
    spread = float(np.exp(BREADTH * generator(seed, "breadth", row["protocol"]).standard_normal()))
    return float(FAVOUR[row["category"]]) * spread * float((largest_size(row) / 1e6 + 0.01) ** 0.25)


def _holders(token: str, seed: int) -> int:
    """Return on how many protocols a token is listed: one or more, P(k) falling as k to the power -2."""
    return min(
        MOST,
        int((1 - generator(seed, "holders", token).uniform()) ** (-1 / (LISTINGS - 1))),
    )


def _listings(wanted: list[tuple[str, int, int]], listers: Listers, schema: pl.Schema, seed: int) -> pl.DataFrame:
    rows = [(protocol, token) for token, born, count in wanted for protocol in listers.draw(token, count, born, seed)]
    return pl.DataFrame(rows, schema=schema, orient="row")
