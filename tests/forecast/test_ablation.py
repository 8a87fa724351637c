"""Variants of the model: each lacks one thing that the one beside it has."""

from types import SimpleNamespace

import numpy as np
import pytest

from dexposure_core import settings
from dexposure_core.forecast.ablation import VARIANTS, WHOLE, beside
from dexposure_core.forecast.judging.metrics import METRICS
from dexposure_core.forecast.learning.recipe import LARGE
from dexposure_core.forecast.learning.training import Recipe
from dexposure_core.pipeline.evaluation import kept


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v != WHOLE])
def test_a_variant_differs_by_one_thing_from_what_it_is_judged_beside(variant):
    own, other = (vars(Recipe(**VARIANTS[name])) for name in (variant, beside(variant)))
    assert sum(own[key] != other[key] for key in own) == 1


def test_the_whole_model_is_the_shipped_recipe_and_judged_beside_nothing():
    assert Recipe(**VARIANTS[WHOLE]) == Recipe()
    assert beside(WHOLE) is None


def test_the_shipped_gains_are_relative_to_that_variant():
    rows = kept.read(settings.EMBEDDED_STORE.parent / "model").document["ablations"]
    values = {(r["variant"], r["basis"], r["horizon"], r["metric"]): r["value"] for r in rows}
    more = {m.name: m.more_is_better for m in METRICS}
    assert {r["variant"] for r in rows} == set(VARIANTS)
    for r in rows:
        other = values.get((beside(r["variant"]), r["basis"], r["horizon"], r["metric"]))
        if not other:
            assert r["gain"] is None
            continue
        gain = (r["value"] / other - 1) * (1 if more[r["metric"]] else -1)
        assert r["gain"] == pytest.approx(gain, abs=2e-4 * max(1, abs(r["value"] / other)))  # five digits are kept


def test_a_network_of_full_size_has_no_teachers():
    small, large = ([SimpleNamespace(exposure_usd=np.ones(n))] for n in (LARGE - 1, LARGE))
    assert (Recipe().sized(small).teachers, Recipe().sized(large).teachers) == (Recipe().teachers, 0)
