"""Why a number of one date is another in a newer vintage: mapping, prices, quantities, entries and exits of holdings.

The same parts as of a change over time (`store.changes`), with the two vintages' words on one date as its two sides.
Exposures and TVL are sums over holdings, so their parts are exact row by row. A measure that is no sum (an HHI, a
stress loss) is taken along a path from the older network to the newer, one cause at a time, in the order of `STEPS`:

    part_k = f(network after step k) − f(network after step k − 1)

so the parts sum to its revision exactly; for sums they are those of the rows, for other measures another order would
give other parts. What the steps leave is `other`: protocols classified anew, another version of the product, and what
the holdings do not make (exposures given without tokens, published sizes).
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from typing import Final

import polars as pl

from dexposure_core.measures import measure_all
from dexposure_core.network.snapshot import Snapshot
from dexposure_core.pipeline.chains.networks import split_networks
from dexposure_core.pipeline.changes import PARTS, split_by_cause
from dexposure_core.store import Store
from dexposure_core.stress import standard_losses

STEPS: Final = ("mapping", "price", "quantity", "unsplit", "entry", "exit")
"""Causes in the order in which they are let in; unsplit: price and quantity together where a quantity is missing."""

CAUSES: Final = (*STEPS, "other")
_HOLDING: Final = ("protocol", "chain", "token")


def tvl_causes(before: Store, after: Store, date: dt.date) -> pl.DataFrame:
    """Return protocol and PARTS of the revision of its TVL; mapping is 0, TVL does not depend on it."""
    return split_by_cause(before.holdings(date), after.holdings(date)).select("protocol", *PARTS)


def measure_causes(before: Store, after: Store, date: dt.date, moved: pl.DataFrame) -> pl.DataFrame:
    """Return a table of revised measures with the parts of each change.

    Args:
        before: the older vintage.
        after: the newer one.
        date: a snapshot date of both.
        moved: basis, measure, before, after, change.

    Returns:
        The table with `CAUSES`, in the measure's unit; null on the flow basis, which two dates make, and where the
        measure is not defined on either side or at a step.
    """
    known = moved.filter(pl.col("basis") == "holdings")
    empty = pl.DataFrame(schema={"basis": pl.String, "measure": pl.String, **dict.fromkeys(CAUSES, pl.Float64)})
    if known.is_empty():
        return moved.join(empty, on=["basis", "measure"], how="left")
    values = [measured(network) for network in path(before, after, date)]
    rows = []
    for name, change in known.select("measure", "change").iter_rows():
        course = [each.get(name, math.nan) for each in values]
        parts = [b - a for a, b in itertools.pairwise(course)]
        whole = math.nan if change is None else change
        rows.append(("holdings", name, *parts, whole - sum(parts)))
    found = pl.DataFrame(rows, schema=empty.schema, orient="row").with_columns(pl.col(CAUSES).fill_nan(None))
    return moved.join(found, on=["basis", "measure"], how="left", maintain_order="left")


def path(before: Store, after: Store, date: dt.date) -> list[Snapshot]:
    """Return the networks from the older vintage's holdings to the newer's: the older first, then after each step."""
    sides = _sided(before, after, date)
    names = before.protocols().select("protocol", "name", "category", "sector")
    more = after.protocols().select(names.columns).join(names, on="protocol", how="anti")
    steps = pl.concat([
        sides.select(pl.lit(step).alias("step"), "protocol", issuer=issuer, value_usd=value)
        for step, (issuer, value) in enumerate(_steps())
    ]).filter(pl.col("value_usd") > 0)  # fmt: skip
    found = {int(key[0]): part.on(date) for key, part in split_networks(steps, pl.concat([names, more]), "step")}
    nothing = Snapshot(date=date, basis="holdings", protocols=[], names=[], sectors=[], tvl_usd=[], creditor=[],
                       debtor=[], exposure_usd=[])  # fmt: skip
    return [found.get(step, nothing) for step in range(len(STEPS) + 1)]


def measured(network: Snapshot) -> dict[str, float]:
    """Return every measure and standard stress loss of a network by the names of the measures table."""
    return measure_all(network) | standard_losses(network)


def _steps() -> list[tuple[pl.Expr, pl.Expr]]:
    """Return issuer and value of every holding at each step, the older side first."""
    stays = pl.col("v0").is_not_null() & pl.col("v1").is_not_null()
    old, new, kept = pl.col("v0"), pl.col("v1"), pl.col("kept")
    split = stays & kept.is_not_null()
    remapped = pl.when(pl.col("v1").is_not_null()).then("issuer_1").otherwise("issuer")
    return [
        (pl.col("issuer"), old),
        (remapped, old),
        (remapped, pl.when(split).then(kept).otherwise(old)),
        (remapped, pl.when(split).then(new).otherwise(old)),
        (remapped, pl.when(stays).then(new).otherwise(old)),
        (remapped, pl.coalesce(new, old)),
        (remapped, new),
    ]


def _sided(before: Store, after: Store, date: dt.date) -> pl.DataFrame:
    """Return protocol, chain, token, issuer, issuer_1, v0, v1, kept (the old quantity at the new price, null)."""
    old, new = (_mapped(store, date) for store in (before, after))
    both = old.join(new, on=list(_HOLDING), how="full", coalesce=True, suffix="_1")
    q0, q1, v1 = pl.col("quantity"), pl.col("quantity_1"), pl.col("value_usd_1")
    kept = pl.when((q0 > 0) & (q1 > 0)).then(v1 / q1 * q0)
    return both.select(*_HOLDING, "issuer", "issuer_1", v0="value_usd", v1="value_usd_1", kept=kept)


def _mapped(store: Store, date: dt.date) -> pl.DataFrame:
    """Return the holdings of a date with the issuer that the date itself says (published data: week by week)."""
    issuers = store.rows_on("exposure_tokens", date).select("token", issuer="debtor").unique("token")
    return store.holdings(date).drop("issuer").join(issuers, on="token", how="left")
