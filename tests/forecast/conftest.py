import pytest
import torch

from dexposure_core.forecast import Dexposure
from dexposure_core.forecast.training import Recipe, train
from tests.forecast.worlds import world

TINY = Recipe(hidden=8, epochs=2, pretraining=3, teachers=0)
BRIEF = Recipe(pretraining=3, teachers=0)


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """These networks are tiny: a second thread only waits for the first."""
    torch.set_num_threads(1)


@pytest.fixture
def briefly_pretrained(monkeypatch):
    """The published recipe with a few steps of pre-training and no teachers, for tests of what is around it."""
    monkeypatch.setattr("dexposure_core.forecast.training.Recipe", lambda: BRIEF)


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
