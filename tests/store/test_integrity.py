"""Opening a store: what is missing, unknown or damaged is named with the next step."""

import json
from pathlib import Path

import pytest

from dexposure_core import open_store as public_open_store
from dexposure_core import settings
from dexposure_core.errors import CorruptVintage, NoVintage, UnknownVintage
from dexposure_core.store import list_vintages, open_store

from .conftest import WORLD, publish


@pytest.fixture
def vintage(tmp_path: Path) -> Path:
    return tmp_path / publish(tmp_path, WORLD)


def test_an_empty_store_says_how_to_fill_it(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(NoVintage, match=r"no vintage here; import data with `dexposure import` .*--store"):
            open_store(folder)
        assert list_vintages(folder) == []


def test_an_unknown_vintage_names_the_closest(vintage: Path) -> None:
    with pytest.raises(UnknownVintage, match=rf"No vintage '2024-01-15-ffff' in .*did you mean '{vintage.name}'"):
        open_store(vintage.parent, "2024-01-15-ffff")
    with pytest.raises(UnknownVintage, match=rf"No vintage 'x' in .*; the latest is '{vintage.name}'"):
        open_store(vintage.parent, "x")
    with pytest.raises(UnknownVintage):
        open_store(vintage.parent, f"../{vintage.parent.name}/{vintage.name}")


def test_a_vintage_can_be_named(vintage: Path) -> None:
    assert open_store(vintage.parent, vintage.name).vintage == vintage.name
    assert public_open_store(str(vintage.parent)).path == vintage


def test_none_means_the_embedded_dataset(vintage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "EMBEDDED_STORE", vintage.parent)
    monkeypatch.setenv("DEXPOSURE_STORE", "/nowhere")
    assert open_store().vintage == vintage.name
    assert [m.vintage for m in list_vintages()] == [vintage.name]


def test_without_latest_the_newest_build_is_opened(vintage: Path) -> None:
    (vintage.parent / "LATEST").unlink()
    assert open_store(vintage.parent).vintage == vintage.name


def test_latest_that_names_nothing_is_refused(vintage: Path) -> None:
    (vintage.parent / "LATEST").write_text("2030-01-01-0000000000\n")
    with pytest.raises(UnknownVintage, match="No vintage '2030-01-01-0000000000'"):
        open_store(vintage.parent)


def test_a_missing_file_is_named(vintage: Path) -> None:
    (vintage / "flows" / "2024-01-08.parquet").unlink()
    with pytest.raises(CorruptVintage, match=r"flows/2024-01-08\.parquet: missing; import the data again"):
        open_store(vintage.parent)


def test_a_truncated_file_is_named(vintage: Path) -> None:
    path = vintage / "holdings" / "2024-01-01.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(
        CorruptVintage, match=r"holdings/2024-01-01\.parquet: \d+ bytes, published with \d+; import the data again"
    ):
        open_store(vintage.parent)


def test_a_flipped_bit_is_found_by_verify(vintage: Path) -> None:
    path = vintage / "holdings" / "2024-01-01.parquet"
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(bytes(data))
    store = open_store(vintage.parent)  # sizes agree
    with pytest.raises(CorruptVintage, match=r"holdings/2024-01-01\.parquet: content changed since it was published"):
        store.verify()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 99}, r"schema version 99, this program reads \d+"),
        ({"rows": "many"}, r"manifest\.json: damaged \(Expected `object`"),
        (None, r"manifest\.json: damaged"),
    ],
)
def test_a_manifest_that_cannot_be_trusted_is_refused(vintage: Path, change: dict | None, message: str) -> None:
    path = vintage / "manifest.json"
    text = path.read_text()
    path.write_text(json.dumps(json.loads(text) | change) if change else text[:100])
    with pytest.raises(CorruptVintage, match=message):
        open_store(vintage.parent)


def test_every_refusal_is_one_line(vintage: Path) -> None:
    (vintage / "manifest.json").write_bytes(b"\xff\xfe")
    with pytest.raises(CorruptVintage) as refused:
        open_store(vintage.parent)
    assert "\n" not in str(refused.value)


def test_a_folder_with_odd_letters_is_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "o'dd [x] *?$ ünï"
    publish(folder, WORLD)
    store = open_store(folder)
    assert len(store.snapshot(store.dates()[0]).protocols) == 3
    assert len(store.sector_history("holdings")) == 3  # through SQL
