"""`dexposure bench`: what this machine needs for the work of a week."""

from __future__ import annotations

from collections.abc import Iterator

import click

from dexposure_core.cli.context import Context, columns


@click.command()
@click.option("--weeks", type=click.IntRange(1), default=8, show_default=True, help="Weeks of the generated file.")
@click.option("--nodes", type=click.IntRange(10), default=10_500, show_default=True, help="Protocols a week.")
@click.option("--links", type=click.IntRange(10), default=73_500, show_default=True, help="Links a week.")
@click.option("--repeat", type=click.IntRange(1), default=3, show_default=True, help="Runs; the median is shown.")
@click.pass_obj
def bench(ctx: Context, weeks: int, nodes: int, links: int, repeat: int) -> None:
    """Generate a published file of the given size, then time import, report and reads on it."""
    from dexposure_core.pipeline.bench import bench as run

    with ctx.progress(" runs") as progress:
        document = run(weeks=weeks, nodes=nodes, links=links, repeat=repeat, progress=progress)

    def lines() -> Iterator[str]:
        yield f"{document['file_mb']:.1f} MB published JSON: {weeks} weeks × {nodes:,} nodes × {links:,} links"
        rows = [
            [r["task"], f"{r['seconds']:.3f} s", "" if r["peak_mb"] is None else f"{r['peak_mb']:.0f} MB",
             "" if r["versus_paper_tool"] is None else f"{r['versus_paper_tool']:.1f}× faster"]
            for r in document["rows"]
        ]  # fmt: skip
        yield from columns(["task", "median", "peak memory", "against the paper's tool"], rows)

    ctx.show(document, lines)
