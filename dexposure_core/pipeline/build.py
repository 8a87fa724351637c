"""From periods to a published vintage: network → measures → store, one pass, one period in memory at a time.

Whatever the source, a build is a stream of `Period` tables with the names of their protocols. For every period
both networks are measured, every standard stress test is run, and all rows go to the vintage's writer; only the
previous period is kept, for the health checks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from dexposure_core.errors import BadInput
from dexposure_core.measures import Facts, measure_facts, sector_frame
from dexposure_core.network.health import check_age, check_dates, check_period
from dexposure_core.network.issuers import curated
from dexposure_core.network.period import FINDINGS, ISSUERS, PROTOCOLS, TOKENS, Period, findings_frame, snapshot_of
from dexposure_core.network.snapshot import BASES, Basis, Snapshot
from dexposure_core.progress import Progress, silent
from dexposure_core.store import TABLES, VintageWriter
from dexposure_core.stress import standard_losses

if TYPE_CHECKING:
    from dexposure_core.store.manifest import SourceLike

_SUMMED: Final = ("exposures", "exposure_tokens", "flows", "nodes")
_PERIOD_TABLES: Final = ("holdings", "exposures", "exposure_tokens", "flows", "nodes", "coverage")


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
        tokens: the tokens table when it is known beforehand; None collects the issuers of the periods.
        today: the day to judge the data's age by; None leaves it unjudged.
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
    today: dt.date | None = None


@dataclass(kw_only=True)
class _Seen:
    """What a build must remember of all its periods."""

    names: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    issuers: dict[str, tuple[str | None, str, float]] = field(default_factory=dict)
    others: dict[str, set[str]] = field(default_factory=dict)
    exposures: int = 0


def build(
    periods: Iterable[tuple[Period, pl.DataFrame]], plan: Plan, store_dir: str | Path, *, progress: Progress = silent
) -> str:
    """Publish a vintage from a stream of periods; return its id.

    Args:
        periods: each date's tables and the names (protocol, name, category, sector) of its protocols, dates ascending.
        plan: the rest of what the build must know.
        store_dir: folder of vintages.
        progress: told of every period.

    Raises:
        BadInput: when no exposure or flow survives on any date, or the store folder cannot be written.
    """
    seen, previous = _Seen(), None
    with VintageWriter(store_dir, compression_level=6) as writer:
        for done, (period, names) in enumerate(periods, 1):
            _append_tables(writer, period, previous)
            for basis in BASES:
                _append_measures(writer, snapshot_of(period, basis, names))
            _remember(seen, period, names)
            previous = period
            progress(done, len(plan.dates), f"week {period.date}" if plan.frequency == "week" else f"{period.date}")
        if not seen.exposures:
            raise BadInput(_nothing_left(plan, previous))
        _append_rest(writer, seen, plan)
        return writer.publish(
            sources=plan.sources, parameters=plan.parameters, frequency=plan.frequency, simulated=plan.simulated
        )


def _append_tables(writer: VintageWriter, period: Period, previous: Period | None) -> None:
    whole = _whole_cents(period.holdings)
    for table in _PERIOD_TABLES:
        frame = getattr(period, table)
        writer.append(table, _dated(_in_cents(frame) if whole and table in _SUMMED else frame, period.date))
    findings = pl.concat([period.findings.cast(FINDINGS), check_period(period, previous)])
    writer.append("findings", _dated(findings, period.date))


def _whole_cents(holdings: pl.DataFrame) -> bool:
    """Return whether every value is a whole number of cents, so that every sum of them is one too."""
    values = holdings["value_usd"]
    return not values.is_empty() and bool((values == values.round(2)).all())


def _in_cents(frame: pl.DataFrame) -> pl.DataFrame:
    """Drop floating-point noise below a cent from sums; split flows to whole cents, parts still summing to the flow."""
    amounts = [name for name in frame.columns if name.endswith("_usd") and name not in ("price_usd", "quantity_usd")]
    rounded = frame.with_columns(_without_noise(pl.col(name)).alias(name) for name in amounts)
    if "price_usd" not in frame.columns:
        return rounded
    rounded = rounded.with_columns(pl.col("price_usd").round(2) + 0.0)
    return rounded.with_columns(quantity_usd=_without_noise(pl.col("flow_usd") - pl.col("price_usd")) + 0.0)


def _without_noise(amount: pl.Expr) -> pl.Expr:
    """Round to the cent what is a whole cent but for the noise of summing; leave every other amount as it is."""
    cent = amount.round(2)
    noise = pl.max_horizontal(pl.lit(1e-6), amount.abs() * 1e-14)
    return pl.when(((amount - cent).abs() <= noise) & (cent != 0)).then(cent).otherwise(amount)


def _dated(frame: pl.DataFrame, date: dt.date | None) -> pl.DataFrame:
    return frame.with_columns(date=pl.lit(date, pl.Date))


def _append_measures(writer: VintageWriter, snapshot: Snapshot) -> None:
    """Measure one network; a basis without protocols (no flow on the first date) has nothing to measure."""
    if not len(snapshot.protocols):
        return
    facts = Facts(snapshot)
    values = measure_facts(facts) | standard_losses(snapshot)
    measured = {"measure": list(values), "value": list(values.values())}
    table = pl.DataFrame(measured, schema={"measure": pl.String, "value": pl.Float64})
    writer.append("measures", _keyed(table, snapshot))
    # Kept to 24 bits (a relative 6e-8): more than any PageRank is good for, at half the bytes.
    scores = facts.importance.with_columns(pl.col(pl.Float64).cast(pl.Float32).cast(pl.Float64))
    writer.append("importance", _keyed(scores, snapshot))
    writer.append("sector_exposures", _keyed(sector_frame(*facts.sectors), snapshot))


def _keyed(frame: pl.DataFrame, snapshot: Snapshot) -> pl.DataFrame:
    basis: Basis = snapshot.basis
    return frame.with_columns(date=pl.lit(snapshot.date, pl.Date), basis=pl.lit(basis))


def _remember(seen: _Seen, period: Period, names: pl.DataFrame) -> None:
    ids = period.nodes.select("protocol").unique()
    known = ids.join(names.select(list(PROTOCOLS)), on="protocol", how="left")
    for protocol, name, category, sector in known.iter_rows():
        seen.names[protocol] = (name or protocol, category or "Unknown", sector or "Unknown")
    for token, issuer, method, score in period.issuers.iter_rows():
        before = seen.issuers.get(token)
        if before and before[0] and before[0] != issuer:
            seen.others.setdefault(token, set()).add(before[0])
        if issuer or before is None:
            seen.issuers[token] = (issuer, method, score)
    seen.exposures += period.exposures.height + period.flows.height


def _append_rest(writer: VintageWriter, seen: _Seen, plan: Plan) -> None:
    """Write what is known only at the end: protocols, tokens, findings about the whole input, events."""
    rows = [(protocol, *names) for protocol, names in sorted(seen.names.items())]
    writer.append("protocols", pl.DataFrame(rows, schema=PROTOCOLS, orient="row"))
    writer.append("tokens", _tokens(seen) if plan.tokens is None else plan.tokens)
    if plan.findings is not None:
        writer.append("findings", plan.findings)
    for date, row in check_dates(plan.dates, plan.frequency):
        writer.append("findings", _dated(findings_frame([row]), date))
    if plan.today is not None:
        writer.append("findings", _dated(findings_frame(check_age(plan.dates[-1], plan.today, plan.frequency)), None))
    if plan.events is not None:
        writer.append("events", plan.events.select(list(TABLES["events"].polars)))


def _tokens(seen: _Seen) -> pl.DataFrame:
    """Return the tokens table from the issuers of all periods: the latest issuer, earlier ones as alternatives."""
    issued = [(token, *row) for token, row in sorted(seen.issuers.items())]
    kinds = curated().select(pl.col("token").str.to_lowercase().alias("key"), "kind")
    return (
        pl.DataFrame(issued, schema=ISSUERS, orient="row")
        .with_columns(
            key=pl.col("token").str.to_lowercase(),
            alternatives=pl.Series(
                [";".join(sorted(seen.others.get(token, set()) - {row[0]})) for token, *row in issued], dtype=pl.String
            ),
        )
        .join(kinds, on="key", how="left", maintain_order="left")
        .with_columns(pl.col("kind").fill_null("unknown"))
        .select(list(TOKENS))
    )


def _nothing_left(plan: Plan, last: Period | None) -> str:
    if last is None:
        return f"{plan.place}: no snapshot; check its dates and values"
    lost = last.coverage.filter(pl.col("side") == "dropped").sort("usd_cents", descending=True)
    why = ", ".join(f"{rows} rows {reason}" for reason, rows in lost.select("reason", "rows").iter_rows()) or "no rows"
    return (
        f"{plan.place}: no exposure on any of {len(plan.dates)} dates (on {last.date}: {why}); "
        "check the amounts, or name the issuers of the tokens (--tokens)"
    )
