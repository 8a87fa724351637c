"""What one forecast scored at one origin, as sums that add up over origins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dexposure_core.forecast.candidates import candidates, mirrored
from dexposure_core.forecast.outcomes import Outcome, look_up, outcome
from dexposure_core.forecast.record import Flags, Floats, Forecast, Indices
from dexposure_core.forecast.scores import auprc, auroc, bin_sums, reciprocal_ranks
from dexposure_core.forecast.window import window
from dexposure_core.network import Snapshot

NEGATIVES: Final = 5  # random pairs per true exposure, as in the paper


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """Everything that is the same for all forecasters at one origin and horizon.

    Attributes:
        origin: the last snapshot they saw.
        after: what happened.
        pairs: (U,) sorted keys that are scored: candidates and true exposures; `true` (U,) which came to exist.
        random: (R,) keys of random pairs without exposure at the target, -1 where an entrant is involved.
        former: (F,) keys seen in the window that are no exposure at the target.
        new: (E,) which true exposures the window has not seen in either direction.
        continuing: (E,) which true exposures exist at the origin too.
    """

    origin: Snapshot
    after: Outcome
    pairs: Indices
    true: Flags
    random: Indices
    former: Indices
    new: Flags
    continuing: Flags

    @staticmethod
    def of(past: Sequence[Snapshot], target: Snapshot, seed: int) -> Scene:
        """Return the scene of an origin (the last of `past`) and its target."""
        recent = window(past)
        n = recent.size
        after = outcome(past[-1], target)
        seen = np.unique(recent.key)
        either = np.union1d(seen, mirrored(seen, n))
        pairs = np.union1d(candidates(recent), after.key)
        rng = np.random.default_rng([seed, past[-1].date.toordinal(), target.date.toordinal()])
        return Scene(
            origin=past[-1], after=after, pairs=pairs, true=np.isin(pairs, after.key),
            random=_random_pairs(after, n, rng), former=np.setdiff1d(seen, after.key),
            new=~np.isin(after.key, either), continuing=np.isin(after.key, recent.key[recent.lag == 0]),
        )  # fmt: skip


def _random_pairs(after: Outcome, n: int, rng: np.random.Generator) -> Indices:
    """Draw pairs among the protocols of origin and target, true ones and self-loops left out."""
    everyone = n + len(after.entrant_log_tvl)
    wanted = NEGATIVES * (len(after.key) + len(after.entrant_log_usd))
    ends = rng.integers(0, max(everyone, 1), (2, 2 * wanted))
    known = (ends < n).all(axis=0)
    key = np.where(known, ends[0] * n + ends[1], -1)
    fine = (ends[0] != ends[1]) & ~np.isin(key, after.key)
    return np.asarray(key[fine][:wanted])


def tally(forecast: Forecast, scene: Scene) -> dict[str, Floats]:
    """Return, per metric of `evaluation.METRICS`, its sums at this origin (value and weight, or calibration bins)."""
    n = max(len(scene.origin.protocols), 1)
    key = forecast.creditor * n + forecast.debtor
    order = np.argsort(key)
    listed, probability, log_usd = key[order], forecast.probability[order], np.log1p(forecast.exposure_usd[order])
    entered = np.zeros(len(scene.after.entrant_log_usd))
    found, score = look_up(scene.after.key, listed, probability)
    positive = np.concatenate([score, entered])
    random = look_up(scene.random, listed, probability)[1]
    former = look_up(scene.former, listed, probability)[1]
    given = look_up(scene.after.key, listed, log_usd)[1]
    return {
        "auroc_random": _once(auroc(positive, random)),
        "auprc_random": _once(auprc(positive, random)),
        "auprc_historical": _once(auprc(positive, former)),
        **_calibration(look_up(scene.pairs, listed, probability)[1], scene, entered),
        **_ranks(score, scene, look_up(scene.pairs, listed, probability)[1], n),
        **_weights(given, scene),
        **_nodes(forecast, scene),
        **_totals(forecast, scene),
        "candidate_recall": np.array([found.sum(), len(positive)]),
        "candidate_recall_known": np.array([found.sum(), len(found)]),
    }


def _once(value: float) -> Floats:
    return np.array([value, 1.0]) if np.isfinite(value) else np.zeros(2)


def _calibration(probability: Floats, scene: Scene, entered: Floats) -> dict[str, Floats]:
    p = np.concatenate([probability, entered])
    true = np.concatenate([scene.true, np.ones(len(entered), dtype=bool)])
    return {"brier": np.array([((p - true) ** 2).sum(), len(p)]), "ece": bin_sums(p, true)}


def _ranks(score: Floats, scene: Scene, probability: Floats, n: int) -> dict[str, Floats]:
    rivals = ~scene.true
    rival_creditor = scene.pairs[rivals] // n
    unlisted = n - 1 - np.bincount(scene.pairs // n, minlength=n)
    ranks = reciprocal_ranks(score, scene.after.key // n, probability[rivals], rival_creditor, unlisted)
    return {
        "mrr": np.array([ranks.sum(), len(ranks) + len(scene.after.entrant_log_usd)]),
        "mrr_new": np.array([ranks[scene.new].sum(), scene.new.sum()]),
    }


def _weights(given: Floats, scene: Scene) -> dict[str, Floats]:
    error = np.concatenate([given - scene.after.log_usd, -scene.after.entrant_log_usd])
    stays = (given - scene.after.log_usd)[scene.continuing]
    return {
        "weight_mae": np.array([np.abs(error).sum(), len(error)]),
        "weight_rmse": np.array([(error**2).sum(), len(error)]),
        "weight_mae_continuing": np.array([np.abs(stays).sum(), len(stays)]),
    }


def _totals(forecast: Forecast, scene: Scene) -> dict[str, Floats]:
    after = scene.after
    pairs = (forecast.expected_usd().sum(), np.expm1(np.concatenate([after.log_usd, after.entrant_log_usd])).sum())
    tvl = (forecast.tvl_usd.sum(), np.expm1(np.concatenate([after.log_tvl, after.entrant_log_tvl])).sum())
    return {
        name: _once(abs(said / true - 1.0) if true > 0 else np.nan)
        for name, (said, true) in (("total_exposure_error", pairs), ("total_tvl_error", tvl))
    }


def _nodes(forecast: Forecast, scene: Scene) -> dict[str, Floats]:
    own = np.log1p(forecast.tvl_usd) - scene.after.log_tvl
    error = np.concatenate([own, -scene.after.entrant_log_tvl])
    stays = own[scene.after.stays]
    return {
        "node_mae": np.array([np.abs(error).sum(), len(error)]),
        "node_rmse": np.array([(error**2).sum(), len(error)]),
        "node_mae_continuing": np.array([np.abs(stays).sum(), len(stays)]),
        "node_rmse_continuing": np.array([(stays**2).sum(), len(stays)]),
    }
