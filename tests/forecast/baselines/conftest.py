import pytest

from dexposure_core.forecast.baselines import BASELINES
from tests.forecast.worlds import world

NAMES = [f.name for f in BASELINES]


@pytest.fixture(scope="session")
def fitted():
    """{(name, basis): the baseline, fitted on the first 50 of 60 weeks}, each fitted once."""
    made = {}

    def give(name, basis):
        if (name, basis) not in made:
            baseline = next(f for f in BASELINES if f.name == name)
            made[name, basis] = baseline.fit(world(basis=basis)[:50])
        return made[name, basis]

    return give


@pytest.fixture(params=NAMES)
def baseline(request, fitted, basis):
    return fitted(request.param, basis)
