"""How a shock spread: by round, sector, protocol and exposure; who can hurt whom; what capacity has to do with it.

What a creditor loses through one exposure in a round is transfer × what the debtor passed on; where the creditor had
less left to lose than that, its exposures share what it did lose in proportion. So the transmission adds up to the
induced loss, exposure by exposure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from dexposure_core.network import Snapshot
from dexposure_core.stress import Contagion, Scenario, Shock, run

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

CAPACITIES: Final = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
_NOTHING: Final = 1e-9  # share of capacity below which a protocol counts as untouched


def by_round(result: Contagion) -> pl.DataFrame:
    """Return round, loss_usd, protocols (that lost anything in it), cumulative_usd; round 0 is the shock."""
    lost = result.loss_by_round_usd
    usd = lost.sum(axis=1)
    floor = _NOTHING * np.maximum(result.absorbing_usd, 1e-300)
    return pl.DataFrame(
        {
            "round": np.arange(len(usd)),
            "loss_usd": usd,
            "protocols": (lost > floor).sum(axis=1),
            "cumulative_usd": usd.cumsum(),
        }
    )


def first_round(result: Contagion) -> Indices:
    """Return (N,) the round in which each protocol first lost something or was struck, −1 for the untouched."""
    touched = result.distress > _NOTHING
    return np.where(touched.any(axis=0), touched.argmax(axis=0), -1)


def by_sector(snapshot: Snapshot, result: Contagion) -> pl.DataFrame:
    """Return sector, direct_usd, induced_usd, total_usd, loss_fraction (of the sector's TVL); largest loss first."""
    frame = pl.DataFrame(
        {
            "sector": pl.Series(snapshot.sectors, dtype=pl.String),
            "direct_usd": result.direct_usd,
            "induced_usd": result.induced_usd,
            "total_usd": result.total_usd,
            "tvl_usd": snapshot.tvl_usd,
        }
    )
    sums = frame.group_by("sector").agg(pl.all().sum()).sort(["total_usd", "sector"], descending=[True, False])
    return sums.with_columns(_of("total_usd", "tvl_usd").alias("loss_fraction")).drop("tvl_usd")


def by_protocol(snapshot: Snapshot, result: Contagion) -> pl.DataFrame:
    """Return protocol, name, sector, round, direct_usd, induced_usd, total_usd, distress of all that were touched.

    `round` is when it was first hit; `distress` the share of its capacity it has lost. Largest loss first.
    """
    rounds = first_round(result)
    hit = np.flatnonzero(rounds >= 0)
    hit = hit[np.argsort(-result.total_usd[hit], kind="stable")]
    return pl.DataFrame(
        {
            "protocol": pl.Series(snapshot.protocols[hit], dtype=pl.String),
            "name": pl.Series(snapshot.names[hit], dtype=pl.String),
            "sector": pl.Series(snapshot.sectors[hit], dtype=pl.String),
            "round": rounds[hit],
            "direct_usd": result.direct_usd[hit],
            "induced_usd": result.induced_usd[hit],
            "total_usd": result.total_usd[hit],
            "distress": result.distress[-1][hit],
        }
    )


def transmission(snapshot: Snapshot, result: Contagion, limit: int | None = None) -> pl.DataFrame:
    """Return debtor, debtor_name, creditor, creditor_name, round, loss_usd, exposure_usd: losses by the way they took.

    `round` is the first in which the exposure carried a loss. Sums to the induced loss. Largest first.
    """
    carried, rounds = _carried(snapshot, result)
    rows = np.flatnonzero(carried > 0)
    rows = rows[np.argsort(-carried[rows], kind="stable")][:limit]
    columns: dict[str, pl.Series] = {}
    for end, at in (("debtor", snapshot.debtor[rows]), ("creditor", snapshot.creditor[rows])):
        columns[end] = pl.Series(snapshot.protocols[at], dtype=pl.String)
        columns[f"{end}_name"] = pl.Series(snapshot.names[at], dtype=pl.String)
    return pl.DataFrame(
        columns
        | {
            "round": pl.Series(rounds[rows]),
            "loss_usd": pl.Series(carried[rows]),
            "exposure_usd": pl.Series(snapshot.exposure_usd[rows]),
        }
    )


def threats(
    snapshot: Snapshot, protocol: str, rule: str, *, limit: int = 12, pass_through: float = 1.0
) -> pl.DataFrame:
    """Return protocol, name, sector, exposure_usd, first_usd, total_usd, loss_fraction: who can hurt a protocol.

    Each of its `limit` largest debtors fails in turn and alone: what the protocol loses in the first round, and in all,
    as USD and as a share of its TVL (NaN when that is 0).

    Raises:
        UnknownProtocol: when it is not in the snapshot.
    """
    row = snapshot.row(protocol)
    owed = np.flatnonzero(snapshot.creditor == row)
    owed = owed[np.argsort(-snapshot.exposure_usd[owed], kind="stable")][:limit]
    debtors = snapshot.debtor[owed]
    first, total = np.zeros(len(owed)), np.zeros(len(owed))
    for i, debtor in enumerate(debtors):
        result = run(snapshot, {str(snapshot.protocols[debtor]): 1.0}, rule=rule, pass_through=pass_through)
        lost = result.loss_by_round_usd[:, row]
        first[i], total[i] = float(lost[:2].sum()), float(lost.sum())
    tvl = float(snapshot.tvl_usd[row])
    return pl.DataFrame(
        {
            "protocol": pl.Series(snapshot.protocols[debtors], dtype=pl.String),
            "name": pl.Series(snapshot.names[debtors], dtype=pl.String),
            "sector": pl.Series(snapshot.sectors[debtors], dtype=pl.String),
            "exposure_usd": pl.Series(snapshot.exposure_usd[owed], dtype=pl.Float64),
            "first_usd": first,
            "total_usd": total,
            "loss_fraction": total / tvl if tvl > 0 else np.full(len(owed), math.nan),
        }
    ).sort("total_usd", descending=True, maintain_order=True)


def sensitivity(
    snapshot: Snapshot, shock: Scenario | Shock, rules: Sequence[str], *, pass_through: float = 1.0,
    capacities: Sequence[float] = CAPACITIES,
) -> pl.DataFrame:  # fmt: skip
    """Return rule, capacity, direct_usd, induced_usd, total_usd, loss_fraction, converged for each rule and capacity.

    `capacity` is what absorbs losses, as a multiple of TVL.
    """
    rows = []
    for rule in rules:
        for capacity in capacities:
            result = run(snapshot, shock, rule, capacity * snapshot.tvl_usd, pass_through=pass_through)
            rows.append(
                {
                    "rule": rule, "capacity": float(capacity), "direct_usd": float(result.direct_usd.sum()),
                    "induced_usd": float(result.induced_usd.sum()), "total_usd": result.total_loss_usd,
                    "loss_fraction": result.loss_fraction, "converged": result.converged,
                }
            )  # fmt: skip
    return pl.DataFrame(rows)


def _carried(snapshot: Snapshot, result: Contagion) -> tuple[Floats, Indices]:
    """Return (E,) USD lost through each exposure over all rounds, and (E,) the first round it carried any (0: none)."""
    carried = np.zeros(len(snapshot.exposure_usd))
    rounds = np.zeros(len(carried), dtype=np.int64)
    lost = result.loss_by_round_usd
    for number in range(1, len(lost)):
        gross = result.transfer_usd * result.passing[number - 1][snapshot.debtor]
        due = np.bincount(snapshot.creditor, gross, minlength=len(snapshot.protocols))
        met = np.divide(lost[number], due, out=np.zeros_like(due), where=due > 0)
        now = gross * met[snapshot.creditor]
        rounds[(now > 0) & (carried == 0)] = number
        carried += now
    return carried, rounds


def _of(part: str, whole: str) -> pl.Expr:
    return pl.when(pl.col(whole) > 0).then(pl.col(part) / pl.col(whole))
