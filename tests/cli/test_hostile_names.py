"""Names that are attacks, in what every reading command prints and in every table that is exported."""

import json

import polars as pl
import pytest

from dexposure_core.store.schema import TABLES
from tests import hostile
from tests.cli.conftest import run_here

A = hostile.ATTACKS
COMMANDS = {
    "vintages": ["vintages"], "dates": ["dates"], "measure": ["measure"], "importance": ["importance"],
    "spillover": ["spillover"], "chains": ["chains"], "tokens": ["tokens", "list"],
    "review": ["tokens", "review", "--all"], "a token": ["tokens", "show", A[0]], "report": ["report", "--top", "30"],
    "check": ["check", "--top", "100"],
    "a protocol fails": ["stress", "--protocol", f"{A[0]}=1"], "a token loses": ["stress", "--token", f"{A[17]}=0.5"],
    "a chain fails": ["stress", "--on-chain", f"{A[0]}=1"], "a sector": ["stress", "--sector", f"{A[0]}=0.5"],
    "each in turn": ["stress", "all-failures"], "one chain": ["importance", "--chain", A[0]],
}  # fmt: skip


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evil")
    hostile.world(folder)
    return folder


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_what_is_printed_steers_no_terminal(evil, command):
    done = run_here("--store", evil, *command)
    assert done.code == 0, done.err
    assert hostile.steering(done.out + done.err) == []
    assert max(map(len, done.out.splitlines())) < 2_000


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_json_is_one_document_with_the_names_as_they_are(evil, command):
    done = run_here("--store", evil, *command, "--json")
    assert done.code == 0, done.err
    assert done.out.count("\n") == 1
    assert isinstance(json.loads(done.out), dict)
    assert not set(hostile.steering(done.out)) & {"0x1b", "0x7", "0xd", "0x0"}


@pytest.mark.parametrize("table", TABLES)
def test_a_table_leaves_without_formulas(evil, tmp_path, table):
    for ending in ("csv", "parquet"):
        done = run_here("--store", evil, "export", table, "--out", tmp_path / f"t.{ending}")
        assert done.code == 0, done.err
        assert hostile.steering(done.out + done.err) == []
    assert hostile.formulas((tmp_path / "t.csv").read_bytes()) == []
    kept = pl.read_parquet(tmp_path / "t.parquet")  # data stay what they are where nothing computes them
    assert table != "protocols" or set(A) == set(kept["protocol"].to_list())


@pytest.mark.parametrize("name", A[:18])
def test_a_name_that_does_not_exist_is_told_harmlessly(evil, name):
    done = run_here("--store", evil, "stress", "--protocol", f"{name[:3000]}?=1")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert hostile.steering(done.err.rstrip("\n")) == []
    assert len(done.err) < 11_000
