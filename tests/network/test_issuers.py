"""Which protocol a token belongs to, by which method, and what never happens."""

from __future__ import annotations

import time
from typing import Any

import polars as pl
import pytest

from dexposure_core.network.families import families
from dexposure_core.network.issuers import answers, curated, map_tokens, own_issuers, protocols_of
from dexposure_core.network.naming import bucket_of
from dexposure_core.network.similarity import best_matches, words

PROTOCOLS = pl.DataFrame(
    {
        "protocol": ["1599", "1839", "1061", "7", "GOLD"],
        "name": ["Aave V3", "Aave Arc", "CakeDAO", "Space Finance", "GOLD"],
        "category": ["Lending", "Lending", "Dexs", "Dexs", None],
        "sector": ["Lending", "Lending", "Trading", "Trading", None],
        "symbol": ["AAVE", "AAVE", None, "nan", None],
        "tvl_usd": [1e10, 5e5, 1e7, 1e6, None],
    }
)


def mapped(*tokens: str, protocols: pl.DataFrame = PROTOCOLS, **options: Any) -> dict[str, dict[str, Any]]:
    frame = pl.DataFrame({"token": tokens, "usd": [float(len(tokens) - i) for i in range(len(tokens))]})
    return {row["token"]: row for row in map_tokens(frame, protocols, **options).iter_rows(named=True)}


def test_of_several_claimants_the_largest_wins_and_the_losers_are_kept() -> None:
    row = mapped("AAVE")["AAVE"]  # 10 bn against 0.5 m
    assert (row["issuer"], row["method"], row["score"]) == ("1599", "metadata", 1.0)
    assert row["alternatives"] == "1839"


def test_without_sizes_the_curated_claimant_wins() -> None:
    row = mapped("AAVE", protocols=PROTOCOLS.drop("tvl_usd"))["AAVE"]
    assert (row["issuer"], row["alternatives"]) == ("1599", "1839")


@pytest.mark.parametrize("nothing", ["nan", "", "None", "null", "-"])
def test_a_missing_name_is_no_token_and_no_symbol(nothing: str) -> None:
    assert mapped(nothing, "USDC").keys() == {"USDC"}
    nameless = PROTOCOLS.with_columns(symbol=pl.lit(nothing))
    assert mapped("nan2", "USDC", protocols=nameless)["nan2"]["method"] == "self"


def test_the_order_of_methods() -> None:
    table = mapped("gold", "steth", "WETH", "SpaceToken", "FOO", "usdc-weth", "UNKNOWN (bsc:0x9f)", "USDC-JOE-JLP")
    assert {token: (row["issuer"], row["method"]) for token, row in table.items()} == {
        "gold": ("GOLD", "metadata"),  # a protocol of that id, whatever the case
        "steth": ("182", "curated"),
        "WETH": ("WETH", "curated"),  # its own node
        "SpaceToken": ("7", "similarity"),
        "FOO": ("FOO", "self"),
        "usdc-weth": (None, "bucket"),
        "UNKNOWN (bsc:0x9f)": (None, "bucket"),
        "USDC-JOE-JLP": (None, "bucket"),
    }
    assert table["steth"]["kind"] == "liquid staking"
    assert table["FOO"]["kind"] == "unknown"
    assert table["USDC-JOE-JLP"]["kind"] == "LP bucket"


def test_a_given_issuer_wins_over_everything() -> None:
    tokens = pl.DataFrame({"token": ["AAVE", "A-B", "WETH"], "usd": [3.0, 2.0, 1.0], "issuer": ["9", "8", None]})
    table = map_tokens(tokens, PROTOCOLS).select("token", "issuer", "method").rows()
    assert table == [("A-B", "8", "given"), ("AAVE", "9", "given"), ("WETH", "WETH", "curated")]


def test_a_given_kind_wins_over_the_curated_one() -> None:
    tokens = pl.DataFrame({"token": ["AAVE", "LDO"], "usd": [2.0, 1.0], "kind": ["mine", None]})
    assert map_tokens(tokens, PROTOCOLS).select("token", "kind").rows() == [("AAVE", "mine"), ("LDO", "governance")]


def test_text_never_overrides_what_is_known_and_needs_real_text() -> None:
    # "Lido Space DAO" shares a word with SpaceToken, but LDO is curated and AAVE has metadata.
    loud = PROTOCOLS.with_columns(name=pl.lit("LDO AAVE SpaceToken"))
    table = mapped("LDO", "AAVE", protocols=loud)
    assert (table["LDO"]["issuer"], table["AAVE"]["issuer"]) == ("182", "1599")
    nameless = PROTOCOLS.with_columns(
        name=pl.col("protocol"), category=pl.lit(None, pl.String), symbol=pl.lit(None, pl.String)
    )
    assert mapped("SpaceToken", protocols=nameless)["SpaceToken"]["method"] == "self"


