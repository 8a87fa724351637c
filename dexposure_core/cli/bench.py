"""`dexposure bench`: what this machine needs for the work of a week, and for the data side at full size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from dexposure_core.cli.context import Context, columns


@click.group(invoke_without_command=True)
@click.option("--weeks", type=click.IntRange(1), default=8, show_default=True, help="Weeks of the generated file.")
@click.option("--nodes", type=click.IntRange(10), default=10_500, show_default=True, help="Protocols a week.")
@click.option("--links", type=click.IntRange(10), default=73_500, show_default=True, help="Links a week.")
@click.option("--repeat", type=click.IntRange(1), default=3, show_default=True, help="Runs; the median is shown.")
@click.pass_context
def bench(click_context: click.Context, weeks: int, nodes: int, links: int, repeat: int) -> None:
    """Generate a published file of the given size, then time import, report and reads on it."""
    if click_context.invoked_subcommand is not None:
        return
    from dexposure_core.pipeline.bench.published import bench as run

    ctx: Context = click_context.obj
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


@bench.command()
@click.option(
    "--scale",
    type=click.FloatRange(0.001, 1),
    default=1.0,
    show_default=True,
    help="Size; 1 is the real dataset's: 43.7 million rows, 1.1 GB of JSON. Takes a quarter of an hour.",
)
@click.option("--engines/--no-engines", default=True, help="Compare the engines too.")
@click.pass_obj
def data(ctx: Context, scale: float, engines: bool) -> None:
    """Time full size: holdings, published JSON, a new week, measures, reads, a forecast, simulation; beside targets."""
    from dexposure_core.pipeline.bench.data import bench_data

    with ctx.progress(" tasks") as progress:
        document = bench_data(scale=scale, engines=engines, progress=progress)
    ctx.show(document, lambda: _data_lines(document))


@bench.command()
@click.option("--protocols", type=click.IntRange(10), default=11_000, show_default=True, help="Of the made-up network.")
@click.option("--exposures", type=click.IntRange(10), default=74_000, show_default=True, help="Of the same.")
@click.pass_obj
def stress(ctx: Context, protocols: int, exposures: int) -> None:
    """Time single scenarios, all single failures, Monte Carlo and a reverse test; beside targets and plain loops."""
    from dexposure_core.pipeline.bench.stress import bench_stress

    with ctx.progress(" tasks") as progress:
        document = bench_stress(protocols=protocols, exposures=exposures, progress=progress)

    def lines() -> Iterator[str]:
        yield f"{document['protocols']:,} protocols, {document['exposures']:,} exposures"
        yield from columns(["task", "wall", "target"], [
            [f["task"], _brief(f["seconds"]), "" if f["target_seconds"] is None else _brief(f["target_seconds"])]
            for f in document["figures"]
        ])  # fmt: skip
        yield f"the engine runs the paper's rule {document['loops_over_engine']:.0f} times as fast as plain loops"

    ctx.show(document, lines)


@bench.command()
@click.option("--sessions", type=click.IntRange(1, 500), default=25, show_default=True, help="Visitors at a time.")
@click.option("--seconds", type=click.FloatRange(1, 600), default=60.0, show_default=True, help="How long they click.")
@click.option(
    "--pause",
    type=click.FloatRange(0, 600),
    default=5.0,
    show_default=True,
    help="Seconds between a page and the next click, on average.",
)
@click.option("--most", type=click.IntRange(1, 100_000), default=20_000, show_default=True, help="Clicks, at most.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of what they click.")
@click.pass_obj
def serve(ctx: Context, sessions: int, seconds: float, pause: float, most: int, seed: int) -> None:
    """Let many visitors click through a dashboard of its own on this machine; errors, times by page, memory."""
    from dexposure_core.pipeline.bench.serve import bench_serve

    store = ctx.open()
    with ctx.progress(" s") as progress:
        document = bench_serve(
            store.path.parent, sessions=sessions, seconds=seconds, pause=pause, most=most, seed=seed, progress=progress
        )
    ctx.show(document, lambda: _serve_lines(document))


def _serve_lines(document: dict[str, Any]) -> Iterator[str]:
    d, memory = document, document["memory_mb"]
    yield f"{d['clicks']:,} clicks of {d['sessions']} visitors in {d['seconds']:g} s, {d['failed']} failed"
    yield f"processor time of the server: {1000 * d['processor_s'] / max(1, d['clicks']):.0f} ms a click"
    yield from (f"error: {error}" for error in d["errors"])
    rows = [[p["page"] or "(no page)", f"{p['clicks']:,}", *_times(p)] for p in d["pages"]]
    rows.append(["all", f"{d['clicks']:,}", *_times(d)])
    rows.append(["target", "", _seconds(d["median_target_s"]), _seconds(d["p95_target_s"]), ""])
    yield from columns(["page", "clicks", "median", "95 % within", "longest"], rows)
    yield "memory of the server, MB: " + ", ".join(f"{name} {memory[name]:,.0f}" for name in memory)


def _times(figures: dict[str, Any]) -> list[str]:
    return ["none" if figures[name] is None else _seconds(figures[name]) for name in ("median_s", "p95_s", "max_s")]


def _brief(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else _seconds(seconds)


def _data_lines(document: dict[str, Any]) -> Iterator[str]:
    yield f"{document['rows']:,} rows of holdings, {document['published_mb']:.0f} MB of published JSON"
    header = ["task", "size", "wall", "processor", "peak", "at full size", "target"]
    yield from columns(header, [
        [f["task"], f["size"], _seconds(f["seconds"]), _seconds(f["cpu_seconds"]), f"{f['peak_mb']:,.0f} MB",
         "" if f["full_seconds"] is None else _seconds(f["full_seconds"]), _target(f)]
        for f in document["figures"]
    ])  # fmt: skip
    for e in document["engines"]:
        yield f"engine {e['engine']}: {e['seconds_per_million']:.2f} s per million rows ({_seconds(e['seconds'])})"


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _target(figure: dict[str, Any]) -> str:
    limits = [_seconds(figure["target_seconds"])] if figure["target_seconds"] is not None else []
    if figure["target_mb"] is not None:
        limits.append(f"{figure['target_mb']:,.0f} MB")
    return ", ".join(limits) or "none"
