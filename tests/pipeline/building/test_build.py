"""From files to a measured vintage, small enough to check by hand."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from dexposure_core.errors import BadInput, BadOption
from dexposure_core.network.build import from_holdings
from dexposure_core.network.period import HOLDINGS, PROTOCOLS, Period
from dexposure_core.pipeline.building.build import Plan, build
from dexposure_core.pipeline.building.ingest import (
    frequency_of,
    ingest_defillama,
    ingest_edges,
    ingest_holdings,
    ingest_published,
    ingest_store,
)
from dexposure_core.pipeline.building.week import each_after_the_other
from dexposure_core.store import Store, list_vintages, open_store
from dexposure_core.stress import MEASURED_RULES, MEASURED_SCENARIOS

MONDAYS = [dt.date(2022, 5, 2), dt.date(2022, 5, 9)]
# 111 (Aave V2) holds stETH (Lido, 182) and DAI (MakerDAO, 118); 118 holds USDC, its own DAI and a pair.
HOLDINGS_CSV = """date,protocol_id,chain,token,quantity,value_usd
2022-05-02,111,Ethereum,stETH,10,28000
2022-05-02,111,Ethereum,DAI,5000,5000
2022-05-02,111,Ethereum-borrowed,DAI,9,9
2022-05-02,118,Ethereum,USDC,7000,7000
2022-05-02,118,Ethereum,DAI,300,300
2022-05-09,111,Ethereum,stETH,12,24000
2022-05-09,111,Ethereum,DAI,5000,5000
2022-05-09,118,Ethereum,USDC,6000,6000
2022-05-09,118,Ethereum,UNI-SUSHI,1,50.5
"""


@pytest.fixture
def holdings_csv(tmp_path: Path) -> Path:
    path = tmp_path / "holdings.csv"
    path.write_text(HOLDINGS_CSV)
    return path


def test_holdings_become_both_networks_measured(holdings_csv: Path, tmp_path: Path) -> None:
    vintage = ingest_holdings(holdings_csv, tmp_path / "store")
    store = open_store(tmp_path / "store", vintage)
    assert (store.dates("holdings"), store.dates("flow")) == (MONDAYS, MONDAYS[1:])

    first = store.snapshot(MONDAYS[0])
    assert list(first.protocols) == ["111", "118", "182", "USDC"]
    assert list(first.names) == ["Aave V2", "MakerDAO (Sky Lending)", "Lido", "Circle (USDC)"]
    assert first.tvl_usd.tolist() == [33000.0, 7300.0, 0.0, 0.0]
    assert first.matrix().toarray()[0].tolist() == [0.0, 5000.0, 28000.0, 0.0]

    # stETH: 10 at 2800 → 12 at 2000: Δ = −4000 = 10·(−800) + 2000·2: flow 111 → 182, price 8000, quantity −4000.
    # USDC: 7000 → 6000 at 1: flow 118 → USDC, all quantity. DAI of 111 did not change; DAI of 118 is its own.
    assert store.flows(MONDAYS[1]).rows() == [
        ("111", "182", 4000.0, 8000.0, -4000.0),
        ("118", "USDC", 1000.0, 0.0, 1000.0),
    ]
    assert dict(store.measures(MONDAYS[0], "holdings").iter_rows())["system_tvl_usd"] == 40300.0
    measured = set(store.measures(MONDAYS[1], "flow")["measure"])
    assert {f"loss:{s.name}:{r.name}" for s in MEASURED_SCENARIOS for r in MEASURED_RULES} <= measured
    assert store.importance(MONDAYS[1], "flow").height == 4
    assert store.sector_exposures(MONDAYS[1], "holdings")["exposure_usd"].sum() == 35000.0  # 24000 + 5000 + 6000


def test_coverage_of_a_build_reconciles_with_the_file(holdings_csv: Path, tmp_path: Path) -> None:
    store = open_store(tmp_path / "store", ingest_holdings(holdings_csv, tmp_path / "store"))
    table = {(d, s, r): (n, c) for d, s, r, n, c in store.coverage().iter_rows()}
    assert table == {
        (MONDAYS[0], "in", "total"): (5, 40_309_00), (MONDAYS[0], "mapped", "curated"): (3, 40_000_00),
        (MONDAYS[0], "dropped", "borrowed"): (1, 9_00), (MONDAYS[0], "dropped", "self-holding"): (1, 300_00),
        (MONDAYS[1], "in", "total"): (4, 35_050_50), (MONDAYS[1], "mapped", "curated"): (3, 35_000_00),
        (MONDAYS[1], "dropped", "bucket"): (1, 50_50),
    }  # fmt: skip


def test_the_order_of_rows_in_the_file_does_not_change_the_vintage(holdings_csv: Path, tmp_path: Path) -> None:
    head, *rows = HOLDINGS_CSV.splitlines()
    turned = tmp_path / "turned.csv"
    turned.write_text("\n".join([head, *reversed(rows)]) + "\n")
    ids = [ingest_holdings(path, tmp_path / "store") for path in (holdings_csv, turned)]
    assert ids[0] == ids[1]


def test_progress_tells_every_period(holdings_csv: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    ingest_holdings(holdings_csv, tmp_path / "store", progress=lambda done, total, label: told.append((done, total)))
    assert told[-2:] == [(1, 2), (2, 2)]


def test_nothing_is_published_when_no_exposure_survives(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("date,protocol_id,chain,token,quantity,value_usd\n2022-05-02,111,Ethereum,A-B,1,10\n")
    with pytest.raises(BadInput) as refusal:
        ingest_holdings(path, tmp_path / "store")
    assert str(refusal.value).startswith("pairs.csv: no exposure on any of 1 dates (on 2022-05-02: 1 rows bucket)")
    assert "\n" not in str(refusal.value)
    assert list_vintages(tmp_path / "store") == []


def test_a_build_holds_one_period_at_a_time(tmp_path: Path) -> None:
    tokens = pl.DataFrame({"token": ["b"], "issuer": ["B"], "method": ["given"]})
    names = pl.DataFrame(schema=PROTOCOLS)
    asked: list[str] = []

    def periods() -> Iterator[tuple[Period, pl.DataFrame]]:
        for date in MONDAYS:
            asked.append(f"made {date}")
            rows = pl.DataFrame([("A", "x", "b", 1.0, 10.0)], HOLDINGS, orient="row")
            yield from_holdings(date, rows, None, tokens), names

    plan = Plan(place="here", sources=(), dates=MONDAYS, frequency="week", parameters={})
    build(
        each_after_the_other(periods()),
        plan,
        tmp_path,
        progress=lambda done, total, label: asked.append(f"done {done}"),
    )
    assert asked == ["made 2022-05-02", "done 1", "made 2022-05-09", "done 2"]


def test_a_failing_source_leaves_no_trace(tmp_path: Path) -> None:
    def broken() -> Iterator[tuple[Period, pl.DataFrame]]:
        raise BadInput("file.json: date 2022-05-02: truncated; download it again")
        yield

    plan = Plan(place="here", sources=(), dates=MONDAYS, frequency="week", parameters={})
    with pytest.raises(BadInput, match="truncated"):
        build(each_after_the_other(broken()), plan, tmp_path / "store")
    assert list(tmp_path.glob("store/*")) == []


def test_published_weeks_keep_flows_and_rebuild_exposures(tmp_path: Path) -> None:
    week = {
        "nodes": [
            {"id": "111", "size": 30.0, "composition": {"STETH": 20.0, "nan": 10.0}},
            {"id": None, "size": 1.0, "composition": {"STETH": 1.0}},
        ],
        "links": [
            {"source": "111", "target": "182", "size": 3.0, "composition": {"STETH": 3.0}},
            {"source": "111", "target": None, "size": 9.0, "composition": {"X": 9.0}},
        ],
    }
    path = tmp_path / "published.json"
    path.write_text(json.dumps({"data": {"2022-05-02": week, "2022-05-09": week}}))
    store = open_store(tmp_path / "store", ingest_published(path, tmp_path / "store"))
    assert store.manifest.frequency == "week"
    assert store.snapshot(MONDAYS[0], "flow").matrix().toarray().tolist() == [[0.0, 3.0], [0.0, 0.0]]
    assert store.snapshot(MONDAYS[0], "holdings").matrix().toarray().tolist() == [[0.0, 20.0], [0.0, 0.0]]
    tokens = {row["token"]: row for row in store.tokens().iter_rows(named=True)}
    assert (tokens["STETH"]["issuer"], tokens["STETH"]["method"], tokens["STETH"]["kind"]) == (
        "182", "composition", "liquid staking",
    )  # fmt: skip
    assert "1061" not in set(store.protocols()["protocol"])
    cents = {(s, r): c for d, s, r, _, c in store.coverage().iter_rows() if d == MONDAYS[0]}
    assert cents["in", "total"] == 31_00
    assert sum(c for (side, _), c in cents.items() if side != "in") == 31_00


def test_amounts_below_a_cent_stay_amounts(tmp_path: Path) -> None:
    # The holdings are whole cents, the published flows are not: 0.003 must not become 0.
    week = {
        "nodes": [
            {"id": "1", "size": 30.125, "composition": {"X": 20.1, "Y": 10.2}},
            {"id": "9", "size": 0, "composition": {}},
        ],
        "links": [{"source": "1", "target": "9", "size": 0.003, "composition": {"X": 0.001, "Y": 0.002}}],
    }
    path = tmp_path / "published.json"
    path.write_text(json.dumps({"data": {"2022-05-02": week}}))
    store = open_store(tmp_path / "store", ingest_published(path, tmp_path / "store"))
    assert store.flows(MONDAYS[0])["flow_usd"].to_list() == [0.003]
    assert store.snapshot(MONDAYS[0], "flow").tvl_usd.tolist() == [30.125, 0.0]
    assert store.snapshot(MONDAYS[0]).exposure_usd.tolist() == [30.3]  # 20.1 + 10.2 = 30.299999999999997


def test_edges_keep_their_dates_and_sizes(tmp_path: Path) -> None:
    edges, nodes = tmp_path / "edges.csv", tmp_path / "nodes.csv"
    edges.write_text("date,creditor,debtor,exposure_usd\n2024-03-31,A,B,5\n2024-06-30,A,B,8\n2024-09-30,B,A,1\n")
    quarters = ("2024-03-31", "2024-06-30", "2024-09-30")
    rows = "".join(f"{day},{who},{usd},Banks\n" for day in quarters for who, usd in (("A", 90), ("B", 7)))
    nodes.write_text("date,protocol_id,tvl_usd,sector\n" + rows)
    store = open_store(tmp_path / "store", ingest_edges(edges, tmp_path / "store", nodes=nodes))
    assert store.manifest.frequency == "quarter"
    assert store.flows(dt.date(2024, 6, 30)).rows() == [("B", "A", 3.0, None, None)]
    # A's claim of 8 ends (A → B), B's of 1 begins (A → B): 9, all quantity
    assert store.flows(dt.date(2024, 9, 30)).rows() == [("A", "B", 9.0, 0.0, 9.0)]
    assert store.snapshot(dt.date(2024, 6, 30)).tvl_usd.tolist() == [90.0, 7.0]
    assert list(store.snapshot(dt.date(2024, 6, 30)).sectors) == ["Banks", "Banks"]


def test_a_defillama_payload_becomes_a_vintage(tmp_path: Path) -> None:
    days = [int(dt.datetime(2022, 5, day, tzinfo=dt.UTC).timestamp()) for day in (2, 9)]
    usd = [{"date": d, "tokens": {"DAI": 50.0 + i, "USDC": 7.0}} for i, d in enumerate(days)]
    payload = {"id": "111", "name": "Aave V2", "category": "Lending", "symbol": "AAVE",
               "chainTvls": {"Ethereum": {"tokensInUsd": usd}}}  # fmt: skip
    path = tmp_path / "protocol_aave.json"
    path.write_text(json.dumps(payload))
    store = open_store(tmp_path / "store", ingest_defillama([path], tmp_path / "store"))
    first = store.snapshot(MONDAYS[0])
    assert list(first.protocols) == ["111", "118", "USDC"]
    assert first.matrix().toarray()[0].tolist() == [0.0, 50.0, 7.0]
    assert store.flows(MONDAYS[1]).select("creditor", "debtor", "flow_usd").rows() == [("118", "111", 1.0)]


@pytest.fixture
def built(holdings_csv: Path, tmp_path: Path) -> Store:
    return open_store(tmp_path / "store", ingest_holdings(holdings_csv, tmp_path / "store"))


def test_a_vintage_can_be_rebuilt_with_other_issuers(built: Store, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.csv"
    tokens.write_text("token,issuer\nUNI-SUSHI,119\n")
    again = open_store(tmp_path / "store", ingest_store(built, tmp_path / "store", tokens=tokens))
    exposures = again.exposure_tokens(MONDAYS[1], creditor="118").rows()
    assert ("118", "119", "UNI-SUSHI", 50.5) in exposures
    assert again.manifest.parameters["rebuilt_from"] == built.vintage
    before = open_store(tmp_path / "store", built.vintage)
    assert before.exposure_tokens(MONDAYS[1], creditor="118")["debtor"].to_list() == ["USDC"]


def test_rebuilding_without_changes_gives_the_same_networks(built: Store, tmp_path: Path) -> None:
    again = open_store(tmp_path / "store", ingest_store(built, tmp_path / "store"))
    for table in ("holdings", "exposures", "flows", "nodes"):
        assert again.table(table).equals(built.table(table)), table


def test_edges_cannot_be_rebuilt_from_holdings(tmp_path: Path) -> None:
    edges = tmp_path / "edges.csv"
    edges.write_text("date,creditor,debtor,exposure_usd\n2024-03-31,A,B,5\n")
    store = open_store(tmp_path / "store", ingest_edges(edges, tmp_path / "store"))
    with pytest.raises(BadInput, match="no holdings to rebuild from"):
        ingest_store(store, tmp_path / "store")


def test_a_day_that_does_not_exist_is_refused(holdings_csv: Path, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="2022-02-30"):
        ingest_holdings(holdings_csv, tmp_path / "store", date="2022-02-30")


@pytest.mark.parametrize(
    ("days", "frequency"),
    [((1, 2, 3), "day"), ((3, 10, 17, 31), "week"), ((31, 60, 91), "month"), ((0, 91, 182), "quarter"),
     ((0, 365, 731), "year"), ((0, 15, 30), "irregular"), ((0,), "irregular")],
)  # fmt: skip
def test_the_frequency_of_dates(days: tuple[int, ...], frequency: str) -> None:
    assert frequency_of([dt.date(2024, 1, 1) + dt.timedelta(days=d) for d in days]) == frequency
