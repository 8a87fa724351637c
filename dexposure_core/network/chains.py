"""Which chains a network is made of: all that count, borrowed balances too, only those, or some chains by name.

A chain is where a balance is held, as the source names it. A name that holds "borrowed" ("Ethereum-borrowed") is what
borrowers took out of a protocol: not its own money, so it makes no exposure unless it is asked for. A choice is one
text, the same on the command line, in the address of a page and in a manifest: "default", "all", "borrowed", or names
separated by commas; a balance counts when any of the parts takes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl

from dexposure_core.errors import UnknownChain, suggest

DEFAULT: Final = "default"
ALL: Final = "all"
BORROWED: Final = "borrowed"
NOT_STATED: Final = "not stated"  # how a chain is called that the source leaves empty
_WORDS: Final = (DEFAULT, ALL, BORROWED)


def is_borrowed(chain: str) -> bool:
    """Return whether balances on a chain of that name are borrowed ones."""
    return BORROWED in chain.casefold()


def chain_kept(chains: str) -> pl.Expr:
    """Return whether a row's `chain` belongs to a choice (see the module); names match in any case."""
    parts = {part.strip().lower() for part in chains.split(",")}
    if ALL in parts:
        return pl.lit(value=True)
    borrowed = pl.col("chain").str.contains("(?i)borrowed")
    kept = pl.col("chain").replace("", NOT_STATED).str.to_lowercase().is_in(sorted(parts.difference(_WORDS)))
    if DEFAULT in parts:
        kept |= ~borrowed
    return kept | borrowed if BORROWED in parts else kept


def chain_choice(asked: Iterable[str], known: Sequence[str]) -> str:
    """Return what was asked for as the one text of a choice: names as the data write them, in order, no repeats.

    Args:
        asked: words and names, in any case, each perhaps several separated by commas; none: "default".
        known: the chains of the data.

    Raises:
        UnknownChain: when there is no such chain; names the nearest.
    """
    names = {chain_name(name).casefold(): chain_name(name) for name in known}
    words, chosen = set[str](), set[str]()
    for part in (part.strip() for text in asked for part in text.split(",")):
        if part.casefold() in _WORDS:
            words.add(part.casefold())
        elif part.casefold() in names:
            chosen.add(names[part.casefold()])
        elif part:
            hint = suggest(part[:80], [*names.values(), *_WORDS])
            raise UnknownChain(f"No chain '{part[:80]}' in these data{hint or '; `dexposure chains` lists them'}")
    return _shortest(words, chosen)


def _shortest(words: set[str], chosen: set[str]) -> str:
    """Leave out what another part of the choice covers."""
    if ALL in words or {DEFAULT, BORROWED} <= words:
        return ALL
    if DEFAULT in words:
        chosen = {name for name in chosen if is_borrowed(name)}
    if BORROWED in words:
        chosen = {name for name in chosen if not is_borrowed(name)}
    return ",".join([*sorted(words), *sorted(chosen, key=lambda name: (name.casefold(), name))]) or DEFAULT


def chain_name(chain: str) -> str:
    """Return how a chain is called on screen and in a choice."""
    return chain or NOT_STATED


def chain_words(chains: str) -> str:
    """Say a choice in words: `all chains`, `with borrowed balances`, `Ethereum and Base`, `7 chains`."""
    said = {DEFAULT: "all chains", ALL: "with borrowed balances", BORROWED: "borrowed balances only"}
    if chains in said:
        return said[chains]
    parts = chains.split(",")
    named = [{DEFAULT: "all chains", BORROWED: "borrowed balances"}.get(part, part) for part in parts]
    if len(named) > 3:
        return f"{', '.join(named[:2])} and {len(named) - 2} more chains"
    return ", ".join(named[:-1]) + (" and " if len(named) > 1 else "") + named[-1]


def chain_aside(words: str) -> str:
    """Say what a network of chosen chains must not be taken for; `words` as of `chain_words`."""
    return "more than the system's own" if words == chain_words(ALL) else "not the whole system"
