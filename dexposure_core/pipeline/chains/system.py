"""Which chains carry the system, and what ties them together.

A holding lies on one chain, so balances and exposures of the holdings basis split by chain without a rest: sums over
chains are the system's own totals. Where a debtor is at home is no such fact. Here a debtor is where its own assets
are: its exposure on chain c is spread over the chains k in proportion to its TVL there on that date,

    M_ck = Σ_q E_q(c) · TVL_q(k) / TVL_q,      E_q(c) = Σ_p v of q's tokens held on c by others

and a debtor without assets of its own (most coins and reserve-backed stablecoins) has no home: its exposures stand in
a column of their own.
"""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from dexposure_core.measures import hhi, top_share
from dexposure_core.network.chains import NOT_STATED
from dexposure_core.network.snapshot import Floats, Snapshot
from dexposure_core.pipeline.chains import sizes as chain_sizes
from dexposure_core.pipeline.chains.networks import split_networks
from dexposure_core.store import Store
from dexposure_core.stress import find_scenario, run

NO_HOME: Final = "No assets of its own"
OTHERS: Final = "Other chains"
BRIDGES: Final = "bridges"  # the scenario
RULE: Final = "linear-debtrank"
USD: Final = pl.col("value_usd").alias("exposure_usd")
_ROW: Final = {
    "chain": pl.String, "tvl_usd": pl.Float64, "protocols": pl.Int64, "exposures": pl.Int64,
    "exposure_usd": pl.Float64, "tvl_hhi": pl.Float64, "debtor_hhi": pl.Float64, "bridge_loss_usd": pl.Float64,
    "bridge_loss_share": pl.Float64,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """Exposure by chain (row) and something else (column).

    Attributes:
        rows: (R,) chains on which tokens are held, largest first; the last may be `OTHERS`.
        columns: (C,) what the row is split by.
        cells: (R, C) USD.
        total: USD, the sum of all cells and the system's total exposure.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Floats
    total: float

    def table(self) -> pl.DataFrame:
        """Return it as a table with totals: chain, one column each, total_usd; the last row is the total."""
        cells = np.vstack([self.cells, self.cells.sum(axis=0)])
        columns = {f"{name}_usd": cells[:, i] for i, name in enumerate(self.columns)}
        return pl.DataFrame({"held on": [*self.rows, "Total"], **columns, "total_usd": cells.sum(axis=1)})


def concentration(store: Store) -> pl.DataFrame:
    """Return date, chains, tvl_usd, hhi, top1_share, top5_share, borrowed_usd: how TVL is spread over chains.

    HHI and shares are over the TVL of chains that count; borrowed_usd is what lies on the others. NaN: not defined.
    """
    rows = []
    for (date,), day in chain_sizes.sizes(store).sort("date").group_by("date", maintain_order=True):
        tvl = day.filter("counts")["tvl_usd"].to_numpy()
        borrowed = float(day.filter(~pl.col("counts"))["tvl_usd"].sum())
        rows.append((date, len(tvl), float(tvl.sum()), hhi(tvl), top_share(tvl, 1), top_share(tvl, 5), borrowed))
    names = ("tvl_usd", "hhi", "top1_share", "top5_share", "borrowed_usd")
    schema = pl.Schema({"date": pl.Date(), "chains": pl.Int64()}) | dict.fromkeys(names, pl.Float64())
    return pl.DataFrame(rows, schema=schema, orient="row")


def shares(store: Store, date: dt.date, count: int = 5) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return date and a column of TVL shares for each of the `count` largest chains of `date` and for the others.

    The second part names the columns: the chains, largest first, then `OTHERS` where there are more.
    """
    sizes = chain_sizes.sizes(store).filter("counts").with_columns(chain=named("chain"))
    today = sizes.filter(pl.col("date") == date).sort(["tvl_usd", "chain"], descending=[True, False])
    first = tuple(today["chain"].head(count))
    label = pl.when(pl.col("chain").is_in(first)).then("chain").otherwise(pl.lit(OTHERS))
    sums = sizes.group_by("date", label.alias("chain")).agg(pl.sum("tvl_usd"))
    whole = pl.col("tvl_usd").sum().over("date")
    wide = sums.with_columns(share=pl.when(whole > 0).then(pl.col("tvl_usd") / whole)).pivot(
        "chain", index="date", values="share"
    )
    columns = tuple(name for name in (*first, OTHERS) if name in wide.columns)
    return wide.select("date", pl.col(columns).fill_null(0.0)).sort("date"), columns


@functools.lru_cache(maxsize=2)
def balances(store: Store, date: dt.date) -> pl.DataFrame:
    """Return chain, protocol, issuer, token, value_usd: what counts on a date; kept for what is asked next.

    Raises:
        UnknownDate: no snapshot on that date.
    """
    return store.holdings(date).select(named("chain"), "protocol", "issuer", "token", "value_usd")


def held(store: Store, date: dt.date) -> pl.DataFrame:
    """Return chain, creditor, debtor, token, exposure_usd: every exposure of a date, split by chain.

    Raises:
        UnknownDate: no snapshot on that date.
    """
    rows = balances(store, date).filter(pl.col("issuer") != pl.col("protocol"))
    return rows.select("chain", pl.col("protocol").alias("creditor"), pl.col("issuer").alias("debtor"), "token", USD)


def chain_matrix(store: Store, date: dt.date, limit: int = 12) -> Grid:
    """Return exposure by the chain where a token is held and the chain where its issuer's own assets are.

    Args:
        store: a vintage.
        date: a snapshot date.
        limit: chains shown by name, the largest by exposure held there; the rest are `OTHERS`.
    """
    owed = held(store, date).group_by("chain", "debtor").agg(pl.sum("exposure_usd"))
    size = pl.col("value_usd")
    homes = balances(store, date).group_by("protocol", pl.col("chain").alias("home")).agg(pl.sum("value_usd"))
    homes = homes.with_columns(weight=size / size.sum().over("protocol")).select("protocol", "home", "weight")
    spread = owed.join(homes, left_on="debtor", right_on="protocol", how="left").select(
        "chain", pl.col("home").fill_null(NO_HOME), usd=pl.col("exposure_usd") * pl.col("weight").fill_null(1.0)
    )
    cells = spread.group_by("chain", "home").agg(pl.sum("usd"))
    largest = _largest(cells, limit)
    return _grid(cells, "home", largest, largest, last=NO_HOME)


def sector_matrix(store: Store, date: dt.date, limit: int = 12) -> Grid:
    """Return exposure by the chain where a token is held and the sector of its issuer."""
    sectors = store.protocols().select("protocol", "sector")
    cells = (
        held(store, date)
        .join(sectors, left_on="debtor", right_on="protocol", how="left")
        .group_by("chain", pl.col("sector").fill_null("Unknown"))
        .agg(usd=pl.sum("exposure_usd"))
    )
    columns = cells.group_by("sector").agg(pl.sum("usd")).sort(["usd", "sector"], descending=[True, False])["sector"]
    return _grid(cells, "sector", _largest(cells, limit), tuple(columns))


def table(store: Store, date: dt.date) -> pl.DataFrame:
    """Return every chain that counts on a date, the one with most USD first.

    Columns: chain, tvl_usd, share, change_usd (since the snapshot before; null on the first), protocols, exposures
    (pairs), exposure_usd, tvl_hhi, debtor_hhi, bridge_loss_usd and bridge_loss_share (all bridges fail, linear
    DebtRank within the chain's own network; share of its TVL), borrowed_usd (on the chain of that name and "borrowed").
    """
    rows = balances(store, date).drop("token")
    found = [
        _chain_row(str(chain), part.on(date)) for (chain,), part in split_networks(rows, store.protocols(), "chain")
    ]
    made = pl.DataFrame(found, orient="row", schema=_ROW)
    dates = store.dates()
    sizes = chain_sizes.sizes(store).with_columns(chain=named("chain"))
    place = dates.index(date)
    before = sizes.filter("counts", pl.col("date") == (dates[place - 1] if place else dt.date.min))
    made = made.join(before.select("chain", before="tvl_usd"), on="chain", how="left").join(
        _borrowed(sizes.filter(pl.col("date") == date)), on="chain", how="left"
    )
    size, change = pl.col("tvl_usd"), pl.col("tvl_usd") - pl.col("before").fill_null(0.0)
    return made.select(
        "chain", "tvl_usd", (size / size.sum()).alias("share"),
        (change if place else pl.lit(None, pl.Float64)).alias("change_usd"), pl.col(list(_ROW)[2:]),
        pl.col("borrowed_usd").fill_null(0.0),
    ).sort(["tvl_usd", "chain"], descending=[True, False])  # fmt: skip


def _chain_row(chain: str, snapshot: Snapshot) -> tuple[object, ...]:
    failure = run(snapshot, find_scenario(BRIDGES), RULE)
    owed = np.bincount(snapshot.debtor, snapshot.exposure_usd, len(snapshot.protocols))
    return (
        chain, float(snapshot.tvl_usd.sum()), int((snapshot.tvl_usd > 0).sum()), len(snapshot.exposure_usd),
        float(snapshot.exposure_usd.sum()), hhi(snapshot.tvl_usd), hhi(owed), failure.total_loss_usd,
        failure.loss_fraction,
    )  # fmt: skip


def _borrowed(today: pl.DataFrame) -> pl.DataFrame:
    """Return chain, borrowed_usd: what chains named "<chain>…borrowed" hold, by the chain they belong to."""
    own = pl.col("chain").str.replace("(?i)[ _-]*borrowed", "")
    return today.filter(~pl.col("counts")).group_by(own.alias("chain")).agg(borrowed_usd=pl.sum("tvl_usd"))


def _largest(cells: pl.DataFrame, limit: int) -> tuple[str, ...]:
    sums = cells.group_by("chain").agg(pl.sum("usd")).sort(["usd", "chain"], descending=[True, False])
    return tuple(sums["chain"].head(limit))


def _grid(cells: pl.DataFrame, by: str, rows: tuple[str, ...], columns: tuple[str, ...], last: str = "") -> Grid:
    """Return cells (chain, `by`, usd) as a grid; what has no row or column of its own goes to `OTHERS`."""
    fixed = [*columns, last] if last else list(columns)
    folded = cells.with_columns(
        chain=pl.when(pl.col("chain").is_in(rows)).then("chain").otherwise(pl.lit(OTHERS)),
        other=pl.when(pl.col(by).is_in(fixed)).then(by).otherwise(pl.lit(OTHERS)),
    )
    present = set(folded["chain"]), set(folded["other"])
    down = tuple(name for name in (*rows, OTHERS) if name in present[0])
    across = tuple(name for name in (*columns, OTHERS, *([last] if last else [])) if name in present[1])
    values = np.zeros((len(down), len(across)))
    for chain, other, usd in folded.group_by("chain", "other").agg(pl.sum("usd")).iter_rows():
        values[down.index(chain), across.index(other)] = usd
    return Grid(rows=down, columns=across, cells=values, total=float(values.sum()))


def named(column: str) -> pl.Expr:
    """Return a column of chains as they are called on screen."""
    return pl.col(column).replace("", NOT_STATED).alias(column)
