"""What all screens remember between runs (see `keeping`).

Arguments are plain keys (vintage, date, basis, name), never frames or snapshots; a vintage is immutable, so its id is a
sufficient key. Every cache is bounded. What comes out is shared between sessions: never change it in place.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from dexposure_core.errors import CorruptVintage, UnknownVintage
from dexposure_core.measures import MEASURES
from dexposure_core.pipeline import changes as pipeline_changes
from dexposure_core.pipeline import indicators, palette, views
from dexposure_core.pipeline import panel as pipeline_panel
from dexposure_core.pipeline.building import reconcile
from dexposure_core.pipeline.building.summary import finding_totals
from dexposure_core.pipeline.chains import sizes as chain_sizes
from dexposure_core.pipeline.chains.lens import Lens, open_lens
from dexposure_core.pipeline.checks import cache as check_cache
from dexposure_core.pipeline.event_study import MARKS
from dexposure_core.settings import resolve_store
from dexposure_core.store import open_store
from dexposure_core.store.manifest import read as read_manifest
from dexposure_core.store.vintages import locate, vintage_ids
from dexposure_core.ui import text
from dexposure_core.ui.keeping import kept as _kept
from dexposure_core.ui.view import KEY_PARTS, base_of

if TYPE_CHECKING:
    from dexposure_core.network.snapshot import Basis, Snapshot
    from dexposure_core.pipeline.building.reconcile import Reconciliation
    from dexposure_core.pipeline.checks.report import Report
    from dexposure_core.pipeline.indicators import Position
    from dexposure_core.store import Manifest, Store


def manifests() -> tuple[Manifest, ...]:
    """Return the manifests of the store's vintages, newest build first, without those that cannot be read.

    Not cached as a whole, so that a vintage that is published or deleted shows at the next click.
    """
    read = []
    for vintage in vintage_ids(resolve_store(None, writing=False)):
        with contextlib.suppress(CorruptVintage):
            read.append(manifest(vintage))
    return tuple(sorted(read, key=lambda m: (m.created_at, m.vintage), reverse=True))


def manifest(vintage: str) -> Manifest:
    """Return what a vintage says about itself.

    Raises:
        CorruptVintage: it is damaged, or of a schema that this version does not read.
    """
    return read_once(str(resolve_store(None, writing=False)), vintage)


@_kept(256)
def read_once(folder: str, vintage: str) -> Manifest:
    """Return the manifest of a vintage; equal content built twice has one id but two manifests, a store apart."""
    return read_manifest(Path(folder) / vintage)


def default_vintage() -> str:
    """Return the vintage to show when none is asked for: the one the server was started with, else the latest.

    Raises:
        NoVintage: when the store holds none.
    """
    if named := os.environ.get("DEXPOSURE_VINTAGE"):
        return named
    try:
        return locate(resolve_store(None, writing=False), None).name
    except UnknownVintage:  # LATEST names one that was deleted
        known = manifests()
        if not known:
            raise
        return known[0].vintage


@_kept(8)
def store(vintage: str) -> Store:
    """Return the open store of a vintage, or of some of its chains where the key names them (`lens_key`)."""
    base, *chains = vintage.split(KEY_PARTS)
    return open_lens(store(base), [chains[0]]) if chains else open_store(resolve_store(None, writing=False), base)


@_kept(4)
def chain_names(vintage: str) -> tuple[str, ...]:
    """Return the chains of a vintage, the largest first."""
    return chain_sizes.names(store(vintage))


@_kept(16)
def dates(vintage: str, basis: Basis) -> tuple[dt.date, ...]:
    """Return the snapshot dates of a basis, ascending."""
    return tuple(store(vintage).dates(basis))


def snapshot(vintage: str, date: dt.date, basis: Basis) -> Snapshot:
    """Return one snapshot (frozen)."""
    return store(vintage).snapshot(date, basis)


@_kept(4)
def protocols(vintage: str) -> pl.DataFrame:
    """Return protocol, name, category, sector of every protocol."""
    return store(vintage).protocols()


@_kept(4)
def names(vintage: str) -> dict[str, str]:
    """Return protocol id → name."""
    return dict(protocols(vintage).select("protocol", "name").iter_rows())


@_kept(4)
def protocol_options(vintage: str) -> dict[str, str]:
    """Return protocol id → the text the sidebar's search matches: name, symbols it issues, id; by name."""
    rows = protocols(vintage).select("protocol", "name")
    issued = store(vintage).tokens().drop_nulls("issuer").group_by("issuer").agg(pl.col("token").sort().head(4))
    symbols = {issuer: ", ".join(tokens) for issuer, tokens in issued.iter_rows()}
    return {p: _option(p, n, symbols.get(p, "")) for p, n in rows.sort(pl.col("name").str.to_lowercase()).iter_rows()}


def _option(protocol: str, name: str, symbols: str) -> str:
    extra = " · ".join(
        part for part in (symbols if symbols != name else "", protocol if protocol != name else "") if part
    )
    return text.short(f"{name} ({extra})" if extra else name, 90)


@_kept(4)
def source_names(vintage: str) -> tuple[str, ...]:
    """Return the names of the files the vintage was built from, or what a simulated one is."""
    manifest = store(vintage).manifest
    if manifest.simulated:
        return (f"simulated world, seed {manifest.parameters.get('seed', 'not stated')}",)
    return tuple(text.short(str(_source_name(s)), 60) for s in manifest.sources)


def _source_name(source: Any) -> str:
    given = source.get("name", source.get("path", "")) if isinstance(source, dict) else getattr(source, "name", source)
    return str(given).rsplit("/", 1)[-1]


