"""Importing is light, and every room can be imported alone."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "torch_geometric", "lightgbm", "streamlit", "plotly", "sklearn", "pandas", "duckdb")


def loaded_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(' '.join(m for m in {HEAVY!r} if m in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_the_package_imports_nothing_heavy():
    assert loaded_after("import dexposure_core") == set()


@pytest.mark.parametrize("room", ["measures", "stress", "sources", "network", "forecast", "store"])
def test_rooms_do_not_pull_in_torch_or_streamlit(room):
    banned = {"torch", "torch_geometric", "lightgbm", "streamlit", "sklearn"}
    assert loaded_after(f"import dexposure_core.{room}") & banned == set()


def test_the_command_line_pulls_in_neither_torch_nor_streamlit():
    code = "from dexposure_core.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    assert loaded_after(
        f"import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()):\n  exec({code!r})"
    ) <= {"duckdb"}
