"""The drawn page loads nothing, trusts no name, and stays small."""

import html
import itertools
import json
import re

import pytest

from dexposure_core.ui.graph import Edge, Ink, LegendEntry, Node, draw

INK = Ink(paper="#fff", ink="#111", muted="#666", line="#ddd", surface="#eee", accent="#06c")
HOSTILE = [
    '<script>alert("x")</script>',
    "</script><img src=x onerror=alert(1)>",
    '<a href="https://evil.example">href</a>',
    "javascript:alert(1)//",
    "<link rel=stylesheet href=https://evil.example/a.css>",
    "a\u2028b\u202egnp.exe",
    "x" * 1_000_000,
]


def node(i: int, name: str, **more: object) -> Node:
    given = {"place": (i * 10.0, i * 5.0), "radius": 6.0, "colour": "#123456", "group": "Lending", "facts": (name,)}
    return Node(id=f"{name[:40]}-{i}", name=name, **(given | more))


def page(names: list[str], **options: object) -> str:
    nodes = [node(i, name) for i, name in enumerate(names)]
    edges = [
        Edge(creditor=a.id, debtor=b.id, width=1.0, colour="#999", words=f"{a.name} holds {b.name}")
        for a, b in itertools.pairwise(nodes)
    ]
    return draw(nodes, edges, [LegendEntry(group="Lending", text=names[0], colour="#123456")], INK, **options)


def data(drawn: str, of: str) -> list[dict]:
    return json.loads(re.search(rf"{of} = new vis\.DataSet\((\[.*?\])\);", drawn)[1])


@pytest.mark.parametrize("names", [["Aave", "Lido", "USDC"], HOSTILE])
def test_nothing_is_loaded_from_anywhere(names: list[str]) -> None:
    drawn = page(names)
    # what is left of names is text inside JSON: take it out, then no address and no loading tag may remain
    rest = re.sub(r"new vis\.DataSet\(\[.*?\]\);|<div id=\"legend\".*?</div>", "", drawn)
    assert set(re.findall(r"https?://[^\s\"'`)]*", rest)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<link|<img|<iframe|@import|<script[^>]+src", rest)
    assert "default-src 'none'" in drawn


def test_names_are_never_markup() -> None:
    drawn = page(HOSTILE)
    for name in HOSTILE[:5]:
        assert name not in drawn or "<" not in name  # a name without markup may stand as it is, in JSON
    assert drawn.count("<script>") == drawn.count("</script>") == 4  # pyvis: utils, library, drawing; and ours
    assert html.escape(HOSTILE[0][:39]) in drawn  # the legend is HTML: escaped
    assert "popup.innerHTML" not in drawn  # pyvis switches to HTML tooltips when a title contains 'href'
    assert max(len(n["label"]) for n in data(drawn, "nodes")) <= 32


def test_every_node_and_exposure_is_drawn_once_directed_and_fixed() -> None:
    drawn = page(["Aave", "Lido", "USDC"])
    assert [n["label"] for n in data(drawn, "nodes")] == ["Aave", "Lido", "USDC"]
    assert [(n["x"], n["y"]) for n in data(drawn, "nodes")] == [(0.0, 0.0), (10.0, 5.0), (20.0, 10.0)]
    assert [(e["from"], e["to"], e["arrows"]) for e in data(drawn, "edges")] == [(0, 1, "to"), (1, 2, "to")]
    assert '"physics": {"enabled": false}' in drawn


def test_searched_protocol_is_ringed_and_issuers_are_diamonds() -> None:
    drawn = draw([node(0, "A", marked=True), node(1, "B", issuer=True)], [], [], INK)
    one, two = data(drawn, "nodes")
    assert (one["borderWidth"], one["marked"], one["shape"]) == (3, True, "dot")
    assert (two["borderWidth"], two["marked"], two["shape"]) == (1, False, "diamond")


def test_size_at_150_protocols_and_600_exposures() -> None:
    nodes = [node(i, f"Protocol number {i} of many", facts=("Lending and more words",) * 4) for i in range(150)]
    edges = [
        Edge(creditor=nodes[i % 150].id, debtor=nodes[(i * 7 + 1) % 150].id, width=1.5, colour="#999", words="w" * 80)
        for i in range(600)
        if i % 150 != (i * 7 + 1) % 150
    ]
    assert len(draw(nodes, edges, [], INK)) < 1_200_000