def test_text_below_theta_is_no_match() -> None:
    score = mapped("SpaceToken")["SpaceToken"]["score"]
    assert 0.2 < score < 1.0
    assert mapped("SpaceToken", theta=score + 0.01)["SpaceToken"]["issuer"] == "SpaceToken"


def test_scores_are_those_of_the_usual_tf_idf() -> None:
    text = pytest.importorskip("sklearn.feature_extraction.text")
    names = ["Space Finance Dexs", "Space Vault Yield", "Gold Vault Lending"]
    protocols = pl.DataFrame({"protocol": ["1", "2", "3"], "name": names, "category": [None] * 3})
    vectors = text.TfidfVectorizer(analyzer=words).fit(names)
    tokens = ["SpaceToken", "vaultVaultSpace", "goldSpace"]
    cosine = (vectors.transform(tokens) @ vectors.transform(names).T).toarray()
    found = best_matches(pl.Series(tokens), protocols.cast({"category": pl.String}), 0.0)
    assert found["cosine"].to_list() == pytest.approx(cosine.max(axis=1).tolist(), rel=1e-12)
    assert found["similar"].to_list() == [str(i + 1) for i in cosine.argmax(axis=1)]


def test_a_number_is_not_taken_for_a_protocols_number() -> None:
    assert mapped("1599")["1599"]["method"] == "self"


def test_spellings_of_one_token_share_the_issuer_of_the_larger() -> None:
    table = mapped("FOO", "foo")  # FOO comes first: more USD
    assert {table["FOO"]["issuer"], table["foo"]["issuer"]} == {"FOO"}


def test_a_curated_issuer_is_called_as_the_input_calls_it() -> None:
    slugs = pl.DataFrame(
        {
            "protocol": ["aave-v3", "lido"],
            "name": ["aave-v3", "Lido"],
            "category": [None, None],
            "sector": [None, None],
        },
        schema_overrides={"category": pl.String, "sector": pl.String},
    )
    table = mapped("GHO", "stETH", "CRV", protocols=slugs)
    assert (table["GHO"]["issuer"], table["stETH"]["issuer"], table["CRV"]["issuer"]) == ("aave-v3", "lido", "3")


@pytest.mark.parametrize(
    ("token", "bucket"),
    [
        ("LP", "LP"), ("LP-USDC.E", "LP"), ("USDC-FODL-SLP", "LP"), ("Cake LP", "LP"), ("UNKNOWN", "UNKNOWN"),
        ("OTHER", "OTHER"), ("A-B", "OTHER"), ("20WETH-80WNCG-GAUGE", "OTHER"),
        ("HELP", None), ("ALPHA", None), ("SLP", None), ("-", None), ("USDC.E", None), ("ETH+", None),
    ],
)  # fmt: skip
def test_buckets(token: str, bucket: str | None) -> None:
    assert pl.DataFrame({"t": [token]}).select(bucket_of("t")).item() == bucket


def test_words_split_at_case_and_signs() -> None:
    assert words("yvCurve-stETH") == ["yv", "curve", "st", "eth"]
    assert words("Aave V3") == ["aave"]
    assert words("1inch Token") == ["inch", "1inch"]


def test_the_curated_table_is_sound() -> None:
    table = curated()
    assert table["token"].str.to_lowercase().is_unique().all()
    assert table.null_count().sum_horizontal().item() == 0
    one_name = table.group_by("issuer").agg(pl.col("issuer_name", "issuer_category", "issuer_sector").n_unique())
    assert (one_name.drop("issuer") == 1).select(pl.all_horizontal(pl.all().all())).item()
    own = table.filter(~pl.col("issuer").str.contains(r"^\d+$"))["issuer"]
    assert own.is_in(table["token"].str.to_uppercase().to_list()).all()  # every own node is a token
    assert set(table["pass_through"]) <= {
        "native", "wrapped", "receipt", "liquid-staking", "governance",
        "reserve-stablecoin", "overcollateralised-stablecoin", "algorithmic-stablecoin",
    }  # fmt: skip


def test_protocols_are_named_by_the_input_then_by_the_curated_table_then_by_their_id() -> None:
    rows = protocols_of(PROTOCOLS, pl.Series(["1599", "182", "USDC", "42", "GOLD"])).rows()
    assert rows == [
        ("1599", "Aave V3", "Lending", "Lending"),
        ("182", "Lido", "Liquid Staking", "Asset Management"),
        ("42", "42", "Unknown", "Unknown"),
        ("GOLD", "GOLD", "Unknown", "Unknown"),
        ("USDC", "Circle (USDC)", "Stablecoin Issuer", "Primary Market Tokens"),
    ]
    only_names = protocols_of(PROTOCOLS, pl.Series(["182"]), curated_sectors=False).rows()
    assert only_names == [("182", "Lido", "Unknown", "Unknown")]


