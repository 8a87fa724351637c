"""`dexposure stress` and its subcommands: the same numbers as in Python, as JSON and in words."""

from pathlib import Path

import pytest

from tests.cli.conftest import run_here

EMBEDDED = Path(__file__).parents[2] / "data" / "store"


def asked(store, *arguments):
    done = run_here("--store", store, "stress", *arguments, "--json")
    assert done.code == 0, done.err
    return done.json


def test_sectors_chains_and_tokens_break(store):
    # Credit is Lend & Co (TVL 120), which loses half; Swap (TVL 320) holds 50 of its tokens
    by_sector = asked(store, "--sector", "credit=0.5")
    assert {p["id"]: p["loss_usd"] for p in by_sector["protocols"]}["lend"] >= 60
    assert asked(store, "--on-chain", "Arbitrum=0.5")["direct_usd"] == pytest.approx(25)
    mixed = asked(store, "--on-chain", "Arbitrum=0.5", "--token", "USDX=0.5")
    assert mixed["direct_usd"] == pytest.approx(25 + 45 + 135)
    assert mixed["shock"]["chains"] == {"Arbitrum": 0.5}


def test_a_saved_scenario_runs_again_to_the_same_numbers(store, tmp_path):
    file = tmp_path / "mine.toml"
    first = asked(store, "--token", "USDX=0.2", "--rule", "threshold", "--option", "lgd=0.5", "--save", file)
    again = asked(store, "--file", file)
    assert again == first
    assert asked(store, "--file", file, "--rule", "linear-debtrank")["rule"] == "linear-debtrank"
    taken = run_here("--store", store, "stress", "--token", "USDX=0.3", "--save", file)
    assert (taken.code, file.read_text().count("0.2")) == (2, 1)


def test_every_rule_states_what_it_assumes(store):
    for rule in ("linear-debtrank", "debtrank-2012", "threshold", "eisenberg-noe", "dexposure-loss-sharing"):
        document = asked(store, "--token", "USDX=0.2", "--rule", rule)
        assert document["total_usd"] == pytest.approx(document["direct_usd"] + document["induced_usd"])
        assert document["underlying_usd"] <= document["total_usd"] * (1 + 1e-12)
        assert len(document["assumptions"]) >= 4
    told = asked(store, "--token", "USDX=0.2", "--rule", "eisenberg-noe", "--pass-through", "0.5")["assumptions"]
    assert any("does not apply" in line for line in told)


def test_each_protocol_in_turn(store):
    rows = {row["id"]: row for row in asked(store, "all-failures")["protocols"]}
    assert rows["USDX"]["rank"] == 1
    assert rows["USDX"]["impact_usd"] >= 360
    assert rows["swap"]["worst"] == "USDX"
    words = run_here("--store", store, "stress", "all-failures").out
    assert "others lose" in words


@pytest.mark.parametrize("over", ["protocols", "sectors", "tokens"])
def test_the_smallest_shock(store, over):
    found = asked(store, "reverse", "--loss-usd", "44", "--over", over)
    assert found["reached"]
    assert found["loss_usd"] == pytest.approx(44)
    assert sum(row["usd"] for row in found["shock"]) == pytest.approx(found["cost_usd"])
    assert 0 <= found["gap"] < 1
    words = run_here("--store", store, "stress", "reverse", "--loss-share", "0.1", "--over", over).out
    assert "above the optimum" in words


def test_what_there_is_to_run_is_listed(store):
    document = asked(store, "scenarios")
    assert {"top-1", "top-5", "bridges", "lending", "stablecoin-depeg"} <= {s["name"] for s in document["scenarios"]}
    assert {"terra", "ftx", "svb"} <= {r["name"] for r in document["replays"]}


def test_drawn_shocks_of_the_embedded_world():
    document = run_here("stress", "montecarlo", "--draws", "200", "--json", "--store", EMBEDDED).json
    assert document["expected_shortfall_usd"] >= document["var_usd"] > document["mean_usd"] > 0
    for part in ("sectors", "protocols"):
        total = sum(row["contribution_usd"] for row in document[part])
        assert total == pytest.approx(document["expected_shortfall_usd"], rel=1e-9)


def test_speed_is_printed_beside_its_target():
    document = run_here("bench", "stress", "--protocols", "300", "--exposures", "1500", "--json").json
    assert document["protocols"] == 300
    assert all(figure["seconds"] > 0 for figure in document["figures"])
    assert document["loops_over_engine"] > 0


def test_rules_and_bases_side_by_side(store):
    document = asked(store, "--token", "USDX=0.2", "--compare")
    rows = {(row["basis"], row["rule"]): row for row in document["comparison"]}
    assert {basis for basis, _ in rows} == {"holdings", "flow"}
    assert len(rows) == 10
    here = rows["holdings", "linear-debtrank"]
    assert here["total_usd"] == pytest.approx(document["total_usd"])
    assert all(r["total_usd"] == pytest.approx(r["direct_usd"] + r["induced_usd"]) for r in rows.values())
    # the first date has no flows: that basis is left out, and named
    first = asked(store, "--token", "USDX=0.2", "--compare", "--date", "2025-06-02")
    assert {row["basis"] for row in first["comparison"]} == {"holdings"}
    assert "flow basis left out" in first["left_out"][0]
    assert "lose a tenth" in run_here("--store", store, "stress", "--token", "USDX=0.2", "--compare").out


def test_a_scenario_ahead_stands_beside_today():
    document = asked(EMBEDDED, "--token", "USDC=0.1", "--weeks-ahead", "1")
    today, expected, futures = document["ahead"]["networks"]
    assert today["loss_usd"] == pytest.approx(document["total_usd"])
    assert futures["low_usd"] < futures["loss_usd"] < futures["high_usd"]
    assert expected["loss_usd"] > 0
    assert document["ahead"]["assumptions"]
    assert document["ahead"]["simulated"]
    refused = run_here("--store", EMBEDDED, "stress", "--token", "USDC=0.1", "--weeks-ahead", "1", "--tokens-of",
                       "governance=0.5")  # fmt: skip
    assert (refused.code, "look ahead" in refused.err) == (2, True)


def test_each_protocol_in_turn_over_time():
    document = asked(EMBEDDED, "all-failures", "--history", "2")
    assert len({row["date"] for row in document["history"]}) == 2
    assert all(row["times"] == 2 and row["mean_share"] >= 0.01 for row in document["too_central"])
    assert document["too_central"]


def test_kinds_of_tokens_pass_on_what_is_said(store):
    full = asked(store, "--protocol", "lend=0.5")
    less = asked(store, "--protocol", "lend=0.5", "--tokens-of", "governance=0", "--tokens-of", "receipt=0")
    assert less["total_usd"] <= full["total_usd"]
    for bad in ("governance", "governance=2", "nothing-like-it=0.5"):
        refused = run_here("--store", store, "stress", "--protocol", "lend=0.5", "--tokens-of", bad)
        assert refused.code == 2, bad
