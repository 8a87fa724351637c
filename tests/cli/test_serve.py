"""`dexposure serve` starts without asking anybody anything, and shows nothing but the dashboard."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

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
    assert started[0][1:4] == ["-m", "streamlit", "run"]
    options = ("server.showEmailPrompt", "logger.hideWelcomeMessage", "browser.gatherUsageStats")
    code = f"from streamlit import config; print([config.get_option(o) for o in {options}])"
    read = subprocess.run([sys.executable, "-c", code], cwd=folders[0], capture_output=True, text=True, check=True)
    assert read.stdout.strip() == "[False, True, False]"


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def visit(url: str, *pages: str, **parameters: str) -> list[Click]:
    async def go() -> list[Click]:
        async with Visitor(url) as visitor:
            return [await visitor.open(page, **parameters) for page in pages]

    return asyncio.run(go())


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
    assert all(set(line) == {"time", "level", "event", "page", "ms", "vintage", "basis", "outcome"} for line in told)
    assert not any(word in log.read_text() + err for word in ("typed-by", "eleven", "127.0.0.1:5", "Traceback"))
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
        code, err = asyncio.run(stop_it(server))
    assert code == 0, err
    assert "Traceback" not in err
    assert lines(err)[0]["page"] == "overview"


@pytest.mark.parametrize("name", ["", "no/such/folder/x.log", ".", "a\0b", "x" * 300])
def test_a_log_that_cannot_be_written_is_refused_at_once(store, tmp_path, name):
    done = run_here("--store", store, "serve", "--port", "8599", "--log", f"{tmp_path}/{name}")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "--log" in done.err