def test_tokens_that_issue_themselves_are_primary_market_tokens() -> None:
    tokens = map_tokens(pl.DataFrame({"token": ["FOO", "LDO"], "usd": [1.0, 1.0]}), PROTOCOLS)
    assert own_issuers(tokens).rows() == [("FOO", "FOO", "Primary Market Token", "Primary Market Tokens")]


def test_a_claim_in_another_spelling_comes_after_the_curated_table_and_counts_less() -> None:
    spelled = PROTOCOLS.with_columns(symbol=pl.Series(["AAVE", "AAVE", "USDs", "spaceFOO", None]))
    table = mapped("USDS", "SPACEFOO", protocols=spelled)
    # USDs (another stablecoin) is not USDS, which is curated; nobody else knows SPACEFOO.
    assert (table["USDS"]["issuer"], table["USDS"]["method"]) == ("118", "curated")
    assert table["USDS"]["alternatives"] == "1061 (metadata)"
    assert (table["SPACEFOO"]["issuer"], table["SPACEFOO"]["method"], table["SPACEFOO"]["score"]) == (
        "7", "metadata", 0.9,
    )  # fmt: skip


def test_what_other_methods_say_is_kept() -> None:
    arc_alone = PROTOCOLS.with_columns(symbol=pl.Series([None, "AAVE", None, None, None], dtype=pl.String))
    row = mapped("AAVE", protocols=arc_alone)["AAVE"]  # only the smaller one claims it
    assert (row["issuer"], row["method"], row["alternatives"]) == ("1839", "metadata", "1599 (curated)")


def test_a_family_is_no_rival_of_what_is_known() -> None:
    table = mapped("alUSD", "WBTC")  # Alchemix's, no receipt of LUSD; BitGo's, no wrapper of its own
    assert {token: (row["method"], row["alternatives"]) for token, row in table.items()} == {
        "alUSD": ("curated", ""), "WBTC": ("curated", ""),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("token", "issuer", "kind"),
    [
        ("AARBUSDC", "1599", "deposit receipt"),  # a + chain + a token the curated table knows
        ("AMWBTC", "111", "deposit receipt"),
        ("aLINK", "111", "deposit receipt"),
        ("CUSDT", "114", "deposit receipt"),
        ("YVWBTC", "113", "vault share"),
        ("PT-sUSDe-29MAY2025", "382", "principal token"),
        ("FRAX3CRV-f", "3", "LP token"),
        ("STATOM", "2251", "liquid staking"),
        ("AXLUSDC", "2237", "bridged token"),
        ("LINK.e", "LINK.e", "bridged token"),  # which bridge the symbol does not tell
        ("WKAVA", "WKAVA", "wrapped coin"),
    ],
)
def test_families_tell_the_issuer_by_the_name(token: str, issuer: str, kind: str) -> None:
    row = mapped(token)[token]
    assert (row["issuer"], row["method"], row["kind"]) == (issuer, "family", kind)
    assert 0 < row["score"] < 1


@pytest.mark.parametrize(
    "token",
    ["AMPL", "AVAI", "CHEX", "MOON", "YVS", "WIF", "SOL2", "AXLE", "CREAMY", "QIX", "CER", "CYOP", "ANYONE", "AMAPT"],
)
def test_names_that_only_begin_like_a_family_are_none(token: str) -> None:
    assert mapped(token)[token]["method"] != "family"


def test_families_are_called_as_the_input_calls_them() -> None:
    slugs = PROTOCOLS.with_columns(protocol=pl.Series(["aave-v3", "arc", "cake", "pendle", "x"]))
    slugs = slugs.with_columns(name=pl.Series(["AAVE V3", "Aave Arc", "CakeDAO", "Pendle", "X"]))
    table = mapped("AETHUSDC", "PT-X", protocols=slugs)
    assert (table["AETHUSDC"]["issuer"], table["PT-X"]["issuer"]) == ("aave-v3", "pendle")


def test_the_families_are_sound() -> None:
    table = families()
    assert set(table["underlying"]) <= {"any", "listed", "known", "coin", "native"}
    assert table["score"].is_between(0.5, 0.99).all()
    named_ = table.filter(pl.col("issuer").is_not_null()).group_by("issuer").agg(pl.col("issuer_name").n_unique())
    assert (named_["issuer_name"] == 1).all()
    assert table.filter(pl.col("issuer").is_null())["kind"].is_in(["bridged token", "wrapped coin"]).all()


