"""Every way data comes in: read a source, build its networks period by period, publish a vintage.

Each function returns the id of the vintage it published in `store_dir`, reads its input as a stream, and raises
`BadInput` (one line: file, place, remedy) before anything becomes visible.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from dexposure_core.errors import BadInput, BadOption
from dexposure_core.network.edges import from_edges
from dexposure_core.network.issuers import own_issuers, protocols_of
from dexposure_core.network.overrides import merged, recorded, unlisted
from dexposure_core.network.period import PROTOCOLS
from dexposure_core.pipeline.building.build import Plan, build
from dexposure_core.pipeline.building.feeds import build_feed, of_whole_input, today
from dexposure_core.pipeline.building.libraries import BUILDING, load_ahead
from dexposure_core.pipeline.building.overriding import Overriding, overriding
from dexposure_core.pipeline.building.published_weeks import published_weeks, workers_for
from dexposure_core.pipeline.building.week import Named, each_after_the_other
from dexposure_core.pipeline.engines import DEFAULT, Weeks, find_engine
from dexposure_core.pipeline.tokens.doubtful import known_protocols
from dexposure_core.progress import Progress, silent

if TYPE_CHECKING:
    from dexposure_core.sources.duplicates import Duplicates
    from dexposure_core.sources.feed import EdgesFeed, Frequency, HoldingsFeed
    from dexposure_core.sources.simulate import Rates
    from dexposure_core.store import Store
    from dexposure_core.store.manifest import SourceLike


def ingest_published(
    path: str | Path,
    store_dir: str | Path,
    *,
    meta: str | Path | None = None,
    mapping: str | Path | None = None,
    overrides: str | Path | None = None,
    progress: Progress = silent,
) -> str:
    """Import the published DeXposure JSON: flows as published, exposures rebuilt from the compositions."""
    from dexposure_core.sources import published

    with workers_for(path) as workers:
        feed, told = published.read(path, meta, mapping), overriding(overrides)
        plan = Plan(
            place=Path(path).name, sources=(*feed.sources, *told.sources), dates=feed.dates,
            frequency=frequency_of(feed.dates), parameters={"source": "published", **told.parameters}, today=today(),
            findings=of_whole_input(unlisted(told.rows, feed.protocols, feed.tokens)), overrides=told.rows,
        )  # fmt: skip
        return build(published_weeks(feed, told.rows, workers), plan, store_dir, progress=progress)


def ingest_holdings(
    path: str | Path,
    store_dir: str | Path,
    *,
    frequency: Frequency = "week",
    chains: str = "default",
    columns: Mapping[str, str] | None = None,
    duplicates: Duplicates = "refuse",
    date: str | dt.date | None = None,
    protocols: str | Path | None = None,
    tokens: str | Path | None = None,
    overrides: str | Path | None = None,
    onto: str | None = None,
    engine: str = DEFAULT,
    progress: Progress = silent,
) -> str:
    """Import holdings from CSV or Parquet: date, protocol_id, chain, token, quantity (optional), value_usd."""
    from dexposure_core.sources import holdings

    load_ahead(BUILDING)
    feed = holdings.read(
        path, frequency=frequency, columns=columns, date=_day(date), duplicates=duplicates,
        protocols=protocols, tokens=tokens, progress=progress,
    )  # fmt: skip
    place = Path(path).name
    if onto is not None:
        return _add(feed, place, store_dir, onto, "holdings", chains, overrides, progress)
    return build_feed(
        feed, place, store_dir, chains=chains, kind="holdings", overrides=overrides, engine=engine, progress=progress
    )


def ingest_defillama(
    paths: Sequence[str | Path],
    store_dir: str | Path,
    *,
    frequency: Frequency = "week",
    chains: str = "default",
    overrides: str | Path | None = None,
    onto: str | None = None,
    progress: Progress = silent,
) -> str:
    """Import saved `/protocol/{slug}` answers of DefiLlama."""
    from dexposure_core.sources import defillama

    load_ahead(BUILDING)
    feed = defillama.read(paths, frequency=frequency, progress=progress)
    place = ", ".join(Path(p).name for p in paths)
    if onto is not None:
        return _add(feed, place, store_dir, onto, "defillama", chains, overrides, progress)
    return build_feed(feed, place, store_dir, chains=chains, kind="defillama", overrides=overrides, progress=progress)


def _add(
    feed: HoldingsFeed, place: str, store_dir: str | Path, onto: str, kind: str, chains: str,
    overrides: str | Path | None, progress: Progress,
) -> str:  # fmt: skip
    """Add a feed to a vintage of the same store; see `pipeline.building.update`."""
    from dexposure_core.pipeline.building.update import base_of, update

    base = base_of(store_dir, onto, chains)
    return update(feed, place, base, store_dir, kind=kind, overrides=overrides, progress=progress).vintage


def ingest_world(
    store_dir: str | Path, *, scale: str | float = "demo", seed: int | None = None, progress: Progress = silent
) -> str:
    """Build the simulated world; every vintage made here is labelled as simulated."""
    from dexposure_core.sources import simulate

    feed = simulate.world(scale) if seed is None else simulate.world(scale, seed=seed)
    extra = {"scale": scale, "seed": feed.seed}
    return build_feed(
        feed, "simulated world", store_dir, kind="simulated", extra=extra, events=feed.events, simulated=True,
        progress=progress,
    )  # fmt: skip


def ingest_independent(
    store_dir: str | Path, *, seed: int | None = None, rates: Rates | None = None, progress: Progress = silent
) -> str:
    """Build the null world, in which nothing can be foreseen but that things stay as they are."""
    from dexposure_core.sources import simulate

    feed = simulate.independent_world(rates=rates) if seed is None else simulate.independent_world(seed, rates)
    return build_feed(
        feed, "simulated world", store_dir, kind="simulated", extra={"independent": True, "seed": feed.seed},
        events=feed.events, simulated=True, progress=progress,
    )  # fmt: skip


def ingest_edges(
    path: str | Path,
    store_dir: str | Path,
    *,
    nodes: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    duplicates: Duplicates = "refuse",
    progress: Progress = silent,
) -> str:
    """Import any exposure network from CSV or Parquet: date, creditor, debtor, exposure_usd, and optional sizes."""
    from dexposure_core.sources import edges

    feed = edges.read(path, nodes=nodes, columns=columns, duplicates=duplicates, progress=progress)
    plan = Plan(
        place=Path(path).name, sources=feed.sources, dates=feed.dates, frequency=frequency_of(feed.dates),
        parameters={"source": "edges", "sizes": "given" if nodes else "exposures as creditor"},
        findings=of_whole_input(feed.findings), today=today(),
    )  # fmt: skip
    return build(each_after_the_other(_from_edges(feed)), plan, store_dir, progress=progress)


def _from_edges(feed: EdgesFeed) -> Iterator[Named]:
    before: pl.DataFrame | None = None
    sizes_before: pl.DataFrame | None = None
    for date, rows, sizes in feed.periods():
        period = from_edges(date, rows, sizes, before, previous_nodes=sizes_before)
        ids = period.nodes["protocol"].unique()
        before, sizes_before = period.exposures, sizes
        yield period, protocols_of(feed.protocols, ids, curated_sectors=False)


def ingest_store(
    store: Store,
    store_dir: str | Path,
    *,
    chains: str = "default",
    tokens: str | Path | None = None,
    overrides: str | Path | None = None,
    engine: str = DEFAULT,
    progress: Progress = silent,
) -> str:
    """Rebuild networks and measures from a vintage's holdings with other chains or issuers, as a new vintage.

    Raises:
        EngineMissing: when what the engine runs on is not installed.
        BadInput: when the vintage holds no holdings (it was imported as edges).
    """
    if not store.manifest.rows.get("holdings"):
        raise BadInput(f"vintage {store.vintage}: no holdings to rebuild from; import the source again")
    mapped = store.tokens()
    sources: list[SourceLike] = list(store.manifest.sources)
    if tokens is not None:
        from dexposure_core.sources.known import read_issuers

        receipt, given = read_issuers(tokens)
        sources.append(receipt)
        mapped = _override(mapped, given)
    told = overriding(overrides)
    kept = Overriding(rows=merged(recorded(store.manifest.parameters), told.rows), place=told.place)
    mapped = kept.applied(mapped, known_protocols(store))
    plan = Plan(
        place=f"vintage {store.vintage}", sources=[*sources, *told.sources], dates=store.dates(),
        frequency=store.manifest.frequency,
        parameters={
            **store.manifest.parameters, "rebuilt_from": store.vintage, "chains": chains, **kept.parameters,
        },
        simulated=store.manifest.simulated, events=store.events(), tokens=mapped, overrides=kept.rows,
        listings=store.table("listings"), stated=store.table("stated"),
    )  # fmt: skip
    weeks = find_engine(engine)(_from_store(store, mapped, chains))
    return build(weeks, plan, store_dir, progress=progress)


def _override(mapped: pl.DataFrame, given: pl.DataFrame) -> pl.DataFrame:
    named = given.select("token", given="issuer").unique("token", keep="last")
    table = mapped.join(named, on="token", how="left", maintain_order="left")
    told = pl.col("given").is_not_null()
    return table.with_columns(
        issuer=pl.coalesce("given", "issuer"),
        method=pl.when(told).then(pl.lit("given")).otherwise("method"),
        score=pl.when(told).then(1.0).otherwise("score"),
    ).drop("given")


def _from_store(store: Store, tokens: pl.DataFrame, chains: str) -> Weeks:
    ids = pl.concat([store.protocols()["protocol"], tokens["issuer"].drop_nulls().alias("protocol")])
    names = protocols_of(pl.concat([store.protocols().select(list(PROTOCOLS)), own_issuers(tokens)]), ids)

    def rows() -> Iterator[tuple[dt.date, pl.DataFrame]]:
        for date in store.dates():
            yield date, store.holdings(date, all_chains=True).drop("issuer")

    files = store.parquet_paths("holdings")
    return Weeks(dates=store.dates(), rows=rows, tokens=tokens, names=names, chains=chains, files=files)


def frequency_of(dates: Sequence[dt.date]) -> str:
    """Return the frequency that most steps between dates have: day, week, month, quarter, year or irregular."""
    steps = sorted((after - before).days for before, after in pairwise(dates))
    if not steps:
        return "irregular"
    usual = steps[len(steps) // 2]
    for name, low, high in (("day", 1, 3), ("week", 6, 8), ("month", 28, 31), ("quarter", 89, 92), ("year", 360, 371)):
        if low <= usual <= high:
            return name
    return "irregular"


def _day(date: str | dt.date | None) -> dt.date | None:
    if not isinstance(date, str):
        return date
    try:
        return dt.date.fromisoformat(date)
    except ValueError:
        raise BadOption(f"--date '{date[:40]}' is not a day of the calendar; write YYYY-MM-DD") from None
