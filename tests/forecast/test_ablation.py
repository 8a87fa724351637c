"""Variants of the model: each lacks one thing that the one beside it has."""

import pytest

from dexposure_core.forecast.ablation import VARIANTS, WHOLE, beside
from dexposure_core.forecast.training import Recipe


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v != WHOLE])
def test_a_variant_differs_by_one_thing_from_what_it_is_judged_beside(variant):
    own, other = (vars(Recipe(**VARIANTS[name])) for name in (variant, beside(variant)))
    assert sum(own[key] != other[key] for key in own) == 1


def test_the_whole_model_is_the_shipped_recipe_and_judged_beside_nothing():
    assert Recipe(**VARIANTS[WHOLE]) == Recipe()
    assert beside(WHOLE) is None
