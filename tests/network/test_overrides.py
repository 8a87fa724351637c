"""A person's word wins, is kept, and is checked."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexposure_core.errors import BadInput
from dexposure_core.network.issuers import map_tokens, own_issuers
from dexposure_core.network.overrides import (
    apply_overrides,
    merged,
    record,
    recorded,
    require_issuers,
    unlisted,
    unused,
)

PROTOCOLS = pl.DataFrame(
    {
        "protocol": ["1599", "1839", "7"],
        "name": ["Aave V3", "Aave Arc", "Space Finance"],
        "category": ["Lending", "Lending", "Dexs"],
        "sector": ["Lending", "Lending", "Trading"],
        "symbol": ["AAVE", "AAVE", None],
        "tvl_usd": [1e10, 5e5, 1e6],
    }
)


def table(**issuers: str | None) -> pl.DataFrame:
    rows = [(token, issuer, "") for token, issuer in issuers.items()]
    return pl.DataFrame(rows, schema={"token": pl.String, "issuer": pl.String, "note": pl.String}, orient="row")


def mapped() -> pl.DataFrame:
    given_issuers = {"token": ["AAVE", "FOO", "GIVEN"], "usd": [3.0, 2.0, 1.0], "issuer": [None, None, "7"]}
    return map_tokens(pl.DataFrame(given_issuers, schema_overrides={"issuer": pl.String}), PROTOCOLS)


def test_an_override_wins_over_every_method_and_keeps_what_it_replaced() -> None:
    rows = apply_overrides(mapped(), table(AAVE="1839", FOO=None, GIVEN="GIVEN")).to_dicts()
    told = [(r["token"], r["issuer"], r["method"], r["score"], r["alternatives"]) for r in rows]
    assert told == [
        ("AAVE", "1839", "override", 1.0, "1599 (metadata);1839"),  # what it was, and who lost
        ("FOO", None, "override", 1.0, "FOO (self)"),  # nobody issues it
        ("GIVEN", "GIVEN", "override", 1.0, "7 (given)"),  # itself
    ]


def test_a_token_overridden_to_itself_is_a_primary_market_token() -> None:
    table_ = apply_overrides(mapped(), table(GIVEN="GIVEN", FOO=None))
    assert own_issuers(table_)["protocol"].to_list() == ["GIVEN"]


def test_confirming_an_issuer_lists_no_alternative_to_itself() -> None:
    row = apply_overrides(mapped(), table(FOO="FOO")).row(1, named=True)
    assert (row["method"], row["alternatives"]) == ("override", "")


def test_no_override_changes_nothing() -> None:
    assert apply_overrides(mapped(), None).equals(mapped())
    assert apply_overrides(mapped(), table()).equals(mapped())


@given(st.dictionaries(st.sampled_from(["AAVE", "FOO", "GIVEN", "NOPE"]), st.sampled_from(["7", None])))
def test_overrides_touch_only_their_tokens_and_doing_it_twice_is_doing_it_once(issuers: dict[str, str | None]) -> None:
    before, told = mapped(), table(**issuers)
    once = apply_overrides(before, told)
    assert apply_overrides(once, told).equals(once)
    rest = pl.col("token").is_in(list(issuers)).not_()
    assert once.filter(rest).equals(before.filter(rest))
    assert (once.filter(~rest)["method"] == "override").all()


@pytest.mark.parametrize(
    ("issuer", "hint"),
    [
        ("Aave V3", "write its id '1599'"),
        ("aave v4", "did you mean 'Aave V3' (id '1599')?"),
        ("qqqqqqqqqqqq", "write a protocol's id, the token itself, or nothing for no issuer"),
    ],
)
def test_an_unknown_issuer_is_refused_with_the_nearest(issuer: str, hint: str) -> None:
    with pytest.raises(BadInput) as refusal:
        require_issuers(table(FOO=issuer), PROTOCOLS, mapped(), "mine.csv")
    assert str(refusal.value) == f"mine.csv: token 'FOO': there is no protocol '{issuer}'; {hint}"


@pytest.mark.parametrize("issuer", ["7", "FOO", None, "182", "2237"])
def test_a_protocol_the_token_itself_nobody_and_curated_issuers_are_fine(issuer: str | None) -> None:
    rows = table(FOO=issuer)  # 182 Lido is curated, 2237 Axelar a family
    require_issuers(rows, PROTOCOLS, mapped(), "mine.csv")
    decided = apply_overrides(mapped(), rows).filter(pl.col("token") == "FOO")
    assert decided.select("issuer", "method").rows() == [(issuer, "override")]


def test_an_override_of_a_token_that_does_not_occur_is_a_finding() -> None:
    row = unused(mapped(), table(NOPE="7", FOO="7")).row(0, named=True)
    assert (row["severity"], row["place"], row["rows"], row["action"]) == ("warning", "NOPE", 1, "ignored")
    assert unused(mapped(), table(FOO="7")).is_empty()
    assert unused(mapped(), None).is_empty()


def test_an_issuer_that_incomplete_metadata_do_not_list_is_a_finding() -> None:
    told = table(FOO="77", AAVE="1839", X="X", Y=None)
    assert unlisted(told, PROTOCOLS, None).select("place", "rows").rows() == [("FOO to 77", 1)]
    assert unlisted(told, PROTOCOLS, pl.DataFrame({"token": ["T"], "issuer": ["77"]})).is_empty()
    assert unlisted(told, PROTOCOLS.clear(), None).is_empty()  # without metadata nothing can be missed


def test_the_manifest_keeps_the_rows_whatever_their_order() -> None:
    one, other = record(table(B="7", A=None)), record(table(A=None, B="7"))
    assert one == other
    assert one["rows"] == [["A", None, ""], ["B", "7", ""]]
    assert recorded({"overrides": one}).equals(table(A=None, B="7"))
    assert recorded({}).is_empty()


def test_of_two_sets_the_new_one_wins() -> None:
    assert merged(table(A="7", B="7"), table(B=None)).rows() == [("A", "7", ""), ("B", None, "")]
