"""Holdings networks of many dates, or of many chains of one date, from one join and one group-by.

The same sums as `network.build` makes for one date (E_pq = Σ of p's holdings of tokens issued by q, p ≠ q; TVL = Σ of
p's holdings), without its books and flows; use that where a single network is wanted to the last digit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from dexposure_core.network.snapshot import UNKNOWN_SECTOR, Floats, Indices, Snapshot

Texts = npt.NDArray[np.object_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """(P,) what protocols are called, by row; ids ascending."""

    protocol: Texts
    name: Texts
    sector: Texts
    category: Texts


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """The network of one part of the rows.

    Attributes:
        labels: of all protocols of all parts.
        codes: (N,) rows of `labels` that are in this network, ascending.
        tvl_usd: (N,) USD.
        creditor, debtor: (E,) rows of `codes`.
        exposure_usd: (E,) USD.
    """

    labels: Labels
    codes: Indices
    tvl_usd: Floats
    creditor: Indices
    debtor: Indices
    exposure_usd: Floats

    def on(self, date: dt.date) -> Snapshot:
        """Return it as the snapshot of a date."""
        names = self.labels
        return Snapshot(
            date=date, basis="holdings", protocols=names.protocol[self.codes], names=names.name[self.codes],
            sectors=names.sector[self.codes], categories=names.category[self.codes], tvl_usd=self.tvl_usd,
            creditor=self.creditor, debtor=self.debtor, exposure_usd=self.exposure_usd,
        )  # fmt: skip


def split_networks(rows: pl.DataFrame, names: pl.DataFrame, by: str) -> Iterator[tuple[tuple[Any, ...], Part]]:
    """Yield the value of `by` and the network of each part of the rows, ascending.

    Args:
        rows: `by`, protocol, issuer (null: none), value_usd > 0; one row a holding.
        names: protocol, name, category, sector; ids it lacks are named by themselves.
        by: column that tells the parts apart; no nulls.
    """
    labels = _labels(rows, names)
    ids = pl.DataFrame({"protocol": pl.Series(labels.protocol.tolist(), dtype=pl.String)})
    code = ids.with_columns(row=pl.int_range(pl.len(), dtype=pl.Int64))
    parts = rows.select(pl.col(by).unique().sort()).with_columns(part=pl.int_range(pl.len(), dtype=pl.Int64))
    # one number a node and one an exposure: polars sorts by one column of numbers five times as fast as by three
    node, link = pl.col("part") * len(ids) + pl.col("row"), pl.col("node") * len(ids) + pl.col("to")
    coded = (
        rows.join(parts, on=by)
        .join(code, on="protocol")
        .join(code.rename({"protocol": "issuer", "row": "to"}), on="issuer", how="left")
        .select("row", "to", "value_usd", node=node)
    )
    linked = coded.filter(pl.col("to").is_not_null(), pl.col("to") != pl.col("row"))
    nodes = _Sums.of(coded, pl.col("node"))
    links = _Sums.of(linked, link)
    for part, key in enumerate(parts[by]):
        yield (key,), _part(nodes.between(part, len(ids)), links.between(part, len(ids) ** 2), labels)


def _labels(rows: pl.DataFrame, names: pl.DataFrame) -> Labels:
    ends = pl.concat([rows["protocol"].unique(), rows["issuer"].drop_nulls().unique()]).unique().sort()
    known = pl.DataFrame({"protocol": ends}).join(names, on="protocol", how="left", maintain_order="left")
    unknown = pl.lit(UNKNOWN_SECTOR)
    filled = known.select(
        "protocol", pl.coalesce("name", "protocol").alias("name"), pl.coalesce("sector", unknown).alias("sector"),
        pl.coalesce("category", "sector", unknown).alias("category"),
    )  # fmt: skip
    return Labels(**{name: filled[name].to_numpy().astype(object) for name in filled.columns})


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sums:
    """USD by number, ascending; every part has as many numbers of its own."""

    numbers: Indices
    usd: Floats

    @classmethod
    def of(cls, rows: pl.DataFrame, number: pl.Expr) -> _Sums:
        sums = rows.group_by(number.alias("number")).agg(pl.sum("value_usd")).sort("number")
        return cls(numbers=sums["number"].to_numpy(), usd=sums["value_usd"].to_numpy())

    def between(self, part: int, many: int) -> _Sums:
        """Return those of a part, numbered from 0."""
        first, end = np.searchsorted(self.numbers, [part * many, (part + 1) * many])
        return _Sums(numbers=self.numbers[first:end] - part * many, usd=self.usd[first:end])


def _part(sizes: _Sums, links: _Sums, labels: Labels) -> Part:
    creditor, debtor = np.divmod(links.numbers, max(1, len(labels.protocol)))
    codes = np.unique(np.concatenate([sizes.numbers, debtor]))
    tvl = np.zeros(len(codes))
    tvl[np.searchsorted(codes, sizes.numbers)] = sizes.usd
    return Part(
        labels=labels, codes=codes, tvl_usd=tvl, creditor=np.searchsorted(codes, creditor),
        debtor=np.searchsorted(codes, debtor), exposure_usd=links.usd,
    )  # fmt: skip
