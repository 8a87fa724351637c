"""The raw folder: what counts is whole, whatever a kill, a disk or a person did to it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from dexposure_core.errors import BadInput
from dexposure_core.sources.fetch import disk, raw
from dexposure_core.sources.fetch.raw import JOURNAL, MANIFEST, PAYLOADS, Entry, RawFolder, Run, unpack

ENTRY = Entry(url="https://x/protocol/a", state="kept", status=200, checked="2026-03-02T12:00:00+00:00")


@pytest.fixture
def folder(tmp_path: Path) -> RawFolder:
    made = RawFolder(tmp_path / "raw")
    made.open()
    return made


def names(folder: RawFolder) -> list[str]:
    return sorted(p.name for p in (folder.path / PAYLOADS).iterdir())


def test_a_payload_counts_at_once_and_survives_without_the_manifest(folder: RawFolder) -> None:
    entry = folder.keep("a", b'{"x": 1}', ENTRY)
    assert (entry.bytes, len(entry.sha256)) == (8, 64)
    again = RawFolder(folder.path)  # the journal alone
    assert again.entries == {"a": entry}
    assert again.body("a") == b'{"x": 1}'
    folder.settle()
    assert not (folder.path / JOURNAL).exists()
    assert RawFolder(folder.path).entries == {"a": entry}


def test_a_torn_line_at_the_end_is_no_line(folder: RawFolder) -> None:
    entry = folder.keep("a", b"1", ENTRY)
    folder.keep("a", b"2", ENTRY)
    journal = folder.path / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-20])
    again = RawFolder(folder.path)
    assert again.entries == {"a": entry}  # the older payload is still there and counts
    assert again.body("a") == b"1"
    again.open()
    assert names(again) == [entry.file]  # what never counted is swept away


def test_what_a_kill_left_is_swept_away(folder: RawFolder) -> None:
    folder.keep("a", b"1", ENTRY)
    (folder.path / PAYLOADS / ".tmp-1-abc").write_bytes(b"half")
    (folder.path / ".tmp-1-abc").write_bytes(b"half")
    RawFolder(folder.path).open()
    assert [p.name for p in folder.path.rglob(".tmp*")] == []


def test_runs_are_remembered(folder: RawFolder) -> None:
    run = Run(name="2026-03-02T12:00:00+00:00 ab", base="https://x", wanted="all")
    folder.begin(run)
    assert RawFolder(folder.path).run == run


@pytest.mark.parametrize("damage", [b"", b"garbage", None, "another"])
def test_a_damaged_payload_is_refused(damage: bytes | str | None, folder: RawFolder) -> None:
    entry = folder.keep("a", b"1" * 1000, ENTRY)
    other = folder.keep("b", b"2" * 1000, ENTRY)
    path = folder.path / PAYLOADS / entry.file
    if damage is None:
        path.unlink()
    else:
        path.write_bytes((folder.path / PAYLOADS / other.file).read_bytes() if isinstance(damage, str) else damage)
    with pytest.raises(
        BadInput, match=r"the payload is (missing or damaged|not the one in the manifest); run the fetch"
    ):
        folder.body("a")


def test_a_manifest_from_elsewhere_names_no_other_files(folder: RawFolder, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    folder.keep("a", b"1", ENTRY)
    folder.settle()
    manifest = json.loads((folder.path / MANIFEST).read_text())
    for wrong in ("../../secret", "/etc/passwd", "b.0.json.zst", "a./../../../secret"):
        manifest["payloads"]["a"]["file"] = wrong
        (folder.path / MANIFEST).write_text(json.dumps(manifest))
        with pytest.raises(BadInput, match="payload 'a': names another file"):
            RawFolder(folder.path)


@pytest.mark.parametrize(
    ("content", "found"),
    [("{", "not a manifest"), ("[]", "not a manifest"), ('{"format": 9}', "field format: 9 is not 1")],
)
def test_what_is_no_manifest(content: str, found: str, folder: RawFolder) -> None:
    (folder.path / MANIFEST).write_text(content)
    with pytest.raises(BadInput, match=found):
        RawFolder(folder.path)


def test_a_broken_line_within_the_journal_is_told(folder: RawFolder) -> None:
    (folder.path / JOURNAL).write_text("nonsense\n{}\n")
    with pytest.raises(BadInput, match=r"journal.jsonl: line 1: not a line of a journal"):
        RawFolder(folder.path)


def test_a_bomb_in_a_payload_is_not_unpacked(folder: RawFolder, tmp_path: Path) -> None:
    entry = folder.keep("a", b"1", ENTRY)
    bomb = RawFolder(tmp_path / "other")
    bomb.open()
    large = bomb.keep("a", b" " * 50_000_000, ENTRY)
    (folder.path / PAYLOADS / entry.file).write_bytes((bomb.path / PAYLOADS / large.file).read_bytes())
    with pytest.raises(BadInput, match="not the one in the manifest"):
        folder.body("a")
    packed = tmp_path / "x.json.gz"
    packed.write_bytes(gzip.compress(b" " * 10_000))
    assert len(unpack(packed, 100)) == 101


def test_a_disk_that_does_not_take_it(folder: RawFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk.os, "fsync", full)
    with pytest.raises(BadInput, match="no space left on device; check its permissions and the space on its disk"):
        folder.keep("a", b"1", ENTRY)
    monkeypatch.setattr(raw, "write", lambda *_: None)
    with pytest.raises(BadInput, match="cannot be written; make space on its disk"):
        folder.keep("a", b"1", ENTRY)
    monkeypatch.undo()
    assert [n for n in names(folder) if n.startswith(".tmp")] == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInput, match="not a directory"), disk.alone(tmp_path / "file" / "raw"):
        pass


def test_a_raw_folder_is_known_by_its_files(folder: RawFolder, tmp_path: Path) -> None:
    assert RawFolder.here(folder.path)
    assert not RawFolder.here(tmp_path)
