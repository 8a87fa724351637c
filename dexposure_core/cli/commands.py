"""The table of commands: name, where it lives and one line of help; nothing is imported until it is called."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Final, NamedTuple

import click

from dexposure_core import __version__
from dexposure_core.cli.context import Context, FilePath


class Entry(NamedTuple):
    """One command: its name, `module:function` and the help line shown in lists."""

    name: str
    place: str
    help: str


COMMANDS: Final[tuple[Entry, ...]] = (
    Entry("serve", "serve:serve", "Open the dashboard."),
    Entry("health", "health:health", "Is the dashboard up, and does the store open?"),
    Entry("import", "imports:imports", "Load your own data: published, defillama, holdings or edges."),
    Entry("fetch", "fetch:fetch", "Download what is published: defillama or huggingface."),
    Entry("simulate", "imports:simulate", "Build the simulated world."),
    Entry("build", "imports:build", "Rebuild a vintage from its holdings with other choices."),
    Entry("tokens", "tokens:tokens", "Who issues each token: list, review, override, compare."),
    Entry("vintages", "read:vintages", "List the vintages of the store."),
    Entry("compare", "compare:compare", "What was revised between two vintages, and by how much."),
    Entry("dates", "read:dates", "List the snapshot dates of a vintage."),
    Entry("measure", "read:measure", "Every measure on one date."),
    Entry("importance", "read:importance", "Systemic importance of every protocol on one date."),
    Entry("spillover", "read:spillover", "Exposure between sectors on one date."),
    Entry("chains", "chains:chains", "Chains: sizes, concentration, exposure by chain, bridges."),
    Entry("stress", "stress:stress", "Losses after a shock to protocols or tokens."),
    Entry("alerts", "alerts:alerts", "What is out of the ordinary on one date; acknowledge it."),
    Entry("train", "models:train", "Train the forecaster on a vintage."),
    Entry("forecast", "models:forecast", "Forecast the network some weeks ahead, then measure it."),
    Entry("evaluate", "models:evaluate", "Score forecasters on the hold-out weeks."),
    Entry("report", "outputs:report", "One date in one document, or as a briefing in HTML or PDF."),
    Entry("export", "outputs:export", "Write a table of the vintage to CSV or Parquet, with its provenance."),
    Entry("check", "check:check", "Check a vintage: files, sums, units, jumps, gaps, symbols, coverage."),
    Entry("calibrate", "calibrate:calibrate", "Put a vintage beside the published figures of the real dataset."),
    Entry("bench", "bench:bench", "Measure speed and memory on this machine."),
)


class LazyGroup(click.Group):
    """A click group that imports a command's module only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        del ctx
        return [entry.name for entry in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command, or None when there is none of that name."""
        del ctx
        for entry in COMMANDS:
            if entry.name == cmd_name:
                module, function = entry.place.split(":")
                command = getattr(importlib.import_module(f"dexposure_core.cli.{module}"), function)
                return command if isinstance(command, click.Command) else None
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.help) for entry in COMMANDS])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--store",
    type=FilePath,
    metavar="DIR",
    help="Folder of vintages. Default: your own store, else the embedded dataset.",
)
@click.option("--vintage", metavar="ID", help="Vintage to read. Default: the latest.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output, nothing else.")
@click.option("--quiet", is_flag=True, help="No progress bars and no notes.")
@click.version_option(__version__, prog_name="dexposure")
@click.pass_context
def dexposure(ctx: click.Context, store: Path | None, vintage: str | None, as_json: bool, quiet: bool) -> None:
    """Measure, stress and forecast credit exposure between DeFi protocols."""
    ctx.obj = Context(store=store, vintage=vintage, as_json=as_json, quiet=quiet)
