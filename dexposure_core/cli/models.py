"""Commands of the forecaster: train, forecast, evaluate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from dexposure_core.cli.context import Context, FileName, FilePath, basis_option, columns, date_option, pick_date
from dexposure_core.pipeline.numbers import amount, percent, usd

if TYPE_CHECKING:
    from dexposure_core.network import Basis


SEEDS: Final = 3  # with --all


@click.command()
@click.option("--out", type=FilePath, help="Folder for the weights. Default: the one the product reads.")
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True)
@click.option("--epochs", type=click.IntRange(min=1), help="At most so many passes. Default: the published recipe.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "gpu"]),
    default="auto",
    show_default=True,
    help="Where to train; auto: on a GPU where torch finds one.",
)
@click.pass_obj
def train(ctx: Context, out: Path | None, seed: int, epochs: int | None, device: str) -> None:
    """Train the forecaster on a vintage, in strict time order."""
    from dexposure_core.pipeline.forecasting.model_card import passes_kept
    from dexposure_core.pipeline.forecasting.train import train as run

    store = ctx.open()
    with ctx.progress(" steps") as progress:
        document = run(store, out, seed=seed, epochs=epochs, device=device, progress=progress)
    passes = "; ".join(map(passes_kept, document["passes"].items()))
    ctx.show(document, lambda: (f"{key}: {value}" for key, value in {**document, "passes": passes}.items()))


@click.command()
@date_option
@basis_option
@click.option("--horizon", type=click.IntRange(min=1), default=4, show_default=True, help="Weeks ahead: 1, 4, 8 or 12.")
@click.option("--forecaster", default="dexposure", show_default=True, metavar="NAME")
@click.pass_obj
def forecast(ctx: Context, date: str | None, basis: Basis, horizon: int, forecaster: str) -> None:
    """Forecast the network some weeks ahead, then measure it beside today's.

    Beside each forecast stand the ends of its 90 % interval and, where the target date is known, what happened.
    """
    from dexposure_core.measures import MEASURES
    from dexposure_core.pipeline.forecasting.forecast import forecast as run

    store = ctx.open()
    result = run(store, pick_date(store, date, basis), basis, horizon, forecaster=forecaster)
    document = result.json()
    units = {m.name: (m.title, m.unit) for m in MEASURES}
    known = {"today": "today", "forecast": "forecast", "low": "5 %", "high": "95 %"}
    known |= {} if result.actual is None else {"actual": "happened"}

    def told(value: dict[str, float | None], unit: str) -> list[str]:
        return [amount(value[column], unit) for column in known]

    def lines() -> Iterator[str]:
        yield f"{forecaster} from {document['origin']}, {horizon} weeks ahead ({basis} basis)"
        for note in document["notes"]:
            ctx.note(note)
        pairs = [(units.get(name, (name, "")), value) for name, value in document["measures"].items()]
        rows = [[title, *told(value, unit)] for (title, unit), value in pairs]
        yield from columns(["measure", *known.values()], rows)
        rows = [[n, *told(v, "share")] for n, v in document["stress"].items()]
        yield from columns(["stress loss, share of TVL", *known.values()], rows)
        new = document["new"][:10]
        yield from columns(
            ["likeliest new exposures", "probability", "USD if it exists"],
            [
                [f"{e['creditor_name']} → {e['debtor_name']}", percent(e["probability"]), usd(e["summed_usd"])]
                for e in new
            ],
        )

    ctx.show(document, lines)


@click.command()
@click.option("--basis", "bases", type=click.Choice(["holdings", "flow"]), multiple=True, help="Default: both.")
@click.option("--horizon", "horizons", type=click.IntRange(min=1), multiple=True, help="Default: 1, 4, 8 and 12.")
@click.option("--forecaster", "forecasters", multiple=True, metavar="NAME", help="Default: all.")
@click.option("--measures", is_flag=True, help="Also score measures and stress losses, and how often intervals cover.")
@click.option("--leak-test", "leaks", is_flag=True, help="Also test that what comes after an origin changes nothing.")
@click.option("--events", is_flag=True, help="Also Terra, FTX and SVB, everything fitted before them.")
@click.option("--null-world", is_flag=True, help="Also the same table on a world in which there is no skill to be had.")
@click.option("--ablations", is_flag=True, help="Also the model with something left out, to see what it is worth.")
@click.option("--seeds", type=click.IntRange(min=0), help="Also train so many seeds; mean and range. With --all: 3.")
@click.option("--all", "everything", is_flag=True, help="All of these.")
@click.option("--fresh", is_flag=True, help="Compute finished parts again.")
@click.option("--out", type=FileName(path_type=Path, file_okay=False), help="Folder for the report: HTML and JSON.")
@click.option("--keep", is_flag=True, help="Also keep it beside the weights, where the Skill page reads it.")
@click.pass_obj
def evaluate(
    ctx: Context, /, bases: tuple[Basis, ...], horizons: tuple[int, ...], forecasters: tuple[str, ...], *,
    everything: bool, out: Path | None, keep: bool, seeds: int | None, fresh: bool, **sections: bool,
) -> None:  # fmt: skip
    """Score forecasters on the hold-out, persistence first; prints what is true, good or bad.

    On screen stand persistence, the best baseline and what is served; `--json` and `--out` give every forecaster.

    A run that was killed goes on where it was when the same command is given again.
    """
    from dexposure_core.pipeline.evaluation import kept, words
    from dexposure_core.pipeline.evaluation.report import write_evaluation
    from dexposure_core.pipeline.forecasting import model_card
    from dexposure_core.pipeline.forecasting.evaluate import Extras
    from dexposure_core.pipeline.forecasting.evaluate import evaluate as run

    kept.check(forecasters) if keep else None
    store = ctx.open()
    extras = Extras(**{name: asked or everything for name, asked in sections.items()})
    with ctx.progress(" origins") as progress:
        document = run(
            store, forecasters=forecasters or None, bases=bases or None, horizons=horizons or None, progress=progress,
            extras=replace(extras, seeds=SEEDS * everything if seeds is None else seeds, fresh=fresh),
        )  # fmt: skip
    paths = [*write_evaluation(out, document)] if out else []
    paths += [kept.keep(document, store), model_card.refresh(document["rows"])] if keep else []

    def lines() -> Iterator[str]:
        yield from columns(words.HEADER, words.lines(document["rows"]))
        for leak in document["leak_test"]:
            said = "passed" if leak["passed"] else f"FAILED: {leak['changed']} changed with the future"
            yield f"leak test, {leak['basis']} basis, {leak['forecaster']}: {said}"
        yield from words.summary(document["standings"])
        yield from (f"note: {note}" for note in document["notes"])
        yield from (f"wrote {path}" for path in paths)

    ctx.show(document, lines)
