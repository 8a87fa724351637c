"""Bridges and wrapped tokens: what ties chains together, and what breaks on each when one of them fails.

A token that stands on one chain for something kept elsewhere is worth no more than the word of whoever keeps it. Such
tokens are taken from two signs: the category of the issuer (bridge) and the kind of the token (wrapped, bridged). A
wrapped token that no bridge issues (WETH) may only be another form of what lies on the same chain, so it is at home
where most of it is held, and counts elsewhere only.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from dexposure_core.pipeline.chains.system import balances, held
from dexposure_core.store import Store


def ties(store: Store, date: dt.date) -> pl.DataFrame:
    """Return chain, issuer, issuer_name, category, kind, token, creditors, held_usd: what ties chains, by chain.

    One row a token and chain, largest first: a token of a bridge (its issuer's category says so), one that is bridged
    by its kind, or one that is wrapped, away from the chain that holds most of it. Balances of the issuer itself
    are left out: nobody else loses by them.
    """
    tokens = store.tokens().select("token", "kind")
    names = store.protocols().select("protocol", issuer_name="name", category="category")
    rows = held(store, date).join(tokens, on="token", how="left")
    rows = rows.join(names, left_on="debtor", right_on="protocol", how="left")
    bridge = pl.col("category").str.contains("(?i)bridge").fill_null(value=False)
    wrapped = pl.col("kind").str.contains("(?i)wrapped|bridged").fill_null(value=False)
    kind = pl.when(bridge).then(pl.lit("bridge")).otherwise("kind")
    keys = ["chain", "debtor", "issuer_name", "category", "kind", "token"]
    found = rows.filter(bridge | wrapped).with_columns(kind=kind, issuer_name=pl.coalesce("issuer_name", "debtor"))
    sums = found.group_by(keys).agg(creditors=pl.n_unique("creditor").cast(pl.Int64), held_usd=pl.sum("exposure_usd"))
    ordered = sums.sort(["held_usd", "chain", "token"], descending=[True, False, False])
    home = pl.col("chain") == pl.first("chain").over("debtor", "token")
    ordered = ordered.filter(~(home & (pl.col("kind") == "wrapped")))
    return ordered.rename({"debtor": "issuer"}).select("chain", "issuer", *keys[2:], "creditors", "held_usd")


def tie_issuers(store: Store, date: dt.date) -> pl.DataFrame:
    """Return who issues what ties chains together and what its failure would hit first, the largest first.

    Columns: issuer, issuer_name, kind, tokens, chains, main_chain, main_share, creditors, held_usd, loss_usd (what its
    creditors lose at once: for each what it holds, at most its TVL), loss_share (of system TVL).
    """
    rows = ties(store, date)
    by_chain = (
        rows.group_by("issuer", "chain").agg(pl.sum("held_usd")).sort(["held_usd", "chain"], descending=[True, False])
    )
    main = by_chain.group_by("issuer", maintain_order=True).agg(
        main_chain=pl.first("chain"), main_share=pl.first("held_usd") / pl.sum("held_usd"),
        chains=pl.len().cast(pl.Int64),
    )  # fmt: skip
    keys = ["issuer", "issuer_name"]
    sums = rows.group_by(keys).agg(
        kind=pl.first("kind"), tokens=pl.n_unique("token").cast(pl.Int64), held_usd=pl.sum("held_usd")
    )
    tied = rows.select("token", "chain", debtor="issuer")
    creditors = (
        held(store, date)
        .join(tied, on=["token", "chain", "debtor"])
        .group_by("debtor", "creditor")
        .agg(pl.sum("exposure_usd"))
    )
    sizes = balances(store, date).group_by("protocol").agg(tvl_usd=pl.sum("value_usd"))
    lost = pl.min_horizontal("exposure_usd", "tvl_usd")
    losses = creditors.join(sizes, left_on="creditor", right_on="protocol", how="left").group_by("debtor").agg(
        creditors=pl.n_unique("creditor").cast(pl.Int64), loss_usd=lost.sum()
    )  # fmt: skip
    system = float(sizes["tvl_usd"].sum())
    table = sums.join(main, on="issuer").join(losses, left_on="issuer", right_on="debtor")
    table = table.with_columns(loss_share=pl.col("loss_usd") / system)
    columns = [
        *keys, "kind", "tokens", "chains", "main_chain", "main_share", "creditors", "held_usd", "loss_usd",
        "loss_share",
    ]  # fmt: skip
    return table.select(columns).sort(["held_usd", "issuer"], descending=[True, False])


def by_chain(store: Store, date: dt.date) -> pl.DataFrame:
    """Return chain, tied_usd, tied_share (of the chain's TVL), tokens, main_issuer: how far a chain rests on them."""
    rows = ties(store, date)
    sizes = balances(store, date).group_by("chain").agg(tvl_usd=pl.sum("value_usd"))
    issuers = rows.group_by("chain", "issuer_name").agg(pl.sum("held_usd"))
    main = issuers.sort(["held_usd", "issuer_name"], descending=[True, False]).group_by("chain", maintain_order=True)
    sums = rows.group_by("chain").agg(tied_usd=pl.sum("held_usd"), tokens=pl.n_unique("token").cast(pl.Int64))
    table = sums.join(sizes, on="chain").join(main.agg(main_issuer=pl.first("issuer_name")), on="chain")
    table = table.with_columns(tied_share=pl.col("tied_usd") / pl.col("tvl_usd"))
    columns = ["chain", "tied_usd", "tied_share", "tokens", "main_issuer"]
    return table.select(columns).sort(["tied_usd", "chain"], descending=[True, False])
