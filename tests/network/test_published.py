"""The holdings basis rebuilt from a published week, with every defect the published files have."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from dexposure_core.network.period import Period
from dexposure_core.network.published import PublishedWeek, from_published

MONDAY = dt.date(2024, 1, 1)
NAN = float("nan")
Parts = dict[str | None, float | None]


def week(nodes: list[tuple[Any, Any, Parts]], links: list[tuple[Any, Any, Any, Parts]]) -> PublishedWeek:
    """Write a week like the file: nodes (id, size, composition), links (source, target, size, composition)."""
    text, usd = pl.String, pl.Float64
    held = [(i, token, value) for i, _, parts in nodes for token, value in parts.items()]
    carried = [(a, b, token, value) for a, b, _, parts in links for token, value in parts.items()]
    return PublishedWeek(
        date=MONDAY,
        nodes=pl.DataFrame([n[:2] for n in nodes], {"protocol": text, "size_usd": usd}, orient="row"),
        node_tokens=pl.DataFrame(held, {"protocol": text, "token": text, "value_usd": usd}, orient="row"),
        links=pl.DataFrame([x[:3] for x in links], {"creditor": text, "debtor": text, "size_usd": usd}, orient="row"),
        link_tokens=pl.DataFrame(
            carried, {"creditor": text, "debtor": text, "token": text, "value_usd": usd}, orient="row"
        ),
    )


def found(period: Period) -> dict[str, tuple[int, float | None]]:
    return {row["finding"]: (row["rows"], row["usd"]) for row in period.findings.iter_rows(named=True)}


def dropped(period: Period) -> dict[str, tuple[int, int]]:
    rows = period.coverage.filter(pl.col("side") == "dropped").select("reason", "rows", "usd_cents").iter_rows()
    return {reason: (count, cents) for reason, count, cents in rows}


def issuers(period: Period) -> dict[str, tuple[str | None, str]]:
    return {token: (issuer, method) for token, issuer, method, _ in period.issuers.iter_rows()}


def test_a_link_tells_who_issues_its_tokens() -> None:
    # Lending pool 1 holds USDC and stETH; a link of each to its issuer. Pool 2 holds stETH, no link this week.
    period = from_published(
        week(
            [
                ("1", 130.0, {"USDC": 100.0, "STETH": 30.0}),
                ("2", 8.0, {"STETH": 8.0}),
                ("USDC", 0.0, {}),
                ("182", 5.0, {}),
            ],
            [("1", "USDC", 12.0, {"USDC": 12.0}), ("182", "1", 3.0, {"STETH": 3.0})],
        )
    )
    assert issuers(period) == {"STETH": ("182", "composition"), "USDC": ("USDC", "composition")}
    assert period.exposures.rows() == [("1", "182", 30.0), ("1", "USDC", 100.0), ("2", "182", 8.0)]
    assert period.exposure_tokens.rows() == [
        ("1", "182", "STETH", 30.0),
        ("1", "USDC", "USDC", 100.0),
        ("2", "182", "STETH", 8.0),
    ]
    assert period.flows.select("creditor", "debtor", "flow_usd").rows() == [("1", "USDC", 12.0), ("182", "1", 3.0)]
    assert dropped(period) == {}


def test_an_issuer_that_holds_its_own_token_is_the_end_common_to_all_links() -> None:
    # 9 issues and holds X; 1 holds X; 2 held none at the first observation (it entered during the week).
    period = from_published(
        week(
            [("9", 50.0, {"X": 50.0}), ("1", 10.0, {"X": 10.0}), ("2", 0.0, {})],
            [("9", "1", 1.0, {"X": 1.0}), ("9", "2", 2.0, {"X": 2.0})],
        )
    )
    assert issuers(period) == {"X": ("9", "composition")}  # the vote alone would say 2
    assert period.exposures.rows() == [("1", "9", 10.0)]
    assert dropped(period) == {"self-holding": (1, 5000)}


@pytest.mark.parametrize(
    ("token", "hints", "issuer"),
    [
        ("X", None, None),  # both ends hold X: nobody can tell
        ("X", [("X", "2")], ("2", "composition")),  # the mapping decides between the two ends
        ("X", [("X", "7")], ("7", "metadata")),  # the mapping names a third: it is all there is
        ("TWO", None, ("two", "composition")),  # an end named like the token
    ],
)
def test_ambiguous_links(token: str, hints: list[tuple[str, str]] | None, issuer: tuple[str, str] | None) -> None:
    other = token.lower() if hints is None and issuer else "2"
    data = week([("1", 10.0, {token: 10.0}), (other, 20.0, {token: 20.0})], [("1", other, 1.0, {token: 1.0})])
    frame = None if hints is None else pl.DataFrame(hints, ["token", "issuer"], orient="row")
    period = from_published(data, frame)
    if issuer is None:
        assert dropped(period) == {"issuer ambiguous": (2, 3000)}
        assert period.exposures.is_empty()
    else:
        assert issuers(period)[token] == issuer
        assert period.exposures["debtor"].unique().to_list() == [issuer[0]]


def test_a_token_without_link_or_mapping_has_no_issuer_but_counts_as_tvl() -> None:
    data = week([("1", 10.0, {"X": 6.0, "Y": 4.0})], [])
    period = from_published(data, pl.DataFrame({"token": ["Y"], "issuer": ["9"]}))
    assert period.exposures.rows() == [("1", "9", 4.0)]
    assert dropped(period) == {"no issuer": (1, 600)}
    assert period.nodes.filter(pl.col("basis") == "holdings").rows() == [
        ("holdings", "1", 10.0),
        ("holdings", "9", 0.0),
    ]


def test_the_first_row_of_the_mapping_counts_and_a_person_wins_over_links_and_mapping() -> None:
    data = week([("1", 17.0, {"X": 10.0, "Y": 4.0, "Z": 2.0, "W": 1.0}), ("2", 0.0, {})], [("1", "2", 1.0, {"X": 1.0})])
    mapping = pl.DataFrame({"token": ["Y", "Y", "W", "V"], "issuer": ["8", "9", "nan", "7"]})
    words = pl.DataFrame({"token": ["X", "Z", "V"], "issuer": [None, "Z", "6"]})
    period = from_published(data, mapping, words)
    assert issuers(period) == {
        "W": (None, "composition"), "X": (None, "override"), "Y": ("8", "metadata"), "Z": ("Z", "override"),
    }  # fmt: skip
    assert period.exposures.rows() == [("1", "8", 4.0), ("1", "Z", 2.0)]
    assert dropped(period) == {"no issuer": (2, 1100)}  # X by a person's word, W because nothing names its issuer


def test_a_missing_token_name_never_gets_an_issuer() -> None:
    # In the released mapping "nan" is a token of 1061; a link to 1061 even carries it.
    data = week([("1", 10.0, {"nan": 10.0}), ("1061", 0.0, {})], [("1", "1061", 1.0, {"nan": 1.0})])
    period = from_published(data, pl.DataFrame({"token": ["nan"], "issuer": ["1061"]}))
    assert period.exposures.is_empty()
    assert dropped(period) == {"no issuer": (1, 1000)}
    assert found(period)["token without a name"] == (1, 10.0)


def test_bucket_tokens_make_no_exposure_and_bucket_nodes_stay_in_the_flow_basis() -> None:
    data = week(
        [("1", 10.0, {"A-B": 6.0, "C-LP": 4.0}), ("OTHER", 0.0, {}), ("LP", 3.0, {})],
        [("1", "OTHER", 1.0, {"A-B": 1.0}), ("LP", "1", 2.0, {"C-LP": 2.0})],
    )
    period = from_published(data)
    assert dropped(period) == {"bucket": (2, 1000)}
    assert set(issuers(period).values()) == {(None, "bucket")}
    by_basis = dict(period.nodes.group_by("basis").agg("protocol").iter_rows())
    assert by_basis["holdings"] == ["1"]
    assert sorted(by_basis["flow"]) == ["1", "LP", "OTHER"]


def test_every_defect_of_links_is_dropped_or_mended_and_counted() -> None:
    nodes: list[tuple[Any, Any, Parts]] = [("1", 10.0, {"X": 10.0}), ("2", 0.0, {})]
    x: Parts = {"X": 1.0}
    period = from_published(
        week(
            nodes,
            [
                ("1", "2", 4.0, x), ("1", "2", 3.0, x),  # parallel: 4 + 3
                ("2", "1", 1.0, x),  # the other direction stays as published
                (None, "2", 5.0, x), ("1", None, 6.0, x), ("nan", "1", 7.0, x),  # 18 USD without an id
                ("1", "1", 8.0, x),
                ("1", "3", -2.0, x), ("1", "4", 0.0, x), ("1", "5", NAN, x), ("1", "6", None, x),
                ("1", "7", 9.0, x),  # 7 is no node
            ],
        )
    )  # fmt: skip
    flows = period.flows.select("creditor", "debtor", "flow_usd").rows()
    assert flows == [("1", "2", 7.0), ("1", "7", 9.0), ("2", "1", 1.0)]
    assert found(period) == {
        "parallel links": (1, None),
        "link without an id": (3, 18.0),
        "self-loop": (1, 8.0),
        "link size not positive": (4, -2.0),
        "node only in links": (1, None),
    }


def test_every_defect_of_nodes_is_dropped_or_mended_and_counted() -> None:
    period = from_published(
        week(
            [
                ("1", 10.0, {"X": 10.0, "Y": -3.0, "Z": NAN, "W": 0.0}), ("1", 5.0, {}),
                ("2", -7.0, {}), ("3", NAN, {}), (None, 4.0, {"X": 4.0}),
            ],
            [("1", "2", 1.0, {"X": 1.0})],
        )
    )  # fmt: skip
    flow = period.nodes.filter(pl.col("basis") == "flow").select("protocol", "tvl_usd").rows()
    assert flow == [("1", 15.0), ("2", 0.0), ("3", 0.0)]
    assert found(period) == {
        "node without an id": (1, 4.0),
        "node size negative or missing": (2, -7.0),
        "node listed twice": (1, None),
        "holder without an id": (1, 4.0),
        "value not a number": (1, 0.0),
        "value not positive": (2, -3.0),
    }
    # 10 (X) − 3 (Y) + 0 (Z) + 0 (W) + 4 (no holder) = 11 USD in; 10 mapped, 1 dropped
    sides = dict(period.coverage.group_by("side").agg(pl.col("usd_cents").sum()).iter_rows())
    assert sides == {"in": 1100, "mapped": 1000, "dropped": 100}
    assert dropped(period) == {"no holder": (1, 400), "non-positive": (2, -300), "not an amount": (1, 0)}


def test_the_order_of_rows_changes_nothing() -> None:
    data = week(
        [("1", 0.3, {"X": 0.1, "Y": 0.2}), ("2", 0.7, {"X": 0.7}), ("9", 1.0, {})],
        [
            ("1", "9", 0.1, {"X": 0.1, "Y": 0.1}),
            ("9", "2", 0.2, {"X": 0.2}),
            ("1", "9", 0.7, {"Y": 0.7}),
            ("1", "9", 0.2, {}),
        ],
    )
    frames = ("nodes", "node_tokens", "links", "link_tokens")
    turned = PublishedWeek(date=MONDAY, **{name: getattr(data, name).reverse() for name in frames})
    one, two = from_published(data), from_published(turned)
    for table in ("holdings", "exposures", "exposure_tokens", "flows", "nodes", "coverage", "issuers"):
        assert getattr(one, table).equals(getattr(two, table)), table


def test_a_week_gives_a_snapshot_of_either_basis() -> None:
    data = week([("1", 10.0, {"X": 10.0}), ("2", 0.0, {})], [("2", "1", 4.0, {"X": 4.0})])
    assert data.snapshot().matrix().toarray().tolist() == [[0.0, 0.0], [4.0, 0.0]]
    assert data.snapshot("holdings").matrix().toarray().tolist() == [[0.0, 10.0], [0.0, 0.0]]
