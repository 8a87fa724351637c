"""`dexposure check` as a user types it: what it says, what it writes, how it ends."""

import json
import shutil

import polars as pl
import pytest

from tests.cli.conftest import run_cli

# Three sites hold the whole supply of one token; a fourth an honest balance.
DIRTY = """date,protocol_id,chain,token,value_usd
2025-06-02,siteA,Ethereum,USDX,31219505979.57
2025-06-02,siteB,Ethereum,USDX,31219505979.57
2025-06-02,siteC,Ethereum,USDX,93658517938.71
2025-06-02,siteD,Ethereum,USDX,12345678.91
2025-06-02,siteD,Ethereum,WETH,0.00
"""


@pytest.fixture(scope="module")
def dirty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dirty")
    (folder / "h.csv").write_text(DIRTY)
    done = run_cli("--store", folder / "store", "import", "holdings", folder / "h.csv")
    assert done.code == 0, done.err
    return folder / "store"


def test_it_names_site_token_and_amount(dirty):
    done = run_cli("--store", dirty, "check", "--only", "units")
    assert done.code == 0
    assert "ERR  Units suspected wrong       3" in done.out
    assert "siteC, USDX, Ethereum · USD 93.7 bn: 3 times the same amount to the cent at 3 protocols" in done.out
    assert "siteD" not in done.out


def test_json_has_every_check_and_every_finding(dirty):
    told = run_cli("--store", dirty, "check", "--json").json
    assert told["worst"] == "error"
    assert told["verified"] is True
    assert {row["check"]: row["state"] for row in told["checks"]} | {"units": "error", "stale": "not possible"} == {
        row["check"]: row["state"] for row in told["checks"]
    }
    first = told["findings"][0]
    assert (first["check"], first["protocol"], first["token"], first["date"]) == (
        "units",
        "siteC",
        "USDX",
        "2025-06-02",
    )
    assert first["usd"] == pytest.approx(93658517938.71)
    dropped = [row for row in told["findings"] if row["check"] == "impossible"]
    assert [(row["usd"], row["action"]) for row in dropped] == [(0.0, "dropped")]


def test_automation_asks_for_a_status(dirty, store):
    assert run_cli("--store", dirty, "check", "--fail-on", "error").code == 3
    assert run_cli("--store", dirty, "check", "--fail-on", "error", "--only", "jumps").code == 0
    assert run_cli("--store", store, "check", "--fail-on", "error").code == 0


def test_a_file_holds_what_the_screen_leaves_out(dirty, tmp_path):
    out = tmp_path / "found.csv"
    assert run_cli("--store", dirty, "check", "--severity", "error", "--top", "1", "--out", out).code == 0
    assert pl.read_csv(out)["protocol"].to_list() == ["siteC", "siteA", "siteB"]
    assert json.loads((tmp_path / "found.csv.provenance.json").read_text())["parameters"]["severity"] == "error"


def test_a_changed_file_is_the_only_finding(dirty, tmp_path):
    shutil.copytree(dirty, tmp_path / "store")
    (victim,) = (tmp_path / "store").glob("*/coverage/*.parquet")
    bytes_ = bytearray(victim.read_bytes())
    bytes_[len(bytes_) // 2] ^= 1
    victim.unlink()  # it may be a link to a file of another vintage
    victim.write_bytes(bytes_)
    done = run_cli("--store", tmp_path / "store", "check", "--fail-on", "error")
    assert done.code in (2, 3)  # 2: so broken that the rest of the document cannot be read
    assert "coverage" in done.out + done.err


def test_refusals_name_the_next_step(dirty, tmp_path):
    wrong = run_cli("--store", dirty, "check", "--only", "unit")
    assert (wrong.code, "did you mean 'units'" in wrong.err) == (2, True)
    assert run_cli("--store", dirty, "check", "--since", "june").code == 2
    assert run_cli("--store", dirty, "check", "--out", tmp_path / "x.txt").code == 2