@pytest.mark.parametrize(
    ("token", "name", "category", "why"),
    [
        ("ALGO", "B2B", "Algo-Stables", "the category is no name"),
        ("FTX TOKEN", "TokenFi", None, "'token' is no word"),
        ("USDT.ETH", "Overnight USDT", None, "a coin's name tells nothing"),
        ("DX", "DX25", None, "two letters tell nothing"),
    ],
)
def test_what_is_no_evidence(token: str, name: str, category: str | None, why: str) -> None:
    one = pl.DataFrame(
        {"protocol": ["1"], "name": [name], "category": [category]}, schema_overrides={"category": pl.String}
    )
    assert best_matches(pl.Series([token]), one, 0.01, {"usdt", "eth"}).is_empty(), why


def test_words_that_no_protocol_uses_make_a_token_less_like_one() -> None:
    one = pl.DataFrame({"protocol": ["1", "2"], "name": ["Space", "Gold"], "category": [None, None]})
    score = dict(best_matches(pl.Series(["SPACE", "SPACE-FOO"]), one.cast({"category": pl.String}), 0.0)
                 .select("token", "cosine").iter_rows())  # fmt: skip
    # weights: known ln(3/2)+1 = 1.405, unknown ln(3)+1 = 2.099 → 1.405 / √(1.405² + 2.099²) = 0.556
    assert score["SPACE"] == pytest.approx(1.0)
    assert score["SPACE-FOO"] == pytest.approx(0.5564, abs=1e-4)


def test_a_protocol_that_names_another_token_is_not_given_a_plain_one() -> None:
    two = pl.DataFrame({"protocol": ["1"], "name": ["2Doge Finance"], "category": ["Yield"], "symbol": ["2DOGE"]})
    assert best_matches(pl.Series(["DOGES", "FINANCE"]), two, 0.0).is_empty()
    assert best_matches(pl.Series(["DOGE"]), two, 0.0).is_empty()
    assert best_matches(pl.Series(["DOGE"]), two.drop("symbol"), 0.0).height == 1
    assert best_matches(pl.Series(["SuperDOGE"]), two, 0.0).height == 1  # not plain: doge is part of its name


def test_of_equal_matches_the_larger_protocol_wins() -> None:
    two = pl.DataFrame(
        {"protocol": ["1", "2"], "name": ["Lyra V1", "Lyra V2"], "category": ["Options"] * 2, "tvl_usd": [1.0, 2.0]}
    )
    row = best_matches(pl.Series(["LYRA"]), two, 0.2).row(0, named=True)
    assert (row["similar"], row["runners_up"]) == ("2", f"1 ({row['cosine']:.2f})")


def test_every_methods_answer_for_one_token() -> None:
    said = answers("AAVE", PROTOCOLS).rows()
    assert said == [
        ("metadata", "1599", 1.0), ("curated", "1599", 1.0), ("similarity", "1599", pytest.approx(0.83, abs=0.2)),
        ("self", "AAVE", 1.0), ("metadata", "1839", 1.0),
    ]  # fmt: skip
    assert answers("LINK.e", PROTOCOLS).rows() == [("family", "LINK.e", 0.8), ("self", "LINK.e", 1.0)]


def test_ten_thousand_tokens_are_mapped_alike_in_any_order() -> None:
    names = [
        f"{a}{b}{i}" for i in range(250) for a in ("Space", "GOLD", "yv", "x") for b in ("AAVE", "Foo", "USDC", "")
    ]
    frame = pl.DataFrame({"token": names, "usd": [1.0] * len(names)})
    assert map_tokens(frame, PROTOCOLS).equals(map_tokens(frame.reverse(), PROTOCOLS.reverse()))


def test_a_list_of_the_real_size_is_mapped_in_seconds() -> None:
    syllables = ["ba", "ko", "li", "mu", "ne", "ra", "so", "ti"]
    names = [f"{a}{b}{c}{d}".capitalize() for a in syllables for b in syllables for c in syllables for d in syllables]
    protocols = pl.DataFrame({
        "protocol": [str(i) for i in range(len(names))], "name": [f"{n} Finance" for n in names],
        "category": ["Dexs"] * len(names), "sector": ["Trading"] * len(names),
    })  # fmt: skip
    tokens = pl.DataFrame({"token": [f"{n.upper()}{s}" for n in names for s in ("", "X", ".e", "-LP", "2", "DAO")]})
    start = time.perf_counter()
    table = map_tokens(tokens.with_columns(usd=pl.lit(1.0)), protocols)  # 24,576 tokens, 4,096 protocols
    assert time.perf_counter() - start < 20  # 0.3 s on an idle machine
    counts = dict(table.group_by("method").len().iter_rows())
    assert counts["similarity"] >= len(names)  # at least every token that is a protocol's name
    exact = table.filter(pl.col("token").is_in([n.upper() for n in names])).sort("token")
    assert (exact["method"] == "similarity").all()
