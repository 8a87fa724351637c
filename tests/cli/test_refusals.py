"""Bad usage and bad input: exit 2, one clear line, no traceback, nothing published."""

import pytest

from tests.cli.conftest import HOLDINGS, run_cli

BAD_USAGE = {
    "unknown command": ["frobnicate"],
    "unknown option": ["measure", "--frob"],
    "no such store": ["--store", "/nonexistent/store", "measure"],
    "unknown vintage": ["--vintage", "2020-01-01-abc", "measure"],
    "not a date": ["measure", "--date", "2023-02-30"],
    "no snapshot on that date": ["measure", "--date", "1999-01-01"],
    "unknown protocol": ["stress", "--protocol", "lnd=1"],
    "fraction above one": ["stress", "--protocol", "lend=1.5"],
    "fraction not a number": ["stress", "--protocol", "lend=nan"],
    "no equals sign": ["stress", "--protocol", "lend"],
    "unknown scenario": ["stress", "--scenario", "top-2"],
    "unknown rule": ["stress", "--scenario", "top-1", "--rule", "debtrank"],
    "nothing shocked": ["stress"],
    "unknown token": ["stress", "--token", "NOPE=0.5"],
    "unknown sector": ["stress", "--sector", "Credits=0.5"],
    "unknown chain": ["stress", "--on-chain", "Etherium=0.5"],
    "unknown past event": ["stress", "--replay", "tera"],
    "nothing of the event in the data": ["stress", "--replay", "svb"],
    "no scenario file": ["stress", "--file", "/nonexistent.toml"],
    "two ways at once": ["stress", "--scenario", "top-1", "--token", "USDX=0.5"],
    "an option of another rule": ["stress", "--scenario", "top-1", "--option", "lgd=0.5"],
    "an option without a number": ["stress", "--scenario", "top-1", "--option", "max_rounds"],
    "options before the subcommand": ["stress", "--rule", "threshold", "all-failures"],
    "a history too short to draw from": ["stress", "montecarlo"],
    "no loss to reach": ["stress", "reverse"],
    "two losses to reach": ["stress", "reverse", "--loss-usd", "1", "--loss-share", "0.1"],
    "unknown table": ["export", "nope", "--out", "/tmp/x.csv"],
    "unknown ending": ["export", "nodes", "--out", "/tmp/x.xlsx"],
    "missing file": ["import", "holdings", "/nonexistent.csv"],
    "missing file, published": ["import", "published", "/nonexistent.json"],
    "a device that does not exist": ["train", "--device", "tpu"],
    "no GPU, or too little to train on": ["train", "--device", "gpu"],
    "too little to train on": ["train", "--device", "cpu"],
    "a bad port": ["serve", "--port", "99999"],
}


@pytest.mark.parametrize("arguments", BAD_USAGE.values(), ids=BAD_USAGE.keys())
def test_bad_usage_is_one_line_and_exit_2(store, arguments):
    done = run_cli(*([] if "--store" in arguments else ["--store", store]), *arguments)
    assert done.code == 2, (done.out, done.err)
    assert done.err.count("\n") == 1, done.err
    assert done.err.startswith("dexposure: ")
    assert "Traceback" not in done.err
    assert done.out == ""


def replaced(old: str, new: str) -> bytes:
    return HOLDINGS.replace(old, new, 1).encode()


BAD_HOLDINGS = {
    "empty": b"",
    "only a header": HOLDINGS.splitlines()[0].encode(),
    "missing column": replaced("value_usd", "worth"),
    "not a number": replaced("100,100", "100,hundred"),
    "NaN": replaced("100,100", "100,NaN"),
    "negative": replaced("100,100", "100,-100"),
    "infinite": replaced("100,100", "100,inf"),
    "no such day": replaced("2025-06-02", "2025-02-30"),
    "mixed time zones": replaced("2025-06-02", "2025-06-02T00:00:00+02:00"),
    "duplicate row": (HOLDINGS + HOLDINGS.splitlines()[1] + "\n").encode(),
    "a megabyte of name": replaced("lend", "x" * 1_000_000),
    "invalid UTF-8": replaced("lend", "lend").replace(b"lend", b"l\xffnd", 1),
    "a JSON file": b'{"data": {}}',
    "no protocol": replaced("lend", ""),
}


@pytest.mark.parametrize("content", BAD_HOLDINGS.values(), ids=BAD_HOLDINGS.keys())
def test_bad_holdings_publish_nothing(tmp_path, content):
    file = tmp_path / "bad.csv"
    file.write_bytes(content)
    done = run_cli("--store", tmp_path / "store", "import", "holdings", file)
    assert done.code == 2, (done.out, done.err)
    assert done.err.count("\n") == 1, done.err
    assert "bad.csv" in done.err
    assert len(done.err) < 600
    left = [p for p in (tmp_path / "store").rglob("*") if p.is_file()] if (tmp_path / "store").exists() else []
    assert left == []


BAD_PUBLISHED = {
    "empty": b"",
    "truncated": b'{"data": {"2025-06-02": {"nodes": [{"id": "a", "size": 1',
    "not JSON": b"date,protocol\n",
    "no data": b'{"weeks": {}}',
    "no such day": b'{"data": {"2025-02-30": {"nodes": [], "links": []}}}',
    "nodes of a wrong type": b'{"data": {"2025-06-02": {"nodes": {"a": 1}, "links": []}}}',
    "invalid UTF-8": b'{"data": {"2025-06-02": {"nodes": [{"id": "\xff", "size": 1}], "links": []}}}',
}


@pytest.mark.parametrize("content", BAD_PUBLISHED.values(), ids=BAD_PUBLISHED.keys())
def test_bad_published_files_publish_nothing(tmp_path, content):
    file = tmp_path / "bad.json"
    file.write_bytes(content)
    done = run_cli("--store", tmp_path / "store", "import", "published", file)
    assert done.code == 2, (done.out, done.err)
    assert done.err.count("\n") == 1, done.err
    assert "bad.json" in done.err
