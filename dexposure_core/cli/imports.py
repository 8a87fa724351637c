"""Commands that make a vintage: import your own data, simulate a world, rebuild with other choices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dexposure_core.cli.context import Context, FilePath
from dexposure_core.errors import BadOption
from dexposure_core.pipeline.numbers import usd

if TYPE_CHECKING:
    from dexposure_core.sources.duplicates import Duplicates
    from dexposure_core.sources.feed import Frequency

frequency_option = click.option(
    "--frequency", type=click.Choice(["week", "day", "month"]), default="week", show_default=True,
    help="How often to take a snapshot.",
)  # fmt: skip
column_option = click.option(
    "--column", "columns", multiple=True, metavar="NAME=FILECOLUMN", help="The file calls column NAME something else.",
)  # fmt: skip
chains_option = click.option(
    "--chains", default="default", show_default=True, metavar="WHICH",
    help="default (without borrowed), all, borrowed, or names of chains separated by commas.",
)  # fmt: skip
overrides_option = click.option(
    "--overrides", type=FilePath, help="CSV: token, issuer, note (see `tokens review`); wins over everything else."
)
engine_option = click.option(
    "--engine", default="local", show_default=True, metavar="local|spark", help="Where the weeks are computed.",
)  # fmt: skip
onto_option = click.option(
    "--onto", metavar="ID|latest", help="Add to this vintage: its other dates stay, only what changed is computed."
)
duplicates_option = click.option(
    "--duplicates", type=click.Choice(["refuse", "sum"]), default="refuse", show_default=True,
    help="What to do with repeated rows.",
)  # fmt: skip


@click.group(name="import")
def imports() -> None:
    """Load your own data into a new vintage; the old ones stay as they are."""


@imports.command()
@click.argument("file", type=FilePath)
@click.option("--meta", type=FilePath, help="meta_df.csv with id, name, category.")
@click.option("--mapping", type=FilePath, help="Folder with id_to_info.json, rev_map.json, token_to_protocol.json.")
@overrides_option
@click.pass_obj
def published(ctx: Context, file: Path, meta: Path | None, mapping: Path | None, overrides: Path | None) -> None:
    """Import the published DeXposure JSON, of any size."""
    from dexposure_core.pipeline.building.ingest import ingest_published

    with ctx.progress(" weeks") as progress:
        vintage = ingest_published(
            file, ctx.writing_dir(), meta=meta, mapping=mapping, overrides=overrides, progress=progress
        )
    tell(ctx, vintage)


@imports.command()
@click.argument("files", type=FilePath, nargs=-1, required=True)
@frequency_option
@chains_option
@overrides_option
@onto_option
@click.pass_obj
def defillama(
    ctx: Context, files: tuple[Path, ...], frequency: Frequency, chains: str, overrides: Path | None, onto: str | None
) -> None:
    """Import saved /protocol/{slug} answers of DefiLlama."""
    from dexposure_core.pipeline.building.ingest import ingest_defillama

    with ctx.progress(" periods") as progress:
        vintage = ingest_defillama(
            files, ctx.writing_dir(), frequency=frequency, chains=chains, overrides=overrides, onto=onto,
            progress=progress,
        )  # fmt: skip
    tell(ctx, vintage)


@imports.command()
@click.argument("file", type=FilePath)
@frequency_option
@chains_option
@column_option
@duplicates_option
@click.option("--date", metavar="YYYY-MM-DD", help="The day of every row, when the file has no date column.")
@click.option("--protocols", type=FilePath, help="CSV: protocol_id, name, category, sector, symbol, tvl_usd.")
@click.option("--tokens", type=FilePath, help="CSV: token, issuer (a protocol_id): the input's own mapping.")
@overrides_option
@onto_option
@engine_option
@click.pass_obj
def holdings(
    ctx: Context, file: Path, frequency: Frequency, chains: str, columns: tuple[str, ...], duplicates: Duplicates,
    date: str | None, protocols: Path | None, tokens: Path | None, overrides: Path | None, onto: str | None,
    engine: str,
) -> None:  # fmt: skip
    """Import holdings from CSV or Parquet: date, protocol_id, chain, token, quantity (optional), value_usd."""
    from dexposure_core.pipeline.building.ingest import ingest_holdings

    with ctx.progress(" periods") as progress:
        vintage = ingest_holdings(
            file, ctx.writing_dir(), frequency=frequency, chains=chains, columns=pairs(columns), duplicates=duplicates,
            date=date, protocols=protocols, tokens=tokens, overrides=overrides, onto=onto, engine=engine,
            progress=progress,
        )  # fmt: skip
    tell(ctx, vintage)


@imports.command()
@click.argument("file", type=FilePath)
@click.option("--nodes", type=FilePath, help="CSV or Parquet: date, protocol_id, tvl_usd, sector.")
@column_option
@duplicates_option
@click.pass_obj
def edges(ctx: Context, file: Path, nodes: Path | None, columns: tuple[str, ...], duplicates: Duplicates) -> None:
    """Import any exposure network from CSV or Parquet: date, creditor, debtor, exposure_usd."""
    from dexposure_core.pipeline.building.ingest import ingest_edges

    with ctx.progress(" periods") as progress:
        vintage = ingest_edges(
            file, ctx.writing_dir(), nodes=nodes, columns=pairs(columns), duplicates=duplicates, progress=progress
        )
    tell(ctx, vintage)


@click.command()
@click.option("--scale", default="demo", show_default=True, metavar="demo|full|NUMBER", help="Size of the world.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed. Default: the one of the embedded dataset.")
@click.option("--independent", is_flag=True, help="A null world: prices and quantities move independently over time.")
@click.pass_obj
def simulate(ctx: Context, scale: str, seed: int | None, independent: bool) -> None:
    """Build the simulated world: the embedded dataset when scale and seed are left as they are."""
    from dexposure_core.pipeline.building.ingest import ingest_independent, ingest_world

    if independent and scale != "demo":
        raise BadOption("--independent: the null world has one size; leave --scale out")
    with ctx.progress(" weeks") as progress:
        if independent:
            vintage = ingest_independent(ctx.writing_dir(), seed=seed, progress=progress)
        else:
            vintage = ingest_world(ctx.writing_dir(), scale=scale, seed=seed, progress=progress)
    tell(ctx, vintage)


@click.command()
@chains_option
@click.option("--tokens", type=FilePath, help="CSV: token, issuer (a protocol_id): the input's own mapping.")
@overrides_option
@engine_option
@click.pass_obj
def build(ctx: Context, chains: str, tokens: Path | None, overrides: Path | None, engine: str) -> None:
    """Rebuild networks and measures from a vintage's holdings with other choices, as a new vintage."""
    from dexposure_core.pipeline.building.ingest import ingest_store

    with ctx.progress(" periods") as progress:
        vintage = ingest_store(
            ctx.open(), ctx.writing_dir(), chains=chains, tokens=tokens, overrides=overrides, engine=engine,
            progress=progress,
        )  # fmt: skip
    tell(ctx, vintage)


