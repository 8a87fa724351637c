"""The card beside the weights: what it says of weights made today, and of those made before teachers were known."""

import pytest

from dexposure_core.forecast.learning.training import train
from dexposure_core.pipeline.forecasting.model_card import write_card
from tests.forecast.conftest import TINY
from tests.forecast.worlds import world


@pytest.fixture(scope="module")
def about():
    return train({"holdings": world(weeks=30, n=10)}, recipe=TINY, data={"vintage": "v", "simulated": True}).about


@pytest.mark.parametrize(("teachers", "said"), [(3, "3 networks per basis"), (0, "none"), (None, "none")])
def test_the_card_says_how_many_taught(tmp_path, about, teachers, said):
    known = {k: v for k, v in about.items() if k != "teachers"} | ({} if teachers is None else {"teachers": teachers})
    card = write_card(tmp_path, known, "abc", []).read_text()
    assert f"| Teachers | {said}" in card
    assert "| Weights (sha256) | `abc` |" in card


@pytest.mark.parametrize("device", ["NVIDIA H100", None])
def test_the_card_says_where_they_were_trained_if_not_on_a_processor(tmp_path, about, device):
    card = write_card(tmp_path, {**about, **({"device": device} if device else {})}, "abc", []).read_text()
    assert (f"| Trained on | {device} |" in card) == bool(device)
    assert ("Trained on" in card) == bool(device)
