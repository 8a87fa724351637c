"""Which tokens stand for another one: USDC.e and axlUSDC for USDC, and what is wrapped once more.

Symbols tell (see `network.families`): deposit receipts, vault shares, LP tokens, bridged and wrapped coins, staked
coins. Whoever runs a stress test can say more, or that a symbol means something else.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from dexposure_core.errors import BadOption
from dexposure_core.network.families import families, family_of
from dexposure_core.network.issuers import curated

_NO_CLAIM = "governance"  # a staked vote is no claim on the token inside its name


def wrapped_by(tokens: pl.Series, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return {token: what it wraps} for the tokens that wrap another.

    Args:
        tokens: every symbol of the vintage.
        given: {token: what it wraps} as a person says; wins over what symbols tell ('' : nothing).

    Raises:
        BadOption: a token wraps itself, directly or through others, by what was given.
    """
    kinds = families().select("family", "pass_through")
    found = family_of(tokens, curated()).join(kinds, on="family").filter(pl.col("pass_through") != _NO_CLAIM)
    by_upper = {token.upper(): token for token in tokens.to_list()}
    pairs = found.filter(pl.col("underlying") != "").select("token", "underlying").iter_rows()
    every = [(str(outer), str(inner)) for outer, inner in (*pairs, *(given or {}).items())]  # the last word counts
    told = {by_upper.get(outer.upper(), outer): by_upper.get(inner.upper(), inner) for outer, inner in every}
    _check_circles(told, given or {})
    return {token: under for token, under in told.items() if under and under != token}


def falling(token: str, fraction: float, wraps: Mapping[str, str]) -> dict[str, float]:
    """Return {token: fraction} of a token that loses a fraction, of all that wraps it, and of what wraps that."""
    fall, new = {token: fraction}, {token}
    while new:
        new = {outer for outer, inner in wraps.items() if inner in new and outer not in fall}
        fall |= dict.fromkeys(sorted(new), fraction)
    return fall


def _check_circles(wraps: Mapping[str, str], given: Mapping[str, str]) -> None:
    for start in given:
        path = [start]
        while (inner := wraps.get(path[-1])) and len(path) <= len(wraps):
            if inner in path:
                circle = " wraps ".join([*path[path.index(inner) :], inner])
                raise BadOption(f"wraps: {circle[:200]}, a circle; a token cannot stand for itself")
            path.append(inner)
