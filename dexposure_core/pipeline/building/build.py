"""From weeks to a published vintage, one pass, one week in memory at a time.

Whatever the source and whoever computed them, a build is a stream of weeks: the tables of each date (`week`) in date
order. They go to the vintage's writer; the names and issuers they mention are gathered on the way.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from dexposure_core.errors import BadInput
from dexposure_core.network.health import check_age, check_dates
from dexposure_core.network.issuers import curated
from dexposure_core.network.overrides import unused
from dexposure_core.network.period import TOKENS, findings_frame
from dexposure_core.pipeline.building.gathered import Gathered
from dexposure_core.pipeline.building.week import COLLECTED, SEALS, UNUSABLE, Tables
from dexposure_core.progress import Progress, silent
from dexposure_core.store import TABLES, VintageWriter

if TYPE_CHECKING:
    from dexposure_core.store.manifest import SourceLike


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a build knows before its first period.

    Args:
        place: what to call the input in a message (a file name).
        sources: receipts of the files read.
        dates: snapshot dates, ascending.
        frequency: day, week, month, ... ; decides what counts as a gap.
        parameters: the choices that shaped the build, for the manifest.
        simulated: whether the data are simulated.
        findings: the reader's findings: date, severity, finding, place, rows, usd, action.
        events: rows of the events table.
        tokens: the tokens table (without its USD) when it is known beforehand; None collects the issuers of the weeks.
        listings: rows of the listings table.
        stated: rows of the stated table.
        today: the day to judge the data's age by; None leaves it unjudged.
        overrides: token, issuer of the overrides in force, to report those that meet no token.
    """

    place: str
    sources: Sequence[SourceLike]
    dates: Sequence[dt.date]
    frequency: str
    parameters: Mapping[str, Any]
    simulated: bool = False
    findings: pl.DataFrame | None = None
    events: pl.DataFrame | None = None
    tokens: pl.DataFrame | None = None
    listings: pl.DataFrame | None = None
    stated: pl.DataFrame | None = None
    today: dt.date | None = None
    overrides: pl.DataFrame | None = None


def build(weeks: Iterable[Tables], plan: Plan, store_dir: str | Path, *, progress: Progress = silent) -> str:
    """Publish a vintage from a stream of weeks; return its id.

    Args:
        weeks: each date's tables as `pipeline.building.week` makes them, dates ascending.
        plan: the rest of what the build must know.
        store_dir: folder of vintages.
        progress: told of every week.

    Raises:
        BadInput: when no exposure or flow survives on any date, or the store folder cannot be written.
    """
    seen = Gathered()
    with VintageWriter(store_dir) as writer:
        for done, week in enumerate(weeks, 1):
            append_week(writer, week)
            seen.add(week)
            week.clear()  # before the next one is there
            progress(done, len(plan.dates), _label(plan, done))
        if not seen.links:
            raise BadInput(_nothing_left(plan, seen.coverage))
        _append_rest(writer, seen, plan)
        return writer.publish(
            sources=plan.sources, parameters=plan.parameters, frequency=plan.frequency, simulated=plan.simulated
        )


def _label(plan: Plan, done: int) -> str:
    date = plan.dates[done - 1]
    return f"week {date}" if plan.frequency == "week" else f"{date}"


def append_week(writer: VintageWriter, week: Tables) -> None:
    """Give a week's rows to the writer, and what it needs for the fingerprint of the week's inputs."""
    seals = dict(week[SEALS].iter_rows()) if SEALS in week else {}
    for table, rows in week.items():
        if table not in COLLECTED:
            writer.append(table, rows, seals.get(table))
    if UNUSABLE in week:
        came = week["coverage"].filter(pl.col("side") == "in").row(0, named=True)
        writer.note_inputs(came["date"], came["rows"], week[UNUSABLE])


def _append_rest(writer: VintageWriter, seen: Gathered, plan: Plan) -> None:
    """Write what is known only at the end: protocols, tokens, findings about the whole input, events."""
    if plan.tokens is None:
        tokens = sized(_tokens(seen.issuers()), seen.usd())
    else:
        tokens = sized(plan.tokens, seen.usd()).filter(pl.col("usd_cents") > 0)
    append_known(writer, tokens, seen.names(), plan.listings, plan.stated)
    writer.append("findings", _on(None, unused(tokens, plan.overrides)))
    if plan.findings is not None:
        writer.append("findings", plan.findings)
    for date, row in check_dates(plan.dates, plan.frequency):
        writer.append("findings", _on(date, findings_frame([row])))
    if plan.today is not None:
        writer.append("findings", _on(None, findings_frame(check_age(plan.dates[-1], plan.today, plan.frequency))))
    if plan.events is not None:
        writer.append("events", plan.events.select(list(TABLES["events"].polars)))


def append_known(
    writer: VintageWriter,
    tokens: pl.DataFrame,
    names: pl.DataFrame,
    listings: pl.DataFrame | None,
    stated: pl.DataFrame | None,
) -> None:
    """Write the tables without dates.

    Args:
        writer: of the vintage.
        tokens: the tokens table.
        names: protocol, name, category, sector of every protocol that occurs.
        listings: the listings table; None: the source lists nothing.
        stated: the stated table (rows of tokens that do not occur are left out); None: the source states nothing.
    """
    known = TABLES["listings"].empty() if listings is None else listings
    writer.append("listings", known)
    extra = known.select("protocol", "symbol", "listed_tvl_usd")
    writer.append("protocols", names.join(extra, on="protocol", how="left", maintain_order="left"))
    writer.append("tokens", tokens)
    if stated is not None:
        writer.append("stated", stated.join(tokens, on="token", how="semi"))


def sized(tokens: pl.DataFrame, usd: pl.DataFrame) -> pl.DataFrame:
    """Return the tokens table with what is held of each token.

    Args:
        tokens: the table without usd_cents.
        usd: token, usd_cents; tokens it lacks have 0.
    """
    table = tokens.select(list(TOKENS)).join(usd, on="token", how="left", maintain_order="left")
    return table.with_columns(pl.col("usd_cents").fill_null(0))


def _tokens(issuers: pl.DataFrame) -> pl.DataFrame:
    """Return the tokens table from the issuers of all periods: the latest issuer, earlier ones as alternatives."""
    kinds = curated().select(pl.col("token").str.to_lowercase().alias("key"), "kind")
    keyed = issuers.with_columns(key=pl.col("token").str.to_lowercase())
    table = keyed.join(kinds, on="key", how="left", maintain_order="left")
    return table.with_columns(pl.col("kind").fill_null("unknown")).select(list(TOKENS))


def _on(date: dt.date | None, findings: pl.DataFrame) -> pl.DataFrame:
    return findings.with_columns(date=pl.lit(date, pl.Date))


def _nothing_left(plan: Plan, coverage: pl.DataFrame | None) -> str:
    if coverage is None:
        return f"{plan.place}: no snapshot; check its dates and values"
    lost = coverage.filter(pl.col("side") == "dropped").sort("usd_cents", descending=True)
    why = ", ".join(f"{rows} rows {reason}" for reason, rows in lost.select("reason", "rows").iter_rows()) or "no rows"
    return (
        f"{plan.place}: no exposure on any of {len(plan.dates)} dates (on {plan.dates[-1]}: {why}); "
        "check the amounts, or name the issuers of the tokens (--tokens)"
    )
