"""What a vintage holds and how its USD reconcile, in one short document (printed after every import)."""

from __future__ import annotations

from typing import Any

import msgspec
import polars as pl

from dexposure_core.store import Store
from dexposure_core.store import manifest as manifests


def coverage_totals(store: Store) -> dict[str, Any]:
    """Return USD in, mapped and dropped, by method and reason; exact to the cent.

    Sums are made in whole cents and divided once, so `in_usd` equals `mapped_usd + dropped_usd` to the cent.
    """
    table = store.coverage()
    by = table.group_by("side", "reason").agg(pl.col("usd_cents").sum(), pl.col("rows").sum()).sort("side", "reason")

    def cents(side: str) -> int:
        return int(by.filter(pl.col("side") == side)["usd_cents"].sum())

    def split(side: str) -> dict[str, float]:
        part = by.filter(pl.col("side") == side).sort("usd_cents", "reason", descending=[True, False])
        return {reason: usd_cents / 100 for reason, usd_cents in part.select("reason", "usd_cents").iter_rows()}

    return {
        "in_usd": cents("in") / 100, "mapped_usd": cents("mapped") / 100, "dropped_usd": cents("dropped") / 100,
        "difference_usd": (cents("in") - cents("mapped") - cents("dropped")) / 100,
        "mapped": split("mapped"), "dropped": split("dropped"),
    }  # fmt: skip


def finding_totals(store: Store) -> list[dict[str, Any]]:
    """Return the findings summed over dates, the most severe and the largest first."""
    order = {"error": 0, "warning": 1, "info": 2}
    table = (
        store.findings()
        .group_by("severity", "finding", "action")
        .agg(pl.col("rows").sum(), pl.col("usd").sum(), pl.col("place").first())
        .sort(pl.col("severity").replace_strict(order, default=3), "rows", "finding", descending=[False, True, False])
    )
    return table.select("severity", "finding", "place", "rows", "usd", "action").to_dicts()


def taken_over(store: Store) -> dict[str, Any] | None:
    """Return what an update took over from its base: base, files, linked, copied; None for a vintage that has none.

    `files` is how many files the vintage has, `linked` how many of them are the base's own, `copied` how many parts of
    its tables were copied because the disk makes no links.
    """
    name = store.manifest.base
    older = store.path.parent / name if name else None
    if name is None or older is None or not older.is_dir():
        return None
    theirs = manifests.read(older).files
    equal = [file for file, record in store.manifest.files.items() if theirs.get(file) == record]
    linked = {file for file in equal if (store.path / file).samefile(older / file)}
    copied = [file for file in equal if file not in linked and _is_part(file)]
    return {"base": name, "files": len(store.manifest.files), "linked": len(linked), "copied": len(copied)}


def _is_part(file: str) -> bool:
    """Return whether a file holds dates of a table that a week fills."""
    table, _, part = file.partition("/")
    return part[:1].isdigit() and table != "events"


def summary(store: Store) -> dict[str, Any]:
    """Return vintage, dates, row counts, coverage and findings of a vintage, and what an update took over."""
    manifest = msgspec.to_builtins(store.manifest)
    return {
        **{key: manifest[key] for key in ("vintage", "created_at", "content_hash", "simulated", "dates", "rows")},
        "coverage": coverage_totals(store),
        "findings": finding_totals(store),
        "update": taken_over(store),
    }
