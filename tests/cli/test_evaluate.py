"""`dexposure evaluate` on a vintage a person made from edges, daily ones at that."""

import datetime as dt
import json

import numpy as np
import pytest

from tests.cli.conftest import run_here

DAYS = 40


def edges(path, days):
    rng = np.random.default_rng(0)
    names, lines = "ABCDEF", ["date,creditor,debtor,exposure_usd"]
    size = rng.lognormal(12, 1, (6, 6))
    for day in range(days):
        size *= np.exp(rng.normal(0, 0.1, (6, 6)))
        date = dt.date(2023, 5, 1) + dt.timedelta(days=day)
        lines += [
            f"{date},{names[i]},{names[j]},{size[i, j]:.2f}"
            for i in range(6) for j in range(6) if i != j and rng.random() < 0.7
        ]  # fmt: skip
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("DEXPOSURE_CACHE_DIR", str(tmp_path / "cache"))
    assert run_here("--store", tmp_path / "store", "import", "edges", edges(tmp_path / "edges.csv", DAYS)).code == 0
    return tmp_path / "store"


def test_a_daily_vintage_is_scored_in_steps_and_written_down(store, tmp_path):
    asked = ("--forecaster", "ewma", "--horizon", 1, "--horizon", 2, "--leak-test", "--out", tmp_path / "out")
    run = run_here("--store", store, "--json", "evaluate", *asked)
    assert run.code == 0, run.err
    rows = run.json["rows"]
    assert rows[0]["forecaster"] == "persistence"
    assert {(r["forecaster"], r["basis"], r["horizon"]) for r in rows} == {
        (f, b, h) for f in ("persistence", "ewma") for b in ("holdings", "flow") for h in (1, 2)
    }
    # 82 % of 40 days: the hold-out begins on day 32 (2023-06-02), and day 39 is forecast from day 38 at the latest
    assert (run.json["first_origin"], run.json["origins"]) == ("2023-06-02", 7)
    assert run.json["frequency"] == "day"
    assert all(leak["passed"] for leak in run.json["leak_test"])
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text())["rows"] == rows
    assert "steps of one day" in (tmp_path / "out" / "evaluation.html").read_text()


def test_a_person_reads_persistence_first(store):
    run = run_here("--store", store, "evaluate", "--forecaster", "pair-memory", "--horizon", 1)
    assert run.code == 0, run.err
    assert run.out.splitlines()[0].split()[:4] == ["score", "basis", "steps", "persistence"]


def test_too_short_a_vintage_is_refused_in_one_line(tmp_path):
    assert run_here("--store", tmp_path / "few", "import", "edges", edges(tmp_path / "few.csv", 4)).code == 0
    run = run_here("--store", tmp_path / "few", "evaluate", "--forecaster", "persistence")
    assert run.code == 2
    assert "4 snapshots are too few" in run.err
    assert "Traceback" not in run.err


def test_what_says_nothing_of_the_weights_is_not_kept_and_refused_before_any_work(store):
    run = run_here("--store", store, "evaluate", "--forecaster", "ewma", "--keep")
    assert run.code == 2
    assert "says nothing about the weights" in run.err
    assert run.err.count("\n") == 1
