"""A new week, or revised ones, added to a vintage as a new vintage, without rebuilding the others.

The older vintage keeps what its issuers and names were decided from and a fingerprint of what came in on every date.
With the new input these decisions are made again; only dates whose rows, issuers or sectors changed (and those after
them) are computed, by the same week job as every build; the files of all others are shared. The result is that of a
build of both inputs together, file by file; only findings about an input file, and its receipt, are those of the parts.

    rows of a date in the new input replace all rows the older vintage has for it; other dates stay
    what a source once listed of a protocol (its name, sector, claim on a symbol) stays known until it says otherwise
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import polars as pl

from dexposure_core.errors import BadInput, BadOption
from dexposure_core.jobs import in_order
from dexposure_core.network.period import PROTOCOLS
from dexposure_core.pipeline.building.build import append_week
from dexposure_core.pipeline.building.feeds import Feed
from dexposure_core.pipeline.building.overriding import overriding
from dexposure_core.pipeline.building.update_job import Updated, UpdateJob
from dexposure_core.pipeline.building.week import NAMES, UNUSABLE, Tables
from dexposure_core.progress import Progress, silent
from dexposure_core.settings import processors
from dexposure_core.store import Inheritance, Shared, Store, VintageWriter, open_store


def update(
    feed: Feed,
    place: str,
    base: Store,
    store_dir: str | Path,
    *,
    kind: str,
    overrides: str | Path | pl.DataFrame | None = None,
    progress: Progress = silent,
) -> Updated:
    """Publish a vintage that says what `base` says, and what the feed adds or revises.

    Args:
        feed: dated holdings with their protocols and tokens; its dates replace those of the base.
        place: what to call the input in a message.
        base: the older vintage; its choices (chains, similarity, overrides) stay in force.
        store_dir: folder of vintages.
        kind: what the input is, as for `build_feed`.
        overrides: more issuers of tokens by a person's hand; they win over those of the base.
        progress: told of every date that is computed.

    Raises:
        BadInput: the base was built from another kind of input or at another frequency.
    """
    _require(feed, place, base, kind)
    told = overriding(overrides)
    job = UpdateJob(feed=feed, base=base, told=told)
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as ahead:
        ahead.submit(job.read_ahead)
        unchanged = not job.computed and job.settled
    if unchanged:
        with VintageWriter(store_dir) as writer:
            writer.point(base.vintage)
        return job.report(base.vintage, Shared(linked=0, copied=0))
    with closing(_weeks(job)) as weeks:
        next(weeks)  # they are computed while files are shared
        inheritance = Inheritance(base, job.dates, job.kept)
        with VintageWriter(store_dir, inheritance=inheritance) as writer:
            job.finish(writer, _write_dates(job, writer, weeks, progress))
            vintage = writer.publish(
                sources=job.sources, parameters=job.parameters, frequency=base.manifest.frequency,
                simulated=base.manifest.simulated,
            )  # fmt: skip
            return job.report(vintage, writer.shared())


def _weeks(job: UpdateJob) -> Generator[Tables, None, None]:
    """Yield no tables, at once, then those of the dates computed anew, in order; the first are begun by the asking."""
    jobs: list[Callable[[], Tables]] = [dict, *(partial(job.week, date) for date in job.computed)]
    yield from in_order(jobs, processors())


def _write_dates(job: UpdateJob, writer: VintageWriter, weeks: Iterator[Tables], progress: Progress) -> pl.DataFrame:
    """Write every date, kept or computed; return protocol, name, category, sector of those computed."""
    names = [job.base.protocols().select(list(PROTOCOLS)).clear()]
    for done, date in enumerate(job.dates, 1):
        if date in job.kept:
            writer.keep(date)
            continue
        week = next(weeks)
        append_week(writer, week)
        if UNUSABLE not in week:
            writer.keep_inputs(date)
        names.append(week[NAMES])
        progress(done, len(job.dates), f"{date}")
    return pl.concat(names)


def _require(feed: Feed, place: str, base: Store, kind: str) -> None:
    made, every = base.manifest.parameters.get("source"), base.manifest.frequency
    if made != kind:
        raise BadInput(f"{place}: vintage {base.vintage} was made from {made}, not {kind}; import it without --onto")
    if every != feed.frequency:
        raise BadInput(
            f"{place}: vintage {base.vintage} has a snapshot every {every}; read the input with --frequency {every}"
        )


def base_of(store_dir: str | Path, onto: str, chains: str) -> Store:
    """Open the vintage that an update starts from.

    Args:
        store_dir: folder of vintages.
        onto: an id, or `latest`.
        chains: the choice of chains asked for; must be that of the vintage, or `default` for whatever it is.

    Raises:
        BadOption: the vintage counts other chains.
        NoVintage, UnknownVintage, CorruptVintage: see `store.open_store`.
    """
    base = open_store(store_dir, None if onto == "latest" else onto)
    made = base.manifest.parameters.get("chains", "default")
    if chains not in ("default", made):
        raise BadOption(f"--chains {chains[:60]}: vintage {base.vintage} counts {made}; leave --chains or --onto out")
    return base
