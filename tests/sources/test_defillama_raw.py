"""A raw folder of DefiLlama payloads as the reader sees it; see tests/sources/fetch for how it comes about."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexposure_core.errors import BadInput
from dexposure_core.network.issuers import map_tokens
from dexposure_core.sources import defillama
from dexposure_core.sources.defillama_days import periods
from dexposure_core.sources.defillama_raw import LIST
from dexposure_core.sources.feed import FREQUENCIES, Frequency, period_end
from dexposure_core.sources.fetch.raw import Entry, RawFolder
from tests.sources.fetch.server import MONDAY, WEEK, days, listed, protocol
from tests.sources.refusals import check_refused

ENTRY = Entry(url="https://x/", state="kept", status=200, checked="2024-03-01T09:00:00+00:00")


def folder(path: Path, payloads: dict[str, Any], listing: list[dict[str, Any]] | None = None, **entry: Any) -> Path:
    raw = RawFolder(path)
    raw.open()
    known = ENTRY if not entry else Entry(**{"url": "https://x/", "state": "kept", "status": 200} | entry)
    for slug, payload in payloads.items():
        raw.keep(slug, json.dumps(payload).encode(), known)
    if listing is not None:
        raw.keep(LIST, json.dumps(listing).encode(), known)
    raw.settle()
    return path


def found(feed: defillama.HoldingsFeed) -> set[tuple[str, str, int]]:
    return set(feed.findings.select("finding", "place", "rows").rows())


def test_payloads_are_read_with_the_list_of_protocols(tmp_path: Path) -> None:
    listing = [
        listed(1, "Lend", "lend", "LND", 5.0), listed(2, "Swap", "swap", "LND", 9.0), listed(3, "Old", "old", "-"),
        listed(1, "Again", "again", "X"), listed(4, "Tiny", "tiny", "T", None) | {"category": None},
    ]  # fmt: skip
    path = folder(tmp_path / "raw" / "defillama", {"lend": protocol(1, "Lend", "LND", LND=8.0, T=2.0)}, listing)
    for place in (path, path.parent):  # also the folder above
        feed = defillama.read(place)
        known = {row["protocol"]: row for row in feed.protocols.to_dicts()}
        assert set(known) == {"1", "2", "3", "4"}
        assert known["1"] == {
            "protocol": "1", "name": "Lend", "category": "Lending", "sector": "Lending", "symbol": "LND",
            "tvl_usd": 5.0,
        }  # fmt: skip
        assert (known["3"]["symbol"], known["4"]["tvl_usd"], known["4"]["sector"]) == (None, None, "Unknown")
        assert feed.sources[0].name == "defillama (1 payloads)"
    mapped = map_tokens(feed.tokens, feed.protocols)
    # LND is claimed by Lend (5) and Swap (9): the largest by TVL wins, though Swap was not fetched
    issuers = {row["token"]: (row["issuer"], row["method"], row["alternatives"]) for row in mapped.to_dicts()}
    assert issuers == {"LND": ("2", "metadata", "1"), "T": ("4", "metadata", "")}


def test_the_receipt_depends_on_the_payloads_alone(tmp_path: Path) -> None:
    payloads = {"a": protocol(1, "A", "A", X=1.0), "b": protocol(2, "B", "B", X=1.0)}
    one = folder(tmp_path / "one", payloads)
    other = folder(tmp_path / "other", dict(reversed(payloads.items())), checked="2024-03-01T10:00:00", etag='"x"')
    assert defillama.read(one).sources == defillama.read(other).sources
    changed = folder(tmp_path / "changed", payloads | {"b": protocol(2, "B", "B", X=2.0)})
    assert defillama.read(one).sources != defillama.read(changed).sources


def test_a_week_that_was_not_over_is_left_out(tmp_path: Path) -> None:
    payload = protocol(1, "A", "A", weeks=2, X=1.0)  # Mondays 8 and 15 January 2024
    payload["chainTvls"]["Ethereum"]["tokensInUsd"] += days(MONDAY + WEEK + 2 * 86_400, 1, X=5.0, Y=1.0)  # the 17th
    path = folder(tmp_path / "raw", {"a": payload}, checked="2024-01-17T12:00:00+00:00")
    feed = defillama.read(path)
    assert feed.dates == [dt.date(2024, 1, 8), dt.date(2024, 1, 15)]
    assert feed.tokens.rows() == [("X", pytest.approx(1.0 + 1.1), None)]
    assert ("period not over when fetched", "a", 2) in found(feed)
    assert dt.date(2024, 1, 17) in defillama.read(path, frequency="day").dates
    later = folder(tmp_path / "later", {"a": payload}, checked="2024-01-22T00:00:01+00:00")
    assert dt.date(2024, 1, 22) in defillama.read(later).dates


def test_what_is_not_counted_is_told(tmp_path: Path) -> None:
    empty = protocol(9, "Empty", "E") | {"chainTvls": {"Ethereum": {"tvl": [], "tokensInUsd": [], "tokens": []}}}
    payloads = {
        "aave": protocol(0, "Aave", "AAVE", X=3.0) | {"id": "parent#aave"}, "aave-v3": protocol(1, "V3", "AAVE", X=3.0),
        "alias": protocol(1, "V3", "AAVE", X=3.0), **{f"e{n}": empty | {"id": f"9{n}"} for n in range(5)},
    }  # fmt: skip
    listing = [listed(1, "V3", "aave-v3", "AAVE", parentProtocol="parent#aave")]
    feed = defillama.read(folder(tmp_path / "raw", payloads, listing))
    assert feed.load(feed.dates[0])["protocol"].to_list() == ["1"]
    assert found(feed) >= {
        ("protocol that sums others", "aave", 1), ("protocol under two names", "alias", 1),
        ("protocol without token values", "e0, e1, e2 and 2 more", 5),
    }  # fmt: skip


def test_a_parent_alone_counts(tmp_path: Path) -> None:
    payloads = {"aave": protocol(0, "Aave", "AAVE", X=3.0) | {"id": "parent#aave"}}
    listing = [listed(1, "V3", "aave-v3", "AAVE", parentProtocol="parent#aave")]
    feed = defillama.read(folder(tmp_path / "raw", payloads, listing))
    assert feed.load(feed.dates[0])["protocol"].to_list() == ["parent#aave"]


def test_findings_of_a_kind_are_one(tmp_path: Path) -> None:
    twice = protocol(1, "A", "A", X=1.0)
    twice["chainTvls"]["Ethereum"]["tokensInUsd"] *= 2
    payloads = {slug: twice | {"id": slug} for slug in "abcd"}
    assert ("the same day twice", "a, b, c and 1 more", 12) in found(defillama.read(folder(tmp_path / "raw", payloads)))


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    empty = protocol(9, "Empty", "E") | {"chainTvls": {}}
    check_refused(lambda: defillama.read(folder(tmp_path / "none", {"e": empty})), "none", "no payload holds")
    one = {"a": protocol(1, "A", "A", X=1.0)}
    path = folder(tmp_path / "raw", one, [{"id": "1"}])
    check_refused(lambda: defillama.read(path), "raw", "list of protocols", "`name`")
    with pytest.raises(BadInput, match="cannot be read with others; name it alone"):
        defillama.read([path, tmp_path / "more.json"])
    odd = folder(tmp_path / "odd", one, checked="yesterday")
    check_refused(lambda: defillama.read(odd), "odd", "field checked", "'yesterday'")
    wrong = folder(tmp_path / "wrong", {"a": {"id": 1}})
    check_refused(lambda: defillama.read(wrong), "a: ", "`name`")


@given(st.integers(15_000, 25_000), st.integers(15_000, 25_000), st.sampled_from(FREQUENCIES))
def test_periods_are_those_of_the_snapshots(one: int, other: int, frequency: Frequency) -> None:
    dates = pl.DataFrame({"date": pl.Series([one, other], dtype=pl.Int32).cast(pl.Date)})
    ends = dates.select(period_end(frequency, pl.col("date")))["date"]
    numbers = periods(np.array([one, other]), frequency)
    assert (numbers[0] == numbers[1]) == (ends[0] == ends[1])
