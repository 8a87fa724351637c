"""What breaks, in a person's words, turned into losses at round 0 of a snapshot.

Shares are of value, 0 to 1. A protocol or sector loses that share of its TVL (an issuer without assets: its tokens lose
it). A chain or token hits its holders: each loses the share of what it holds there, or of it. Tokens that wrap a token
fall with it where nothing else would carry the fall on: not where their issuer holds the token itself, because that
issuer then loses on what it holds and passes this on to the holders of its tokens, and it would count twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from dexposure_core.errors import (
    BadOption,
    UnknownChain,
    UnknownName,
    UnknownProtocol,
    UnknownSector,
    UnknownToken,
    suggest,
)
from dexposure_core.network import Snapshot
from dexposure_core.pipeline.chains.system import balances
from dexposure_core.pipeline.tokens.wrappers import falling, wrapped_by
from dexposure_core.store import Store
from dexposure_core.stress import Shock
from dexposure_core.stress.shock import check_fraction

Shares = Mapping[str, float]


def _nothing() -> dict[str, float]:
    return {}


def _no_wraps() -> dict[str, str]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Breaks:
    """What loses which share of its value, 0..1.

    Attributes:
        protocols: id or unique name, any case.
        sectors: name, any case; every protocol of it.
        chains: name, any case; every holding on it.
        tokens: symbol; every holding of it and of what wraps it.
        wrapped: whether what wraps a token falls with it.
        wraps: token → what it wraps, where symbols do not tell or tell wrong ('': nothing).
    """

    protocols: Shares = field(default_factory=_nothing)
    sectors: Shares = field(default_factory=_nothing)
    chains: Shares = field(default_factory=_nothing)
    tokens: Shares = field(default_factory=_nothing)
    wrapped: bool = True
    wraps: Mapping[str, str] = field(default_factory=_no_wraps)

    def __bool__(self) -> bool:
        """Return whether anything breaks."""
        return bool(self.protocols or self.sectors or self.chains or self.tokens)


@dataclass(frozen=True, kw_only=True)
class Struck:
    """A shock in the words of the snapshot, and what a reader must know of the translation.

    Attributes:
        shock: fractions of TVL per protocol and USD losses per holder.
        protocols: id → share of its TVL, sectors included.
        tokens: symbol → share of its value, wrappers included.
        chains: name → share.
        notes: one sentence each.
    """

    shock: Shock
    protocols: Shares
    tokens: Shares
    chains: Shares
    notes: tuple[str, ...]


def translate(store: Store, snapshot: Snapshot, breaks: Breaks) -> Struck:
    """Return the shock that `breaks` means on a snapshot.

    Raises:
        UnknownProtocol, UnknownSector, UnknownChain, UnknownToken: no such thing; names the closest.
        BadOption: nothing to shock, a protocol named twice, a share outside 0..1, tokens that wrap in a circle.
    """
    if not breaks:
        raise BadOption("Nothing to shock: give a scenario, protocols, sectors, chains or tokens")
    fractions, notes = _fractions(snapshot, breaks)
    tokens: dict[str, float] = {}
    losses: dict[str, float] = {}
    if breaks.tokens or breaks.chains:
        held = balances(store, snapshot.date)
        tokens, more = _tokens(store, held, breaks)
        present = pl.Series("protocol", snapshot.protocols.tolist(), dtype=pl.String)
        losses, left_out = _losses(held, tokens, _chains(held, breaks.chains, snapshot.date), present)
        notes += [*more, *left_out]
    return Struck(
        shock=Shock(fractions=fractions, losses_usd=losses), protocols=fractions, tokens=tokens, chains=breaks.chains,
        notes=tuple(notes),
    )  # fmt: skip


def what_is_there(store: Store, snapshot: Snapshot, breaks: Breaks) -> tuple[Breaks, tuple[str, ...]]:
    """Return the part of `breaks` that this data knows, and what it lacks: for events replayed on any network.

    Raises:
        UnknownName: the data knows none of it.
    """
    folded = {token.casefold(): token for token in store.tokens()["token"].to_list()}
    known = {
        "protocols": {str(x).casefold() for x in (*snapshot.protocols, *snapshot.names)},
        "sectors": {str(x).casefold() for x in snapshot.sectors},
        "chains": {str(x).casefold() for x in balances(store, snapshot.date)["chain"].unique().to_list()},
        "tokens": set(folded),
    }
    parts: dict[str, dict[str, float]] = {}
    lacking: list[str] = []
    for kind, names in known.items():
        given: Shares = getattr(breaks, kind)
        parts[kind] = {name: share for name, share in given.items() if name.strip().casefold() in names}
        lacking += [f"{kind[:-1]} {name}" for name in given if name not in parts[kind]]
    parts["tokens"] = {folded[name.strip().casefold()]: share for name, share in parts["tokens"].items()}
    left = replace(breaks, **parts)  # type: ignore[arg-type]
    if not left:
        raise UnknownName(f"Nothing of this event is in the data of {snapshot.date}: no {_some(lacking)}")
    return left, (f"not in this data, left out: {_some(lacking)}",) if lacking else ()


def find_protocol(snapshot: Snapshot, text: str) -> str:
    """Return the id of the protocol with that id or, whatever its case, that name.

    Raises:
        UnknownProtocol: when there is none (names the closest), or several have the name (lists their ids).
    """
    ids = [str(p) for p in snapshot.protocols]
    if text in ids:
        return text
    wanted = text.strip().casefold()
    found = [p for p, name in zip(ids, snapshot.names, strict=True) if wanted in (p.casefold(), name.casefold())]
    if len(found) == 1:
        return found[0]
    short = text[:80]
    if found:
        raise UnknownProtocol(f"{len(found)} protocols are called '{short}': give an id, {', '.join(found[:8])}")
    hint = suggest(short, [*ids, *map(str, snapshot.names)])
    raise UnknownProtocol(f"No protocol '{short}' in the {snapshot.date} snapshot{hint}")


def _fractions(snapshot: Snapshot, breaks: Breaks) -> tuple[dict[str, float], list[str]]:
    """Return {id: share}; a protocol named itself loses what was said of it, whatever its sector loses."""
    named: dict[str, float] = {}
    for text, fraction in breaks.protocols.items():
        protocol = find_protocol(snapshot, text)
        if protocol in named:
            raise BadOption(f"Protocol '{protocol[:80]}' is shocked twice; give it once")
        named[protocol] = check_fraction(f"shock of '{text[:80]}'", fraction)
    fractions: dict[str, float] = {}
    notes: list[str] = []
    known = {str(sector).casefold(): str(sector) for sector in snapshot.sectors}
    for text, fraction in breaks.sectors.items():
        sector = known.get(text.strip().casefold())
        if sector is None:
            hint = suggest(text[:80], known.values()) or "; there are " + "; ".join(sorted(known.values())[:12])
            raise UnknownSector(f"No sector '{text[:80]}' in the {snapshot.date} snapshot{hint}")
        share = check_fraction(f"shock of sector '{sector}'", fraction)
        members = [str(p) for p in snapshot.protocols[snapshot.sectors == sector]]
        fractions |= dict.fromkeys(members, share)
        notes.append(f"sector {sector}: {len(members)} protocols")
    if twice := len(fractions.keys() & named.keys()):
        notes.append(f"{twice} protocols of a sector were named themselves and lose what was said of them")
    return fractions | named, notes


def _tokens(store: Store, held: pl.DataFrame, breaks: Breaks) -> tuple[dict[str, float], list[str]]:
    """Return {symbol: share} of the tokens that fall, wrappers included, and what to say of them."""
    table = store.tokens().select("token", "issuer")
    known = set(table["token"].to_list())
    for token, fraction in breaks.tokens.items():
        check_fraction(f"fraction the token {token[:80]} loses", fraction)
        if token not in known:
            raise UnknownToken(f"No token '{token[:80]}' in vintage {store.vintage}{suggest(token[:80], known)}")
    if not breaks.tokens or not breaks.wrapped:
        return dict(breaks.tokens), []
    wraps = wrapped_by(table["token"], breaks.wraps)
    issuers = dict(table.iter_rows())
    falls, notes = dict(breaks.tokens), []
    there = set(held["token"].unique().to_list())
    for token, fraction in breaks.tokens.items():
        reached = falling(token, fraction, wraps)
        holders = set(held.filter(pl.col("token").is_in(list(reached)))["protocol"].to_list())
        around = {outer: share for outer, share in reached.items() if outer not in falls and outer in there}
        through = {outer for outer in around if issuers[outer] in holders}
        falls |= {outer: share for outer, share in around.items() if outer not in through}
        if alike := sorted(set(around) - through):
            notes.append(f"wrapping {token} and falling with it: {_some(alike)}")
        if through:
            notes.append(f"wrapping {token}, reached through issuers that hold it: {_some(sorted(through))}")
    return falls, notes


def _some(tokens: list[str]) -> str:
    rest = f" and {len(tokens) - 6} more" if len(tokens) > 6 else ""
    return ", ".join(tokens[:6]) + rest


def _chains(held: pl.DataFrame, chains: Shares, date: dt.date) -> dict[str, float]:
    known = {name.casefold(): name for name in held["chain"].unique().sort().to_list()}
    found = {}
    for text, fraction in chains.items():
        chain = known.get(text.strip().casefold())
        if chain is None:
            raise UnknownChain(f"Nothing is held on chain '{text[:80]}' on {date}{suggest(text[:80], known.values())}")
        found[chain] = check_fraction(f"shock of chain '{chain}'", fraction)
    return found


def _losses(
    held: pl.DataFrame, tokens: Shares, chains: Shares, present: pl.Series
) -> tuple[dict[str, float], list[str]]:
    """Return {protocol: USD} lost at once; what lies on a falling chain and is a falling token loses both, in turn."""
    share = pl.lit(0.0)
    for column, shares in (("token", tokens), ("chain", chains)):
        if shares:
            share += (1.0 - share) * pl.col(column).replace_strict(shares, default=0.0, return_dtype=pl.Float64)
    hit = held.with_columns(loss=pl.col("value_usd") * share).filter(pl.col("loss") > 0)
    sums = hit.group_by("protocol").agg(pl.col("loss").sort().sum()).sort("protocol")
    here = sums.filter(pl.col("protocol").is_in(present.implode()))
    notes = []
    found = set(hit.filter(pl.col("protocol").is_in(present.implode()))["token"].to_list())
    if idle := [token for token, share in tokens.items() if share > 0 and token not in found]:
        notes.append(f"no protocol of this snapshot holds {_some(idle)}")
    if missing := sums.height - here.height:
        what = _some([*tokens, *chains])
        notes.append(f"{missing} holders of {what} are not in this snapshot and left out")
    return dict(here.iter_rows()), notes
