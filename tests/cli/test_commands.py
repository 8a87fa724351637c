"""Every command as a user types it, on three protocols whose numbers can be checked by hand."""

import json
import shutil

import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import run_cli, run_here


def test_vintages_lists_what_was_published(store):
    (vintage,) = run_cli("--store", store, "vintages", "--json").json["vintages"]
    assert {"vintage", "created_at", "content_hash", "sources", "dates", "rows"} <= vintage.keys()
    assert vintage["vintage"] == f"2025-06-09-{vintage['content_hash'][:10]}"


def test_dates_of_each_basis(store):
    assert run_cli("--store", store, "dates", "--json").json["dates"] == ["2025-06-02", "2025-06-09"]
    assert run_cli("--store", store, "dates", "--json", "--basis", "flow").json["dates"] == ["2025-06-09"]


def test_measure_counts_by_hand(store):
    # 2025-06-09: lend holds 90 USDX (issuer USDX) and 30 SHARE (issuer swap);
    # swap holds 270 USDX and 50 RECEIPT (issuer lend)
    answer = run_cli("--store", store, "measure", "--date", "2025-06-09", "--json").json
    assert (answer["date"], answer["basis"]) == ("2025-06-09", "holdings")
    values = answer["measures"]
    assert values["protocol_count"] == 3
    assert values["exposure_count"] == 4
    assert values["system_tvl_usd"] == pytest.approx(440)  # 120 + 320
    assert values["total_exposure_usd"] == pytest.approx(440)
    assert values["tvl_hhi"] == pytest.approx((120**2 + 320**2) / 440**2)
    assert values["density"] == pytest.approx(4 / 6)


def test_flow_basis_nets_each_pair(store):
    # USDX: lend 100 → 90 (fall: lend → USDX 10), swap 400 → 270 (swap → USDX 130)
    # lend–swap: SHARE 25 → 30 (rise: swap → lend 5), RECEIPT 30 → 50 (rise: lend → swap 20): net lend → swap 15
    values = run_cli("--store", store, "measure", "--basis", "flow", "--json").json["measures"]
    assert values["total_exposure_usd"] == pytest.approx(10 + 130 + 15)
    assert values["system_tvl_usd"] == pytest.approx(125 + 430)  # holdings at the previous snapshot


def test_importance_names_every_protocol_once(store):
    rows = run_cli("--store", store, "importance", "--json").json["protocols"]
    assert {row["id"] for row in rows} == {"lend", "swap", "USDX"}
    assert {"id", "name", "sis", "pagerank", "tail_exposure", "log_tvl"} <= rows[0].keys()
    assert [row["sis"] for row in rows] == sorted((row["sis"] for row in rows), reverse=True)


def test_spillover_reconciles(store):
    answer = run_cli("--store", store, "spillover", "--json").json
    total = sum(cell["exposure_usd"] for cell in answer["cells"])
    assert total == pytest.approx(440)
    assert answer["cross_sector_usd"] == pytest.approx(440)  # no exposure stays within a sector here


def test_a_protocol_that_fails(store):
    answer = run_cli("--store", store, "stress", "--protocol", "lend=1.0", "--json").json
    losses = {row["id"]: row["loss_usd"] for row in answer["protocols"]}
    # lend loses its 120; swap holds 50 of lend's tokens out of its 320
    assert losses["lend"] == pytest.approx(120)
    assert losses["swap"] == pytest.approx(50)
    assert answer["total_usd"] == pytest.approx(answer["direct_usd"] + answer["induced_usd"]) == pytest.approx(170)
    assert answer["loss_fraction"] == pytest.approx(170 / 440)
    assert answer["converged"] is True


def test_a_token_that_breaks_hits_holders_by_their_holding(store):
    answer = run_cli("--store", store, "stress", "--token", "USDX=10%", "--json").json
    assert answer["direct_usd"] == pytest.approx(0.1 * (90 + 270))


