"""`dexposure serve` starts without asking anybody anything, and shows nothing but the dashboard."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from dexposure_core.cli import commands
from dexposure_core.cli import serve as module
from dexposure_core.ui.load.visitor import Click, Visitor
from tests.cli.conftest import Running, run_here, running


def test_it_asks_for_no_address_and_advertises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    folders: list[Path] = []
    monkeypatch.setattr(os, "execve", lambda _program, command, _environment: started.append(command))
    monkeypatch.setattr(os, "chdir", folders.append)
    monkeypatch.setattr(module, "_check_free", lambda _host, _port: None)
    found = CliRunner().invoke(commands.dexposure, ["serve"])
    assert found.exit_code == 0, found.output
    assert started[0][1:4] == ["-m", "dexposure_core.ui.running.process", "run"]
    options = ("server.showEmailPrompt", "logger.hideWelcomeMessage", "browser.gatherUsageStats")
    code = f"from streamlit import config; print([config.get_option(o) for o in {options}])"
    read = subprocess.run([sys.executable, "-c", code], cwd=folders[0], capture_output=True, text=True, check=True)
    assert read.stdout.strip() == "[False, True, False]"


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def alone(work):
    """Run a coroutine in a thread of its own: a browser test in this process may have left a loop running here."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def visit(url: str, *pages: str, **parameters: str) -> list[Click]:
    async def go() -> list[Click]:
        async with Visitor(url) as visitor:
            return [await visitor.open(page, parameters) for page in pages]

    return alone(go())


@pytest.mark.slow
def test_each_page_run_leaves_one_line_without_what_was_typed(store, tmp_path):
    log = tmp_path / "dashboard.log"
    with running(store, "--log", log) as server:
        clicks = visit(server.url, "method", "protocol", protocol="typed-by-somebody", horizon="eleven")
        assert [click.error for click in clicks] == ["", ""]
        code, err = server.stop(signal.SIGTERM)
    assert code == 0
    assert lines(err) == []
    told = lines(log.read_text())
    # no such protocol: the page says so and stops there
    assert [(line["page"], line["outcome"]) for line in told] == [("method", "ok"), ("protocol", "stopped")]
    assert all(line["vintage"] and line["basis"] == "holdings" for line in told)
    names = {"time", "level", "event", "page", "ms", "waited_ms", "vintage", "basis", "outcome"}
    assert all(set(line) == names for line in told)
    said = (log.read_text() + err).replace(server.url.removeprefix("http://"), "the server")  # where it listens
    assert [word for word in ("typed-by", "eleven", "127.0.0.1", "Traceback") if word in said] == [], said
    assert log.stat().st_mode & 0o077 == 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_a_signal_ends_the_server_while_visitors_are_connected(store, number):
    async def stop_it(server: Running) -> tuple[int, str]:
        async with Visitor(server.url) as visitor:
            assert (await visitor.open("overview")).error == ""
            asked = asyncio.create_task(visitor.open("network", timeout=30))
            await asyncio.sleep(0.05)  # the page is under way
            result = await asyncio.to_thread(server.stop, number)
            await asked
            return result

    with running(store) as server:
        code, err = alone(stop_it(server))
    assert code == 0, err
    assert "Traceback" not in err
    assert "leaked" not in err  # what the query engine says when it is taken apart
    assert lines(err)[0]["page"] == "overview"


@pytest.mark.parametrize("name", ["", "no/such/folder/x.log", ".", "a\0b", "x" * 300])
def test_a_log_that_cannot_be_written_is_refused_at_once(store, tmp_path, name):
    done = run_here("--store", store, "serve", "--port", "8599", "--log", f"{tmp_path}/{name}")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "--log" in done.err


def upgrade(url: str, name: str) -> int:
    """Return the status with which the server answers a browser that opened it under another name."""
    at = urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=20)
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    headers |= {
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Host": f"{name}:{at.port}",
        "Origin": f"http://{name}:{at.port}",
    }
    connection.request("GET", "/_stcore/stream", headers=headers)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.slow
def test_a_page_that_points_its_own_name_here_is_not_let_in(store):
    with running(store, DEXPOSURE_ALLOWED_HOSTS="monitor.example") as server:
        names = ["127.0.0.1", "localhost", "[::1]", "monitor.example", "attacker.example", "127.0.0.1.attacker.example"]
        assert [upgrade(server.url, name) for name in names] == [101, 101, 101, 101, 403, 403]


@pytest.mark.slow
def test_the_server_takes_no_files_and_offers_no_way_in_but_pages(store):
    with running(store) as server:
        at = urlsplit(server.url)
        connection = http.client.HTTPConnection(at.hostname, at.port, timeout=20)
        answers = {}
        for method, path in [
            ("PUT", "/_stcore/upload_file/x/y"), ("POST", "/_stcore/agent/interact"), ("GET", "/app/static/x.toml"),
            ("GET", "/media/../../.streamlit/config.toml"), ("GET", "/.streamlit/config.toml"),
            ("GET", "/static/..%2f..%2fetc/passwd"), ("GET", "//etc/passwd"), ("GET", "/component/x/../../app.py"),
        ]:  # fmt: skip
            connection.request(method, path, body=b"x" if method != "GET" else None)
            answer = connection.getresponse()
            answers[path] = (answer.status, answer.read())
            connection.close()
    # a path that is nothing gets the page that every address gets, which then says that there is no such page
    assert all(status >= 400 or b'<div id="root"' in body for status, body in answers.values())
    assert not any(word in body for _, body in answers.values() for word in (b"gatherUsage", b"root:", b"frame.run"))


SECRETS = '[auth]\nclient_secret = "s3cr3t-of-the-client"\n'


def test_sign_in_without_what_it_needs_is_refused_at_once(store, tmp_path, monkeypatch):
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(SECRETS)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _name: None)
    done = run_here("--store", store, "serve", "--port", "8599")
    assert done.code == 2
    assert "Authlib" in done.err


@pytest.mark.parametrize("content", [SECRETS.replace("]", ""), b"\xff\xfe[auth]"], ids=["not TOML", "not text"])
def test_secrets_that_cannot_be_read_are_refused_and_not_quoted(store, tmp_path, monkeypatch, content):
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setenv("HOME", str(tmp_path))
    done = run_here("--store", store, "serve", "--port", "8599")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "s3cr3t" not in done.err
