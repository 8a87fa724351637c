"""`dexposure check`: is this vintage fit for use? Every check, worst findings first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from dexposure_core.cli.context import Context, FilePath, columns
from dexposure_core.errors import BadOption
from dexposure_core.pipeline.numbers import usd

if TYPE_CHECKING:
    import polars as pl

    from dexposure_core.store import Store

FAILED: Final = 3
SEVERITIES: Final = ("error", "warning", "info")
_TOP: Final = 25


@click.command()
@click.option("--since", metavar="YYYY-MM-DD", help="Report only on snapshots from this date on.")
@click.option("--only", "only", multiple=True, metavar="NAME", help="Run only this check; may be repeated.")
@click.option("--severity", type=click.Choice(SEVERITIES), default="info", show_default=True,
              help="List only findings as bad as this, or worse.")  # fmt: skip
@click.option("--fail-on", type=click.Choice(SEVERITIES[:2]), help="Exit with 3 when a finding is as bad as this.")
@click.option("--top", type=click.IntRange(min=1), default=_TOP, show_default=True,
              help="Findings listed on a terminal; JSON and CSV hold all.")  # fmt: skip
@click.option("--out", type=FilePath, help="Also write the findings to this .csv or .parquet file.")
@click.pass_obj
def check(
    ctx: Context,
    since: str | None,
    only: tuple[str, ...],
    severity: str,
    fail_on: str | None,
    top: int,
    out: Path | None,
) -> None:
    """Check a vintage: files, sums, units, jumps, gaps, symbols, coverage. Exit 0, or 3 with --fail-on."""
    from dexposure_core.pipeline.building.feeds import today
    from dexposure_core.pipeline.checks import report as checks
    from dexposure_core.pipeline.checks.cache import keep
    from dexposure_core.pipeline.export import save

    store, first = ctx.open(), _day(since)
    with ctx.progress("week") as progress:
        report = checks.check(store, since=first, checks=only or None, today=today(), progress=progress)
    if first is None and not only:
        keep(store, report)
    document = _document(store, checks.document(store, report, severity))
    if out is not None:
        save(checks.as_bad_as(report.findings, severity), out, checks.origin(store, since=since, severity=severity))
    ctx.show(document, lambda: _lines(document, report.summary(), top))
    if fail_on is not None and not checks.as_bad_as(report.findings, fail_on).is_empty():
        raise click.exceptions.Exit(FAILED)


def _day(text: str | None) -> dt.date | None:
    try:
        return None if text is None else dt.date.fromisoformat(text)
    except ValueError:
        raise BadOption(f"--since: '{text:.40}' is not a date; write it like 2025-06-30") from None


def _document(store: Store, told: dict[str, Any]) -> dict[str, Any]:
    from dexposure_core.pipeline.building.summary import summary

    ran = {row["check"]: row["state"] for row in told["checks"]}
    verified = ran["integrity"] == "passed" if "integrity" in ran else None
    return {**summary(store), "verified": verified, **told}


def _lines(document: dict[str, Any], summary: pl.DataFrame, top: int) -> Iterator[str]:
    books = document["coverage"]
    came, mapped, dropped = (usd(books[f"{side}_usd"]) for side in ("in", "mapped", "dropped"))
    yield f"vintage {document['vintage']}"
    yield f"in: {came} = mapped {mapped} + dropped {dropped}; difference {books['difference_usd']:.2f}"
    rows = [
        [f"{_MARKS[row['state']]} {row['title']}", str(row["errors"]), str(row["warnings"]), str(row["notes"]),
         usd(row["usd"]) if row["usd"] is not None else "", str(row["last"] or "")]
        for row in summary.to_dicts()
    ]  # fmt: skip
    yield from columns(["check", "errors", "warnings", "notes", "largest", "last seen"], rows)
    found = document["findings"]
    if found:
        yield ""
    for row in found[:top]:
        yield _line(row)
    if len(found) > top:
        yield f"and {len(found) - top} more; --top N lists them, --out FILE writes them"


_MARKS: Final = {"passed": "ok  ", "not possible": "-   ", "info": "note", "warning": "WARN", "error": "ERR "}


def _line(row: dict[str, Any]) -> str:
    place = [row["name"] or row["protocol"], row["token"], row["chain"]]
    where = ", ".join(str(part) for part in place if part)
    amount = usd(row["usd"]) if row["usd"] is not None else ""
    head = [f"{row['severity']}: {row['finding']}", str(row["date"] or ""), where, amount]
    return " · ".join(part for part in head if part) + f": {row['text']} ({row['action']})"
