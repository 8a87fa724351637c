"""Outcomes of shocks without their paths: of many at once, and what a single protocol loses in them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dexposure_core.errors import BadOption
from dexposure_core.jobs import in_order
from dexposure_core.network.snapshot import Floats, Indices, Snapshot
from dexposure_core.settings import processors
from dexposure_core.stress.contagion import usd
from dexposure_core.stress.engine import Channel, absorbing_value, channel, final, spread, strike
from dexposure_core.stress.rules import Marks, find_rule

if TYPE_CHECKING:
    from scipy.sparse import sparray

COLUMNS = 32  # scenarios side by side: wide enough to use the matrix well, narrow enough to stay in the cache


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Outcomes of K scenarios under one rule, without their paths; arrays (K,), USD gross over holders."""

    rule: str
    direct_usd: Floats
    induced_usd: Floats
    total_usd: Floats
    loss_fraction: Floats  # of system TVL; NaN when that is 0
    converged: Marks


def run_many(
    snapshot: Snapshot,
    shocks: npt.ArrayLike | sparray,
    rule: str = "linear-debtrank",
    absorbing_usd: npt.ArrayLike | None = None,
    *,
    tokens_lose: npt.ArrayLike | None = None,
    **options: float,
) -> Losses:
    """Run K shocks, given as a (K, N) matrix of fractions (dense or scipy sparse), and return their losses.

    "Each protocol in turn" is `run_many(snapshot, scipy.sparse.eye_array(N), ...)`. The rest as of `run`.

    Raises:
        UnknownRule: when there is no such rule.
        BadOption: for an unknown option, a matrix that is not (K, N), or a fraction outside 0..1.
    """
    chosen = find_rule(rule)
    absorbing = absorbing_value(snapshot, absorbing_usd)
    net = channel(snapshot, chosen, absorbing, chosen.settings(options), tokens_lose=tokens_lose)
    matrix = _fractions(shocks, len(snapshot.protocols))
    batches = [partial(_batch, net, matrix[i : i + COLUMNS]) for i in range(0, matrix.shape[0], COLUMNS)]
    parts = list(in_order(batches, processors() if len(batches) > 1 else 1))
    direct, induced, converged = (np.concatenate(p) for p in zip(*parts, strict=True)) if parts else (np.empty(0),) * 3
    system, total = float(snapshot.tvl_usd.sum()), direct + induced
    return Losses(
        rule=rule,
        direct_usd=direct,
        induced_usd=induced,
        total_usd=total,
        loss_fraction=total / system if system > 0 else np.full(total.shape, math.nan),
        converged=converged.astype(bool),
    )


def harm(
    snapshot: Snapshot, protocol: str, failing: Indices, rule: str = "linear-debtrank", **options: float
) -> tuple[Floats, Floats]:
    """Return (K,) USD that a protocol loses in the first round, and in all, when each of K others fails whole, alone.

    The same as K times `run`, its TVL absorbing losses, but side by side and only among those whom losses reach.

    Args:
        snapshot: the network.
        protocol: whose losses.
        failing: (K,) rows of the protocols that fail, none of them its own.
        rule: name of one of `RULES`.
        **options: the rule's options, for example pass_through.

    Raises:
        UnknownRule, UnknownProtocol, BadOption: as of `run`.
    """
    row, chosen = snapshot.row(protocol), find_rule(rule)
    net = channel(snapshot, chosen, absorbing_value(snapshot, None), chosen.settings(options))
    fractions = np.zeros((len(snapshot.protocols), len(failing)))
    fractions[failing, np.arange(len(failing))] = 1.0
    start, passes = strike(net, fractions, np.zeros_like(fractions))
    first = spread(net, passes, start).distress[row] if net.options["max_rounds"] else start.distress[row]
    _, end, _ = final(net, fractions, np.zeros_like(fractions))
    absorbing = float(net.absorbing_usd[row])
    return first * absorbing, end.distress[row] * absorbing


def _fractions(shocks: npt.ArrayLike | sparray, count: int) -> Any:
    """Return the (K, N) matrix, sliceable by rows, every entry checked to lie in 0..1."""
    from scipy.sparse import csr_array, issparse

    matrix: Any = csr_array(shocks) if issparse(shocks) else np.asarray(shocks, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] != count:
        raise BadOption(f"shocks: expected a (K, {count}) matrix of fractions, got shape {matrix.shape}")
    values = matrix.data if issparse(matrix) else matrix
    if not ((values >= 0) & (values <= 1)).all():
        raise BadOption("shocks: every fraction must be a number from 0 to 1 (0.3 for 30 %)")
    return matrix


def _batch(net: Channel, rows: Any) -> tuple[Floats, Floats, Marks]:
    dense = rows.toarray() if hasattr(rows, "toarray") else rows
    fractions = np.ascontiguousarray(dense.T, dtype=np.float64)  # (N, K)
    start, end, resting = final(net, fractions, np.zeros_like(fractions))
    return usd(net, start.distress), usd(net, end.distress - start.distress), resting