@pytest.mark.parametrize("rule", ["linear-debtrank", "dexposure-loss-sharing"])
@pytest.mark.parametrize("scenario", ["top-1", "top-5"])
def test_standard_scenarios_run_under_every_rule(store, rule, scenario):
    answer = run_cli("--store", store, "stress", "--scenario", scenario, "--rule", rule, "--json").json
    assert answer["rule"] == rule
    assert answer["scenario"] == scenario
    assert 0 < answer["loss_fraction"] <= 1


def test_report_agrees_with_the_vintage(store):
    report = run_cli("--store", store, "report", "--json").json
    kept = run_cli("--store", store, "measure", "--json").json["measures"]
    assert {m["name"]: m["value"] for m in report["measures"]} == pytest.approx(kept, nan_ok=True)
    assert [s["scenario"] for s in report["stress"]][:2] == ["top-1", "top-5"]


def test_export_writes_the_table_and_where_it_comes_from(store, tmp_path):
    done = run_cli("--store", store, "export", "exposures", "--out", tmp_path / "e.parquet", "--date", "2025-06-09")
    assert done.code == 0, done.err
    assert pq.read_table(tmp_path / "e.parquet").num_rows == 4
    provenance = json.loads((tmp_path / "e.parquet.provenance.json").read_text())
    assert provenance["vintage"].startswith("2025-06-09-")
    assert provenance["parameters"] == {"table": "exposures", "date": "2025-06-09", "chains": "default"}


def test_check_verifies_the_files(store):
    assert run_cli("--store", store, "check", "--json").json["verified"] is True


def test_build_again_with_other_issuers_makes_another_vintage(store, tmp_path):
    mine = tmp_path / "store"
    shutil.copytree(store, mine)  # LATEST moves; the other tests read the first vintage
    (tmp_path / "tokens.csv").write_text("token,issuer\nUSDX,lend\n")
    again = run_cli("--store", mine, "build", "--tokens", tmp_path / "tokens.csv", "--json")
    assert again.code == 0, again.err
    vintages = run_cli("--store", mine, "vintages", "--json").json["vintages"]
    assert again.json["vintage"] in {v["vintage"] for v in vintages}
    assert len(vintages) == 2
    # swap holds 270 USDX, now lend's, and 50 RECEIPT; lend's own 90 USDX are self-held; lend holds 30 SHARE of swap
    values = run_cli("--store", mine, "measure", "--json").json["measures"]
    assert values["total_exposure_usd"] == pytest.approx(270 + 50 + 30)


def test_calibrate_puts_a_vintage_beside_the_real_figures(store):
    told = run_here("--store", store, "--json", "calibrate").json
    figures = {entry["figure"]: entry for entry in told["figures"]}
    assert figures["tvl_2022_04_25"]["here"] is None  # two weeks of 2025 show nothing of 2022
    assert figures["tvl_2022_04_25"]["distance"] is None
    assert figures["mean_sis_2025"]["real_low"] == 0.22
    assert told["compared"] >= told["near"] >= 0
    assert "figures within 15 %" in run_here("--store", store, "calibrate").out


def test_report_writes_the_briefing_and_says_where(store, tmp_path):
    answer = run_cli("--store", store, "report", "--date", "2025-06-09", "--out", tmp_path / "b.html", "--json").json
    assert (answer["date"], answer["basis"], answer["horizon_weeks"]) == ("2025-06-09", "holdings", None)
    assert answer["bytes"] == (tmp_path / "b.html").stat().st_size


@pytest.mark.parametrize(
    ("words", "told"),
    [(["--out", "b.doc"], ".html or .pdf"), (["--horizon", "4"], "--out"), (["--out", "no/b.html"], "no folder")],
)
def test_a_briefing_that_cannot_be_written_is_refused(store, words, told):
    done = run_cli("--store", store, "report", *words)
    assert done.code == 2
    assert told in done.err
