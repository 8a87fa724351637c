"""Gradient boosting on pair and protocol features: what a careful analyst would try first.

LightGBM, one booster per horizon and target: existence (log loss) and the change of size from the last one (absolute
error) on the pair features, the change of TVL (absolute error) on the protocol features. Pairs never seen are thinned
to one in twenty for training, counting twentyfold. Trees are added until the validation dates stop improving; how
bushy they are is chosen there too. One thread and a fixed seed: the same data give the same trees.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from dexposure_core.errors import NoModel
from dexposure_core.forecast.baselines.tuning import Cases, Setting, Target
from dexposure_core.forecast.baselines.view import Case, Truth, View
from dexposure_core.forecast.known.features import PAIR_FEATURES
from dexposure_core.forecast.record import Flags, Floats, Indices
from dexposure_core.network import Basis

BUSHES: Final = ((7, 0.1), (31, 0.05))  # leaves per tree, learning rate
TREES: Final = 200
PATIENCE: Final = 10
THINNED: Final = 20
SEED: Final = 7
CHECKED: Final = 3  # every third validation origin says when to stop
TAUGHT: Final = 2  # every second training origin teaches existence, of which there is plenty
_EITHER: Final = PAIR_FEATURES.index("either_seen")


def library() -> Any:
    """Return the module lightgbm.

    Raises:
        NoModel: when it cannot be loaded; says what to install.
    """
    try:
        return importlib.import_module("lightgbm")
    except ImportError as error:
        raise NoModel("gradient-boosting needs the package lightgbm; `pip install lightgbm==4.7.0`") from error
    except OSError:
        pass  # A bare Linux image has no libgomp.so.1. torch brings its own: loaded first, it serves both.
    try:
        spec = find_spec("torch")
        if spec and spec.origin:
            ctypes.CDLL(str(Path(spec.origin).parent / "lib" / "libgomp.so.1"), mode=ctypes.RTLD_GLOBAL)
        return importlib.import_module("lightgbm")
    except (ImportError, OSError) as error:
        raise NoModel(f"lightgbm cannot be loaded ({error}); install the system library libgomp1") from error


@dataclass(frozen=True, kw_only=True)
class Boosted:
    """One target by boosting; `boosters` per horizon, empty before training."""

    target: Target
    boosters: Mapping[int, Any] = field(default_factory=dict)

    def settings(self, basis: Basis) -> tuple[Setting, ...]:  # noqa: ARG002
        """Return one: which of BUSHES is best shows while training, on the validation dates that end it."""
        return ((),)

    def learn(self, training: Cases, validation: Cases, horizons: Sequence[int]) -> Boosted:
        """Return it trained."""
        taught = islice(training(), 0, None, TAUGHT if self.target == "existence" else 1)
        learn = [_lesson(self.target, case, np.random.default_rng(at)) for at, case in enumerate(taught)]
        check = [_lesson(self.target, case, None) for case in islice(validation(), 0, None, CHECKED)]
        return replace(self, boosters={h: self._best(_table(learn, h), _table(check, h)) for h in horizons})

    def of(self, view: View, horizon: int, setting: Setting) -> Floats:  # noqa: ARG002
        """Return (C,) probabilities, (C,) log1p USD of sizes, or (N,) log1p USD of TVL."""
        rows = _inputs(self.target, view)
        base = _base(self.target, view)
        booster = self.boosters[horizon]
        return np.asarray(base + booster.predict(rows, num_threads=1)) if len(rows) and booster else base

    def _best(self, learn: _Table, check: _Table) -> Any:
        """Return the booster with the least loss on `check`; None, which says no change, with nothing to learn from."""
        if len(learn.label) == 0 or len(check.label) == 0:
            return None
        trained = [self._train(learn, check, bush) for bush in BUSHES]
        return min(trained, key=lambda b: next(iter(b.best_score["valid_0"].values())))

    def _train(self, learn: _Table, check: _Table, bush: tuple[int, float]) -> Any:
        lightgbm = library()
        data = lightgbm.Dataset(learn.rows, learn.label, weight=learn.weight)
        options = {
            "objective": "binary" if self.target == "existence" else "regression_l1", "num_leaves": bush[0],
            "learning_rate": bush[1], "min_data_in_leaf": min(50, max(1, len(learn.label) // 20)), "seed": SEED,
            "deterministic": True, "force_row_wise": True, "num_threads": 1, "verbose": -1,
        }  # fmt: skip
        stop = lightgbm.early_stopping(PATIENCE, verbose=False)
        checked = data.create_valid(check.rows, check.label, weight=check.weight)
        return lightgbm.train(options, data, TREES, valid_sets=[checked], callbacks=[stop])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Table:
    """Rows to learn from (R, features), their labels and weights (R,)."""

    rows: Any
    label: Floats
    weight: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class _Lesson:
    """One origin: the rows that any horizon learns from, once, and per horizon which of them it takes and as what."""

    rows: Any
    taken: dict[int, tuple[Indices, Floats, Floats]]

    def table(self, horizon: int) -> _Table:
        at, label, weight = self.taken[horizon]
        return _Table(rows=self.rows[at], label=label, weight=weight)


def _table(lessons: Sequence[_Lesson], horizon: int) -> _Table:
    parts = [lesson.table(horizon) for lesson in lessons if horizon in lesson.taken]
    if not parts:
        return _Table(rows=np.zeros((0, 1), dtype=np.float32), label=np.zeros(0), weight=np.zeros(0))
    columns = ((p.rows, p.label, p.weight) for p in parts)
    rows, label, weight = (np.concatenate(c) for c in zip(*columns, strict=True))
    return _Table(rows=rows, label=label, weight=weight)


def _lesson(target: Target, case: Case, rng: np.random.Generator | None) -> _Lesson:
    """Return what a case teaches; with `rng`, pairs never seen are thinned."""
    rows, base = _inputs(target, case.view), _base(target, case.view)
    kept, weight = np.ones(len(rows), dtype=bool), np.ones(len(rows))
    if rng is not None and target == "existence":
        unseen = rows[:, _EITHER] == 0
        kept = ~unseen | (rng.random(len(rows)) < 1 / THINNED)
        weight = np.where(unseen, float(THINNED), 1.0)
    found = {h: _labels(target, base, truth) for h, truth in case.truth.items()}
    used = kept & np.logical_or.reduce([use for use, _ in found.values()])
    place = np.cumsum(used) - 1
    taken = {h: (place[use & used], label[use & used], weight[use & used]) for h, (use, label) in found.items()}
    return _Lesson(rows=rows[used], taken=taken)


def _labels(target: Target, base: Floats, truth: Truth) -> tuple[Flags, Floats]:
    """Return which rows teach something, and what."""
    if target == "tvl":
        return truth.known, truth.log_tvl - base
    if target == "size":
        return truth.exists, truth.log_usd - base
    return np.ones(len(base), dtype=bool), truth.exists.astype(np.float64)


def _inputs(target: Target, view: View) -> Any:
    given = view.features.node if target == "tvl" else view.features.pair
    return np.asarray(given, dtype=np.float32)


def _base(target: Target, view: View) -> Floats:
    """Return what the trees correct: nothing, the last size, today's TVL."""
    if target == "existence":
        return np.zeros(len(view.key))
    return view.features.anchors[:, 0].astype(np.float64) if target == "size" else view.log_tvl
