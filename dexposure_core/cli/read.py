"""Commands that read a vintage: what there is, and what was measured on one date."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from dexposure_core.cli.context import Context, basis_option, chain_option, columns, date_option, pick_date
from dexposure_core.pipeline.numbers import amount, number, percent, usd
from dexposure_core.settings import resolve_store

if TYPE_CHECKING:
    from dexposure_core.network import Basis


@click.command()
@click.pass_obj
def vintages(ctx: Context) -> None:
    """List the vintages of the store, the latest published first."""
    from dexposure_core.pipeline.revising.listing import vintage_listing

    document = vintage_listing(resolve_store(ctx.store, writing=False))

    def row(v: dict[str, Any]) -> list[str]:
        dates, rows = v["dates"], f"{sum(v['rows'].values()):,}"
        kind = "simulated" if v["simulated"] else "imported"
        span = f"{dates['first']}..{dates['last']}"
        return [v["vintage"], v["created_at"][:16], span, str(dates["count"]), rows, kind]

    def lines() -> Iterator[str]:
        rows = [row(v) for v in document["vintages"]]
        yield from columns(["vintage", "created", "dates", "snapshots", "rows", "data"], rows)

    ctx.show(document, lines)


@click.command()
@basis_option
@chain_option
@click.pass_obj
def dates(ctx: Context, basis: Basis, chains: tuple[str, ...]) -> None:
    """List the snapshot dates of a vintage."""
    store = ctx.open_lens(chains)
    days = [day.isoformat() for day in store.dates(basis)]
    ctx.show({"vintage": store.vintage, "basis": basis, "dates": days}, lambda: iter(days))


@click.command()
@date_option
@basis_option
@chain_option
@click.pass_obj
def measure(ctx: Context, date: str | None, basis: Basis, chains: tuple[str, ...]) -> None:
    """Every measure on one date, as kept in the vintage."""
    from dexposure_core.measures import MEASURES

    store = ctx.open_lens(chains)
    day = pick_date(store, date, basis)
    values = dict(store.measures(day, basis).rows())
    document = {**_head(store.vintage, day, basis), "measures": {m.name: values.get(m.name) for m in MEASURES}}

    def lines() -> Iterator[str]:
        yield from columns(["measure", "value"], [[m.title, amount(values.get(m.name), m.unit)] for m in MEASURES])

    ctx.show(document, lines)


@click.command()
@date_option
@basis_option
@click.option(
    "--top", type=click.IntRange(min=1), help="Only the most important ones. Default: all (20 on a terminal)."
)
@chain_option
@click.pass_obj
def importance(ctx: Context, date: str | None, basis: Basis, top: int | None, chains: tuple[str, ...]) -> None:
    """Systemic importance of every protocol on one date, the published score first."""
    store = ctx.open_lens(chains)
    day = pick_date(store, date, basis)
    table = store.importance(day, basis).sort("sis", "protocol", descending=[True, False], nulls_last=True)
    shown = table if top is None else table.head(top)
    keys = ["sis", "pagerank", "tail_exposure", "log_tvl", "default_loss"]
    document = {
        **_head(store.vintage, day, basis),
        "protocols": [
            {"id": row["protocol"], "name": row["name"], **{k: row[k] for k in keys}} for row in shown.to_dicts()
        ],
    }

    def lines() -> Iterator[str]:
        rows = [[r["name"], *(number(r[k]) for k in keys)] for r in table.head(top or 20).to_dicts()]
        yield from columns(["protocol", *keys], rows)

    ctx.show(document, lines)


@click.command()
@date_option
@basis_option
@chain_option
@click.pass_obj
def spillover(ctx: Context, date: str | None, basis: Basis, chains: tuple[str, ...]) -> None:
    """Exposure from each sector to each other sector on one date."""
    from dexposure_core.measures import spillover_concentration

    store = ctx.open_lens(chains)
    day = pick_date(store, date, basis)
    cells = store.sector_exposures(day, basis).select("creditor_sector", "debtor_sector", "exposure_usd").to_dicts()
    snapshot = store.snapshot(day, basis)
    cross = sum(c["exposure_usd"] for c in cells if c["creditor_sector"] != c["debtor_sector"])
    index = spillover_concentration(snapshot)
    document = {**_head(store.vintage, day, basis), "cells": cells, "cross_sector_usd": cross, "index": index}

    def lines() -> Iterator[str]:
        rows = [[f"{c['creditor_sector']} → {c['debtor_sector']}", usd(c["exposure_usd"])] for c in cells]
        yield from columns(["creditor → debtor sector", "exposure"], sorted(rows, key=lambda r: r[0]))
        total = sum(c["exposure_usd"] for c in cells)
        part = percent(cross / total if total else None)
        yield f"across sectors {usd(cross)} of {usd(total)} ({part}), index {number(index)}"

    ctx.show(document, lines)


def _head(vintage: str, day: object, basis: str) -> dict[str, Any]:
    return {"vintage": vintage, "date": str(day), "basis": basis}
