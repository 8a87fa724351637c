"""The weights in the repository: of the embedded dataset, described truthfully, small, and not worse than memory."""

import pytest

from dexposure_core import open_store, settings
from dexposure_core.forecast import Dexposure
from dexposure_core.forecast.model import FILE
from dexposure_core.pipeline.model_card import BEGIN, END

FOLDER = settings.EMBEDDED_STORE.parent / "model"


@pytest.fixture(scope="module")
def weights():
    return Dexposure(model_dir=FOLDER).weights()


@pytest.fixture(scope="module")
def card():
    return (FOLDER / "README.md").read_text().split(BEGIN)[1].split(END)[0]


def test_they_were_trained_on_the_embedded_dataset_before_its_hold_out(weights):
    manifest = open_store().manifest
    assert weights.about["data"]["content_hash"] == manifest.content_hash, (
        "run `dexposure train` on the embedded dataset"
    )
    assert weights.about["data"]["simulated"]
    assert weights.about["trained_until"] < weights.about["test_from"] == "2025-01-01"
    assert sorted(weights.networks) == ["flow", "holdings"]


def test_the_card_is_of_these_weights(weights, card):
    assert weights.digest in card
    assert weights.about["data"]["content_hash"] in card
    assert (FOLDER / FILE).stat().st_size < 2_000_000


def test_the_card_states_a_model_that_is_nowhere_clearly_worse_than_memory(card):
    """Read from the card, so that a retrained model that lost its reason to exist is noticed.

    Worse by more than 1 % is allowed only where the best baseline lies within the model's own bootstrap interval.
    """
    for metric, better in (("brier", min), ("auprc_historical", max), ("weight_rmse", min)):
        for line in (line for line in card.splitlines() if line.startswith(f"| {metric} |")):
            cells = line.strip("| ").split(" | ")[2:]
            *baselines, model = [float(cell.split()[0]) for cell in cells]
            low, high = (float(end) for end in cells[-1].split("[")[1].rstrip("]").split(", "))
            best = better(baselines)
            near = better(model, best * (1.01 if better is min else 0.99)) == model
            assert near or low <= best <= high, line