def pairs(texts: tuple[str, ...]) -> dict[str, str]:
    """Read `NAME=FILECOLUMN` options into a mapping.

    Raises:
        BadOption: when one of them has no '='.
    """
    for text in texts:
        if "=" not in text:
            raise BadOption(f"--column '{text[:60]}': write NAME=FILECOLUMN, like creditor=holder")
    return {name: column for name, _, column in (text.partition("=") for text in texts)}


def tell(ctx: Context, vintage: str, more: Mapping[str, Any] | None = None) -> None:
    """Say what was published and how its USD reconcile; `more` joins the JSON document."""
    from dexposure_core.pipeline.building.summary import summary
    from dexposure_core.store import open_store

    document = {**summary(open_store(ctx.writing_dir(), vintage)), **(more or {})}

    def lines() -> Iterator[str]:
        yield f"published vintage {vintage} in {ctx.writing_dir()}"
        if document["simulated"]:
            yield "SIMULATED data"
        if update := document["update"]:
            shared = f"{update['linked']} of {update['files']} files are its own"
            yield f"added to {update['base']}: {shared}" + (f", {update['copied']} copied" if update["copied"] else "")
        yield f"{document['dates']['count']} snapshots, {document['dates']['first']} to {document['dates']['last']}"
        coverage = document["coverage"]
        mapped, dropped = usd(coverage["mapped_usd"]), usd(coverage["dropped_usd"])
        yield f"in: {usd(coverage['in_usd'])} = mapped {mapped} + dropped {dropped}"
        for reason, amount in coverage["dropped"].items():
            yield f"  dropped, {reason}: {usd(amount)}"
        for finding in document["findings"]:
            yield f"  {finding['severity']}: {finding['finding']}, {finding['rows']:,} rows: {finding['action']}"

    ctx.show(document, lines)
