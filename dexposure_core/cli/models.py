"""Commands of the forecaster: train, forecast, evaluate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dexposure_core.cli.context import Context, basis_option, columns, date_option, pick_date
from dexposure_core.pipeline.numbers import amount, number, percent, usd

if TYPE_CHECKING:
    from dexposure_core.network import Basis


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for the weights. Default: the one the product reads."
)
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True)
@click.option("--epochs", type=click.IntRange(min=1), help="At most so many passes. Default: the published recipe.")
@click.pass_obj
def train(ctx: Context, out: Path | None, seed: int, epochs: int | None) -> None:
    """Train the forecaster on a vintage, in strict time order."""
    from dexposure_core.pipeline.train import train as run

    store = ctx.open()
    with ctx.progress(" steps") as progress:
        document = run(store, out, seed=seed, epochs=epochs, progress=progress)
    ctx.show(document, lambda: (f"{key}: {value}" for key, value in document.items()))


@click.command()
@date_option
@basis_option
@click.option("--horizon", type=click.IntRange(min=1), default=4, show_default=True, help="Weeks ahead: 1, 4, 8 or 12.")
@click.option("--forecaster", default="dexposure", show_default=True, metavar="NAME")
@click.pass_obj
def forecast(ctx: Context, date: str | None, basis: Basis, horizon: int, forecaster: str) -> None:
    """Forecast the network some weeks ahead, then measure it beside today's."""
    from dexposure_core.measures import MEASURES
    from dexposure_core.pipeline.forecast import forecast as run

    store = ctx.open()
    result = run(store, pick_date(store, date, basis), basis, horizon, forecaster=forecaster)
    document = result.json()
    units = {m.name: (m.title, m.unit) for m in MEASURES}

    def lines() -> Iterator[str]:
        yield f"{forecaster} from {document['origin']}, {horizon} weeks ahead ({basis} basis)"
        rows = []
        for name, value in document["measures"].items():
            title, unit = units.get(name, (name, ""))
            today, expected = value["today"], value["forecast"]
            rows.append([title, amount(today, unit), amount(expected, unit)])
        yield from columns(["measure", "today", "forecast"], rows)
        rows = [[n, percent(v["today"]), percent(v["forecast"])] for n, v in document["stress"].items()]
        yield from columns(["stress loss, share of TVL", "today", "forecast"], rows)
        new = document["new"][:10]
        yield from columns(
            ["likeliest new exposures", "probability", "USD if it exists"],
            [
                [f"{e['creditor_name']} → {e['debtor_name']}", percent(e["probability"]), usd(e["exposure_usd"])]
                for e in new
            ],
        )

    ctx.show(document, lines)


@click.command()
@click.option("--basis", "bases", type=click.Choice(["holdings", "flow"]), multiple=True, help="Default: both.")
@click.option("--horizon", "horizons", type=click.IntRange(min=1), multiple=True, help="Default: 1, 4, 8 and 12.")
@click.option("--forecaster", "forecasters", multiple=True, metavar="NAME", help="Default: all.")
@click.pass_obj
def evaluate(ctx: Context, bases: tuple[Basis, ...], horizons: tuple[int, ...], forecasters: tuple[str, ...]) -> None:
    """Score forecasters on the hold-out weeks, persistence first; prints what is true, good or bad."""
    from dexposure_core.pipeline.evaluate import evaluate as run

    store = ctx.open()
    with ctx.progress(" origins") as progress:
        document = run(
            store, forecasters=forecasters or None, bases=bases or None, horizons=horizons or None, progress=progress
        )

    def lines() -> Iterator[str]:
        rows = [
            [r["forecaster"], r["basis"], str(r["horizon"]), r["metric"], number(r["value"]),
             f"{number(r['low'])} .. {number(r['high'])}"]
            for r in document["rows"]
        ]  # fmt: skip
        yield from columns(["forecaster", "basis", "weeks", "metric", "value", "interval"], rows)

    ctx.show(document, lines)
