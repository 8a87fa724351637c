"""Hostile files, folders and vintage names: refused in one line, nothing read elsewhere, nothing written."""

import json
import shutil

import pytest

from dexposure_core.errors import CorruptVintage
from dexposure_core.store import open_store
from tests.cli.conftest import HOLDINGS, run_here

PRIVATE = "root:x:0:0:this is nobody's business"
READERS = {
    "import published": ["import", "published", "{}"], "its meta": ["import", "published", "{json}", "--meta", "{}"],
    "its mapping": ["import", "published", "{json}", "--mapping", "{}"],
    "import holdings": ["import", "holdings", "{}"],
    "its protocols": ["import", "holdings", "{csv}", "--protocols", "{}"],
    "its tokens": ["import", "holdings", "{csv}", "--tokens", "{}"],
    "its overrides": ["import", "holdings", "{csv}", "--overrides", "{}"], "import edges": ["import", "edges", "{}"],
    "its nodes": ["import", "edges", "{csv}", "--nodes", "{}"], "import defillama": ["import", "defillama", "{}"],
    "build tokens": ["build", "--tokens", "{}"], "build overrides": ["build", "--overrides", "{}"],
    "a scenario file": ["stress", "--file", "{}"], "overrides to check": ["tokens", "override", "{}"],
    "a mapping to compare": ["tokens", "compare", "--mapping", "{}"],
}  # fmt: skip
WRITERS = {
    "export": ["export", "nodes", "--out", "{}"], "findings": ["check", "--out", "{}"],
    "doubtful tokens": ["tokens", "review", "--out", "{}"],
    "a scenario": ["stress", "--scenario", "top-1", "--save", "{}"],
}  # fmt: skip


@pytest.fixture
def places(tmp_path):
    """Names that a hostile or careless caller gives in place of a file; what they hold is nobody's business."""
    (tmp_path / "passwd").write_text(PRIVATE)
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "link.csv").symlink_to(tmp_path / "passwd")
    (tmp_path / "inside" / "loop.csv").symlink_to(tmp_path / "inside" / "loop.csv")
    return {
        "up": f"{tmp_path}/inside/../passwd", "absolute": f"{tmp_path}/passwd", "link": f"{tmp_path}/inside/link.csv",
        "loop": f"{tmp_path}/inside/loop.csv", "NUL": f"{tmp_path}/a\0b.csv", "folder": f"{tmp_path}/inside",
        "long": f"{tmp_path}/{'x' * 5000}", "empty": "", "not there": f"{tmp_path}/../../../nowhere/x.csv",
        "controls": f"{tmp_path}/a\nb\x1b[31m.csv",
    }  # fmt: skip


KINDS = ["up", "absolute", "link", "loop", "NUL", "folder", "long", "empty", "not there", "controls"]


def refused(done) -> None:
    assert done.code == 2, (done.code, done.out, done.err)
    assert done.err.count("\n") == 1, done.err
    assert len(done.err) < 1000
    assert "Traceback" not in done.err
    assert "\x1b" not in done.err
    assert "nobody's business" not in done.out + done.err


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", READERS.values(), ids=READERS.keys())
def test_a_file_that_is_none_of_ours_is_refused(store, places, tmp_path, command, kind):
    (tmp_path / "good.csv").write_text(HOLDINGS)
    (tmp_path / "good.json").write_text('{"data": {}}')
    named = {"{}": places[kind], "{csv}": str(tmp_path / "good.csv"), "{json}": str(tmp_path / "good.json")}
    target = tmp_path / "store"
    if command[0] != "import":
        shutil.copytree(store, target)
    before = sorted(target.rglob("*"))
    refused(run_here("--store", target, *(named.get(word, word) for word in command)))
    assert [p for p in sorted(target.rglob("*")) if p.is_file()] == [p for p in before if p.is_file()]


@pytest.mark.parametrize("kind", ["loop", "NUL", "folder", "long", "empty", "not there"])
@pytest.mark.parametrize("command", WRITERS.values(), ids=WRITERS.keys())
def test_a_place_that_cannot_be_written_is_refused(store, places, command, kind):
    refused(run_here("--store", store, *(word.replace("{}", places[kind]) for word in command)))


VINTAGES = ["..", ".", "../..", "/etc", "../store/LATEST", "", "a\0b", "x" * 5000, "%2e%2e", "~", "a\nb\x1b[31m", "*"]


@pytest.mark.parametrize("vintage", VINTAGES)
def test_a_vintage_is_a_name_in_the_store_and_no_path(store, vintage):
    refused(run_here("--store", store, "--vintage", vintage, "dates"))
    refused(run_here("--store", store, "compare", vintage))


@pytest.mark.parametrize("table", ["../nodes", "/etc/passwd", "nodes/../nodes", "a\0b", "nodes; DROP TABLE nodes", ""])
def test_a_table_is_a_name_and_no_path(store, tmp_path, table):
    refused(run_here("--store", store, "export", table, "--out", tmp_path / "out.csv"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("latest", ["../elsewhere", "/etc", "a\0b", "..", "\x1b[31m"])
def test_latest_may_only_name_a_vintage_of_its_store(store, tmp_path, latest):
    shutil.copytree(store, tmp_path / "store")
    shutil.copytree(store, tmp_path / "elsewhere")
    (tmp_path / "store" / "LATEST").write_text(latest)
    refused(run_here("--store", tmp_path / "store", "dates"))


@pytest.mark.parametrize("name", ["../../passwd", "/etc/passwd", "nodes/../../../passwd", "a\0b"])
def test_a_manifest_cannot_point_out_of_its_folder(store, tmp_path, name):
    shutil.copytree(store, tmp_path / "store")
    (tmp_path / "passwd").write_text(PRIVATE)
    [file] = (tmp_path / "store").glob("*/manifest.json")
    told = json.loads(file.read_text())
    told["files"][name] = {"bytes": len(PRIVATE), "sha256": "0" * 64}
    file.write_text(json.dumps(told))
    with pytest.raises(CorruptVintage):
        open_store(tmp_path / "store")
    refused(run_here("--store", tmp_path / "store", "dates"))


@pytest.mark.parametrize("kind", ["loop", "NUL", "long"])
def test_a_store_that_is_no_folder_is_refused(places, kind):
    refused(run_here("--store", places[kind], "dates"))
    refused(run_here("--store", places[kind], "import", "holdings", places["absolute"]))
