"""`dexposure alerts` as a user types it: the list, the feeds, the status, the acknowledgements."""

import json

import polars as pl
import pytest

from tests.cli.conftest import run_cli, run_here

LIMITS = ("--limit", "tvl_usd@lend>100", "--limit", "exposure@lend,swap>1", "--no-forecast")


@pytest.fixture
def acks(tmp_path):
    return tmp_path / "acks.json"


def test_the_list_says_what_and_since_when(store, acks):
    done = run_here("--store", store, "alerts", "--acks", acks, *LIMITS)
    assert (done.code, done.err) == (0, "")
    assert "2025-06-09, holdings basis: " in done.out
    assert "warning: Lend & Co: TVL is USD 120, above USD 100 (since 2025-06-02, 2 snapshots)." in done.out
    assert "warning: Lend & Co → Swap: Exposure is USD 30.0, above USD 1.00" in done.out


def test_json_and_csv_are_the_same_feed(store, acks, tmp_path):
    out = tmp_path / "alerts.csv"
    told = run_here("--store", store, "alerts", "--acks", acks, *LIMITS, "--csv", out, "--json").json
    table = pl.read_csv(out)
    assert table["id"].to_list() == [row["id"] for row in told["alerts"]]
    assert told["alerts"][0]["false_alarm_rate"] is None
    assert {"vintage", "date", "basis", "alerts", "rules", "unacknowledged"} <= told.keys()
    assert json.loads((tmp_path / "alerts.csv.provenance.json").read_text())["parameters"]["table"] == "alerts"


def test_acknowledged_is_acknowledged_until_taken_back(store, acks):
    def listed(*more):
        return run_here("--store", store, "alerts", "--acks", acks, *LIMITS, *more)

    ids = [row["id"] for row in listed("--json").json["alerts"]]
    assert listed("--fail-on", "warning").code == 3
    done = run_here("--store", store, "alerts", "ack", *ids, "--note", "=1+1", "--acks", acks, *LIMITS)
    assert (done.code, done.err) == (0, "")
    assert listed("--fail-on", "notice").code == 0
    assert listed("--json").json["unacknowledged"] == 0
    assert "[acknowledged 2" in listed().out
    assert run_here("--store", store, "alerts", "ack", ids[0], "--undo", "--acks", acks).code == 0
    assert listed("--json").json["unacknowledged"] == 1


def test_a_file_of_rules(store, acks, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('[[rule]]\nprotocol = "lend"\nabove = 100\nseverity = "alarm"\n')
    told = run_here("--store", store, "alerts", "--acks", acks, "--rules", file, "--no-forecast", "--json").json
    assert [(row["rule"], row["severity"]) for row in told["alerts"]] == [("tvl_usd@lend>100", "alarm")]
    assert run_here("--store", store, "alerts", "--acks", acks, "--rules", file, "--fail-on", "alarm").code == 3


def test_the_record_of_every_rule(store, acks):
    done = run_here("--store", store, "alerts", "--acks", acks, "--record", *LIMITS)
    assert "system_tvl_usd~2/26" in done.out
    assert "not defined" in done.out  # two snapshots say nothing about false alarms


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--limit", "tvl_hi>1"], "did you mean 'tvl_hhi'"), (["--limit", "tvl_usd@nobody>1"], "No protocol 'nobody'"),
        (["--rules", "none.toml"], "cannot be read"), (["--date", "2030-01-07"], "No holdings snapshot"),
        (["ack", "0123456789ab"], "no alert on 2025-06-09 of that id"),
        (["ack", "x", "--undo"], "holds no acknowledgement"),
        (["--csv", "x.txt"], ".csv or .parquet"),
    ],
)  # fmt: skip
def test_refusals_are_one_line_that_names_the_next_step(store, acks, words, said):
    done = run_cli("--store", store, "alerts", *words, DEXPOSURE_STORE="", XDG_DATA_HOME=str(acks.parent))
    assert done.code == 2
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_damaged_file_of_acknowledgements_is_refused_and_kept(store, acks):
    acks.write_text("{")
    done = run_here("--store", store, "alerts", "--acks", acks)
    assert done.code == 2
    assert acks.read_text() == "{"
