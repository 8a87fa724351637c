"""The published weekly network, and the holdings basis rebuilt from it.

Flows are taken as published. Exposures are rebuilt from the compositions of the nodes (who holds which token)
once the issuer of each token is known, and that the links tell: a link carries token σ because one of its ends
holds σ and the other issues it. So the issuer is an end of every link that carries σ, and the end that does not
hold it; see `link_issuers`. What the file gets wrong (null ids, self-loops, parallel links, sizes that are
negative, zero or NaN, nodes that only occur in links) is dropped or mended, and counted in the findings. The
arithmetic runs on integers in place of texts: see `published_numbers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from dexposure_core.network.book import Marks, run_starts
from dexposure_core.network.coverage import NO_AMOUNT, NON_POSITIVE, Fate, coverage_by_fate, unusable
from dexposure_core.network.link_issuers import METHODS, LinkIssuers, link_issuers
from dexposure_core.network.naming import BUCKETS, bucket_of
from dexposure_core.network.period import (
    EXPOSURE_TOKENS,
    EXPOSURES,
    FINDINGS,
    FLOWS,
    HELD,
    ISSUERS,
    NODES,
    Period,
    finding,
    findings_frame,
)  # fmt: skip
from dexposure_core.network.published_numbers import NOBODY, PublishedNumbers, numbers_of
from dexposure_core.network.snapshot import Floats, Indices
from dexposure_core.network.sums import sums_by_key, total

if TYPE_CHECKING:
    from dexposure_core.network.published import PublishedWeek

Finding = dict[str, object]

_LOST: Final = ("no holder", "no issuer", NO_AMOUNT, NON_POSITIVE, "bucket", "issuer ambiguous", "self-holding")
_NO_HOLDER, _NO_ISSUER, _NO_AMOUNT, _NON_POSITIVE, _BUCKET, _AMBIGUOUS, _ITSELF = range(len(_LOST))
_FATES: Final[list[Fate]] = [*(("dropped", why) for why in _LOST), *(("mapped", method) for method in METHODS)]
_HELD: Final = -1  # not lost so far


class _Rows(NamedTuple):
    """Amounts in USD between two places each, sorted by them, one row for each pair."""

    one: Indices
    other: Indices
    usd: Floats


def from_published(week: PublishedWeek, tokens: pl.DataFrame | None, overrides: pl.DataFrame | None = None) -> Period:
    """Return the tables of one published week.

    Args:
        week: the week as read, defects included.
        tokens: token, issuer for tokens whose issuer the links do not tell (from the mapping files), or None.
        overrides: token, issuer (null: nobody) of tokens whose issuer a person decided, or None.
    """
    found: list[Finding] = []
    numbers = numbers_of(week, tokens, overrides)
    flows = _flows(numbers, week.links, found)
    listed, sizes = _sizes(numbers, flows, found)
    lost = _lost(numbers, week.node_tokens, found)
    usable = lost == _HELD
    issuers = link_issuers(numbers, usable)
    bucket = _buckets(numbers, issuers)
    fate = _fates(numbers, lost, issuers, bucket)
    held = _summed(numbers.holder, numbers.held, numbers.held_usd, usable, len(numbers.tokens))
    by_token, exposures, ends = _exposures(held, numbers, issuers, bucket)
    return Period(
        date=week.date,
        holdings=_holdings(held, numbers),
        exposures=exposures,
        exposure_tokens=by_token,
        flows=_flow_table(flows, numbers),
        nodes=_nodes(numbers, listed, sizes, ends),
        coverage=coverage_by_fate(week.node_tokens, fate, _FATES),
        findings=pl.concat([week.findings.cast(FINDINGS), findings_frame(found)]),
        issuers=_issuers(numbers, issuers, bucket),
    )


def _summed(one: Indices, other: Indices, usd: Floats, rows: Marks, others: int) -> _Rows:
    """Return the sums of some rows by (one, other); `others` is how many of the latter there are."""
    key = one[rows] * others + other[rows]
    first, (sums,) = sums_by_key(key, (usd[rows],))
    return _Rows(one[rows][first], other[rows][first], sums)


def _flows(week: PublishedNumbers, links: pl.DataFrame, found: list[Finding]) -> _Rows:
    """Return the links as flows: named ends, no loops, positive sizes, parallel links summed."""
    identified = (week.creditor >= 0) & (week.debtor >= 0)
    apart = identified & (week.creditor != week.debtor)
    sized = apart & links.select(unusable("size_usd").is_null()).to_series().to_numpy()
    left = np.ones(len(sized), dtype=bool)
    for kept, name, severity in (
        (identified, "link without an id", "warning"),
        (apart, "self-loop", "info"),
        (sized, "link size not positive", "info"),
    ):
        lost = left & ~kept
        if rows := int(lost.sum()):
            usd = _usd(week.link_usd[lost])
            found.append(finding(severity, name, place="links", rows=rows, usd=usd, action="dropped"))
            left = kept
    flows = _summed(week.creditor, week.debtor, week.link_usd, sized, len(week.ids))
    if parallel := int(sized.sum()) - len(flows.usd):
        found.append(finding("warning", "parallel links", place="links", rows=parallel, action="summed"))
    return flows


def _usd(amounts: Floats) -> float:
    return total(pl.Series(amounts[np.isfinite(amounts)]))


def _sizes(week: PublishedNumbers, flows: _Rows, found: list[Finding]) -> tuple[Marks, Floats]:
    """Return (ids,) which are nodes, every end of a link among them, and their sizes: not below 0, summed."""
    named = week.node >= 0
    size = week.node_usd[named]
    fine = np.isfinite(size) & (size >= 0)
    first, (sums,) = sums_by_key(week.node[named], (np.where(fine, size, 0.0),))
    listed, sizes = np.zeros(len(week.ids), dtype=bool), np.zeros(len(week.ids))
    at = week.node[named][first]
    listed[at], sizes[at] = True, sums
    ends = np.zeros(len(week.ids), dtype=bool)
    ends[flows.one] = ends[flows.other] = True
    usd = _usd(week.node_usd[~named])
    for rows, severity, name, action, lost_usd in (
        (int((~named).sum()), "warning", "node without an id", "dropped", usd),
        (int((~fine).sum()), "warning", "node size negative or missing", "taken as 0", _usd(size[~fine])),
        (len(size) - len(first), "warning", "node listed twice", "sizes summed", None),
        (int((ends & ~listed).sum()), "info", "node only in links", "added, size 0", None),
        (int(listed[_bucket_places(week)].sum()), "info", "bucket node", "kept in the flow basis only", None),
    ):
        if rows:
            found.append(finding(severity, name, place="nodes", rows=rows, usd=lost_usd, action=action))
    return listed | ends, sizes


def _bucket_places(week: PublishedNumbers) -> Indices:
    return np.flatnonzero(week.ids.is_in(BUCKETS).to_numpy())


def _nodes(week: PublishedNumbers, listed: Marks, sizes: Floats, ends: Marks) -> pl.DataFrame:
    """Return published sizes for both bases; a node of size 0 without exposures is no part of the holdings basis."""
    stock = listed & (sizes > 0)
    stock[_bucket_places(week)] = False
    parts = []
    for basis, among, usd in (("holdings", stock | ends, np.where(stock, sizes, 0.0)), ("flow", listed, sizes)):
        rows = np.flatnonzero(among)
        table = pl.DataFrame({"protocol": week.ids.gather(rows), "tvl_usd": usd[rows]})
        parts.append(table.select(pl.lit(basis).alias("basis"), "protocol", "tvl_usd"))
    return pl.concat(parts).cast(NODES)


def _lost(week: PublishedNumbers, rows: pl.DataFrame, found: list[Finding]) -> Indices:
    """Return (compositions of nodes,) why a row cannot be a holding, as a place among the fates; _HELD: it can."""
    why = rows.select(unusable()).to_series()
    amount = [(why == reason).fill_null(value=False).to_numpy() for reason in (NO_AMOUNT, NON_POSITIVE)]
    reasons = [week.holder < 0, week.held < 0, *amount]
    lost = np.select(reasons, [_NO_HOLDER, _NO_ISSUER, _NO_AMOUNT, _NON_POSITIVE], default=_HELD)
    for reason, name in (
        (_NO_HOLDER, "holder without an id"), (_NO_ISSUER, "token without a name"),
        (_NO_AMOUNT, "value not a number"), (_NON_POSITIVE, "value not positive"),
    ):  # fmt: skip
        if count := int((lost == reason).sum()):
            usd = _usd(week.held_usd[lost == reason])
            severity = "warning" if reason != _NON_POSITIVE or usd < 0 else "info"
            found.append(
                finding(severity, name, place="node compositions", rows=count, usd=usd, action="dropped")
            )  # fmt: skip
    return lost


def _buckets(week: PublishedNumbers, issuers: LinkIssuers) -> Marks:
    """Return (tokens,) which are in a bucket: by their issuer, or by name where nobody issues them."""
    bucket = np.isin(issuers.issuer, _bucket_places(week))
    unknown = np.flatnonzero(issuers.issuer == NOBODY)
    names = pl.DataFrame({"token": week.tokens.gather(unknown)})
    bucket[unknown] = names.select(bucket_of("token").is_not_null()).to_series().to_numpy()
    return bucket


def _fates(week: PublishedNumbers, lost: Indices, issuers: LinkIssuers, bucket: Marks) -> Indices:
    """Return (compositions of nodes,) the fate of each as a place among the fates."""
    nobody = issuers.issuer == NOBODY
    token = np.select(
        [nobody & issuers.by_person, bucket, nobody & issuers.carried, nobody],
        [_NO_ISSUER, _BUCKET, _AMBIGUOUS, _NO_ISSUER],
        default=len(_LOST) + issuers.method,
    )
    fate, rows = lost.copy(), np.flatnonzero(lost == _HELD)
    fate[rows] = token[week.held[rows]]
    itself = (fate[rows] >= len(_LOST)) & (issuers.issuer[week.held[rows]] == week.holder[rows])
    fate[rows[itself]] = _ITSELF
    return fate


def _exposures(
    held: _Rows, week: PublishedNumbers, issuers: LinkIssuers, bucket: Marks
) -> tuple[pl.DataFrame, pl.DataFrame, Marks]:
    """Return the exposures per token and per pair, and (ids,) who is an end of one."""
    debtor = np.where(bucket, NOBODY, issuers.issuer)[held.other]
    rows = np.flatnonzero((debtor != NOBODY) & (debtor != held.one))
    pair = held.one[rows] * len(week.ids) + debtor[rows]
    order, (usd,) = sums_by_key(pair * len(week.tokens) + held.other[rows], (held.usd[rows],))
    rows, pair = rows[order], pair[order]
    by_token = pl.DataFrame({
        "creditor": week.ids.gather(held.one[rows]),
        "debtor": week.ids.gather(debtor[rows]),
        "token": week.tokens.gather(held.other[rows]),
        "exposure_usd": usd,
    }, schema=EXPOSURE_TOKENS)  # fmt: skip
    starts = run_starts(pair)
    whole = np.add.reduceat(usd, starts) if len(starts) else usd
    exposures = by_token.select("creditor", "debtor").select(pl.all().gather(starts)).with_columns(exposure_usd=whole)
    ends = np.zeros(len(week.ids), dtype=bool)
    ends[held.one[rows]] = ends[debtor[rows]] = True
    return by_token, exposures.cast(EXPOSURES), ends


def _holdings(held: _Rows, week: PublishedNumbers) -> pl.DataFrame:
    table = pl.DataFrame(
        {"protocol": week.ids.gather(held.one), "token": week.tokens.gather(held.other), "value_usd": held.usd}
    )
    unknown, counts = pl.lit(None, pl.Float64), pl.lit(value=True)
    return table.with_columns(chain=pl.lit(""), quantity=unknown, counts=counts).select(list(HELD)).cast(HELD)


def _flow_table(flows: _Rows, week: PublishedNumbers) -> pl.DataFrame:
    split = pl.lit(None, pl.Float64)
    table = pl.DataFrame(
        {"creditor": week.ids.gather(flows.one), "debtor": week.ids.gather(flows.other), "flow_usd": flows.usd}
    )
    return table.with_columns(price_usd=split, quantity_usd=split).cast(FLOWS)


def _issuers(week: PublishedNumbers, issuers: LinkIssuers, bucket: Marks) -> pl.DataFrame:
    """Return token, issuer (null: bucket or not known), method, score (0: not known) of the tokens that occur."""
    rows = np.flatnonzero(issuers.occurs)
    bucket = (bucket & ~issuers.by_person)[rows]
    issuer = np.where(bucket, NOBODY, issuers.issuer[rows])
    ids = week.ids.extend_constant(None, 1)
    return pl.DataFrame({
        "token": week.tokens.gather(rows),
        "issuer": ids.gather(np.where(issuer == NOBODY, len(week.ids), issuer)),
        "method": pl.Series([*METHODS, "bucket"]).gather(np.where(bucket, len(METHODS), issuers.method[rows])),
        "score": np.where(bucket, 1.0, issuers.score[rows]),
    }, schema=ISSUERS)  # fmt: skip
