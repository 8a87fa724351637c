"""The folder of vintages: which there are, which is the latest, and whether their files are what was published.

<store>/LATEST                      one line: the vintage that readers open by default; replaced last
<store>/<vintage>/manifest.json     what it is
<store>/<vintage>/<table>.parquet   its tables; those with dates in parts, <table>/<first date>.parquet
<store>/.building-...               a build under way (see `dexposure_core.scratch`); readers never look at it
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from dexposure_core.disk import settle
from dexposure_core.errors import CorruptVintage, NoVintage, UnknownVintage, suggest
from dexposure_core.store import manifest as manifests
from dexposure_core.store.manifest import MANIFEST, Manifest

LATEST: Final = "LATEST"


def vintage_ids(store: Path) -> list[str]:
    """Return the ids of the published vintages in `store`, sorted."""
    if not store.is_dir():
        return []
    return sorted(p.parent.name for p in store.glob(f"*/{MANIFEST}") if not p.parent.name.startswith("."))


def list_vintages(path: str | Path | None = None) -> list[Manifest]:
    """Return the manifests of the vintages in a store, newest build first; None means the embedded dataset.

    Raises:
        CorruptVintage: a manifest cannot be read.
    """
    store = _store_folder(path)
    found = [manifests.read(store / vintage) for vintage in vintage_ids(store)]
    return sorted(found, key=lambda m: (m.created_at, m.vintage), reverse=True)


def locate(path: str | Path | None, vintage: str | None) -> Path:
    """Return the folder of a vintage, the latest when `vintage` is None.

    Raises:
        NoVintage: the store holds none.
        UnknownVintage: it holds others, not this one.
    """
    store = _store_folder(path)
    known = vintage_ids(store)
    if not known:
        raise NoVintage(
            f"{store}: no vintage here; import data with `dexposure import` or name another folder with --store"
        )
    wanted = latest(store) if vintage is None else vintage
    if wanted is None:
        return store / max(known, key=lambda v: (manifests.read(store / v).created_at, v))
    if wanted not in known:
        hint = suggest(wanted[:80], known) or f"; the latest is '{latest(store) or known[-1]}'"
        raise UnknownVintage(f"No vintage '{wanted[:80]}' in {store}{hint}")
    return store / wanted


def latest(store: Path) -> str | None:
    """Return the id that LATEST names, or None where there is no such file."""
    try:
        return (store / LATEST).read_text(encoding="utf-8").strip() or None
    except (FileNotFoundError, NotADirectoryError):
        return None


def check_files(folder: Path, manifest: Manifest) -> None:
    """Check that every file is there with the size that was published.

    Raises:
        CorruptVintage: naming the first file that is not.
    """
    for name, record in manifest.files.items():
        path = folder / name
        if "\0" in name or ".." in path.parts[len(folder.parts) :] or not path.is_relative_to(folder):
            raise CorruptVintage(f"{folder / MANIFEST}: names a file outside its folder; import the data again")
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise CorruptVintage(f"{path}: missing; import the data again or open another vintage") from None
        if size != record.bytes:
            raise CorruptVintage(
                f"{path}: {size} bytes, published with {record.bytes}; import the data again or open another vintage"
            )


def verify(folder: Path, manifest: Manifest) -> None:
    """Check every byte of every file against the SHA-256 in the manifest.

    Raises:
        CorruptVintage: naming the first file that differs.
    """
    check_files(folder, manifest)
    for name, record in manifest.files.items():
        if sha256(folder / name) != record.sha256:
            raise CorruptVintage(f"{folder / name}: content changed since it was published; import the data again")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def point_latest(store: Path, vintage: str, scratch: Path) -> None:
    """Make LATEST name `vintage`, in one step that survives a crash; `scratch` is a folder on the same disk."""
    temporary = scratch / LATEST
    temporary.write_text(vintage + "\n", encoding="utf-8")
    settle(temporary)
    temporary.replace(store / LATEST)
    settle(store)


def _store_folder(path: str | Path | None) -> Path:
    if path is not None:
        return Path(path)
    from dexposure_core.settings import EMBEDDED_STORE

    return EMBEDDED_STORE
