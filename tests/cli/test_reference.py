"""The command line agrees with the recorded outputs of the paper's tools, whichever way the network comes in."""

import csv
import json

import pytest

from tests.cli.conftest import run_here as run_cli
from tests.networks import recorded

DATE = "2025-01-06"
NAMES = list(recorded()["networks"])


def as_published(given, folder):
    """The published JSON and meta file of one recorded network (read on the flow basis, as published)."""
    ids = [p["id"] for p in given["protocols"]]
    nodes = [{"id": p["id"], "size": p["tvl_usd"], "composition": {"T": p["tvl_usd"]}} for p in given["protocols"]]
    links = [{"source": c, "target": d, "size": usd, "composition": {"T": usd}} for c, d, usd in given["exposures"]]
    (folder / "published.json").write_text(json.dumps({"data": {DATE: {"nodes": nodes, "links": links}}}))
    with (folder / "meta.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["id", "name", "category"], *([i, i, p["category"]] for i, p in zip(ids, given["protocols"], strict=True))]
        )
    return ["published", folder / "published.json", "--meta", folder / "meta.csv"]


def as_edges(given, folder):
    """The same network as exposures with sizes and sectors (the holdings basis)."""
    with (folder / "edges.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["date", "creditor", "debtor", "exposure_usd"], *([DATE, *e] for e in given["exposures"])]
        )
    with (folder / "nodes.csv").open("w", newline="") as file:
        rows = [[DATE, p["id"], p["tvl_usd"], p["category"]] for p in given["protocols"]]
        csv.writer(file).writerows([["date", "protocol_id", "tvl_usd", "sector"], *rows])
    return ["edges", folder / "edges.csv", "--nodes", folder / "nodes.csv"]


WAYS = {"flow": as_published, "holdings": as_edges}


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """(network, basis) → a store with that network, imported by the command line."""
    made = {}
    for name in NAMES:
        for basis, way in WAYS.items():
            folder = tmp_path_factory.mktemp(f"{name}-{basis}")
            done = run_cli("--store", folder / "store", "import", *way(recorded()["networks"][name], folder))
            assert done.code == 0, done.err
            made[name, basis] = folder / "store"
    return made


CASES = [(name, basis) for name in NAMES for basis in WAYS]


@pytest.mark.parametrize(("name", "basis"), CASES)
def test_measure(stores, name, basis):
    ours = run_cli("--store", stores[name, basis], "measure", "--date", DATE, "--basis", basis, "--json").json[
        "measures"
    ]
    for measure, expected in recorded()["networks"][name]["measures"].items():
        if expected is None or (measure == "spillover_index" and expected == 0):
            assert ours[measure] is None, measure  # not defined, never 0
        else:
            tolerance = 1e-3 if "sis" in measure else 1e-6
            assert ours[measure] == pytest.approx(expected, rel=tolerance, abs=1e-9), measure


@pytest.mark.parametrize(("name", "basis"), CASES)
def test_importance(stores, name, basis):
    rows = run_cli("--store", stores[name, basis], "importance", "--date", DATE, "--basis", basis, "--json").json[
        "protocols"
    ]
    expected = {p["id"]: p for p in recorded()["networks"][name]["protocols"]}
    assert {row["id"] for row in rows} == expected.keys()
    for row in rows:
        for part in ("sis", "pagerank", "tail_exposure", "log_tvl"):
            assert row[part] == pytest.approx(expected[row["id"]][part], abs=1e-3), (row["id"], part)


@pytest.mark.parametrize(("name", "basis"), CASES)
def test_spillover(stores, name, basis):
    answer = run_cli("--store", stores[name, basis], "spillover", "--date", DATE, "--basis", basis, "--json").json
    given = recorded()["networks"][name]
    cells = {(c["creditor_sector"], c["debtor_sector"]): c["exposure_usd"] for c in answer["cells"]}
    cross = {pair: usd for pair, usd in cells.items() if pair[0] != pair[1]}
    assert cross == pytest.approx({(c, d): usd for c, d, usd in given["cross_sector_cells"]})
    assert answer["cross_sector_usd"] == pytest.approx(given["spillover"][0])


@pytest.mark.parametrize(("name", "basis"), CASES)
def test_stress_by_the_papers_rule(stores, name, basis):
    for case in recorded()["networks"][name]["loss_sharing"]:
        papers = case["distress_threshold"] == 0.1 and case["max_rounds"] == 10
        if case["seen_in_other_orders"] or not papers:
            continue  # order-dependent cases and other settings are tested on the function
        shocks = [word for p in case["shocked"] for word in ("--protocol", f"{p}={case['fraction']}")]
        if not shocks:
            continue
        rule = ["--rule", "dexposure-loss-sharing"]
        answer = run_cli(
            "--store", stores[name, basis], "stress", "--date", DATE, "--basis", basis, *shocks, *rule, "--json"
        ).json
        assert answer["total_usd"] == pytest.approx(case["total_loss_usd"], rel=1e-6), case
        assert answer["loss_fraction"] == pytest.approx(case["loss_fraction"], rel=1e-6), case
