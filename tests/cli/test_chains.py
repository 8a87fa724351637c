"""`--chain` and `dexposure chains`: what they print, and what they refuse."""

import json

import pytest

from tests.cli.conftest import run_cli
from tests.pipeline.chains.chainworld import publish


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("chains")
    publish(path)
    return path


@pytest.mark.parametrize(
    ("chains", "said", "exposure"),
    [
        ([], "default", 260.0), (["base"], "Base", 50.0), (["Base", "solana"], "Base,Solana", 60.0),
        (["all"], "all", 330.0), (["borrowed"], "borrowed", 70.0),
    ],
)  # fmt: skip
def test_measure_is_of_the_chains_it_says(folder, chains, said, exposure):
    words = [word for chain in chains for word in ("--chain", chain)]
    answer = run_cli("--store", folder, "measure", *words, "--json").json
    assert answer["chains"] == said
    assert answer["measures"]["total_exposure_usd"] == exposure


@pytest.mark.parametrize(
    "command",
    [["importance"], ["spillover"], ["report"], ["stress", "--scenario", "top-1"], ["dates"]],
    ids=lambda words: words[0],
)
def test_every_document_states_its_chains(folder, command):
    assert run_cli("--store", folder, *command, "--chain", "Solana", "--json").json["chains"] == "Solana"
    said = run_cli("--store", folder, *command, "--chain", "Solana")
    assert said.code == 0
    assert "not the whole system" in said.err


def test_dates_are_those_of_the_chains(folder):
    assert run_cli("--store", folder, "dates", "--chain", "Solana", "--json").json["dates"] == ["2024-01-08"]


def test_an_unknown_chain_is_refused_with_the_nearest(folder):
    done = run_cli("--store", folder, "measure", "--chain", "Etherium")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "No chain 'Etherium' in these data; did you mean 'Ethereum'?" in done.err


def test_a_date_before_the_chain_is_refused_with_the_nearest(folder):
    done = run_cli("--store", folder, "measure", "--chain", "Solana", "--date", "2024-01-01")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "nearest: 2024-01-08" in done.err


def test_chains_is_one_document_that_adds_up(folder):
    answer = run_cli("--store", folder, "chains", "--date", "2024-01-01", "--json").json
    assert [chain["chain"] for chain in answer["chains"]] == ["Ethereum", "Base"]
    assert sum(map(sum, answer["chain_matrix"]["cells_usd"])) == pytest.approx(answer["total_exposure_usd"]) == 250.0
    assert json.dumps(answer, allow_nan=False)
    said = run_cli("--store", folder, "chains").out
    assert "3 chains" in said
    assert "Span" in said


def test_export_states_its_chains(folder, tmp_path):
    out = tmp_path / "e.csv"
    done = run_cli("--store", folder, "export", "exposures", "--chain", "Base", "--date", "2024-01-08", "--out", out)
    assert done.code == 0, done.err
    assert json.loads((tmp_path / "e.csv.provenance.json").read_text())["parameters"]["chains"] == "Base"
