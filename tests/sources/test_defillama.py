"""DefiLlama payloads: chains, kinds of balance, totals, odd numbers, doubled days, and every refusal."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dexposure_core.sources import defillama
from tests.sources.refusals import check_refused

SUNDAY, MONDAY, TUESDAY = 1_704_585_600, 1_704_672_000, 1_704_758_400  # 7, 8 and 9 January 2024, midnight UTC
EIGHTH, FIFTEENTH = dt.date(2024, 1, 8), dt.date(2024, 1, 15)


def day(date: Any, **tokens: Any) -> dict[str, Any]:
    return {"date": date, "tokens": tokens}


def payload(chains: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "182", "name": "Lido", "symbol": "LDO", "category": "Liquid Staking", "chainTvls": chains, **more}


def saved(folder: Path, content: Any, name: str = "lido.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def rows(frame: pl.DataFrame) -> set[tuple[Any, ...]]:
    return set(frame.select("protocol", "chain", "token", "quantity", "value_usd").rows())


def test_chains_tokens_and_quantities(tmp_path: Path) -> None:
    chains = {
        "Ethereum": {"tokensInUsd": [day(MONDAY, ETH=40.0, DAI=1.0)], "tokens": [day(MONDAY, ETH=2.0)], "tvl": []},
        "Solana": {"tokensInUsd": [day(TUESDAY, SOL=7)], "tokens": [day(TUESDAY, SOL=0.5)]},
    }
    feed = defillama.read(saved(tmp_path, payload(chains)))
    weeks = {date: rows(frame) for date, frame in feed.periods()}
    assert weeks == {
        EIGHTH: {("182", "Ethereum", "ETH", 2.0, 40.0), ("182", "Ethereum", "DAI", None, 1.0)},
        FIFTEENTH: {("182", "Solana", "SOL", 0.5, 7.0)},
    }
    # TVL on the last day, Tuesday: 7
    assert feed.protocols.rows() == [("182", "Lido", "Liquid Staking", "Liquid Staking", "LDO", 7.0)]
    assert feed.tokens.rows() == [("DAI", 1.0, None), ("ETH", 40.0, None), ("SOL", 7.0, None)]


def test_numbers_may_be_texts_huge_integers_or_missing(tmp_path: Path) -> None:
    tokens = {"A": "12.5", "B": 123456789012345678901234567890, "C": None, "D": "1e3", "E": "NaN", "F": -2.0}
    feed = defillama.read(
        saved(tmp_path, payload({"Ethereum": {"tokensInUsd": [{"date": str(MONDAY), "tokens": tokens}]}}))
    )
    values = dict(feed.load(EIGHTH).select("token", "value_usd").iter_rows())
    assert values == {"A": 12.5, "B": 1.2345678901234568e29, "C": None, "D": 1000.0, "E": None, "F": -2.0}


def test_bare_nan_is_a_missing_amount(tmp_path: Path) -> None:
    text = json.dumps(payload({"Ethereum": {"tokensInUsd": [day(MONDAY, A=float("nan"), B=1.0)]}}))
    assert "NaN" in text
    feed = defillama.read(saved(tmp_path, text))
    assert dict(feed.load(EIGHTH).select("token", "value_usd").iter_rows()) == {"A": None, "B": 1.0}


def test_the_last_entry_of_a_day_counts(tmp_path: Path) -> None:
    chain = {
        "tokensInUsd": [day(MONDAY, A=1.0), day(MONDAY + 80_000, A=3.0)],
        "tokens": [day(MONDAY, A=9), day(MONDAY + 80_000, A=8)],
    }
    feed = defillama.read(saved(tmp_path, payload({"Ethereum": chain})))
    assert rows(feed.load(EIGHTH)) == {("182", "Ethereum", "A", 8.0, 3.0)}
    assert feed.findings.select("finding", "rows").row(0) == ("the same day twice", 1)


def test_kinds_of_balance_stay_chain_names_and_their_sums_are_left_out(tmp_path: Path) -> None:
    usd = {"Ethereum": 10.0, "Ethereum-borrowed": 4.0, "Base-borrowed": 1.0, "borrowed": 5.0, "pool2": 2.0}
    usd["staking"] = 3.0
    chains = {name: {"tokensInUsd": [day(MONDAY, A=amount)]} for name, amount in usd.items()}
    feed = defillama.read(saved(tmp_path, payload(chains, tokensInUsd=[day(MONDAY, A=10.0)])))
    assert dict(feed.load(EIGHTH).select("chain", "value_usd").iter_rows()) == {
        "Ethereum": 10.0, "Ethereum-borrowed": 4.0, "Base-borrowed": 1.0, "pool2": 2.0, "staking": 3.0,
    }  # fmt: skip
    assert feed.findings["finding"].to_list() == ["chain keys that sum others"]
    assert feed.protocols["tvl_usd"].to_list() == [15.0]  # 10 + 2 + 3, borrowed left out


def test_what_no_chain_accounts_for_is_kept(tmp_path: Path) -> None:
    chains = {"Ethereum": {"tokensInUsd": [day(MONDAY, A=10.0, B=5.0)], "tokens": [day(MONDAY, A=1.0, B=5.0)]}}
    total = {"tokensInUsd": [day(MONDAY, A=25.0, B=5.0000001, C=2.0)], "tokens": [day(MONDAY, A=2.5, B=5.0, C=4.0)]}
    feed = defillama.read(saved(tmp_path, payload(chains, **total)))
    assert rows(feed.load(EIGHTH)) == {
        ("182", "Ethereum", "A", 1.0, 10.0),
        ("182", "Ethereum", "B", 5.0, 5.0),  # 1e-7 more in the total is rounding
        ("182", "", "A", 1.5, 15.0),  # 25 − 10 USD, 2.5 − 1 units
        ("182", "", "C", 4.0, 2.0),
    }
    found = feed.findings.row(0, named=True)
    assert (found["finding"], found["rows"], found["usd"]) == ("USD that no chain accounts for", 2, 17.0)


@pytest.mark.parametrize("chains", [{}, None, {"Ethereum": {"tvl": []}}, {"Ethereum": {"tokensInUsd": []}}])
def test_without_chains_the_total_is_read(tmp_path: Path, chains: Any) -> None:
    feed = defillama.read(saved(tmp_path, payload(chains, tokensInUsd=[day(SUNDAY, A=2.0)])))
    assert rows(feed.load(EIGHTH)) == {("182", "", "A", None, 2.0)}
    assert len(feed.findings) == 0


def test_several_files_or_a_folder_make_one_feed(tmp_path: Path) -> None:
    lido = payload({"Ethereum": {"tokensInUsd": [day(MONDAY, ETH=1.0)]}})
    maker = {
        **payload({"Ethereum": {"tokensInUsd": [day(MONDAY, ETH=2.0)]}}),
        "id": 118,
        "name": "Maker",
        "symbol": "-",
        "category": None,
    }
    files = [saved(tmp_path, lido), saved(tmp_path, maker, "maker.json")]
    for paths in (files, tmp_path):
        feed = defillama.read(paths, frequency="day")
        assert rows(feed.load(EIGHTH)) == {("182", "Ethereum", "ETH", None, 1.0), ("118", "Ethereum", "ETH", None, 2.0)}
        assert feed.protocols["symbol"].to_list() == [None, "LDO"]
        assert feed.protocols["sector"].to_list() == ["Unknown", "Liquid Staking"]
    saved(tmp_path, lido, "again.json")
    check_refused(lambda: defillama.read(tmp_path), "lido.json", "'182'", "another file")


def test_text_is_mended_and_clashing_names_summed(tmp_path: Path) -> None:
    tokens = {"\x00AVAX": 1.0, "AVAX": 2.0}
    feed = defillama.read(saved(tmp_path, payload({"Ava\nlanche": {"tokensInUsd": [day(MONDAY, **tokens)]}})))
    assert rows(feed.load(EIGHTH)) == {("182", "Avalanche", "AVAX", None, 3.0)}
    assert "control characters in token" in feed.findings["finding"].to_list()


ONE = {"Ethereum": {"tokensInUsd": [day(MONDAY, ETH=1.0)]}}
BAD: list[tuple[Any, list[str]]] = [
    ("", ["empty"]),
    ("<html>Not found</html>", ["not valid JSON"]),
    (json.dumps(payload(ONE))[:-20], ["truncated"]),
    ({"statusCode": 400, "message": "Protocol not found"}, ["`id`", "/protocol"]),
    ([payload(ONE)], ["array"]),
    (payload({}), ["chainTvls, tokensInUsd", "no token values"]),
    (payload([]), ["$.chainTvls"]),
    (payload({"Ethereum": {"tokensInUsd": {}}}), ["chainTvls", "tokensInUsd"]),
    (payload({"Ethereum": {"tokensInUsd": [{"tokens": {}}]}}), ["`date`", "tokensInUsd[0]"]),
    (payload({"Ethereum": {"tokensInUsd": [{"date": MONDAY}]}}), ["`tokens`", "tokensInUsd[0]"]),
    (payload({"Ethereum": {"tokensInUsd": [day(MONDAY, ETH=[1])]}}), ["tokens"]),
    (
        payload({"Ethereum": {"tokensInUsd": [day(MONDAY, ETH="lots")]}}),
        ["chainTvls.Ethereum.tokensInUsd.tokens", "'lots'"],
    ),
    (payload({"Ethereum": {"tokensInUsd": [day(MONDAY * 1000, ETH=1)]}}), ["tokensInUsd[0].date", "seconds"]),
    (payload({"Ethereum": {"tokensInUsd": [day(MONDAY, E=1), day("soon", ETH=1)]}}), ["tokensInUsd.date", "'soon'"]),
    (payload({"Ethereum": {"tokensInUsd": [day(0, ETH=1)]}}), ["tokensInUsd[0].date", "0.0", "2009"]),
    (payload({"Ethereum": {"tokensInUsd": [day(MONDAY, **{"x" * 1_000_000: 1})]}}), ["token", "1000000 characters"]),
    (payload({"c" * 300: {"tokensInUsd": [day(MONDAY, ETH=1)]}}), ["chain", "300 characters"]),
    ({**payload(ONE), "name": "n" * 1000}, ["name", "1000 characters"]),
    ({**payload(ONE), "name": None}, ["$.name"]),
]


@pytest.mark.parametrize(("content", "parts"), BAD, ids=[p[0][:20] + f"-{i}" for i, (_, p) in enumerate(BAD)])
def test_a_surprise_is_refused_by_field(tmp_path: Path, content: Any, parts: list[str]) -> None:
    path = saved(tmp_path, content)
    check_refused(lambda: defillama.read(path), "lido.json", *parts)


def test_invalid_utf8_and_empty_folders_are_refused(tmp_path: Path) -> None:
    check_refused(lambda: defillama.read(tmp_path), tmp_path.name, "no .json files")
    path = tmp_path / "lido.json"
    path.write_bytes(json.dumps(payload(ONE)).encode().replace(b"Lido", b"Lid\xf6"))
    check_refused(lambda: defillama.read(path), "lido.json", "line 1", "UTF-8")
