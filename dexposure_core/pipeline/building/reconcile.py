"""Where every dollar of the input went: USD in = USD mapped + USD dropped, in whole cents, for a date or for all."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import polars as pl

from dexposure_core.store import Store

SIDES: Final = ("in", "mapped", "dropped")


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """The coverage of a date or of all dates.

    Args:
        rows: side, reason, rows, usd_cents, share (of what came in); in, mapped, dropped, each largest first.
        in_cents: what came in, hundredths of a USD.
        mapped_cents: what was given an issuer and became exposure.
        dropped_cents: what was not, with its reason in `rows`.
    """

    rows: pl.DataFrame
    in_cents: int
    mapped_cents: int
    dropped_cents: int

    @property
    def difference_cents(self) -> int:
        """What is missing: 0 when the books balance."""
        return self.in_cents - self.mapped_cents - self.dropped_cents

    @property
    def mapped_share(self) -> float:
        """Share of the USD that came in that was mapped; NaN when nothing came in."""
        return self.mapped_cents / self.in_cents if self.in_cents else float("nan")


def reconciliation(store: Store, date: dt.date | None = None) -> Reconciliation:
    """Return the coverage of a date, or of all dates together."""
    table = store.coverage()
    chosen = table if date is None else table.filter(pl.col("date") == date)
    summed = chosen.group_by("side", "reason").agg(pl.sum("rows"), pl.sum("usd_cents"))
    order = pl.col("side").replace_strict({side: i for i, side in enumerate(SIDES)}, default=len(SIDES))
    ordered = summed.sort(order, "usd_cents", "reason", descending=[False, True, False])
    total = {side: int(ordered.filter(pl.col("side") == side)["usd_cents"].sum()) for side in SIDES}
    whole = pl.lit(float(total["in"]) or None, dtype=pl.Float64)
    return Reconciliation(
        rows=ordered.with_columns((pl.col("usd_cents") / whole).alias("share")),
        in_cents=total["in"],
        mapped_cents=total["mapped"],
        dropped_cents=total["dropped"],
    )


def coverage_history(store: Store) -> pl.DataFrame:
    """Return date, side, reason, share: how the USD that came in was used on every date, without the totals."""
    table = store.coverage()
    came = table.filter(pl.col("side") == "in").group_by("date").agg(pl.sum("usd_cents").alias("all"))
    used = table.filter(pl.col("side") != "in").group_by("date", "side", "reason").agg(pl.sum("usd_cents"))
    joined = used.join(came, on="date").filter(pl.col("all") > 0)
    return joined.select("date", "side", "reason", share=pl.col("usd_cents") / pl.col("all")).sort(
        "date", "side", "reason"
    )
