"""The Skill page: every part on every basis, what is missing told, and nothing heavy loaded before a forecast."""

import json
import os
import subprocess
import sys

import pytest

from dexposure_core.pipeline.evaluation.kept import keep
from tests import evaluations
from tests.app.conftest import ROOT
from tests.app.reading import answer, errors, everything, notes

PARTS = ("short", "probabilities", "weeks", "baselines", "measures", "events", "doubts")


@pytest.fixture
def model_dir(tmp_path, monkeypatch):
    folder, _ = evaluations.weights(tmp_path / "model")
    monkeypatch.setenv("DEXPOSURE_MODEL_DIR", str(folder))
    return folder


@pytest.mark.parametrize("basis", ["holdings", "flow"])
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("document", [evaluations.full, evaluations.bare], ids=["full", "bare"])
def test_every_part_of_a_full_and_of_a_bare_evaluation(visit, simulated, model_dir, part, basis, document):
    keep(document(), evaluations.store(), model_dir)
    page = visit(simulated, "skill", part=part, basis=basis, horizon="4")
    assert errors(page) == []
    assert "**2 of 6** comparisons" in answer(page)
    assert page.query_params["part"] == part
    charts = "".join(chart.proto.spec for chart in page.get("plotly_chart"))
    assert "<img" not in everything(page) + charts  # an event's name, which comes from data


def test_a_horizon_that_was_not_scored_is_told(visit, simulated, model_dir):
    keep(evaluations.full(), evaluations.store(), model_dir)
    for part in PARTS:
        assert errors(visit(simulated, "skill", part=part, horizon="12")) == []
    assert "Not scored week by week" in everything(visit(simulated, "skill", part="weeks", horizon="12"))


def test_skill_of_other_data_is_a_warning_before_any_number(visit, simulated, model_dir):
    keep(evaluations.full(), evaluations.store("hash of other data"), model_dir)
    assert "measured on other data" in notes(visit(simulated, "skill")).replace("\\", "")


@pytest.mark.parametrize("text", [None, "torn", "{}"])
def test_no_evaluation_and_a_damaged_one_say_what_to_do(visit, simulated, model_dir, text):
    if text is not None:
        (model_dir / "evaluation.json").write_text(text)
    page = visit(simulated, "skill")
    assert errors(page) == []
    assert "has not been measured" in answer(page)
    assert "dexposure evaluate" in everything(page)


def test_new_weights_make_the_old_evaluation_vanish(visit, simulated, model_dir):
    keep(evaluations.full(), evaluations.store(), model_dir)
    assert "comparisons" in answer(visit(simulated, "skill"))
    (model_dir / "dexposure.safetensors").write_bytes(b"trained again")
    assert "of other weights" in everything(visit(simulated, "skill"))


def test_bad_choices_in_the_address_are_told_and_replaced(visit, simulated, model_dir):
    keep(evaluations.full(), evaluations.store(), model_dir)
    page = visit(simulated, "skill", part="<script>alert(1)</script>", beside="\x00", every="yes")
    assert errors(page) == []
    assert page.query_params["part"] == "short"
    assert notes(page).count("is not offered") == 2
    page = visit(simulated, "skill", part="baselines", metric="../../etc/passwd")
    assert page.query_params["metric"] == "brier"


def test_neither_the_overview_nor_the_skill_page_loads_the_model(simulated, model_dir):
    keep(evaluations.full(), evaluations.store(), model_dir)
    code = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        "for page in ('overview', 'protocol', 'skill'):\n"
        f"    app = AppTest.from_file({str(ROOT / 'app.py')!r}, default_timeout=120)\n"
        "    app.switch_page(f'pages/{page}.py'); app.query_params['protocol'] = '1'; app.run()\n"
        "    assert not app.exception, app.exception\n"
        "print([m for m in ('torch', 'lightgbm', 'sklearn') if m in sys.modules])"
    )
    environment = {"DEXPOSURE_STORE": str(simulated), "DEXPOSURE_MODEL_DIR": str(model_dir)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        cwd=ROOT,
        check=False,
    )
    assert done.stdout.strip().endswith("[]"), done.stderr[-2000:]


def test_the_file_that_is_kept_is_plain_json(model_dir):
    path = keep(evaluations.full(), evaluations.store(), model_dir)
    assert set(json.loads(path.read_text())) >= {"model", "content_hash", "when", "version", "vintage"}
