"""From holdings to the two networks of one snapshot.

Holdings basis (a stock): `E_pq = Σ_{σ: M(σ)=q} v_pσ`, p ≠ q: what p loses if q's tokens go to zero
(DeXposure-FM, arXiv 2602.03981, eq. 1). Flow basis (a change): see `flows`. Every dollar of the input is
accounted for in `coverage`. The arithmetic runs on integers in place of texts: see `book`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from dexposure_core.jobs import share
from dexposure_core.network.book import Book, Marks, Texts, add_up, places, sorted_texts
from dexposure_core.network.chains import chain_kept
from dexposure_core.network.coverage import NO_AMOUNT, NON_POSITIVE, Fate, coverage_by_fate, unusable
from dexposure_core.network.flows import net_flows
from dexposure_core.network.period import (
    EXPOSURE_TOKENS,
    EXPOSURES,
    FINDINGS,
    FLOWS,
    HELD,
    ISSUERS,
    NODES,
    Balances,
    Period,
    finding,
    findings_frame,
    snapshot_of,
)  # fmt: skip
from dexposure_core.network.snapshot import Indices
from dexposure_core.network.sums import total

__all__ = ["Period", "from_holdings", "snapshot_of", "with_opening"]


@dataclass(frozen=True, kw_only=True)
class _Mapping:
    """What is known of the texts of a date.

    Attributes:
        texts: what the places stand for.
        issuer: (tokens,) place of the issuer among the protocols; -1: none.
        method: (tokens,) place of the method that found it among `methods`; -1: not in the tokens table.
        methods: all methods, sorted.
        counts: (chains,) whether holdings on the chain count.
    """

    texts: Texts
    issuer: Indices
    method: Indices
    methods: list[str]
    counts: Marks


def from_holdings(
    date: dt.date,
    holdings: pl.DataFrame,
    previous: pl.DataFrame | None,
    tokens: pl.DataFrame,
    *,
    chains: str = "default",
) -> Period:
    """Return the tables of one snapshot date.

    Args:
        date: the snapshot date.
        holdings: protocol, chain, token, quantity (null allowed), value_usd at the end of the period, any order.
        previous: the same at the previous snapshot (the `holdings` of its period); None on the first date.
        tokens: token, issuer (null = dropped), method: one row per token.
        chains: "default" leaves out chains named "…borrowed", "borrowed" keeps only those, "all" keeps all,
            names separated by commas keep those chains (see `chains`).
    """
    return with_opening(date, holdings, previous, tokens, chains=chains)[0]


def with_opening(
    date: dt.date,
    holdings: pl.DataFrame,
    previous: pl.DataFrame | None,
    tokens: pl.DataFrame,
    *,
    chains: str = "default",
    workers: int = 1,
) -> tuple[Period, Balances | None]:
    """Return the tables of one snapshot date (see `from_holdings`) and the balances at the one before.

    `workers` threads share the work; the result does not depend on them.
    """
    mapping = _mapping([holdings] if previous is None else [holdings, previous], tokens, chains)
    now, before = share(workers, partial(_side, holdings, mapping), partial(_side, previous, mapping))
    assert now is not None  # noqa: S101  for the type checker
    flows, (by_token, exposures), (coverage, findings), held, opening = share(
        workers,
        partial(_flows, now, before, mapping),
        partial(_exposures, now.kept, mapping),
        partial(_books, holdings, now, mapping, chains),
        partial(_holdings, now.held, mapping),
        partial(_opening, before, mapping),
    )
    stock = None if opening is None else opening.nodes.select("protocol", "tvl_usd")
    period = Period(
        date=date, holdings=held, exposures=exposures, exposure_tokens=by_token, flows=flows,
        nodes=nodes_of(_sizes(now.kept, mapping.texts), exposures, stock, flows), coverage=coverage,
        findings=findings, issuers=pl.DataFrame(schema=ISSUERS),
    )  # fmt: skip
    return period, opening


@dataclass(frozen=True, kw_only=True)
class _Side:
    """One date's holdings as numbers.

    Attributes:
        rows: as they came.
        bad: (rows,) why a row's amount is none (null: it is one).
        held: those with an amount, one row for each holding.
        kept: of these, those on chains that count.
    """

    rows: Book
    bad: pl.Series
    held: Book
    kept: Book


def _side(holdings: pl.DataFrame | None, mapping: _Mapping) -> _Side | None:
    if holdings is None:
        return None
    rows, bad = mapping.texts.book(holdings), holdings.select(unusable()).to_series()
    held = _usable(rows, bad, mapping.texts)
    return _Side(rows=rows, bad=bad, held=held, kept=_counted(held, mapping))


def _flows(now: _Side, before: _Side | None, mapping: _Mapping) -> pl.DataFrame:
    if before is None:
        return pl.DataFrame(schema=FLOWS)
    return net_flows(now.kept, before.kept, mapping.issuer, mapping.texts)


def _opening(before: _Side | None, mapping: _Mapping) -> Balances | None:
    if before is None:
        return None
    sizes = _sizes(before.kept, mapping.texts)
    stock = sizes.select(pl.lit("holdings").alias("basis"), *sizes.columns)
    return Balances(holdings=_holdings(before.held, mapping), nodes=stock)


def _books(holdings: pl.DataFrame, now: _Side, mapping: _Mapping, chains: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the coverage of a date's rows, and the findings on them."""
    fate, fates = _fates(now.rows, now.bad, mapping, chains)
    return coverage_by_fate(holdings, fate, fates), _findings(holdings, fate, fates).cast(FINDINGS)


