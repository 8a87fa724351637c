"""Commands that hand things on: report, export."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dexposure_core.cli.context import Context, FilePath, basis_option, chain_option, columns, date_option, pick_date
from dexposure_core.errors import BadOption
from dexposure_core.pipeline.numbers import amount, number, percent, usd

if TYPE_CHECKING:
    from dexposure_core.network import Basis


@click.command()
@date_option
@basis_option
@click.option("--rule", default="linear-debtrank", show_default=True, metavar="NAME", help="Contagion rule.")
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="Rows of each list.")
@click.option("--horizon", type=click.IntRange(min=1), help="Weeks to forecast in the briefing. Default: no forecast.")
@click.option("--out", type=FilePath, help="Write the briefing to this file: .html or .pdf.")
@chain_option
@click.pass_obj
def report(
    ctx: Context, date: str | None, basis: Basis, rule: str, top: int, horizon: int | None, out: Path | None,
    chains: tuple[str, ...],
) -> None:  # fmt: skip
    """One date in one document: measures, scenarios, importance; with --out the whole briefing as HTML or PDF.

    The briefing is one file that needs no network: sentences, figures, tables, and the command that makes it again.
    PDF needs an installed Chrome or Chromium.
    """
    if out is not None:
        _briefing(ctx, out, (date, basis), (rule, top, horizon), chains)
        return
    if horizon is not None:
        raise BadOption("--horizon belongs to the briefing; give --out FILE.html or FILE.pdf too")
    from dexposure_core.pipeline.report import report as run

    store = ctx.open_lens(chains)
    document = run(store, pick_date(store, date, basis), basis, rule=rule, top=top)

    def lines() -> Iterator[str]:
        simulated = ", SIMULATED data" if document["simulated"] else ""
        yield f"{document['date']}, {basis} basis, vintage {document['vintage']}{simulated}"
        rows = [[m["title"], amount(m["value"], m["unit"])] for m in document["measures"]]
        yield from columns(["measure", "value"], rows)
        rows = [
            [s["scenario"], usd(s["direct_usd"]), usd(s["total_usd"]), percent(s["loss_fraction"]), str(s["rounds"])]
            for s in document["stress"]
        ]
        yield from columns([f"scenario ({rule})", "direct", "total", "of TVL", "rounds"], rows)
        rows = [[p["name"], number(p["sis"]), percent(p["default_loss"])] for p in document["importance"]]
        yield from columns(["most important", "SIS", "direct loss if it fails"], rows)

    ctx.show(document, lines)


def _briefing(
    ctx: Context, out: Path, when: tuple[str | None, Basis], asked: tuple[str, int, int | None], chains: tuple[str, ...]
) -> None:
    """Write the briefing to a file and say where it is and what it is of."""
    from dexposure_core.pipeline import briefing

    briefing.check(out)
    store = ctx.open_lens(chains)
    day, basis = pick_date(store, when[0], when[1]), when[1]
    rule, top, horizon = asked
    ask = briefing.Ask(date=day, basis=basis, horizon=horizon, rule=rule, top=top)
    with ctx.progress(" steps") as progress:
        briefing.write(store, ask, out, progress=progress)
    size = out.stat().st_size
    document = {
        "vintage": store.vintage, "date": day.isoformat(), "basis": basis, "horizon_weeks": horizon,
        "out": str(out), "bytes": size,
    }  # fmt: skip
    ctx.show(document, lambda: iter([f"wrote the briefing of {day} ({basis} basis) to {out}, {size / 1000:,.0f} kB"]))


@click.command()
@click.argument("table")
@click.option("--out", type=FilePath, required=True, help="File to write: .csv or .parquet.")
@click.option("--date", metavar="YYYY-MM-DD", help="Only this date. Default: all dates.")
@click.option("--basis", type=click.Choice(["holdings", "flow"]), help="Only this basis, where the table has one.")
@chain_option
@click.pass_obj
def export(ctx: Context, table: str, out: Path, date: str | None, basis: Basis | None, chains: tuple[str, ...]) -> None:
    """Write one table of the vintage to a file, with its provenance beside it (FILE.provenance.json)."""
    from dexposure_core.pipeline.export import export as run

    store = ctx.open_lens(chains)
    day = None if date is None else pick_date(store, date, basis or "holdings")
    document = run(store, table, out, date=day, basis=basis)
    ctx.show(document, lambda: iter([f"wrote {document['rows']:,} rows of {table} to {out}", document["note"]]))
