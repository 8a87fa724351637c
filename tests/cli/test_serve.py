"""`dexposure serve` starts without asking anybody anything, and shows nothing but the dashboard."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from dexposure_core.cli import commands
from dexposure_core.cli import serve as module


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