def held(holdings: pl.DataFrame, chains: str = "default") -> pl.DataFrame:
    """Return the balances of one date as its period has them: positive ones, one row each; see `from_holdings`."""
    nothing = pl.DataFrame(schema={"token": pl.String, "issuer": pl.String, "method": pl.String})
    mapping = _mapping([holdings], nothing, chains)
    bad = holdings.select(unusable()).to_series()
    return _holdings(_usable(mapping.texts.book(holdings), bad, mapping.texts), mapping)


def nodes_of(
    closing: pl.DataFrame, exposures: pl.DataFrame, opening: pl.DataFrame | None, flows: pl.DataFrame
) -> pl.DataFrame:
    """Return the nodes of both bases: every protocol with a size and every end of an exposure or flow (size 0).

    Args:
        closing: protocol, tvl_usd at the snapshot (holdings basis).
        exposures: creditor, debtor, exposure_usd.
        opening: protocol, tvl_usd at the period's first observation (flow basis); None when there is no flow basis.
        flows: creditor, debtor, flow_usd.
    """
    parts = [_with_ends("holdings", closing, exposures)]
    if opening is not None:
        parts.append(_with_ends("flow", opening, flows))
    return pl.concat(parts)


def _with_ends(basis: str, sizes: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    ends = pl.concat([links["creditor"].unique(), links["debtor"].unique().alias("creditor")]).unique()
    issuing = pl.DataFrame({"protocol": ends}).join(sizes, on="protocol", how="anti").with_columns(tvl_usd=pl.lit(0.0))
    both = pl.concat([sizes.select("protocol", "tvl_usd"), issuing]).sort("protocol")
    return both.select(pl.lit(basis).alias("basis"), "protocol", "tvl_usd").cast(NODES)


def _mapping(frames: list[pl.DataFrame], tokens: pl.DataFrame, chains: str) -> _Mapping:
    """Number the texts of a date's holdings and say what is known of them."""
    held = sorted_texts(*(frame["token"] for frame in frames))
    known = pl.DataFrame({"token": held}).join(
        tokens.select("token", "issuer", "method"), on="token", how="left", maintain_order="left"
    )
    texts = Texts(
        protocols=sorted_texts(*(frame["protocol"] for frame in frames), known["issuer"]),
        chains=sorted_texts(*(frame["chain"] for frame in frames)),
        tokens=held,
    )
    methods = sorted_texts(known["method"])
    return _Mapping(
        texts=texts,
        issuer=places(known["issuer"], texts.protocols),
        method=places(known["method"], methods),
        methods=methods.to_list(),
        counts=pl.DataFrame({"chain": texts.chains}).select(chain_kept(chains).alias("c"), "chain")["c"].to_numpy(),
    )


def _usable(rows: Book, bad: pl.Series, texts: Texts) -> Book:
    """Return the rows whose amount is one, one for each holding; `bad` says why one is none (null: it is)."""
    return texts.one_each(rows.take(bad.is_null().to_numpy()) if bad.null_count() < len(bad) else rows)


def _counted(held: Book, mapping: _Mapping) -> Book:
    return held if mapping.counts.all() else held.take(mapping.counts[held.chain])


def _exposures(kept: Book, mapping: _Mapping) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the exposures per token and per pair."""
    texts, of = mapping.texts, mapping.issuer[kept.token]
    rows = kept.take((of >= 0) & (of != kept.protocol))
    pair = rows.protocol * len(texts.protocols) + mapping.issuer[rows.token]
    first, (usd,) = add_up(pair * len(texts.tokens) + rows.token, (rows.value_usd,))
    by_token = pl.DataFrame({
        "creditor": texts.protocols.gather(rows.protocol[first]),
        "debtor": texts.protocols.gather(mapping.issuer[rows.token[first]]),
        "token": texts.tokens.gather(rows.token[first]),
        "exposure_usd": usd,
    }, schema=EXPOSURE_TOKENS)  # fmt: skip
    place, (whole,) = add_up(pair[first], (usd,))
    exposures = by_token.select("creditor", "debtor").select(pl.all().gather(place)).with_columns(exposure_usd=whole)
    return by_token, exposures.cast(EXPOSURES)


def _sizes(kept: Book, texts: Texts) -> pl.DataFrame:
    first, (usd,) = add_up(kept.protocol, (kept.value_usd,))
    return pl.DataFrame({"protocol": texts.protocols.gather(kept.protocol[first]), "tvl_usd": usd}).cast(
        {"tvl_usd": NODES["tvl_usd"]}
    )


def _holdings(held: Book, mapping: _Mapping) -> pl.DataFrame:
    texts = mapping.texts
    table = pl.DataFrame({
        "protocol": texts.protocols.gather(held.protocol),
        "chain": texts.chains.gather(held.chain),
        "token": texts.tokens.gather(held.token),
        "quantity": pl.Series(held.quantity, nan_to_null=True),
        "value_usd": held.value_usd,
        "counts": mapping.counts[held.chain],
    })  # fmt: skip
    return table.select(list(HELD)).cast(HELD)


def _fates(rows: Book, bad: pl.Series, mapping: _Mapping, chains: str) -> tuple[Indices, list[Fate]]:
    """Return (rows,) the fate of each row as a number, and what the numbers stand for."""
    issuer, method = mapping.issuer[rows.token], mapping.method[rows.token]
    lost: dict[str, Marks] = {
        "borrowed" if chains == "default" else "other chain": ~mapping.counts[rows.chain],
        NO_AMOUNT: (bad == NO_AMOUNT).fill_null(value=False).to_numpy(),
        NON_POSITIVE: (bad == NON_POSITIVE).fill_null(value=False).to_numpy(),
        "bucket": (issuer < 0) & np.isin(method, [i for i, name in enumerate(mapping.methods) if name == "bucket"]),
        "no issuer": issuer < 0,
        "self-holding": issuer == rows.protocol,
    }
    fate = np.select(list(lost.values()), range(len(lost)), default=len(lost) + method)
    return fate, [*(("dropped", reason) for reason in lost), *(("mapped", name) for name in mapping.methods)]


def _findings(holdings: pl.DataFrame, fate: Indices, fates: list[Fate]) -> pl.DataFrame:
    """Report amounts that are none, and negative ones, by name and size."""
    rows = []
    for reason in (NON_POSITIVE, NO_AMOUNT):
        part = holdings.filter(fate == fates.index(("dropped", reason)))
        if part.is_empty():
            continue
        where = part.sort("protocol", "chain", "token").row(0, named=True)
        place = f"protocol {where['protocol']}, token {where['token']}" + (" and others" if part.height > 1 else "")
        usd = total(part["value_usd"].fill_nan(None)) if reason == NON_POSITIVE else None
        severity = "warning" if reason == NO_AMOUNT or (usd or 0) < 0 else "info"
        rows.append(finding(severity, f"{reason} value", place=place, rows=part.height, usd=usd, action="dropped"))
    return findings_frame(sorted(rows, key=lambda row: str(row["finding"])))
