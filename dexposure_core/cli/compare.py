"""`dexposure compare`: what was revised between two vintages, and by how much."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from dexposure_core.cli.context import Context, columns, date_option, pick_date
from dexposure_core.pipeline.numbers import number, usd
from dexposure_core.settings import resolve_store

if TYPE_CHECKING:
    from dexposure_core.pipeline.revising.compare import Comparison
    from dexposure_core.pipeline.revising.revision import Revision

_NAMED = 12  # dates and tokens that a person is shown without --json


@click.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="[B]", required=False)
@date_option
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="Rows of each table of a date.")
@click.pass_obj
def compare(ctx: Context, before: str, after: str | None, date: str | None, top: int) -> None:
    """Say what vintage B (default: the latest) revised of vintage A, and what moved on its last revised date, why."""
    from dexposure_core.pipeline.revising.compare import compare as difference
    from dexposure_core.pipeline.revising.revision import revision_of
    from dexposure_core.store import open_store

    folder = resolve_store(ctx.store, writing=False)
    old, new = open_store(folder, before), open_store(folder, after or ctx.vintage)
    ctx.simulated = old.manifest.simulated or new.manifest.simulated
    found = difference(old, new)
    revised = found.of("revised")
    day = pick_date(new, date, "holdings") if date else revised[-1] if revised else None
    revision = None if day is None else revision_of(old, new, day)
    document: dict[str, Any] = {**found.json(), "revision": None if revision is None else revision.json(top)}

    def lines() -> Iterator[str]:
        yield from _overview(found)
        if revision is not None:
            yield from _one_date(revision, top)

    ctx.show(document, lines)


def _overview(found: Comparison) -> Iterator[str]:
    counts = ", ".join(f"{len(found.of(status))} {status}" for status in ("added", "removed", "revised"))
    yield f"{found.before} -> {found.after}: {found.same} dates the same, {counts}"
    rows = [
        [str(r["date"]), r["status"], str(r["tables"]), _usd(r["before_usd"]), _usd(r["after_usd"]),
         _usd(r["exposure_before_usd"]), _usd(r["exposure_after_usd"])]
        for r in found.dates.tail(_NAMED).iter_rows(named=True)
    ]  # fmt: skip
    if rows:
        yield from columns(["date", "status", "tables", "TVL was", "TVL is", "exposure was", "exposure is"], rows)
    rows = [
        [r["token"], r["issuer_before"] or "none", r["issuer_after"] or "none", _usd(r["usd"])]
        for r in found.issuers.head(_NAMED).iter_rows(named=True)
    ]
    if rows:
        yield f"issuers of {found.issuers.height} tokens"
        yield from columns(["token", "was", "is", "held over all dates"], rows)
    for r in found.choices.iter_rows(named=True):
        yield f"{r['parameter']}: {_short(r['before'])} -> {_short(r['after'])}"


def _one_date(revision: Revision, top: int) -> Iterator[str]:
    yield f"revised on {revision.date}"
    rows = [
        [r["table"], *(f"{r[name]:,}" for name in ("added", "removed", "changed")), _usd(r["moved_usd"])]
        for r in revision.tables.iter_rows(named=True)
    ]
    yield from columns(["table", "rows added", "removed", "changed", "moved"], rows)
    for title, table in (("protocol", revision.protocols), ("token", revision.tokens)):
        name = "name" if title == "protocol" else "token"
        rows = [
            [r[name], _usd(r["before_usd"]), _usd(r["after_usd"]), _usd(r["change_usd"])]
            for r in table.head(top).iter_rows(named=True)
        ]
        if rows:
            yield from columns([title, "was", "is", "change"], rows)
    yield from _why(revision, top)


def _why(revision: Revision, top: int) -> Iterator[str]:
    """Say by which causes exposures and measures were revised; the causes of a row sum to its change."""
    from dexposure_core.pipeline.changes import PARTS
    from dexposure_core.pipeline.revising.causes import CAUSES

    for name, parts in revision.causes().items():
        told = ", ".join(
            f"{cause} {usd(part, sign=True)}" for cause, part in parts.items() if part and cause != "change"
        )
        yield f"{name}: {usd(parts['change'], sign=True)}" + (f" = {told}" if told else "")
    causes = [part.removesuffix("_usd") for part in PARTS]
    rows = [
        [f"{r['creditor_name']} -> {r['debtor_name']}", _usd(r["change_usd"]), *(_part(r[part]) for part in PARTS)]
        for r in revision.exposures.head(top).iter_rows(named=True)
    ]
    if rows:
        yield from columns(["exposure", "change", *causes], rows)
    rows = [
        [r["measure"], r["basis"], *(number(r[side]) for side in ("before", "after", "change")),
         *("" if r[cause] is None else number(r[cause]) for cause in CAUSES)]
        for r in revision.measures.head(top).iter_rows(named=True)
    ]  # fmt: skip
    if rows:
        yield from columns(["measure", "basis", "was", "is", "change", *CAUSES], rows)


def _usd(amount: float | None) -> str:
    return "" if amount is None else usd(amount)


def _part(amount: float | None) -> str:
    return "?" if amount is None else usd(amount) if amount else "-"


def _short(text: str | None) -> str:
    return "none" if text is None else text[:60]
