"""What to review, what an override moves, and how another mapping differs, on tables small enough to add up."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from dexposure_core.errors import BadInput, BadOption, UnknownToken
from dexposure_core.network.overrides import recorded
from dexposure_core.pipeline.building.ingest import ingest_holdings, ingest_published, ingest_store
from dexposure_core.pipeline.building.overriding import proposal
from dexposure_core.pipeline.tokens.causes import CAUSES
from dexposure_core.pipeline.tokens.compare import compare_list, compare_vintage
from dexposure_core.pipeline.tokens.doubtful import listing, mapped, reason_of, review, shown, write_review
from dexposure_core.sources.overrides import read_overrides
from dexposure_core.store import Store, open_store

# One date. AAVE is claimed by two protocols, SpaceToken matches "Space Finance" by text, FOO is nobody's.
HOLDINGS = """date,protocol_id,chain,token,quantity,value_usd
2025-06-02,dex,Ethereum,AAVE,1,1000
2025-06-02,dex,Ethereum,SpaceToken,1,300
2025-06-02,dex,Ethereum,FOO,1,200
2025-06-02,dex,Ethereum,USDC,1,400
2025-06-02,dex,Ethereum,A-B,1,100
2025-06-09,dex,Ethereum,AAVE,1,1000
2025-06-09,dex,Ethereum,FOO,1,200
"""
PROTOCOLS = """protocol_id,name,category,sector,symbol
dex,Swap,Dexes,Trading,
1599,Aave V3,Lending,Lending,AAVE
1839,Aave Arc,Lending,Lending,AAVE
space,Space Finance,Yield,Yield,
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokens")
    (path / "holdings.csv").write_text(HOLDINGS)
    (path / "protocols.csv").write_text(PROTOCOLS)
    return path


@pytest.fixture(scope="module")
def store(folder: Path) -> Store:
    vintage = ingest_holdings(folder / "holdings.csv", folder / "store", protocols=folder / "protocols.csv")
    return open_store(folder / "store", vintage)


def overrides(folder: Path, text: str) -> Path:
    path = folder / "overrides.csv"
    path.write_text("token,issuer,note\n" + text)
    return path


def test_the_review_list_is_ranked_by_usd_and_says_why(store: Store) -> None:
    rows = review(store).select("token", "usd", "issuer", "doubt", "alternatives").rows()
    assert rows == [
        ("AAVE", 1000.0, "1599", "several claimants", "1839 Aave Arc"),  # (1000 + 1000) / 2 dates
        ("SpaceToken", 150.0, "space", "text match", ""),  # 300 on one of two dates
    ]
    reasons = review(store)["reason"].to_list()
    assert reasons[0] == "the largest of 2 protocols whose metadata name it"
    assert reasons[1].startswith("shares 'space' with the name Space Finance, cosine 0.")
    assert review(store, 1).height == 1


