"""The published JSON: weeks in order, rows as they stand, both ways of cutting the file, and every refusal."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexposure_core.errors import BadInput
from dexposure_core.network.published import PublishedWeek, from_published
from dexposure_core.sources import published, published_index, synthetic_published
from tests.sources.refusals import check_refused

MONDAY, NEXT = "2024-01-01", "2024-01-08"
WEEK: dict[str, Any] = {
    "nodes": [
        {"id": "182", "size": 30.0, "composition": {"WETH": 20.0, "DAI": 10.0}},
        {"id": "118", "size": 0, "composition": {}},
        {"id": "WETH", "size": 0.0, "composition": {}},
    ],
    "links": [
        {"source": "182", "target": "WETH", "size": 5.0, "composition": {"WETH": 5.0}},
        {"source": "118", "target": "182", "size": 2.5, "composition": {"DAI": 2.5}},
    ],
}


def json_file(folder: Path, data: Any, text: str | None = None, **layout: Any) -> Path:
    path = folder / "published.json"
    path.write_text(json.dumps({"data": data}, **layout) if text is None else text, encoding="utf-8")
    return path


def same(left: PublishedWeek, right: PublishedWeek) -> bool:
    frames = ("nodes", "node_tokens", "links", "link_tokens", "findings", "protocols")
    return left.date == right.date and all(getattr(left, f).equals(getattr(right, f)) for f in frames)


def test_a_week_becomes_frames(tmp_path: Path) -> None:
    feed = published.read(json_file(tmp_path, {MONDAY: WEEK}))
    assert feed.dates == [dt.date(2024, 1, 1)]
    assert feed.sources[0].name == "published.json"
    (week,) = feed
    assert week.nodes.rows() == [("182", 30.0), ("118", 0.0), ("WETH", 0.0)]
    assert week.node_tokens.rows() == [("182", "WETH", 20.0), ("182", "DAI", 10.0)]
    assert week.links.rows() == [("182", "WETH", 5.0), ("118", "182", 2.5)]
    assert week.link_tokens.rows() == [("182", "WETH", "WETH", 5.0), ("118", "182", "DAI", 2.5)]
    assert week.protocols.rows() == [(p, p, "Unknown", "Unknown") for p in ("182", "118", "WETH")]


def test_nodes_alone_give_the_same_balances(tmp_path: Path) -> None:
    file = tmp_path / "simulated.json"
    synthetic_published.write(file, weeks=3, nodes=60, links=300, seed=4)
    feed = published.read(file)
    for date in feed.dates:
        whole, balances = from_published(feed.load(date)), from_published(feed.load_nodes(date))
        assert balances.holdings.equals(whole.holdings)
        sized = pl.col("tvl_usd") > 0  # what a size is compared with; ends of exposures may have none
        assert balances.nodes.filter(sized).equals(whole.nodes.filter(sized))
    assert len(feed.load_nodes(feed.dates[0]).links) == 0


def test_nodes_alone_are_checked_and_links_are_not(tmp_path: Path) -> None:
    feed = published.read(json_file(tmp_path, {MONDAY: {"nodes": [], "links": [{"source": {}}]}, NEXT: {"nodes": 7}}))
    assert feed.load_nodes(dt.date(2024, 1, 1)).nodes.is_empty()
    with pytest.raises(BadInput, match=NEXT):
        feed.load_nodes(dt.date(2024, 1, 8))


def test_a_week_is_a_network_on_both_bases(tmp_path: Path) -> None:
    (week,) = published.read(json_file(tmp_path, {MONDAY: WEEK}))
    flow = week.snapshot()
    assert flow.basis == "flow"
    assert flow.exposure_usd.sum() == 7.5
    # 182 holds 20 of WETH's and, since the link 118 → 182 carries DAI and 118 does not hold it, 10 of 118's tokens
    stock = week.snapshot("holdings")
    ends = {
        (stock.protocols[c], stock.protocols[d]): usd
        for c, d, usd in zip(stock.creditor, stock.debtor, stock.exposure_usd, strict=True)
    }
    assert ends == {("182", "WETH"): 20.0, ("182", "118"): 10.0}


def test_weeks_come_in_date_order_whatever_the_order_of_the_file(tmp_path: Path) -> None:
    other = {"nodes": [{"id": "1", "size": 1.0, "composition": {}}], "links": []}
    feed = published.read(json_file(tmp_path, {NEXT: other, MONDAY: WEEK}))
    assert feed.dates == [dt.date(2024, 1, 1), dt.date(2024, 1, 8)]
    assert [len(week.nodes) for week in feed] == [3, 1]


LAYOUTS: list[dict[str, Any]] = [{}, {"separators": (",", ":")}, {"indent": 2}, {"indent": "\t", "ensure_ascii": False}]


@pytest.mark.parametrize("layout", LAYOUTS, ids=["standard", "compact", "pretty", "tabs"])
def test_cut_and_streamed_files_give_the_same_weeks(tmp_path: Path, layout: dict[str, Any]) -> None:
    synthetic = synthetic_published.write(tmp_path / "s.json", weeks=3, nodes=40, links=90, seed=5)
    data = json.loads(synthetic.read_text())["data"]
    data[MONDAY]["nodes"][0]["id"] = 'q"uo{te, "nodes": [] é'
    plain = list(published.read(json_file(tmp_path, data, **layout)))
    (tmp_path / "b").mkdir()
    odd = json_file(tmp_path / "b", None, json.dumps({"version": 1, "data": data, "more": [1, 2]}, **layout))
    odd = odd.rename(tmp_path / "b" / "published.json")
    streamed = list(published.read(odd))
    assert len(plain) == 3
    assert all(same(a, b) for a, b in zip(plain, streamed, strict=True))


def test_the_cut_is_used_for_plain_files_and_the_stream_for_others(tmp_path: Path) -> None:
    plain = published_index.index(json_file(tmp_path, {MONDAY: WEEK}, indent=1))
    assert plain.path.name == "published.json"
    links_first = {"links": WEEK["links"], "nodes": WEEK["nodes"]}
    streamed = published_index.index(json_file(tmp_path, {MONDAY: links_first}))
    assert streamed.path.name != "published.json"
    assert json.loads(streamed.chunk(dt.date(2024, 1, 1))) == links_first


def test_a_date_key_may_lie_across_two_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = synthetic_published.write(tmp_path / "s.json", weeks=6, nodes=12, links=20, seed=1)
    whole = list(published.read(path))
    for block in (257, 300, 511, 1000):
        monkeypatch.setattr(published_index, "BLOCK", block)
        cut = published_index.index(path)
        assert cut.path == path
        assert list(cut.spans) == [week.date for week in whole]


@pytest.mark.parametrize("head", ["", '"note": 3, '], ids=["cut", "streamed"])
def test_bare_nan_and_infinity_are_missing_amounts(tmp_path: Path, head: str) -> None:
    text = (
        '{HEAD"data": {"2024-01-01": {"nodes": [{"id": "a", "size": NaN, "composition": {"T": -Infinity, "NaN": 1.0}}, '
        '{"id": "x: NaN, Infinity }", "size":Infinity}], "links": [{"source": "a", "target": "b", "size": NaN }]}}}'
    ).replace("HEAD", head)
    (week,) = published.read(json_file(tmp_path, None, text))
    assert week.nodes.rows() == [("a", None), ("x: NaN, Infinity }", None)]
    assert week.node_tokens.rows() == [("a", "T", None), ("a", "NaN", 1.0)]
    assert week.links.rows() == [("a", "b", None)]


def test_every_defect_of_the_real_files_is_counted(tmp_path: Path) -> None:
    week = {
        "nodes": [
            {"id": "a", "size": 100.0, "composition": {"B": 100.0}},
            {"id": "b", "size": -5.0, "composition": {"Q": -5.0}},
            {"id": None, "size": 7.0, "composition": {}},
            {"id": "LP", "size": 0, "composition": {}},
        ],
        "links": [
            {"source": "a", "target": "b", "size": 3.0, "composition": {"B": 3.0}},
            {"source": "a", "target": "b", "size": 4.0, "composition": {"B": 4.0}},
            {"source": "a", "target": None, "size": 9.0, "composition": {}},
            {"source": "b", "target": "b", "size": 9.0, "composition": {}},
            {"source": "b", "target": "a", "size": -1.0, "composition": {}},
            {"source": "a", "target": "only-in-links", "size": 2.0, "composition": {"O": 2.0}},
        ],
    }
    (raw,) = published.read(json_file(tmp_path, {MONDAY: week}))
    period = from_published(raw)
    found = dict(period.findings.select("finding", "rows").iter_rows())
    assert found["parallel links"] == 1
    assert found["self-loop"] == 1
    assert found["link without an id"] == 1
    assert found["link size not positive"] == 1
    assert found["node without an id"] == 1
    assert found["node size negative or missing"] == 1
    assert found["node only in links"] == 1
    assert found["bucket node"] == 1
    # 3 + 4 in one link a → b; 2 to the node that only links name
    assert raw.snapshot().exposure_usd.sum() == 9.0


def test_ids_may_be_numbers_and_text_is_mended(tmp_path: Path) -> None:
    week = {
        "nodes": [
            {"id": 182, "size": 1e30, "composition": {"\x00\x00AVAX": 1.0}},
            {"id": 7.0, "size": 1, "composition": None},
            {"id": "x\u202ey", "size": 123456789012345678901234567890},
        ],
        "links": [],
    }
    (raw,) = published.read(json_file(tmp_path, {MONDAY: week}))
    assert raw.nodes["protocol"].to_list() == ["182", "7", "xy"]
    assert raw.nodes["size_usd"].to_list() == [1e30, 1.0, 123456789012345678901234567890.0]
    assert raw.node_tokens.rows() == [("182", "AVAX", 1.0)]
    assert raw.findings["finding"].to_list() == [
        "control characters in node id",
        "control characters in token of a node",
    ]


def test_names_come_from_metadata_and_mapping_and_never_from_nan(tmp_path: Path) -> None:
    meta = tmp_path / "meta_df.csv"
    meta.write_text("id,name,category\n182,Lido,Liquid Staking\n118,MakerDAO,\n,ghost,CDP\n")
    folder = tmp_path / "mapping"
    folder.mkdir()
    info = {"182": {"name": "Lido v2", "category": "Asset Management"}, "nan": {"name": "ghost", "category": "x"}}
    (folder / "id_to_info.json").write_text(json.dumps(info))
    (folder / "rev_map.json").write_text(json.dumps({"nan": "1061", "LDO": "182", "MKR": "118"}))
    buckets = {
        "MAP": {"LDO": {"id": "9", "frequency": 2}, "SUSHI": {"id": "3827", "frequency": 1}},
        "LP": {"A-B": {"id": "LP", "frequency": 1}},
    }
    (folder / "token_to_protocol.json").write_text(json.dumps(buckets))
    (week,) = published.read(json_file(tmp_path, {MONDAY: WEEK}), meta=meta, mapping=folder)
    assert week.protocols.rows() == [
        ("182", "Lido", "Liquid Staking", "Asset Management"),  # name and category from meta, sector from the mapping
        ("118", "MakerDAO", "Unknown", "Unknown"),
        ("WETH", "WETH", "Unknown", "Unknown"),
    ]
    assert week.tokens is not None
    assert dict(week.tokens.iter_rows()) == {"LDO": "182", "MKR": "118", "SUSHI": "3827", "A-B": "LP"}
    assert week.findings.row(0, named=True)["finding"] == "node missing from metadata"
    assert week.findings.row(0, named=True)["rows"] == 1  # WETH
    only_meta = published.Names(meta)
    assert only_meta.protocols.row(0) == ("182", "Lido", "Liquid Staking", "Liquid Staking")
    assert only_meta.tokens is None


GOOD = json.dumps({"data": {MONDAY: WEEK, NEXT: WEEK}})
BAD_FILES = [
    ("", ["empty"]),
    ("   ", ["not JSON"]),
    ("not json at all", ["not JSON"]),
    ("date,protocol\n1,2\n", ["JSON"]),
    (GOOD[:-1], ["truncated"]),
    (GOOD[: len(GOOD) // 2], ["truncated"]),
    (GOOD[: len(GOOD) // 4], ["truncated"]),
    ("[1, 2]", ["no dates", '{"data"']),
    ('{"data": []}', ["no dates"]),
    ('{"data": {}}', ["no dates"]),
    ('{"other": {}}', ["no dates"]),
    (json.dumps({"data": {"2024-02-30": WEEK}}), ["2024-02-30", "not a date"]),
    (json.dumps({"data": {"20240201": WEEK}}), ["20240201", "not a date"]),
    (json.dumps({"data": {MONDAY: WEEK, "latest": WEEK}}), ["latest", "not a date"]),
    (GOOD.replace(NEXT, MONDAY), [MONDAY, "twice"]),
    (GOOD.replace(NEXT, MONDAY).replace('{"data"', '{"v": 1, "data"'), [MONDAY, "twice"]),
]


@pytest.mark.parametrize(("text", "parts"), BAD_FILES, ids=[p[0] + f"-{i}" for i, (_, p) in enumerate(BAD_FILES)])
def test_a_file_that_is_no_published_file_is_refused_at_once(tmp_path: Path, text: str, parts: list[str]) -> None:
    path = json_file(tmp_path, None, text)
    check_refused(lambda: list(published.read(path)), "published.json", *parts)


BAD_WEEKS = [
    ({"nodes": WEEK["nodes"]}, [MONDAY, "links"]),
    ({"nodes": {}, "links": []}, [MONDAY, "$.nodes"]),
    ({"nodes": [{"size": 1.0}], "links": []}, [MONDAY, "`id`", "$.nodes[0]"]),
    ({"nodes": [{"id": "a", "size": "1"}], "links": []}, [MONDAY, "$.nodes[0].size"]),
    ({"nodes": [{"id": "a", "size": True}], "links": []}, [MONDAY, "$.nodes[0].size"]),
    ({"nodes": [{"id": ["a"], "size": 1}], "links": []}, [MONDAY, "$.nodes[0].id"]),
    ({"nodes": [{"id": "a", "size": 1, "composition": [1]}], "links": []}, [MONDAY, "composition"]),
    ({"nodes": [{"id": "a", "size": 1, "composition": {"T": "x"}}], "links": []}, [MONDAY, "composition"]),
    ({"nodes": [], "links": [{"from": "a", "to": "b", "size": 1}]}, [MONDAY, "`source`", "$.links[0]"]),
    ({"nodes": [{"id": "x" * 1_000_000, "size": 1}], "links": []}, [MONDAY, "node id", "1000000 characters", "200"]),
    ({"nodes": [{"id": "a", "size": 1, "composition": {"t" * 201: 1}}], "links": []}, [MONDAY, "token", "201"]),
    ({"nodes": [], "links": [{"source": "a", "target": "b" * 300, "size": 1}]}, [MONDAY, "link target", "300"]),
]


@pytest.mark.parametrize(("week", "parts"), BAD_WEEKS, ids=[f"{p[1]}-{i}" for i, (_, p) in enumerate(BAD_WEEKS)])
def test_a_week_of_another_shape_is_refused_by_date_and_field(tmp_path: Path, week: Any, parts: list[str]) -> None:
    path = json_file(tmp_path, {MONDAY: week})
    check_refused(lambda: list(published.read(path)), "published.json", *parts)


def test_invalid_utf8_and_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "published.json"
    path.write_bytes(GOOD.encode().replace(b'"118"', b'"11\xff"'))
    check_refused(lambda: list(published.read(path)), "published.json", MONDAY, "UTF-8")
    path.write_bytes(b"\x1f\x8b" + GOOD.encode())
    check_refused(lambda: published.read(path), "gzip", "unpack")
    check_refused(lambda: published.read(tmp_path / "none.json"), "none.json", "no such file")


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, cut: int) -> None:
    path = json_file(tmp_path, None, GOOD[: len(GOOD) * cut // 60])
    check_refused(lambda: list(published.read(path)), "published.json")


def test_names_that_are_no_names_are_refused(tmp_path: Path) -> None:
    path = json_file(tmp_path, {MONDAY: WEEK})
    bad = tmp_path / "mapping"
    check_refused(lambda: published.read(path, mapping=bad), "mapping", "not a folder", "id_to_info.json")
    bad.mkdir()
    check_refused(lambda: published.read(path, mapping=bad), "mapping", "holds none of")
    (bad / "id_to_info.json").write_text('{"1": ["Lido"]}')
    check_refused(lambda: published.read(path, mapping=bad), "id_to_info.json", "array")
    meta = tmp_path / "meta.csv"
    meta.write_text("id,title\n1,Lido\n")
    check_refused(lambda: published.read(path, meta=meta), "meta.csv", "no column 'name'")


AMOUNT = st.none() | st.floats(-1e12, 1e12)
ID = st.none() | st.sampled_from(["1", "2", "WETH", "LP", "nodes", "2024-01-01", 'a"b', "}, {"])
PARTS = st.dictionaries(st.sampled_from(["WETH", "DAI", "nodes", "data"]), AMOUNT, max_size=3)
NODE = st.fixed_dictionaries({"id": ID, "size": AMOUNT, "composition": PARTS})
LINK = st.fixed_dictionaries({"source": ID, "target": ID, "size": AMOUNT, "composition": PARTS})
WEEKS = st.fixed_dictionaries({"nodes": st.lists(NODE, max_size=5), "links": st.lists(LINK, max_size=5)})
FILES = st.dictionaries(st.dates(dt.date(2020, 1, 1), dt.date(2025, 1, 1)).map(str), WEEKS, min_size=1, max_size=4)


@given(data=FILES, layout=st.sampled_from(LAYOUTS))
@settings(max_examples=60, deadline=None)
def test_what_was_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any], layout: dict[str, Any]
) -> None:
    path = json_file(tmp_path_factory.mktemp("published"), data, **layout)
    weeks = {str(week.date): week for week in published.read(path)}
    assert list(weeks) == sorted(data)
    for date, week in weeks.items():
        assert week.nodes.rows() == [(n["id"], n["size"]) for n in data[date]["nodes"]]
        assert week.links.rows() == [(x["source"], x["target"], x["size"]) for x in data[date]["links"]]
        parts = [(n["id"], t, v) for n in data[date]["nodes"] for t, v in n["composition"].items()]
        assert week.node_tokens.rows() == parts


def test_findings_have_the_schema_of_the_table(tmp_path: Path) -> None:
    (week,) = published.read(json_file(tmp_path, {MONDAY: WEEK}))
    assert week.findings.schema == {
        "severity": pl.String, "finding": pl.String, "place": pl.String,
        "rows": pl.Int64, "usd": pl.Float64, "action": pl.String,
    }  # fmt: skip


def test_reading_stops_at_the_bad_week_and_the_weeks_before_are_good(tmp_path: Path) -> None:
    feed = published.read(json_file(tmp_path, {MONDAY: WEEK, NEXT: {"nodes": 3, "links": []}}))
    assert next(feed).date == dt.date(2024, 1, 1)
    with pytest.raises(BadInput, match=NEXT):
        next(feed)
