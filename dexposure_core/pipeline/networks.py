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
        by: column that tells the parts apart.
    """
    labels = _labels(rows, names)
    ids = pl.DataFrame({"protocol": pl.Series(labels.protocol.tolist(), dtype=pl.String)})
    code = ids.with_columns(row=pl.int_range(pl.len(), dtype=pl.Int64))
    coded = rows.join(code, on="protocol").join(
        code.rename({"protocol": "issuer", "row": "to"}), on="issuer", how="left"
    )
    sizes = coded.group_by(by, "row").agg(pl.sum("value_usd")).sort(by, "row")
    links = coded.filter(pl.col("to").is_not_null(), pl.col("to") != pl.col("row"))
    links = links.group_by(by, "row", "to").agg(pl.sum("value_usd")).sort(by, "row", "to")
    edges = links.partition_by(by, as_dict=True)
    for key, nodes in sizes.partition_by(by, as_dict=True).items():
        yield key, _part(nodes, edges.get(key, links.clear()), labels)


def _labels(rows: pl.DataFrame, names: pl.DataFrame) -> Labels:
    ends = pl.concat([rows["protocol"].unique(), rows["issuer"].drop_nulls().unique()]).unique().sort()
    known = pl.DataFrame({"protocol": ends}).join(names, on="protocol", how="left", maintain_order="left")
    unknown = pl.lit(UNKNOWN_SECTOR)
    filled = known.select(
        "protocol", pl.coalesce("name", "protocol").alias("name"), pl.coalesce("sector", unknown).alias("sector"),
        pl.coalesce("category", "sector", unknown).alias("category"),
    )  # fmt: skip
    return Labels(**{name: filled[name].to_numpy().astype(object) for name in filled.columns})


def _part(sizes: pl.DataFrame, links: pl.DataFrame, labels: Labels) -> Part:
    holders, creditor, debtor = sizes["row"].to_numpy(), links["row"].to_numpy(), links["to"].to_numpy()
    codes = np.unique(np.concatenate([holders, debtor]))
    tvl = np.zeros(len(codes))
    tvl[np.searchsorted(codes, holders)] = sizes["value_usd"].to_numpy()
    return Part(
        labels=labels, codes=codes, tvl_usd=tvl, creditor=np.searchsorted(codes, creditor),
        debtor=np.searchsorted(codes, debtor), exposure_usd=links["value_usd"].to_numpy(),
    )  # fmt: skip
