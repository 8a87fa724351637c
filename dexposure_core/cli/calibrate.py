"""The command that puts a vintage beside the real dataset: calibrate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from dexposure_core.cli.context import Context, columns
from dexposure_core.pipeline.numbers import UNDEFINED, percent

if TYPE_CHECKING:
    from dexposure_core.pipeline.calibrate import Row


@click.command()
@click.pass_obj
def calibrate(ctx: Context) -> None:
    """Put a vintage beside the published figures of the real dataset, each with its distance."""
    from dexposure_core.pipeline.calibrate import calibrate as run

    store = ctx.open()
    with ctx.progress(" weeks") as progress:
        report = run(store, progress=progress)

    def lines() -> Iterator[str]:
        yield f"vintage {report.vintage}: {report.near} of {report.compared} figures within 15 % of the real ones"
        yield from columns(["figure", "real", "here", "distance", ""], [_line(row) for row in report.rows])

    ctx.show(report.json(), lines)


def _line(row: Row) -> list[str]:
    from dexposure_core.pipeline.calibrate.page import UNITS

    write, truth = UNITS[row.figure.unit], row.real
    low, high = (truth.low, truth.high) if truth else (None, None)
    span = write(low) if low == high else f"{write(low)} to {write(high)}"
    told = row.figure.series.split(",")[0] if row.figure.series else span if low is not None else "not published"
    here = write(row.here.value) if row.here.value is not None else UNDEFINED
    far = percent(row.distance, sign=True) if row.distance is not None else ""
    return [row.figure.title, told, here, far, "near" if row.within else ""]
