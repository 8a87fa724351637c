"""An evaluation kept beside the weights: small, whole or not at all, of these weights or refused."""

import json
import subprocess
import sys

import polars as pl
import pytest

from dexposure_core.errors import BadOption, NoEvaluation, NoModel
from dexposure_core.pipeline.evaluation import kept, packing
from tests import evaluations


@pytest.fixture
def folder(tmp_path):
    return evaluations.weights(tmp_path / "model")[0]


def test_what_is_kept_is_read_back_to_five_digits(folder):
    path = kept.keep(evaluations.full(), evaluations.store(), folder)
    found = kept.read(folder)
    assert path == folder / "evaluation.json"
    assert found.document["model"] == evaluations.weights(folder)[1]
    assert found.document["version"]
    assert found.of("hash")
    assert not found.of("another")
    stress = found.rows.filter(pl.col("metric") == "stress_mae_top-1:linear-debtrank")
    assert set(stress["value"]) == {0.012346}
    wanted = [r for r in evaluations.rows() if not r["metric"].startswith("gain_")]
    assert found.rows.height == len(wanted)
    assert found.event_rows.height == 2 * len(wanted)
    assert found.null_rows.height == len(wanted)
    assert found.document["standings"] == evaluations.standings()
    (line,) = [
        w for w in found.document["weeks"] if (w["basis"], w["horizon"], w["forecaster"]) == ("flow", 4, "dexposure")
    ]
    assert (line["dates"][0], line["values"]) == ("2025-01-06", [0.1, 0.3, None])
    assert found.document["ablations"] == evaluations.full()["ablations"]
    assert (found.document["seed_count"], len(found.document["seeds"])) == (3, 4)
    assert not list(folder.glob(".*"))


def test_an_evaluation_of_scores_alone_is_kept_too(folder):
    kept.keep(evaluations.bare(), evaluations.store(), folder)
    found = kept.read(folder)
    assert found.event_rows.is_empty()
    assert found.null_rows.is_empty()


def test_a_note_does_not_carry_the_folder_of_the_machine_it_was_made_on(folder):
    noted = evaluations.bare() | {"notes": [f"{folder}/uncertainty.safetensors is not readable"]}
    kept.keep(noted, evaluations.store(), folder)
    assert kept.read(folder).document["notes"] == ["uncertainty.safetensors is not readable"]


def test_other_weights_are_refused(folder):
    kept.keep(evaluations.bare(), evaluations.store(), folder)
    (folder / "dexposure.safetensors").write_bytes(b"trained again")
    with pytest.raises(NoEvaluation, match=r"of other weights .* run `dexposure evaluate --all --keep`"):
        kept.read(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema": 1}', '{"schema": 99, "model": "x"}', "\x00\xff"])
def test_a_damaged_file_is_told_in_one_line(folder, text):
    (folder / "evaluation.json").write_text(text, "utf-8")
    with pytest.raises(NoEvaluation) as refused:
        kept.read(folder)
    assert "\n" not in str(refused.value)
    assert "dexposure evaluate --all --keep" in str(refused.value)


def test_a_section_of_another_shape_is_damage_not_a_crash(folder):
    path = kept.keep(evaluations.full(), evaluations.store(), folder)
    whole = json.loads(path.read_text())
    for broken in ({"rows": {"flow": [1]}}, {"weeks": 3}, {"events": {"Terra": {"flow": 0}}}):
        path.write_text(json.dumps(whole | broken))
        with pytest.raises(NoEvaluation, match="not a readable evaluation"):
            kept.read(folder)


def test_nothing_kept_and_no_weights(folder, tmp_path):
    with pytest.raises(NoEvaluation, match="No evaluation is kept"):
        kept.read(folder)
    with pytest.raises(NoModel):
        kept.keep(evaluations.bare(), evaluations.store(), tmp_path)


def test_an_evaluation_without_the_model_is_not_kept(folder):
    document = evaluations.bare()
    document["rows"] = [r for r in document["rows"] if r["forecaster"] != "dexposure"]
    with pytest.raises(BadOption, match="says nothing about the weights"):
        kept.keep(document, evaluations.store(), folder)
    with pytest.raises(BadOption):
        kept.check(("ewma",))
    kept.check(())


def test_what_is_too_large_loses_whole_sections_and_says_so(folder, monkeypatch):
    size = len(json.dumps(packing.pack(evaluations.full()), separators=(",", ":")))
    monkeypatch.setattr(kept, "MOST", size - 100)
    path = kept.keep(evaluations.full(), evaluations.store(), folder)
    assert path.stat().st_size <= size - 100
    found = kept.read(folder)
    assert found.document["notes"][0].startswith("The section seeds was left out")
    assert found.rows.height


def test_reading_one_loads_neither_torch_nor_streamlit(folder):
    kept.keep(evaluations.full(), evaluations.store(), folder)
    code = (
        "import sys; from pathlib import Path; from dexposure_core.pipeline.evaluation import kept;"
        f"kept.read(Path({str(folder)!r})).rows;"
        "print([m for m in ('torch', 'streamlit', 'lightgbm') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
