"""What one forecast scored at one origin, as sums that add up over origins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dexposure_core.forecast.judging.outcomes import look_up
from dexposure_core.forecast.judging.scene import Scene, within
from dexposure_core.forecast.judging.scores import auroc, average_precision, bin_sums, reciprocal_ranks
from dexposure_core.forecast.record import Flags, Floats, Forecast, Indices

__all__ = ["Scene", "tally"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Said:
    """A forecast on the pairs of a scene, (U,) each, and besides: 0 where a pair was not listed.

    Attributes:
        key, probability: sorted keys of everything listed, and what was said of it.
        p: (U,) probability of the scored pairs.
        log_usd: (U,) log1p of the size given existence.
        expected: (U,) expected USD.
        listed: (U,) whether the pair was listed.
        beside: which of `key` are outside the scored pairs: they did not come to exist.
        beside_usd: USD expected outside the scored pairs.
    """

    key: Indices
    probability: Floats
    p: Floats
    log_usd: Floats
    expected: Floats
    listed: Flags
    beside: Flags
    beside_usd: float

    @staticmethod
    def of(forecast: Forecast, scene: Scene) -> Said:
        """Read `forecast` at the pairs of `scene`."""
        n = max(len(scene.origin.protocols), 1)
        key = forecast.creditor * n + forecast.debtor
        order = np.argsort(key, kind="stable")
        key, probability = key[order], forecast.probability[order]
        expected = forecast.expected_usd()[order]
        listed, p = look_up(scene.pairs, key, probability)
        beside = ~within(key, scene.pairs)
        return Said(
            key=key, probability=probability, p=p, listed=listed, beside=beside,
            log_usd=look_up(scene.pairs, key, np.log1p(forecast.exposure_usd[order]))[1],
            expected=look_up(scene.pairs, key, expected)[1], beside_usd=float(expected[beside].sum()),
        )  # fmt: skip


def tally(forecast: Forecast, scene: Scene) -> dict[str, Floats]:
    """Return, per metric of `metrics.METRICS`, its sums at this origin (value and weight, or calibration bins)."""
    said = Said.of(forecast, scene)
    listed, entrants = said.listed[scene.true].sum(), len(scene.after.entrant_log_usd)
    return {
        **_against_others(said, scene),
        **_brier(said, scene),
        **_ranks(said, scene),
        **_deaths(said, scene),
        **_births(said, scene),
        **_weights(said, scene),
        **_nodes(forecast, scene),
        **_totals(forecast, said, scene),
        "candidate_recall": np.array([listed, scene.true.sum() + entrants]),
        "candidate_recall_known": np.array([listed, scene.true.sum()]),
    }


def _once(value: float) -> Floats:
    return np.array([value, 1.0]) if np.isfinite(value) else np.zeros(2)


def _precision(score: Floats, true: Flags) -> Floats:
    return _once(average_precision(score, true))


def _against(positive: Floats, negative: Floats) -> Floats:
    true = np.arange(len(positive) + len(negative)) < len(positive)
    return _precision(np.concatenate([positive, negative]), true)


def _against_others(said: Said, scene: Scene) -> dict[str, Floats]:
    true = np.concatenate([said.p[scene.true], np.zeros(len(scene.after.entrant_log_usd))])
    random, unseen = (look_up(key, said.key, said.probability)[1] for key in (scene.random, scene.unseen))
    former = said.p[scene.former]
    return {
        "auroc_random": _once(auroc(true, random)),
        "auprc_random": _against(true, random),
        "auroc_historical": _once(auroc(true, former)),
        "auprc_historical": _against(true, former),
        "auprc_inductive": _against(said.p[scene.true & ~scene.seen], unseen),
    }


def _brier(said: Said, scene: Scene) -> dict[str, Floats]:
    """Return brier, its parts (they add up) and calibration; what was said beside the scored pairs counts, too."""
    beside = said.probability[said.beside]
    entrants = len(scene.after.entrant_log_usd)
    error = (said.p - scene.true) ** 2
    parts = {
        "continuing": error[scene.now & scene.true].sum(),
        "vanished": error[scene.now & ~scene.true].sum(),
        "new": error[~scene.now & scene.true & ~scene.seen].sum(),
        "returning": error[~scene.now & scene.true & scene.seen].sum(),
        "entrants": float(entrants),
        "absent": error[~scene.now & ~scene.true].sum() + (beside**2).sum(),
    }
    count = len(said.p) + entrants
    every = np.concatenate([said.p, np.zeros(entrants), beside])
    true = np.concatenate([scene.true, np.ones(entrants, dtype=bool), np.zeros(len(beside), dtype=bool)])
    return {
        "brier": np.array([sum(parts.values()), count]),
        **{f"brier_part_{name}": np.array([value, count]) for name, value in parts.items()},
        "ece": bin_sums(every, true),
    }


def _ranks(said: Said, scene: Scene) -> dict[str, Floats]:
    n = max(len(scene.origin.protocols), 1)
    rival = np.concatenate([scene.pairs[~scene.true], said.key[said.beside]])
    score = np.concatenate([said.p[~scene.true], said.probability[said.beside]])
    others = n - 1 - np.bincount(np.concatenate([scene.pairs, said.key[said.beside]]) // n, minlength=n)
    ranks = reciprocal_ranks(said.p[scene.true], scene.pairs[scene.true] // n, score, rival // n, others)
    new = ~scene.seen[scene.true]
    return {
        "mrr": np.array([ranks.sum(), len(ranks) + len(scene.after.entrant_log_usd)]),
        "mrr_new": np.array([ranks[new].sum(), new.sum()]),
    }


def _deaths(said: Said, scene: Scene) -> dict[str, Floats]:
    found = {"deaths": scene.now, "deaths_lasting": _lasting(scene, scene.now)}
    return {
        name: value
        for what, chosen in found.items()
        for name, value in (
            (f"brier_{what}", _squared(said.p[chosen], scene.true[chosen])),
            (f"auprc_{what}", _precision(1.0 - said.p[chosen], ~scene.true[chosen])),
        )
    }


def _births(said: Said, scene: Scene) -> dict[str, Floats]:
    """Score pairs without exposure at the origin; those said beside the scored pairs are new and did not come."""
    absent = ~scene.now
    found = {
        "births": (absent, True),
        "births_lasting": (_lasting(scene, absent), scene.flicker is not None),
        "births_new": (absent & ~scene.seen, True),
        "births_returning": (absent & scene.seen, False),
    }
    beside = said.probability[said.beside]
    sums = {}
    for what, (chosen, with_beside) in found.items():
        extra = beside if with_beside else beside[:0]
        p = np.concatenate([said.p[chosen], extra])
        true = np.concatenate([scene.true[chosen], np.zeros(len(extra), dtype=bool)])
        error = _squared(p, true)
        sums[f"brier_{what}"] = np.array([error[0], chosen.sum()])
        sums[f"auprc_{what}"] = _precision(p, true)
    return sums


def _lasting(scene: Scene, chosen: Flags) -> Flags:
    """Return which of `chosen` did not flicker; none while that is not known."""
    return chosen & ~scene.flicker if scene.flicker is not None else np.zeros_like(chosen)


def _squared(p: Floats, true: Flags) -> Floats:
    return np.array([((p - true) ** 2).sum(), len(p)])


def _weights(said: Said, scene: Scene) -> dict[str, Floats]:
    missed = said.log_usd[scene.true] - scene.after.log_usd
    every = np.concatenate([missed, -scene.after.entrant_log_usd])
    entrants_usd = np.expm1(scene.after.entrant_log_usd).sum()
    off = np.abs(said.expected - scene.usd).sum() + said.beside_usd + entrants_usd
    return {
        **_sizes("weight", every),
        **_sizes("weight", missed[scene.now[scene.true]], "_continuing"),
        "wape": np.array([off, scene.usd.sum() + entrants_usd]),
    }


def _sizes(name: str, error: Floats, kind: str = "") -> dict[str, Floats]:
    return {
        f"{name}_mae{kind}": np.array([np.abs(error).sum(), len(error)]),
        f"{name}_rmse{kind}": np.array([(error**2).sum(), len(error)]),
    }


def _totals(forecast: Forecast, said: Said, scene: Scene) -> dict[str, Floats]:
    after = scene.after
    pairs = (said.expected.sum() + said.beside_usd, scene.usd.sum() + np.expm1(after.entrant_log_usd).sum())
    tvl = (forecast.summed_tvl_usd.sum(), np.expm1(np.concatenate([after.log_tvl, after.entrant_log_tvl])).sum())
    return {
        name: _once(abs(told / true - 1.0) if true > 0 else np.nan)
        for name, (told, true) in (("total_exposure_error", pairs), ("total_tvl_error", tvl))
    }


def _nodes(forecast: Forecast, scene: Scene) -> dict[str, Floats]:
    own = np.log1p(forecast.tvl_usd) - scene.after.log_tvl
    every = np.concatenate([own, -scene.after.entrant_log_tvl])
    return {**_sizes("node", every), **_sizes("node", own[scene.after.stays], "_continuing")}
