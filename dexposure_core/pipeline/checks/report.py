"""`dexposure check`: every check of the catalogue over a whole vintage, as one report that is kept for the next reader.

The holdings are read once, week by week, for all checks together. When a file is not what was published, that is the
only finding: nothing else can be trusted. The report can be kept (`cache`), as a vintage never changes; only the
age of the data is judged anew each time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import polars as pl

from dexposure_core.errors import BadOption, suggest
from dexposure_core.network.health import check_age
from dexposure_core.network.health_flags import ERROR, SEVERITIES, WARNING, worst_first
from dexposure_core.pipeline.checks.books import integrity
from dexposure_core.pipeline.checks.catalogue import CHECKS, Check
from dexposure_core.pipeline.checks.double import COURSE, DoubleCounting
from dexposure_core.pipeline.checks.findings import REPORT, collapse, per_date
from dexposure_core.pipeline.checks.material import Material, Watch
from dexposure_core.pipeline.export import provenance
from dexposure_core.progress import Progress, silent
from dexposure_core.store import Store

SUMMARY: Final = pl.Schema({
    "check": pl.String, "title": pl.String, "state": pl.String, "errors": pl.Int64, "warnings": pl.Int64,
    "notes": pl.Int64, "usd": pl.Float64, "last": pl.Date,
})  # fmt: skip
PASSED: Final = "passed"
NOT_POSSIBLE: Final = "not possible"


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the checks found.

    Args:
        findings: REPORT rows, one per thing that is wrong, worst first.
        dates: check, severity, date, findings, usd: how many on each date, before equal ones are collapsed.
        twice: date, kind, usd, share: what is counted twice over time.
        checks: names of the checks that ran.
        quantities: whether the source gives quantities (some checks need them).
    """

    findings: pl.DataFrame
    dates: pl.DataFrame
    twice: pl.DataFrame
    checks: tuple[str, ...]
    quantities: bool

    def summary(self) -> pl.DataFrame:
        """Return one row per check that ran, in the order of the catalogue: SUMMARY; usd is the largest finding's."""
        rows = [self._row(check) for check in CHECKS if check.name in self.checks]
        return pl.DataFrame(rows, schema=SUMMARY, orient="row")

    def worst(self) -> str | None:
        """Return the worst severity found, None when nothing was."""
        found = set(self.findings["severity"])
        return next((severity for severity in SEVERITIES if severity in found), None)

    def _row(self, check: Check) -> tuple[object, ...]:
        mine = self.findings.filter(pl.col("check") == check.name)
        counts = [mine.filter(pl.col("severity") == severity).height for severity in SEVERITIES]
        serious = mine.filter(pl.col("severity").is_in([ERROR, WARNING]))
        state = next((s for s, n in zip(SEVERITIES, counts, strict=True) if n), PASSED)
        if state == PASSED and check.needs_quantities and not self.quantities:
            state = NOT_POSSIBLE
        return (check.name, check.title, state, *counts, serious["usd"].abs().max(), mine["last"].max())


def check(
    store: Store,
    *,
    since: dt.date | None = None,
    checks: Sequence[str] | None = None,
    today: dt.date | None = None,
    progress: Progress = silent,
) -> Report:
    """Run checks over a vintage.

    Args:
        store: the vintage.
        since: first date to report on; None: all dates. What is compared with a history still sees it.
        checks: names from CHECKS; None: all.
        today: the day to judge the data's age by; None leaves it unjudged.
        progress: told of every week read.

    Raises:
        BadOption: no check of that name.
    """
    chosen = chosen_checks(checks)
    material = Material(store, since)
    broken = integrity(material)
    if not broken.is_empty():
        return _broken(broken)
    watches: dict[str, Watch] = {c.name: c.watch(material) for c in chosen if c.watch is not None}
    _show(watches, material, progress)
    parts = [_named(c.table(material), c.name) for c in chosen if c.table is not None]
    found = pl.concat([*parts, *(_named(watch.findings(), name) for name, watch in watches.items())])
    double = watches.get("double-counting")
    report = Report(
        findings=collapse(found, material.names),
        dates=per_date(found),
        twice=double.course() if isinstance(double, DoubleCounting) else pl.DataFrame(schema=COURSE),
        checks=tuple(c.name for c in chosen),
        quantities=material.has_quantities,
    )
    return with_age(report, store, today)


def _show(watches: Mapping[str, Watch], material: Material, progress: Progress) -> None:
    """Show every week to every watch: the holdings are read once."""
    for week in material.weeks(progress) if watches else ():
        for watch in watches.values():
            watch.see(week)


def _broken(found: pl.DataFrame) -> Report:
    """Return the report on a vintage whose files are not those that were published: that, and nothing else."""
    told = _named(found, "integrity")
    return Report(
        findings=collapse(told, {}), dates=per_date(told), twice=pl.DataFrame(schema=COURSE), checks=("integrity",),
        quantities=False,
    )  # fmt: skip


def with_age(report: Report, store: Store, today: dt.date | None) -> Report:
    """Return the report with a finding when the vintage is old on that day."""
    if today is None or "freshness" not in report.checks:
        return report
    last = store.manifest.dates.last
    rows = [] if last is None else check_age(last, today, store.manifest.frequency)
    told = [
        {"check": "freshness", "text": row["place"], "date": last, "first": last, "last": last, "dates": 1}
        | {name: row[name] for name in ("severity", "finding", "rows", "action")}
        for row in rows
    ]
    age = pl.DataFrame(told, schema=REPORT)
    return replace(report, findings=pl.concat([report.findings, age]).sort(worst_first(), maintain_order=True))


def chosen_checks(names: Sequence[str] | None) -> list[Check]:
    """Return the checks of those names, all when None.

    Raises:
        BadOption: no check of that name; names the closest.
    """
    if names is None:
        return list(CHECKS)
    known = {c.name: c for c in CHECKS}
    for name in names:
        if name not in known:
            hint = suggest(name[:40], known) or f"; there are {', '.join(known)}"
            raise BadOption(f"No check '{name[:40]}'{hint}")
    return [c for c in CHECKS if c.name in names]


def as_bad_as(found: pl.DataFrame, severity: str) -> pl.DataFrame:
    """Return the findings of that severity or worse."""
    return found.filter(pl.col("severity").is_in(SEVERITIES[: SEVERITIES.index(severity) + 1]))


def origin(store: Store, **parameters: object) -> dict[str, Any]:
    """Return where a file of findings comes from."""
    return provenance(store, table="health findings", **parameters)


def document(store: Store, report: Report, severity: str = "info") -> dict[str, Any]:
    """Return the report as JSON values, with the names of protocols; findings as bad as `severity` or worse."""
    named = pl.col("protocol").replace_strict(Material(store).names, default=None, return_dtype=pl.String)
    rows = as_bad_as(report.findings, severity).with_columns(name=named).to_dicts()
    return {"vintage": store.vintage, "worst": report.worst(), "checks": report.summary().to_dicts(), "findings": rows}


def _named(found: pl.DataFrame, name: str) -> pl.DataFrame:
    return found.with_columns(check=pl.lit(name))
