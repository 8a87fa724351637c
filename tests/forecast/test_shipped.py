"""The weights in the repository: of the embedded dataset, described truthfully, small, and not worse than memory."""

import pytest

from dexposure_core import open_store, settings
from dexposure_core.forecast import Dexposure, uncertainty
from dexposure_core.forecast.model import FILE
from dexposure_core.pipeline.evaluation import kept
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


def test_the_card_states_a_model_that_is_nowhere_clearly_worse_than_the_best_baseline(card):
    """Read from the card, so that a retrained model that lost its reason to exist is noticed.

    The best baseline is picked in hindsight, line by line. Worse by more than 1 % is allowed only where the block
    bootstrap cannot tell it from 0.
    """
    lines = [line.strip("| ").split(" | ") for line in card.splitlines() if line.startswith("| ")]
    told = {
        (metric, steps, k): cells[-1]
        for k, (metric, steps, *cells) in enumerate(lines)
        if metric in {"brier", "auprc_historical", "weight_mae", "weight_rmse", "brier_births", "brier_deaths"}
    }
    assert len(told) == 6 * 4 * 2  # scores, horizons, bases
    for line, said in told.items():
        gain, span = said.split(" [")
        assert float(gain) >= -0.01 or float(span.rstrip("]").split(", ")[1]) >= 0, (line, said)


def test_intervals_and_the_evaluation_belong_to_these_weights(weights):
    learnt = uncertainty.read(FOLDER / uncertainty.FILE, weights.digest)
    assert set(learnt.residuals) == {(basis, h) for basis in ("flow", "holdings") for h in (1, 4, 8, 12)}
    found = kept.read(FOLDER)
    assert found.of(open_store().manifest.content_hash)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 12_000_000