def test_a_text_match_with_rivals_is_told_from_one_without(tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text(
        "date,protocol_id,chain,token,value_usd\n2025-06-02,dex,,GOLDEN,5\n2025-06-02,dex,,SILVER,4\n"
    )
    (tmp_path / "p.csv").write_text("protocol_id,name\ndex,Swap\n1,Golden One\n2,Golden Two\n3,Silver Three\n")
    vintage = ingest_holdings(tmp_path / "h.csv", tmp_path / "store", protocols=tmp_path / "p.csv")
    rows = review(open_store(tmp_path / "store", vintage)).select("token", "issuer", "doubt").rows()
    assert rows == [("GOLDEN", "1", "text match with rivals"), ("SILVER", "3", "text match")]


def test_tokens_nobody_knows_are_listed_on_request(store: Store) -> None:
    rows = review(store, everything=True).select("token", "doubt").rows()
    assert rows == [("AAVE", "several claimants"), ("FOO", "nothing known"), ("SpaceToken", "text match")]


def test_the_usd_by_method_adds_up(store: Store) -> None:
    how = mapped(store)
    # per snapshot: AAVE 1000 by metadata, FOO 200 self, USDC 400/2 curated, SpaceToken 300/2 text; A-B is dropped
    usd = dict(how.methods.select("method", "usd").iter_rows())
    assert usd == {"metadata": 1000.0, "self": 200.0, "curated": 200.0, "similarity": 150.0, "bucket": 0.0}
    assert dict(how.methods.select("method", "share").iter_rows())["metadata"] == pytest.approx(1000 / 1550)
    assert how.doubtful_share == pytest.approx(1150 / 1600)  # AAVE and SpaceToken of all tokens, A-B included
    assert (how.doubtful_tokens, how.overridden) == (2, 0)


def test_the_list_holds_every_token_or_those_of_one_method(store: Store) -> None:
    assert listing(store)["token"].to_list() == ["AAVE", "FOO", "USDC", "SpaceToken", "A-B"]
    assert listing(store, method="bucket").select("token", "issuer").rows() == [("A-B", None)]


def test_one_token_is_shown_with_every_methods_answer(store: Store) -> None:
    row, said = shown(store, "aave")  # found in any case
    assert (row["token"], row["issuer_name"], row["doubt"]) == ("AAVE", "Aave V3", "several claimants")
    assert said.filter(pl.col("method") == "metadata")["name"].to_list() == ["Aave V3", "Aave Arc"]
    with pytest.raises(UnknownToken, match="did you mean 'AAVE'"):
        shown(store, "AAVEE")


def test_a_reason_counts_claimants_not_other_methods() -> None:
    row = {"token": "CRV", "issuer": "1", "method": "metadata", "score": 1.0, "alternatives": "3 (curated)"}
    assert reason_of(row, {}) == "the protocol's metadata names the token"
    assert (
        reason_of({**row, "alternatives": "2;3 (curated)"}, {}) == "the largest of 2 protocols whose metadata name it"
    )
    assert reason_of({**row, "score": 0.9}, {}) == "the protocol's metadata names the token in another spelling"
    assert reason_of({**row, "method": "override"}, {}) == "a person decided it"


def test_the_written_list_changes_nothing_until_rows_are_decided(store: Store, folder: Path) -> None:
    out = folder / "review.csv"
    assert write_review(store, out) == 2
    with pytest.raises(BadInput, match="decides no token"):
        read_overrides(out)
    frame = pl.read_csv(out, infer_schema=False).with_columns(decided=pl.Series(["yes", None]))
    frame.write_csv(out)
    assert read_overrides(out)[1].rows() == [("AAVE", "1599", "")]  # as it stands: now a person's word
    assert proposal(store, out).confirmed == 1
    with pytest.raises(BadOption, match=r"must end in \.csv"):
        write_review(store, folder / "review.txt")
    with pytest.raises(BadOption, match="there is no folder"):
        write_review(store, folder / "none" / "review.csv")


def test_a_proposal_says_how_much_would_move_to_whom(store: Store, folder: Path) -> None:
    found = proposal(store, overrides(folder, "AAVE,1839,\nFOO,,\nSpaceToken,1839,\nUSDC,USDC,\nNOPE,space,\n"))
    assert found.changes.rows() == [
        ("AAVE", "1599", "1839", 1000.0), ("FOO", "FOO", None, 200.0), ("SpaceToken", "space", "1839", 150.0),
    ]  # fmt: skip
    moved = [("1839", 1150.0), ("1599", -1000.0), ("FOO", -200.0), (None, 200.0), ("space", -150.0)]
    assert sorted(found.issuers.rows(), key=str) == sorted(moved, key=str)
    assert found.issuers["usd"].sum() == 0
    assert (found.confirmed, found.unused) == (1, ["NOPE"])
    with pytest.raises(BadInput, match=r"token 'FOO': there is no protocol 'Aave Arc'; write its id '1839'"):
        proposal(store, overrides(folder, "FOO,Aave Arc,\n"))


@pytest.mark.parametrize("route", ["import", "build"])
def test_overrides_are_applied_and_kept_in_the_manifest(store: Store, folder: Path, route: str) -> None:
    told = overrides(folder, "AAVE,1839,arc\nUSDC,,\nNOPE,space,\n")
    if route == "import":
        place = folder / "imported"
        files = {"protocols": folder / "protocols.csv", "overrides": told}
        vintage = ingest_holdings(folder / "holdings.csv", place, **files)
    else:
        place = folder / "built"
        vintage = ingest_store(store, place, overrides=told)
    new = open_store(place, vintage)
    exposures = new.table("exposures").filter(pl.col("date") == new.dates()[0])
    owed = dict(exposures.select("debtor", "exposure_usd").iter_rows())
    assert owed == {"1839": 1000.0, "space": 300.0, "FOO": 200.0}  # nobody issues USDC
    kept = new.manifest.parameters["overrides"]
    assert kept["rows"] == [["AAVE", "1839", "arc"], ["NOPE", "space", ""], ["USDC", None, ""]]
    assert len(kept["sha256"]) == 64
    assert any(s.name == "overrides.csv" for s in new.manifest.sources)
    unmet = new.findings().filter(pl.col("finding") == "override of a token that does not occur")
    assert unmet.select("place", "action").rows() == [("NOPE", "ignored")]
    assert review(new)["token"].to_list() == ["SpaceToken"]  # AAVE is settled
    assert mapped(new).overridden == 2


def test_a_vintage_is_made_again_from_what_its_manifest_keeps(store: Store, folder: Path) -> None:
    told = overrides(folder, "AAVE,1839,arc\n")
    first = ingest_store(store, folder / "first", overrides=told)
    kept = recorded(open_store(folder / "first", first).manifest.parameters)
    kept.write_csv(folder / "again.csv")
    second = ingest_store(store, folder / "second", overrides=folder / "again.csv")
    assert first == second


def test_a_rebuild_keeps_earlier_overrides_and_the_new_ones_win(store: Store, folder: Path) -> None:
    first = open_store(
        folder / "a", ingest_store(store, folder / "a", overrides=overrides(folder, "AAVE,1839,\nFOO,,\n"))
    )
    tokens = folder / "tokens.csv"
    tokens.write_text("token,issuer\nFOO,space\n")  # even the input's own mapping does not undo a person's word
    second = ingest_store(first, folder / "b", tokens=tokens, overrides=overrides(folder, "AAVE,AAVE,\n"))
    table = dict(open_store(folder / "b", second).tokens().select("token", "issuer").iter_rows())
    assert (table["AAVE"], table["FOO"]) == ("AAVE", None)


def test_an_unknown_issuer_stops_the_build_before_anything_is_written(folder: Path) -> None:
    told = overrides(folder, "AAVE,nobody knows,\n")
    with pytest.raises(BadInput, match="there is no protocol 'nobody knows'"):
        ingest_holdings(folder / "holdings.csv", folder / "never", overrides=told)
    assert not (folder / "never").exists() or not list((folder / "never").iterdir())


def test_the_published_route_obeys_overrides_before_compositions(folder: Path) -> None:
    # "lend" holds 70 of T and "swap" issues it by the links; a person says "lend2" does, and nobody issues A-B.
    week = {
        "nodes": [
            {"id": "lend", "size": 100, "composition": {"T": 70, "A-B": 30}},
            {"id": "swap", "size": 0, "composition": {}}, {"id": "lend2", "size": 0, "composition": {}},
        ],
        "links": [{"source": "swap", "target": "lend", "size": 5, "composition": {"T": 5}}],
    }  # fmt: skip
    path = folder / "published.json"
    path.write_text(json.dumps({"data": {"2025-06-02": week}}))
    plain = open_store(folder / "p1", ingest_published(path, folder / "p1"))
    assert plain.table("exposures").select("creditor", "debtor", "exposure_usd").rows() == [("lend", "swap", 70.0)]
    told = overrides(folder, "T,lend2,\nA-B,,\nNOPE,swap,\n")
    new = open_store(folder / "p2", ingest_published(path, folder / "p2", overrides=told))
    assert new.table("exposures").select("creditor", "debtor", "exposure_usd").rows() == [("lend", "lend2", 70.0)]
    dropped = new.coverage().filter(pl.col("side") == "dropped").select("reason", "usd_cents").rows()
    assert dropped == [("no issuer", 3000)]
    methods = new.tokens().select("token", "issuer", "method").rows()
    assert methods == [("A-B", None, "override"), ("T", "lend2", "override")]
    assert new.manifest.parameters["overrides"]["rows"][0] == ["A-B", None, ""]
    assert "override of a token that does not occur" in new.findings()["finding"].to_list()


@pytest.fixture(scope="module")
def mapping(folder: Path) -> Path:
    """The released shape: the smaller claimant wins, "nan" is a token, LP swallows ALPHA.E, receipts are their own."""
    path = folder / "mapping"
    path.mkdir()
    tokens = {
        "MAP": {"AAVE": {"id": "1839", "frequency": 40}, "UNI": {"id": "2196", "frequency": 20}},
        "PRIMARY": {
            "USDC": {"id": "USDC", "frequency": 30}, "ETH": {"id": "9", "frequency": 5},
            "AMUSDC": {"id": "AMUSDC", "frequency": 2}, "MIM": {"id": "MIM", "frequency": 2},
            "DAI.E": {"id": "8", "frequency": 1},
        },
        "LP": {"ALPHA.E": {"id": "LP", "frequency": 3}, "USDC-X-JLP": {"id": "LP", "frequency": 1}},
        "OTHER": {"PT-FOO-29MAY2025": {"id": "OTHER", "frequency": 1}, "A-B": {"id": "OTHER", "frequency": 1}},
    }  # fmt: skip
    info = {
        "1599": {"name": "Aave V3", "category": "Lending"}, "2198": {"name": "Uniswap V3"}, "8": {"name": "MakerDAO"},
        "9": {"name": "Ethereum Foundation"}, "1839": {"name": "Aave Arc"}, "2196": {"name": "Uniswap V1"},
        "1061": {"name": "CakeDAO"},
    }  # fmt: skip
    (path / "token_to_protocol.json").write_text(json.dumps(tokens))
    (path / "rev_map.json").write_text(json.dumps({"nan": "1061", "AAVE": "1839", "UNI": "2196"}))
    (path / "id_to_info.json").write_text(json.dumps(info))
    return path


def test_every_systematic_disagreement_is_named(mapping: Path) -> None:
    found = compare_list(mapping)
    causes = dict(found.tokens.filter(~pl.col("same")).select("token", "cause").iter_rows())
    assert causes == {
        "nan": "missing value as a token",
        "UNI": "stale version",  # V1, the smaller, for V3
        "AAVE": "smallest claimant, same family",
        "ETH": "coin given to a protocol",
        "DAI.E": "chain suffix",
        "AMUSDC": "receipt or bridged token as its own issuer",
        "MIM": "issued token as its own issuer",
        "ALPHA.E": "LP inside a symbol",
        "PT-FOO-29MAY2025": "pool share in a bucket",
    }
    # the same: USDC, the JLP share and the pair A-B: 3 of 12 tokens, 30 + 1 + 1 of 106 rows
    overall = found.agreement().row(0, named=True)
    assert (overall["tokens"], overall["same"], overall["weight"]) == (12, 3, 106.0)
    assert overall["weighted"] == pytest.approx(32 / 106)


def test_with_their_symbols_as_metadata_the_claims_agree_and_weights_may_be_usd(mapping: Path, folder: Path) -> None:
    weights = folder / "weights.csv"
    weights.write_text("token,usd\nAAVE,75\nUSDC,25\n")
    found = compare_list(mapping, symbols=True, weights=weights)
    assert dict(found.tokens.select("token", "same").iter_rows())["AAVE"]
    assert (found.weight, found.agreement().row(0, named=True)["weighted"]) == ("USD", 1.0)


def test_a_vintage_is_compared_by_its_own_usd(store: Store, mapping: Path) -> None:
    found = compare_vintage(store, mapping)
    # common: AAVE (1000, differs), USDC (200, same), A-B (50, same) and the missing value
    overall = found.agreement().row(0, named=True)
    assert (overall["tokens"], overall["same"]) == (4, 2)
    assert overall["weighted"] == pytest.approx(250 / 1250)
    document = found.document()
    assert (document["only_ours"], document["only_theirs"]) == (2, 8)  # SpaceToken and FOO; all but three of eleven
    assert document["disagreements"][1]["examples"] == ["AAVE: Aave Arc / Aave V3"]


def test_every_cause_says_what_happens_and_who_is_right() -> None:
    assert len({cause.name for cause in CAUSES}) == len(CAUSES)
    assert all(cause.help and cause.right for cause in CAUSES)
