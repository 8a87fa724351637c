"""The scores of a forecast: what each says, which way is better, and how it follows from sums over origins.

A score is kept per origin as sums, so that its value is a ratio of sums over origins and not a mean of ratios. Scores
of pairs cover the candidates of the origin, every exposure that came to exist, and what a forecaster listed besides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from dexposure_core.forecast.record import Floats

LASTING: Final = 3  # steps after the target within which a death that is back, or a birth that is gone, is flicker


def ratio(sums: Floats) -> Floats:
    """Return (R,) value over weight of (R, 2) sums; NaN where nothing was scored."""
    return np.asarray(np.divide(sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] > 0))


def root(sums: Floats) -> Floats:
    """Return (R,) the root of `ratio`."""
    return np.asarray(np.sqrt(ratio(sums)))


def calibration(sums: Floats) -> Floats:
    """Return (R,) the expected calibration error of (R, bins · 3) sums of p, of y and counts."""
    bins = sums.reshape(len(sums), -1, 3)
    gap = np.abs(bins[:, :, 0] - bins[:, :, 1]).sum(axis=1)
    return ratio(np.stack([gap, bins[:, :, 2].sum(axis=1)], axis=1))


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A score.

    Attributes:
        name, help: as in the table of scores.
        more_is_better: which way is better.
        of: its values (R,) from R sums over origins.
        compared: whether skill and gain are formed; not of parts of a score, which a forecaster can trade, nor of a
            Brier score over pairs chosen by what became of them.
    """

    name: str
    help: str
    more_is_better: bool
    of: Callable[[Floats], Floats] = ratio
    compared: bool = True


def _more(name: str, text: str, *, compared: bool = True) -> Metric:
    return Metric(name=name, help=text, more_is_better=True, compared=compared)


def _less(name: str, text: str, of: Callable[[Floats], Floats] = ratio, *, compared: bool = True) -> Metric:
    return Metric(name=name, help=text, more_is_better=False, of=of, compared=compared)


def _part(name: str, text: str) -> Metric:
    return Metric(name=f"brier_part_{name}", help=f"what {text} add to brier", more_is_better=False, compared=False)


_LASTING_DEATHS: Final = f"the same without exposures that are back within {LASTING} steps after the target"
_LASTING_BIRTHS: Final = f"the same without exposures that are gone within {LASTING} steps after the target"
# Leaving flicker out uses what comes after the target. A ranking can stand that; a calibrated probability is punished
# for not knowing which pairs will be left out, so no forecaster is called better or worse by it.
_HINDSIGHT: Final = "; not a fair comparison of probabilities, because it leaves pairs out by their later fate"
METRICS: Final[tuple[Metric, ...]] = (
    _more("auroc_random", "ranking of true exposures above five random pairs each, as in the paper: easy"),
    _more("auprc_random", "average precision against five random pairs each, as in the paper: easy"),
    _more("auroc_historical", "ranking against pairs that existed in the last 52 snapshots and do not at the target"),
    _more("auprc_historical", "average precision against the same pairs"),
    _more(
        "auprc_inductive",
        "average precision of pairs not seen in the last 52 snapshots in either direction against twenty such pairs "
        "each that did not come, drawn among busy creditors and popular debtors",
    ),
    _less("brier", "mean squared error of the probability over all candidates and all exposures that came to exist"),
    _part("continuing", "exposures that exist at origin and target"),
    _part("vanished", "exposures of the origin that are gone"),
    _part("new", "exposures that came and were not seen in the last 52 snapshots"),
    _part("returning", "exposures that came and were seen before"),
    _part("entrants", "exposures of protocols unknown at the origin"),
    _part("absent", "pairs without exposure at origin and target"),
    _less("ece", "expected calibration error over the same pairs, pooled over origins", calibration),
    _more("mrr", "mean reciprocal rank of a true debtor among all debtors its creditor could have, ties averaged"),
    _more("mrr_new", "the same for pairs not seen in the last 52 snapshots, in either direction"),
    _less("brier_deaths", "brier over the exposures of the origin: will each still be there?"),
    _more("auprc_deaths", "average precision of 1 − probability over them: which are gone at the target?"),
    _less("brier_deaths_lasting", _LASTING_DEATHS + _HINDSIGHT, compared=False),
    _more("auprc_deaths_lasting", _LASTING_DEATHS.replace("the same", "auprc_deaths")),
    _less("brier_births", "brier over the pairs without exposure at the origin: will one come?"),
    _more("auprc_births", "average precision over them"),
    _less("brier_births_lasting", _LASTING_BIRTHS.replace("the same", "brier_births") + _HINDSIGHT, compared=False),
    _more("auprc_births_lasting", _LASTING_BIRTHS.replace("the same", "auprc_births")),
    _less("brier_births_new", "brier_births over pairs not seen in the last 52 snapshots, in either direction"),
    _more("auprc_births_new", "auprc_births over the same pairs"),
    _less("brier_births_returning", "brier_births over pairs that were seen"),
    _more("auprc_births_returning", "auprc_births over the same pairs"),
    _less("weight_mae", "mean absolute error of log1p USD over true exposures; 0 where the pair was not listed"),
    _less("weight_rmse", "root mean squared error of the same", root),
    _less("weight_mae_continuing", "weight_mae over exposures that also exist at the origin"),
    _less("weight_rmse_continuing", "weight_rmse over the same", root),
    _less("wape", "sum of |expected − true| USD of all pairs over the sum of true USD"),
    _less("node_mae", "mean absolute error of the change of log1p TVL; entrants and exits included, as TVL 0"),
    _less("node_rmse", "root mean squared error of the same", root),
    _less("node_mae_continuing", "node_mae over protocols present at origin and target"),
    _less("node_rmse_continuing", "node_rmse over protocols present at origin and target", root),
    _less(
        "total_exposure_error", "absolute relative error of total expected exposure, entrants' included in the truth"
    ),
    _less("total_tvl_error", "absolute relative error of system TVL, likewise"),
    _more("candidate_recall", "share of all true exposures that the forecaster listed", compared=False),
    _more("candidate_recall_known", "the same, between protocols known at the origin", compared=False),
)
