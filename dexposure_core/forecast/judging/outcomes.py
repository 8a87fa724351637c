"""What happened: the target snapshot read in the rows of the origin. Only training and evaluation may look."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dexposure_core.errors import BadOption
from dexposure_core.forecast.record import Flags, Floats, Indices
from dexposure_core.network import Snapshot


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """The target in the origin's rows.

    Attributes:
        key: (E,) sorted keys, creditor row × N + debtor row, of the true exposures between protocols of the origin.
        log_usd: (E,) log1p of their sizes.
        log_tvl: (N,) log1p TVL of the origin's protocols at the target; 0 for one that is gone.
        stays: (N,) bool, the protocol is still there.
        entrant_log_usd: (F,) log1p sizes of the true exposures that touch a protocol unknown at the origin.
        entrant_creditor: (F,) their creditor's row, -1 when it is the creditor that is unknown.
        entrant_log_tvl: (G,) log1p TVL of the protocols that entered since.
    """

    key: Indices
    log_usd: Floats
    log_tvl: Floats
    stays: Flags
    entrant_log_usd: Floats
    entrant_creditor: Indices
    entrant_log_tvl: Floats


def outcome(origin: Snapshot, target: Snapshot) -> Outcome:
    """Return what `target` says about the protocols of `origin`, and what entered in between."""
    n = len(origin.protocols)
    row = origin.rows(target.protocols)
    known = row >= 0
    log_tvl, stays = np.zeros(n), np.zeros(n, dtype=bool)
    log_tvl[row[known]] = np.log1p(target.tvl_usd[known])
    stays[row[known]] = True
    creditor, debtor, log_usd = row[target.creditor], row[target.debtor], np.log1p(target.exposure_usd)
    here = (creditor >= 0) & (debtor >= 0)
    key = creditor[here] * n + debtor[here]
    order = np.argsort(key)
    return Outcome(
        key=key[order], log_usd=log_usd[here][order], log_tvl=log_tvl, stays=stays,
        entrant_log_usd=log_usd[~here], entrant_creditor=creditor[~here],
        entrant_log_tvl=np.log1p(target.tvl_usd[~known]),
    )  # fmt: skip


def look_up(key: Indices, table: Indices, values: Floats) -> tuple[Flags, Floats]:
    """Return, for each of `key` (C,), whether it is in the sorted `table` and its value there (0 when it is not)."""
    if not len(table):
        return np.zeros(len(key), dtype=bool), np.zeros(len(key))
    at = np.minimum(np.searchsorted(table, key), len(table) - 1)
    found = table[at] == key
    return found, np.where(found, values[at], 0.0)


VALIDATION_FROM: Final = dt.date(2024, 7, 15)
TEST_FROM: Final = dt.date(2025, 1, 1)


@dataclass(frozen=True, kw_only=True)
class Split:
    """Strict time order: train on targets before `validation_from`, tune on targets before `test_from`, test after.

    A test origin itself lies on or after `test_from`, so that nothing the model was trained or tuned on is
    later than the date it forecasts from.
    """

    validation_from: dt.date
    test_from: dt.date


def split(dates: Sequence[dt.date]) -> Split:
    """Return 2024-07-15 and 2025-01-01 where the dates reach past both, else cuts after 70 % and 82 % of the dates.

    Raises:
        BadOption: when there are fewer than 6 dates.
    """
    if len(dates) < 6:
        raise BadOption(f"{len(dates)} snapshots are too few to train, tune and test on; at least 6 are needed")
    before = sum(d < VALIDATION_FROM for d in dates)
    after = sum(d >= TEST_FROM for d in dates)
    if before >= len(dates) // 2 and after >= 4:
        return Split(validation_from=VALIDATION_FROM, test_from=TEST_FROM)
    return Split(validation_from=dates[int(len(dates) * 0.70)], test_from=dates[int(len(dates) * 0.82)])


MOST_VALIDATION: Final = 26  # dates: half a year of weeks
LEAST_VALIDATION: Final = 4


def fit_split(dates: Sequence[dt.date]) -> Split:
    """Return the cut of a history in which nothing is held out: `test_from` is the day after its last date.

    Validation begins on 2024-07-15 where at least 12 dates lie on or after it and at least twice as many before;
    else it is the last 15 % of the dates, at least 4 and at most 26.

    Raises:
        BadOption: when there are fewer than 6 dates.
    """
    if len(dates) < 6:
        raise BadOption(f"{len(dates)} snapshots are too few to learn and tune on; at least 6 are needed")
    end = dates[-1] + dt.timedelta(days=1)
    late = sum(d >= VALIDATION_FROM for d in dates)
    if late >= 12 and len(dates) - late >= 2 * late:
        return Split(validation_from=VALIDATION_FROM, test_from=end)
    count = min(max(round(0.15 * len(dates)), LEAST_VALIDATION), MOST_VALIDATION)
    return Split(validation_from=dates[len(dates) - count], test_from=end)
