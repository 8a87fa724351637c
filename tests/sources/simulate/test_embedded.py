"""The embedded dataset is what the simulator makes: rebuilt from its seed, it says the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dexposure_core.pipeline.building.ingest import ingest_world
from dexposure_core.pipeline.calibrate import kept

DATA = Path(__file__).parents[3] / "data"
MEGABYTES = 1_000_000


def manifest(store: Path) -> dict[str, object]:
    vintage = (store / "LATEST").read_text().strip()
    found: dict[str, object] = json.loads((store / vintage / "manifest.json").read_text())
    return found


def test_it_is_small_simulated_and_has_every_week() -> None:
    files = [path for path in (DATA / "store").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 15 * MEGABYTES
    embedded = manifest(DATA / "store")
    assert embedded["simulated"] is True
    assert embedded["dates"] == {"first": "2020-03-23", "last": "2025-08-18", "count": 283}


def test_its_calibration_is_that_of_this_vintage() -> None:
    assert kept("demo")["vintage"] == (DATA / "store" / "LATEST").read_text().strip()


@pytest.mark.slow
def test_rebuilt_from_its_seed_it_is_the_same(tmp_path: Path) -> None:
    ingest_world(tmp_path, scale="demo")
    rebuilt, embedded = manifest(tmp_path), manifest(DATA / "store")
    assert rebuilt["content_hash"] == embedded["content_hash"]
    assert rebuilt["rows"] == embedded["rows"]
