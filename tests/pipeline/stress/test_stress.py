"""Stress tests of a stored snapshot: names in, tables and JSON out."""

import datetime as dt
import json
import math

import polars as pl
import pytest

from dexposure_core.errors import BadOption, UnknownDate, UnknownProtocol, UnknownScenario, UnknownToken
from dexposure_core.pipeline.stress.stored import find_protocol, stress
from dexposure_core.store import TABLES, VintageWriter, open_store

DAY = dt.date(2024, 1, 1)


def frame(table: str, *rows: tuple) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=TABLES[table].polars, orient="row")


# USDX is issued by Mint (2, no TVL of its own), LEND by Lender (1).
# Lender (TVL 100) holds 40 USDX; Farm (3, TVL 50) holds 10 USDX and 20 LEND; the second Farm (4, TVL 50) holds nothing.
WORLD = {
    "protocols": frame(
        "protocols",
        ("1", "Lender", "Lending", "DeFi", None, None),
        ("2", "Mint", "CDP", "Stablecoins", None, None),
        ("3", "Farm", "Yield", "DeFi", None, None),
        ("4", "farm", "Bridge", "Bridges", None, None),
    ),
    "tokens": frame(
        "tokens",
        ("LEND", "1", "given", 1.0, "governance", "", 0),
        ("IDLE", "1", "given", 1.0, "unknown", "", 0),
        ("USDX", "2", "given", 1.0, "stablecoin", "", 0),
    ),
    "holdings": frame(
        "holdings",
        (DAY, "1", "", "USDX", None, 40.0, True),
        (DAY, "3", "", "LEND", None, 20.0, True),
        (DAY, "3", "", "USDX", None, 10.0, True),
    ),
    "exposures": frame("exposures", (DAY, "1", "2", 40.0), (DAY, "3", "1", 20.0), (DAY, "3", "2", 10.0)),
    "flows": frame("flows", (DAY, "1", "2", 4.0, None, None)),
    "nodes": frame(
        "nodes",
        (DAY, "holdings", "1", 100.0),
        (DAY, "holdings", "2", 0.0),
        (DAY, "holdings", "3", 50.0),
        (DAY, "holdings", "4", 50.0),
        (DAY, "flow", "1", 100.0),
        (DAY, "flow", "2", 0.0),
    ),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("store")
    with VintageWriter(path) as writer:
        for name, rows in WORLD.items():
            writer.append(name, rows)
        writer.publish(sources=(), parameters={}, frequency="week", simulated=False)
    return open_store(path)


def test_an_issuer_fails_by_half(store):
    # USDX loses half: Lender 20 of 100, Farm 5 of 50. Then LEND loses 0.2: Farm another 4. 29 of 200.
    result = stress(store, DAY, protocols={"Mint": 0.5})
    assert (result.direct_usd, result.induced_usd) == (0, pytest.approx(29))
    assert result.contagion.loss_fraction == pytest.approx(29 / 200)
    table = result.protocols()
    assert table["protocol"].to_list() == ["1", "3", "2"]  # Mint is listed: it was struck though it lost nothing
    assert table["loss_usd"].to_list() == pytest.approx([20, 9, 0])
    assert table["first_round"].to_list() == [1, 1, 0]


def test_a_token_falls(store):
    # USDX loses half: both holders at once; then LEND as above
    result = stress(store, DAY, tokens={"USDX": 0.5})
    assert (result.direct_usd, result.induced_usd) == (pytest.approx(25), pytest.approx(4))


def test_protocols_and_tokens_together(store):
    # Lender loses 10 of 100 and half of its 40 USDX: 30; Farm half of its 10, and 0.3 of its 20 LEND
    result = stress(store, DAY, protocols={"1": 0.1}, tokens={"USDX": 0.5})
    assert (result.direct_usd, result.induced_usd) == (pytest.approx(35), pytest.approx(6))


def test_every_table_sums_to_the_total(store):
    result = stress(store, DAY, protocols={"Mint": 0.5, "4": 0.1})
    total = result.contagion.total_loss_usd
    assert total == pytest.approx(34)
    assert result.protocols()["loss_usd"].sum() == pytest.approx(total)
    assert result.rounds()["loss_usd"].to_list() == pytest.approx([5, 25, 4])
    assert result.rounds()["total_usd"][-1] == pytest.approx(total)
    assert result.rounds()["protocols_hit"].to_list() == [1, 3, 3]
    assert result.rounds_by_sector()["loss_usd"].sum() == pytest.approx(total)
    assert result.transmission(limit=None)["loss_usd"].sum() == pytest.approx(result.induced_usd)


def test_sectors(store):
    # DeFi is Lender and Farm: 29 of their 150; Stablecoins has no TVL, so its share is not defined
    table = stress(store, DAY, protocols={"Mint": 0.5}).sectors()
    defi, bridges, stable = table.rows(named=True)
    assert (defi["sector"], defi["protocols_hit"], defi["loss_share"]) == ("DeFi", 2, pytest.approx(29 / 150))
    assert (bridges["loss_usd"], bridges["loss_share"]) == (0, 0)
    assert stable["loss_share"] is None


def test_who_passed_what_to_whom_in_which_round(store):
    rows = stress(store, DAY, protocols={"Mint": 0.5}).transmission().rows()
    assert rows == [
        (1, "2", "Mint", "1", "Lender", 20.0),
        (1, "2", "Mint", "3", "Farm", 5.0),
        (2, "1", "Lender", "3", "Farm", pytest.approx(4.0)),
    ]


def test_with_half_of_tvl_absorbing_the_same_shock_costs_as_much_at_once_and_more_afterwards(store):
    # Lender loses 30 of its TVL 100, and can lose 50: distress 0.6; Farm loses 0.6 of its 20 LEND
    result = stress(store, DAY, protocols={"Lender": 0.3}, absorbing_fraction=0.5)
    assert (result.direct_usd, result.induced_usd) == (pytest.approx(30), pytest.approx(12))
    assert "a protocol can lose up to 50 % of its TVL" in result.assumptions
    # an issuer without TVL loses what is said, not more: 0.5 · 40 and 0.5 · 10, then 0.4 of Farm's 20 LEND
    assert stress(store, DAY, protocols={"Mint": 0.5}, absorbing_fraction=0.5).induced_usd == pytest.approx(33)


def test_pass_through(store):
    assert stress(store, DAY, protocols={"Mint": 0.5}, pass_through=0.5).induced_usd == pytest.approx(27)


def test_a_standard_scenario_and_one_that_hits_nobody(store):
    # the bridge fails: 50, nobody holds its tokens
    assert stress(store, DAY, scenario="bridges").contagion.total_loss_usd == 50
    result = stress(store, DAY, "flow", scenario="bridges")
    assert result.contagion.total_loss_usd == 0
    assert "no protocol of this snapshot is hit by the scenario bridges" in result.assumptions


def test_holders_outside_the_snapshot_are_left_out_and_said_so(store):
    result = stress(store, DAY, "flow", tokens={"USDX": 0.5})
    assert result.direct_usd == 20
    assert "1 holders of USDX are not in this snapshot and left out" in result.assumptions
    assert "no protocol of this snapshot holds IDLE" in stress(store, DAY, tokens={"IDLE": 1.0}).assumptions


def test_json_holds_names_numbers_and_assumptions(store):
    document = stress(store, DAY, protocols={"Mint": 0.5}, rule="dexposure-loss-sharing", max_rounds=3).json()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["shock"] == {"protocols": {"2": 0.5}, "tokens": {}, "chains": {}}
    assert document["options"]["max_rounds"] == 3
    assert set(document) >= {
        "vintage", "date", "basis", "rule", "scenario", "direct_usd", "induced_usd", "total_usd", "loss_fraction",
        "rounds", "converged", "protocols", "assumptions",
    }  # fmt: skip
    linear = stress(store, DAY, protocols={"Mint": 0.5}).json()
    assert [(p["id"], p["name"]) for p in linear["protocols"]] == [("1", "Lender"), ("3", "Farm"), ("2", "Mint")]
    assert linear["total_usd"] == pytest.approx(linear["direct_usd"] + linear["induced_usd"])


def test_the_threshold_of_loss_sharing_follows_the_settings_unless_given(store, monkeypatch):
    rule = "dexposure-loss-sharing"
    monkeypatch.setenv("DEXPOSURE_DISTRESS_THRESHOLD", "0.4")
    assert stress(store, DAY, scenario="top-1", rule=rule).contagion.options["distress_threshold"] == 0.4
    given = stress(store, DAY, scenario="top-1", rule=rule, distress_threshold=0.2)
    assert given.contagion.options["distress_threshold"] == 0.2


def test_names_are_found_whatever_their_case_unless_two_share_one(store):
    snapshot = store.snapshot(DAY)
    assert [find_protocol(snapshot, text) for text in ("1", "LENDER", " mint ")] == ["1", "1", "2"]
    with pytest.raises(UnknownProtocol, match="2 protocols are called 'Farm': give an id, 3, 4"):
        find_protocol(snapshot, "Farm")


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        ({"protocols": {"Lendr": 0.5}}, UnknownProtocol, "did you mean 'Lender'"),
        ({"tokens": {"USDY": 0.5}}, UnknownToken, "USDX"),
        ({"scenario": "top1"}, UnknownScenario, "top-1"),
        ({}, BadOption, "Nothing to shock"),
        ({"scenario": "top-1", "tokens": {"USDX": 0.5}}, BadOption, "not both"),
        ({"protocols": {"1": 0.5, "Lender": 0.2}}, BadOption, "twice"),
        ({"protocols": {"1": 1.5}}, BadOption, "0 to 1"),
        ({"tokens": {"USDX": -1}}, BadOption, "0 to 1"),
        ({"scenario": "top-1", "absorbing_fraction": 0}, BadOption, "absorbing_fraction"),
        ({"scenario": "top-1", "absorbing_fraction": math.nan}, BadOption, "absorbing_fraction"),
        ({"scenario": "top-1", "lgd": 0.5}, BadOption, "no option 'lgd'"),
    ],
)
def test_what_cannot_be_asked_is_refused(store, asked, error, says):
    with pytest.raises(error, match=says):
        stress(store, DAY, **asked)


def test_a_date_without_a_snapshot_is_refused(store):
    with pytest.raises(UnknownDate):
        stress(store, dt.date(1999, 1, 4), scenario="top-1")
