"""Fetching DefiLlama from a service that misbehaves: what is stored is whole, what is not is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dexposure_core.errors import BadOption, DexposureError, FetchFailed, SourceChanged
from dexposure_core.sources import defillama as reader
from dexposure_core.sources.fetch.client import Manners
from dexposure_core.sources.fetch.defillama import Order, Tally, fetch
from dexposure_core.sources.fetch.disk import alone
from dexposure_core.sources.fetch.raw import JOURNAL, MANIFEST, RawFolder
from tests.sources.fetch.conftest import Invented
from tests.sources.fetch.server import (
    Service,
    cut,
    days,
    later,
    listed,
    protocol,
    says,
    silence,
    small_world,
    status,
)  # fmt: skip

MANNERS = Manners(retries=3, timeout=2.0, limit=1_000_000)


@pytest.fixture
def world(service: Service) -> Service:
    small_world(service)
    return service


@pytest.fixture
def run(world: Service, tmp_path: Path, clock: Invented) -> Callable[..., Tally]:
    def go(manners: Manners = MANNERS, progress: Any = None, **order: Any) -> Tally:
        more = {} if progress is None else {"progress": progress}
        return fetch(
            tmp_path / "raw", Order(**{"base": world.url, "rate": 1000.0} | order), manners, clock=clock, **more
        )

    return go


def kept(folder: Path) -> dict[str, Any]:
    raw = RawFolder(folder / "raw")
    return {key: json.loads(raw.body(key)) for key, entry in raw.entries.items() if entry.file}


def test_everything_listed_is_fetched_once_and_kept_as_it_came(run, world: Service, tmp_path: Path, calls) -> None:
    tally = run(progress=calls)
    assert (tally.wanted, tally.new, tally.unchanged, tally.gone, tally.failed) == (4, 4, 0, 0, {})
    assert sorted(world.paths()) == [
        "/protocol/lend", "/protocol/mint", "/protocol/swap-%26-go", "/protocol/vault", "/protocols",
    ]  # fmt: skip
    payloads = kept(tmp_path)
    assert payloads["swap-&-go"] == json.loads(world.pages["/protocol/swap-%26-go"].body)
    assert sorted(payloads) == ["/protocols", "lend", "mint", "swap-&-go", "vault"]
    entry = RawFolder(tmp_path / "raw").entries["lend"]
    assert (entry.url, entry.state, entry.status, entry.bytes) == (
        f"{world.url}/protocol/lend", "kept", 200, len(world.pages["/protocol/lend"].body),
    )  # fmt: skip
    assert [done for done, _, _ in calls.told] == [1, 2, 3, 4]
    assert {total for _, total, _ in calls.told} == {4}
    assert not (tmp_path / "raw" / JOURNAL).exists()
    assert len(list((tmp_path / "raw" / "payloads").iterdir())) == 5


def test_the_second_time_only_what_changed_is_sent(run, world: Service, tmp_path: Path) -> None:
    run()
    world.asked.clear()
    world.put("/protocol/lend", protocol(1, "Lend", "LND", weeks=4, SWP=100.0))
    tally = run()
    assert (tally.new, tally.unchanged) == (1, 3)
    conditions = {path: headers.get("if-none-match") for path, headers in world.asked}
    assert all(conditions.values())
    assert len(kept(tmp_path)["lend"]["chainTvls"]["Ethereum"]["tokensInUsd"]) == 4
    assert len(list((tmp_path / "raw" / "payloads").iterdir())) == 5  # the old payload of lend is gone


def test_dates_serve_where_there_are_no_etags(run, world: Service) -> None:
    for path in world.pages:
        world.pages[path].etag, world.pages[path].modified = None, "Mon, 02 Mar 2026 08:00:00 GMT"
    run()
    world.asked.clear()
    assert run().unchanged == 4
    assert {headers.get("if-modified-since") for _, headers in world.asked} == {"Mon, 02 Mar 2026 08:00:00 GMT"}


def test_a_payload_that_was_lost_is_asked_for_without_conditions(run, world: Service, tmp_path: Path) -> None:
    run()
    next((tmp_path / "raw" / "payloads").glob("lend.*")).unlink()
    world.asked.clear()
    run()
    assert "if-none-match" not in dict(world.asked)["/protocol/lend"]
    assert kept(tmp_path)["lend"]["id"] == "1"


def test_a_few_by_name_and_a_wrong_name(run, world: Service, tmp_path: Path) -> None:
    tally = run(protocols=("Lend", "SWAP-&-GO"))  # a name as listed, a slug in capitals
    assert tally.wanted == 2
    assert sorted(kept(tmp_path)) == ["/protocols", "lend", "swap-&-go"]
    with pytest.raises(BadOption, match=r"no protocol 'vaultt'; did you mean 'vault'\?"):
        run(protocols=("vaultt",))
    with pytest.raises(BadOption, match="cannot be the slug"):
        run(protocols=("../../etc/passwd",))


PASSING = {
    "500": status(500),
    "503 with a wait": status(503, Retry_After="7"),
    "429 with seconds": status(429, Retry_After="30"),
    "429 without": status(429),
    "silence": silence(0.5),
    "cut short": cut(200),
    "half of the JSON": says(b'{"id": "1", "name": "Lend", "chainTvls": {"Ethereum"'),
    "half of another shape": says(b'{"id": null, "name": "Lend", "chainTvls": {"Ethereum"'),
    "an error with status 200": says(b'{"message": "Internal server error"}'),
    "a page instead": says(b"<html>One moment, please</html>"),
    "empty": says(b""),
    "gzip cut short": says(b"\x1f\x8b\x08\x00\x00\x00", Content_Encoding="gzip"),
    "packed oddly": says(b"??", Content_Encoding="br"),
}


@pytest.mark.parametrize("fault", list(PASSING))
def test_what_passes_is_waited_for(fault: str, run, world: Service, tmp_path: Path, clock: Invented) -> None:
    world.fail("/protocol/lend", PASSING[fault], PASSING[fault])
    manners = Manners(retries=3, timeout=0.2, limit=1_000_000)
    assert run(manners, protocols=("lend",)).new == 1
    assert kept(tmp_path)["lend"] == json.loads(world.pages["/protocol/lend"].body)
    waits = [s for s in clock.slept if s > 0.5]
    asked = {"503 with a wait": [7.1, 7.2], "429 with seconds": [30.1, 30.2]}  # and a tenth of the usual 1, 2 s
    assert waits == pytest.approx(asked.get(fault, [1.0, 2.0]))


def test_a_date_to_come_back_at_is_honoured(run, world: Service, clock: Invented, monkeypatch) -> None:
    import datetime as dt

    monkeypatch.setattr(clock, "now", lambda: dt.datetime.now(dt.UTC))
    world.fail("/protocol/lend", status(429, Retry_After=later(40)))
    run(protocols=("lend",))
    assert 38 < max(clock.slept) < 41


def test_what_does_not_pass_is_reported_and_the_last_payload_stays(run, world: Service, tmp_path: Path) -> None:
    run()
    before = kept(tmp_path)
    world.fail("/protocol/lend", *[says(b'{"id": "1"')] * 4)
    with pytest.raises(
        FetchFailed, match=r"/protocol/lend: .*not valid JSON or truncated.*\(4 attempts\); run the same"
    ):
        run()
    assert kept(tmp_path) == before
    entry = RawFolder(tmp_path / "raw").entries["lend"]
    assert (entry.state, entry.status) == ("failed", 0)
    world.asked.clear()
    assert run().resumed == 3  # the others are there from the unfinished run
    assert world.paths() == ["/protocol/lend"]


def test_one_failure_may_be_passed_over(run, world: Service, tmp_path: Path) -> None:
    world.fail("/protocol/vault", *[status(500)] * 4)
    tally = run(keep_going=True)
    assert (tally.new, list(tally.failed)) == (3, ["vault"])
    feed = reader.read(tmp_path / "raw")
    assert ("protocol not fetched", "vault") in feed.findings.select("finding", "place").rows()


def test_a_dead_service_is_left_alone_soon(run, world: Service) -> None:
    world.put("/protocols", [listed(n, f"P{n}", f"p{n}", "P") for n in range(100)])
    for n in range(100):
        world.fail(f"/protocol/p{n}", *[status(502)] * 4)
    with pytest.raises(FetchFailed, match=r"HTTP 502.*and 7 more of 100 protocols"):
        run()
    assert len(world.asked) <= 1 + 4 * (8 + 4)


def test_a_service_that_asks_for_too_much_patience(run, world: Service, clock: Invented) -> None:
    world.fail("/protocols", status(429, Retry_After="86400"))
    with pytest.raises(FetchFailed, match="asks us to wait 86400 s; run the command again then"):
        run()
    assert sum(clock.slept) < 1


@pytest.mark.parametrize("code", [400, 404, 410])
def test_a_protocol_that_vanishes_keeps_its_last_payload(code: int, run, world: Service, tmp_path: Path) -> None:
    run()
    world.fail("/protocol/vault", says(b'{"statusCode":400,"message":"Protocol not found"}', code))
    tally = run()
    assert (tally.gone, tally.unchanged) == (1, 3)
    entry = RawFolder(tmp_path / "raw").entries["vault"]
    assert (entry.state, entry.status) == ("gone", code)
    assert kept(tmp_path)["vault"]["name"] == "Vault"
    feed = reader.read(tmp_path / "raw")
    assert ("warning", "protocol no longer offered", "vault") in feed.findings.select(
        "severity", "finding", "place"
    ).rows()
    assert "3" in feed.load(feed.dates[0])["protocol"].to_list()


def test_a_protocol_no_longer_listed_is_asked_for_until_it_is_gone(run, world: Service) -> None:
    run()
    world.put("/protocols", [listed(1, "Lend", "lend", "LND")])
    del world.pages["/protocol/vault"]
    assert (run().gone, run().wanted) == (1, 3)  # vault is not asked for again


CHANGED: dict[str, tuple[Any, str]] = {
    "a list renamed": (
        {"id": "1", "name": "Lend", "chainTvls": {"Ethereum": {"tvl": [], "tokensUsd": [1]}}},
        r"field chainTvls.Ethereum.tokensInUsd: missing; found tvl, tokensUsd",
    ),
    "no chains": ({"id": "1", "name": "Lend", "chainTvl": {}}, "field chainTvls: missing; found id, name, chainTvl"),
    "no id": ({"name": "Lend", "chainTvls": {}}, "field id: missing; found name, chainTvls"),
    "a list of chains": ({"id": "1", "name": "L", "chainTvls": []}, r"field chainTvls: expected `object \| null`, got"),
    "amounts in objects": (
        {
            "id": "1",
            "name": "L",
            "chainTvls": {"E": {"tokensInUsd": [{"date": 1_704_672_000, "tokens": {"A": {"usd": 1}}}]}},
        },
        r"field chainTvls.E.tokensInUsd\[0\].tokens\[...\]: expected `float \| str \| null`, got `object`",
    ),
    "milliseconds": (
        {"id": "1", "name": "L", "chainTvls": {"E": {"tokensInUsd": days(1_704_672_000_000, 1, A=1.0)}}},
        r"field chainTvls.E.tokensInUsd\[0\].date: 1704672000000.0 is not a unix time in seconds",
    ),
    "words for amounts": (
        {"id": "1", "name": "L", "chainTvls": {"E": {"tokensInUsd": [{"date": 1_704_672_000, "tokens": {"A": "x"}}]}}},
        r"field chainTvls.E.tokensInUsd.tokens: 'x' is not a number",
    ),
    "another kind of answer": ([1, 2], "got `array`"),
    "everything emptied": (
        {"id": "1", "name": "L", "chainTvls": {"E": {"tokensInUsd": [], "tokens": []}}},
        "empty in all of 2 lists, 3 dates before",
    ),
}


@pytest.mark.parametrize("change", list(CHANGED))
def test_another_shape_is_refused_by_protocol_and_field(change: str, run, world: Service, tmp_path: Path) -> None:
    run()
    before = kept(tmp_path)
    content, found = CHANGED[change]
    world.put("/protocol/lend", content)
    with pytest.raises(SourceChanged, match=f"defillama: protocol 'lend': .*{found}") as caught:
        run()
    assert "; " in str(caught.value)
    assert str(caught.value).isprintable()
    assert kept(tmp_path) == before
    assert RawFolder(tmp_path / "raw").entries["lend"].state == "failed"
    assert run(keep_going=True).unchanged == 0  # the others were done in the run that stopped
    world.put("/protocol/lend", protocol(1, "Lend", "LND", SWP=1.0))
    assert run().new == 1


def test_a_changed_list_and_an_empty_one(run, world: Service) -> None:
    world.put("/protocols", [{"id": "1", "name": "Lend"}])
    with pytest.raises(SourceChanged, match=r"list of protocols: Object missing required field `slug`"):
        run()
    world.put("/protocols", [])
    with pytest.raises(SourceChanged, match="list of protocols: empty"):
        run()


def test_when_all_protocols_change_the_rest_is_not_asked_for(run, world: Service) -> None:
    world.put("/protocols", [listed(n, f"P{n}", f"p{n}", "P") for n in range(60)])
    for n in range(60):
        world.put(f"/protocol/p{n}", {"id": n, "name": "P"})
    with pytest.raises(SourceChanged, match=r"field chainTvls: missing; .*and 4 more of 60 protocols"):
        run()
    assert len(world.asked) < 20


def test_never_more_requests_at_once_than_allowed(run, world: Service) -> None:
    world.put("/protocols", [listed(n, f"P{n}", f"p{n}", "P") for n in range(12)])
    for n in range(12):
        world.put(f"/protocol/p{n}", protocol(n, f"P{n}", "P", WETH=1.0))
    world.delay = 0.02
    run(concurrency=3)
    assert world.most_open <= 3


def test_the_rate_is_kept(run, clock: Invented) -> None:
    begin = clock.time
    run(rate=2.0, concurrency=2)
    assert clock.time - begin >= 4 / 2  # five requests, the first at once


def test_names_from_the_service_stay_in_the_folder(run, world: Service, tmp_path: Path) -> None:
    wild = ["../../../evil", "..", "/etc/passwd", "a/b", "a\nb", "", "x" * 500, "Ünï c0de?#%", "con", "." * 3]
    world.put("/protocols", [listed(n, f"P{n}", slug, "P") for n, slug in enumerate(wild)])
    for n, path in enumerate(["/protocol/%C3%9Cn%C3%AF%20c0de%3F%23%25", "/protocol/con"]):
        world.put(path, protocol(n, f"P{n}", "P", WETH=1.0))
    assert run().wanted == 2  # the others cannot be slugs
    outside = [p for p in tmp_path.rglob("*") if p.is_file() and p.parent != tmp_path / "raw" / "payloads"]
    assert sorted(p.name for p in outside) == [".lock", MANIFEST]
    assert sorted(kept(tmp_path)) == ["/protocols", "con", "Ünï c0de?#%"]


def test_an_answer_too_large_or_a_bomb_is_not_read(run, world: Service, tmp_path: Path) -> None:
    bomb = b"[" + b" " * 50_000_000 + b"]"
    world.put("/protocol/lend", bomb, packed=True)
    with pytest.raises(FetchFailed, match=r"answers with more than 1 MB; raise DEXPOSURE_FETCH_PAYLOAD_MB"):
        run(protocols=("lend",))
    assert "lend" not in kept(tmp_path)


def test_packed_answers_are_unpacked(run, world: Service, tmp_path: Path) -> None:
    for page in world.pages.values():
        page.packed = True
    run()
    assert kept(tmp_path)["lend"]["id"] == "1"


def test_redirects_are_followed_with_care(run, world: Service, another: Service, tmp_path: Path) -> None:
    another.pages["/moved"] = world.pages["/protocol/lend"]
    world.pages["/protocol/lend"].location = None
    world.put("/protocol/lend", b"", location=f"{another.url}/moved")
    another.put("/moved", protocol(1, "Lend", "LND", SWP=1.0))
    assert run(protocols=("lend",)).new == 1
    world.put("/protocol/vault", b"", location="http://example.org/vault")
    with pytest.raises(FetchFailed, match=r"redirects to 'http://example.org/vault', another host without encryption"):
        run(protocols=("vault",))
    world.put("/protocol/mint", b"", location="/protocol/mint")
    with pytest.raises(FetchFailed, match="redirected more than"):
        run(protocols=("mint",))


def test_one_fetch_at_a_time(run, tmp_path: Path) -> None:
    with alone(tmp_path / "raw"), pytest.raises(FetchFailed, match="another fetch is at work"):
        run()
    assert run().new == 4


def test_an_old_unfinished_run_is_begun_anew(run, world: Service, clock: Invented) -> None:
    world.fail("/protocol/lend", *[status(500)] * 4)
    with pytest.raises(FetchFailed):
        run()
    clock.time += 2 * 86_400
    assert run().resumed == 0


def test_no_proxy_stands_between_this_machine_and_itself(run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert run().new == 4


def test_nobody_there(tmp_path: Path, clock: Invented) -> None:
    with pytest.raises(FetchFailed, match=r"127.0.0.1:9/protocols: connection failed: .*\(4 attempts\)"):
        fetch(tmp_path / "raw", Order(base="http://127.0.0.1:9"), MANNERS, clock=clock)
    assert clock.slept[-3:] == pytest.approx([1.0, 2.0, 4.0], abs=0.21)


def test_errors_are_of_the_family(run, world: Service) -> None:
    world.fail("/protocols", status(418))
    with pytest.raises(DexposureError, match="HTTP 418; check the base URL"):
        run()
