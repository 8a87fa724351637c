"""What `dexposure train` hands on and what it tells; training itself is tested where it lives."""

import pytest

from dexposure_core.forecast.learning.recipe import PLACES
from tests.cli.conftest import run_here

PASSES = {"flow": {"now": 9, "amounts": 14}, "holdings": {"now": 2, "amounts": 5}}


@pytest.fixture
def asked(monkeypatch):
    """What training was asked for."""
    given = {}

    def train(store, out, **options):
        given.update(options, out=out)
        options["progress"](1, 2, "flow: pass 1 of at most 14")
        return {"weights": str(out), "model": "abc", "vintage": store.vintage, "passes": PASSES}

    monkeypatch.setattr("dexposure_core.pipeline.forecasting.train.train", train)
    return given


def test_a_person_reads_which_passes_were_kept(store, tmp_path, asked):
    run = run_here("--store", store, "train", "--out", tmp_path, "--seed", 3, "--epochs", 14)
    assert run.code == 0, run.err
    assert "passes: flow: now 9, amounts 14; holdings: now 2, amounts 5" in run.out.splitlines()
    assert (asked["out"], asked["seed"], asked["epochs"], asked["device"]) == (tmp_path, 3, 14, "auto")


def test_a_program_reads_numbers(store, tmp_path, asked):
    assert run_here("--store", store, "--json", "train", "--out", tmp_path).json["passes"] == PASSES


@pytest.mark.parametrize("device", PLACES)
def test_every_place_can_be_asked_for(store, tmp_path, asked, device):
    assert run_here("--store", store, "train", "--out", tmp_path, "--device", device).code == 0
    assert asked["device"] == device
