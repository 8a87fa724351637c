"""Commands that hand things on: report, export."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dexposure_core.cli.context import Context, FilePath, basis_option, chain_option, columns, date_option, pick_date
from dexposure_core.pipeline.numbers import amount, number, percent, usd

if TYPE_CHECKING:
    from dexposure_core.network import Basis


@click.command()
@date_option
@basis_option
@click.option("--rule", default="linear-debtrank", show_default=True, metavar="NAME", help="Contagion rule.")
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="Protocols listed.")
@chain_option
@click.pass_obj
def report(ctx: Context, date: str | None, basis: Basis, rule: str, top: int, chains: tuple[str, ...]) -> None:
    """One date in one document: every measure, the standard scenarios, the most important protocols."""
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
