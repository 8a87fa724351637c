"""Tables leave the product with their provenance beside them, written whole or not at all.

Text that a spreadsheet would run as a formula is defused in CSV; Parquet keeps it as it is.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from dexposure_core.errors import BadOption
from dexposure_core.network import Basis
from dexposure_core.pipeline.chains.lens import MADE, Lens, chains_of
from dexposure_core.store import Store

FORMULA = r"^(\s*[=+\-@\t\r\n])"  # how a spreadsheet formula starts


def provenance(store: Store, **parameters: object) -> dict[str, Any]:
    """Return where a number comes from: product, vintage, sources, parameters and the simulated label."""
    manifest = msgspec.to_builtins(store.manifest)
    note = "SIMULATED DATA: not observations of any real protocol" if manifest["simulated"] else "imported data"
    return {
        "product": "DeXposure Monitor", "vintage": store.vintage, "content_hash": manifest["content_hash"],
        "created_at": manifest["created_at"], "sources": manifest["sources"], "note": note,
        "parameters": {key: str(value) for key, value in parameters.items() if value is not None},
    }  # fmt: skip


def safe_csv(frame: pl.DataFrame) -> str:
    """Return the frame as CSV text in which no cell, and no heading made from a name, starts a spreadsheet formula."""
    return defused(frame).write_csv()


def defused(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with an apostrophe before what a spreadsheet would take for a formula, in cells and headings."""
    texts = pl.col(pl.String).str.replace(FORMULA, "'${1}")
    return frame.with_columns(texts).rename(lambda heading: re.sub(FORMULA, r"'\1", heading))


def export(
    store: Store, table: str, out: Path, *, date: dt.date | None = None, basis: Basis | None = None
) -> dict[str, Any]:
    """Write one table to `out` (.csv or .parquet) and `<out>.provenance.json`; return the latter's content.

    Raises:
        BadOption: for an unknown ending, a folder that does not exist or a table without that column.
    """
    _check_name(out)
    frame = store.on(table, date) if isinstance(store, Lens) and date and table in MADE else store.table(table)
    for column, wanted in (("date", date), ("basis", basis)):
        if wanted is not None:
            if column not in frame.columns:
                raise BadOption(f"table {table} has no {column}; leave --{column} out")
            frame = frame.filter(pl.col(column) == wanted)
    return save(frame, out, provenance(store, table=table, date=date, basis=basis, chains=chains_of(store)))


def save(frame: pl.DataFrame, out: Path, origin: dict[str, Any]) -> dict[str, Any]:
    """Write a frame to `out` (.csv or .parquet) and where it comes from beside it; return the latter with `rows`.

    Raises:
        BadOption: for an unknown ending or a folder that does not exist.
    """
    _check_name(out)
    part = out.with_name(f".{out.name}.part")
    if out.suffix == ".csv":
        part.write_text(safe_csv(frame), "utf-8")
    else:
        frame.write_parquet(part, compression="zstd")
    document = {**origin, "rows": frame.height}
    out.with_name(f"{out.name}.provenance.json").write_bytes(
        msgspec.json.format(msgspec.json.encode(document), indent=1)
    )
    os.replace(part, out)  # noqa: PTH105  atomic on the same folder
    return document


def _check_name(out: Path) -> None:
    if out.suffix not in (".csv", ".parquet"):
        raise BadOption(f"--out {out}: the name must end in .csv or .parquet")
    if not out.parent.is_dir():
        raise BadOption(f"--out {out}: there is no folder {out.parent}; make it first")
