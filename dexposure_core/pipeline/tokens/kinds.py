"""How far tokens of each kind fall when their issuer is in distress: receipts with it, others as one assumes.

A deposit receipt or a wrapped coin is a claim on what its issuer holds and loses what the issuer loses. A stablecoin
with collateral to spare, or a vote, need not. Nobody publishes how far they do, so it is an assumption of the test,
stated per kind; a kind that is not named loses all of it.

A token's kind is how it passes losses on as the curated table or its family tells (`PASSING`), or the kind that the
vintage's token table gives it (`vault`, `lp`, `meme`, ...).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from dexposure_core.errors import BadOption, suggest
from dexposure_core.network import Snapshot
from dexposure_core.network.families import families, family_of
from dexposure_core.network.issuers import curated
from dexposure_core.network.snapshot import Floats
from dexposure_core.pipeline.stress.terms import Terms
from dexposure_core.store import Store
from dexposure_core.stress import find_rule
from dexposure_core.stress.shock import check_fraction

PASSING: Final[Mapping[str, str]] = {
    "receipt": "Deposit receipts, vault shares, LP tokens",
    "wrapped": "Wrapped and bridged coins",
    "liquid-staking": "Liquid staking tokens",
    "reserve-stablecoin": "Stablecoins with reserves at a bank",
    "overcollateralised-stablecoin": "Over-collateralised stablecoins",
    "algorithmic-stablecoin": "Algorithmic stablecoins",
    "governance": "Governance tokens",
}


def kinds_of(tokens: pl.DataFrame) -> pl.DataFrame:
    """Return token, passing (a key of `PASSING`, `native`, or null: not known), kind (the vintage's; null: none).

    Args:
        tokens: the tokens table of a vintage.
    """
    key = pl.col("token").str.to_lowercase()
    known = curated().select(key=key, listed="pass_through").unique("key", keep="first")
    family = family_of(tokens["token"], curated()).join(
        families().select("family", member="pass_through"), on="family"
    )  # fmt: skip
    table = tokens.select("token", "kind", key=key).join(known, on="key", how="left", maintain_order="left")
    table = table.join(family.select("token", "member"), on="token", how="left", maintain_order="left")
    return table.select("token", pl.coalesce("listed", "member").alias("passing"), "kind")


def tokens_lose(store: Store, snapshot: Snapshot, terms: Terms) -> Floats | None:
    """Return (E,) the share of the debtor's distress that the tokens of each exposure lose; None: all of it.

    Raises:
        BadOption: a kind that no token of the vintage is of, a share outside 0..1, or a network that is not made of
            tokens (flows, forecasts).
    """
    if not terms.kinds or not find_rule(terms.rule).takes("pass_through"):
        return None
    given = {kind: check_fraction(f"pass-through of {kind[:40]} tokens", share) for kind, share in terms.kinds}
    table = kinds_of(store.tokens())
    known = {*PASSING, *table["passing"].drop_nulls().to_list(), *table["kind"].drop_nulls().to_list()}
    for kind in given:
        if kind not in known:
            raise BadOption(f"No token is of the kind '{kind[:40]}'{suggest(kind[:40], known)}")
    if snapshot.basis != "holdings" or snapshot.date not in store.dates("holdings"):
        raise BadOption("Kinds of tokens are known for exposures observed on the holdings basis only; leave them out")
    named = pl.DataFrame({"kind": list(given), "share": list(given.values())})
    shares = table.select("token", own="passing", told="kind")
    shares = shares.join(named.rename({"kind": "own", "share": "by_own"}), on="own", how="left")
    shares = shares.join(named.rename({"kind": "told", "share": "by_told"}), on="told", how="left")
    lose = shares.select("token", lose=pl.coalesce("by_own", "by_told", 1.0))
    return _weighted(store, snapshot, lose)


def _weighted(store: Store, snapshot: Snapshot, lose: pl.DataFrame) -> Floats:
    """Return (E,) the mean of `lose` over the tokens of each exposure, weighted by USD; 1 where they are not known."""
    parts = store.exposure_tokens(snapshot.date).join(lose, on="token", how="left")
    usd = pl.col("exposure_usd")
    mean = (usd * pl.col("lose").fill_null(1.0)).sum() / usd.sum()
    ids = pl.Series(snapshot.protocols.tolist(), dtype=pl.String)
    pairs = pl.DataFrame({"creditor": ids.gather(snapshot.creditor), "debtor": ids.gather(snapshot.debtor)})
    found = pairs.join(parts.group_by("creditor", "debtor").agg(mean=mean), on=["creditor", "debtor"], how="left",
                       maintain_order="left")  # fmt: skip
    return found["mean"].fill_null(1.0).clip(0.0, 1.0).to_numpy()