@_kept(64)
def search(vintage: str, words: str) -> list[tuple[str, str, str]]:
    """Return (protocol, name, sector) of the protocols that match a name, id or token symbol."""
    return list(store(vintage).search(words).select("protocol", "name", "sector").iter_rows())


@_kept(4)
def events(vintage: str) -> pl.DataFrame:
    """Return the events table, by date."""
    return store(vintage).events().sort("date")


@_kept(16)
def event_labels(vintage: str, data: str, basis: Basis) -> tuple[dict[str, str], frozenset[dt.date]]:
    """Return key → label of the events on snapshot dates of `data`, and the dates of those that can be studied."""
    rows = events(vintage).filter(pl.col("date").is_in(dates(data, basis)))
    named = enumerate(rows.select("date", "name").iter_rows())
    labels = {f"{day}|{number}": f"{day} {text.short(name, 60)}" for number, (day, name) in named}
    return labels, frozenset(rows.filter(~pl.col("kind").is_in(MARKS))["date"].to_list())


@_kept(256)
def history(vintage: str, measure: str, basis: Basis) -> pl.DataFrame:
    """Return date, value of a measure (null = not defined)."""
    return store(vintage).history(measure, basis)


@_kept(8, "Comparing with the previous snapshot …")  # 9 MB each at full size
def changes(vintage: str, date: dt.date) -> pl.DataFrame:
    """Return what changed since the previous snapshot, per pair (see `Store.changes`)."""
    return store(vintage).changes(date)


@_kept(64)
def importance(vintage: str, date: dt.date, basis: Basis) -> pl.DataFrame:
    """Return the importance scores of a date."""
    return store(vintage).importance(date, basis)


@_kept(64)
def sector_exposures(vintage: str, date: dt.date, basis: Basis) -> pl.DataFrame:
    """Return the spillover matrix of a date, long."""
    return store(vintage).sector_exposures(date, basis)


@_kept(8)
def sectors(vintage: str) -> tuple[str, ...]:
    """Return the vintage's sectors, largest exposure over all dates first: the order in which they get colours."""
    return views.sectors_by_size(store(base_of(vintage)))


def sector_colours(vintage: str) -> dict[str, str]:
    """Return sector → colour, the same on every page and date of a vintage."""
    return palette.sector_colours(sectors(base_of(vintage)))


@_kept(64, "Placing the indicators in their history …")
def positions(vintage: str, date: dt.date, basis: Basis) -> tuple[Position, ...]:
    """Return where the five headline indicators stand."""
    opened = store(vintage)
    losses = not isinstance(opened, Lens) or opened.measured(basis)
    offered = [i for i in indicators.INDICATORS if losses or i.measure != indicators.WORST]
    if isinstance(opened, Lens):
        offered = [replace(i, title="TVL") if i.title == "System TVL" else i for i in offered]
    return indicators.positions(opened, date, basis, offered)


@_kept(8, "Looking for unusual moves …")
def all_warnings(vintage: str, basis: Basis) -> pl.DataFrame:
    """Return the early-warning flags of every date."""
    return indicators.warnings(store(vintage), basis)


def warnings(vintage: str, date: dt.date, basis: Basis) -> pl.DataFrame:
    """Return the measures whose last change raises an early-warning flag."""
    return all_warnings(vintage, basis).filter(pl.col("date") == date)


@_kept(16, "Comparing with the previous snapshot …")  # 1 MB each at full size
def tvl_changes(vintage: str, date: dt.date) -> pl.DataFrame:
    """Return how the TVL of every protocol moved, by cause."""
    return pipeline_changes.tvl_changes(store(vintage), date)


@_kept(32, "Finding the protocols that were there all along …")
def panel(vintage: str, basis: Basis, start: dt.date, end: dt.date) -> pl.DataFrame:
    """Return TVL and its concentration over a window, raw and on the constant panel (see `pipeline.panel`)."""
    return pipeline_panel.panel(store(vintage), basis, start, end)


@_kept(64, "Placing the measures in their history …")
def standings(vintage: str, date: dt.date, basis: Basis, names: tuple[str, ...]) -> tuple[Position, ...]:
    """Return where the named measures stand."""
    chosen = [
        indicators.Indicator(measure=m.name, title=m.title, unit=m.unit, meaning=m.help)
        for m in MEASURES
        if m.name in names
    ]
    return indicators.positions(store(vintage), date, basis, chosen)


@_kept(32, "Summing every snapshot …")
def measure_table(vintage: str, basis: Basis, names: tuple[str, ...]) -> pl.DataFrame:
    """Return date and one column per measure."""
    return store(vintage).measure_table(basis, names)


@_kept(64)
def reconciliation(vintage: str, date: dt.date) -> Reconciliation:
    """Return where every cent of a date's input went."""
    return reconcile.reconciliation(store(vintage), date)


@_kept(4, "Adding up the coverage of every date …")
def coverage_history(vintage: str) -> pl.DataFrame:
    """Return how the input of every date was used, in shares."""
    return reconcile.coverage_history(store(vintage))


@_kept(4)
def findings(vintage: str) -> pl.DataFrame:
    """Return the health findings of the build, summed over dates, the most severe first."""
    schema = {"severity": pl.String, "finding": pl.String, "place": pl.String, "rows": pl.Int64, "usd": pl.Float64}
    return pl.DataFrame(finding_totals(store(vintage)), schema=schema | {"action": pl.String})


@_kept(4, "Checking the whole history …")
def health(vintage: str) -> Report:
    """Return what the checks found in a vintage (kept on disk, so that only the first reader waits)."""
    return check_cache.kept_report(store(vintage), today=dt.datetime.now(dt.UTC).date())


def table(vintage: str, name: str) -> pl.DataFrame:
    """Return a whole table for export; not cached (it is built on click and may be large)."""
    return store(vintage).table(name)
