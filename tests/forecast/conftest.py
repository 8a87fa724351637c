import numpy as np
import pytest
import torch

from dexposure_core.forecast import Dexposure
from dexposure_core.forecast.learning.examples import example
from dexposure_core.forecast.learning.training import Recipe, train
from tests.forecast.worlds import world

ABOUT = {"sectors": ["DEX", "Lending", "Bridge", "Stablecoins"], "horizons": [1, 4], "hidden": 8}
TINY = Recipe(hidden=8, epochs=2, pretraining=3, teachers=0)
BRIEF = Recipe(pretraining=3, teachers=0)


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """These networks are tiny: a second thread only waits for the first."""
    torch.set_num_threads(1)


@pytest.fixture
def one():
    """An example of two horizons, of a small world."""
    history = world(weeks=30, n=15)
    return example(history[:20], [history[20], history[23]], ABOUT["sectors"], np.random.default_rng(0))


@pytest.fixture
def briefly_pretrained(monkeypatch):
    """The published recipe with a few steps of pre-training and no teachers, for tests of what is around it."""
    monkeypatch.setattr("dexposure_core.forecast.learning.training.Recipe", lambda: BRIEF)


@pytest.fixture(scope="session", params=["holdings", "flow"])
def basis(request):
    return request.param


@pytest.fixture(scope="session")
def history(basis):
    return world(basis=basis)


@pytest.fixture(scope="session")
def trained():
    """A model of both bases, trained for a moment on worlds of 60 weeks."""
    return train({b: world(basis=b) for b in ("holdings", "flow")}, recipe=TINY, data={"vintage": "test"})


@pytest.fixture(scope="session")
def model(trained):
    return Dexposure(trained=trained)
