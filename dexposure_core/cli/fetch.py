"""Commands that talk to the network: fetch what is published, then build a vintage from it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dexposure_core.cli.context import Context, FilePath
from dexposure_core.cli.imports import tell
from dexposure_core.errors import BadOption

if TYPE_CHECKING:
    from dexposure_core.pipeline.building.fetch import Where

base_option = click.option("--base-url", metavar="URL", help="Ask this service instead of the one in the settings.")
raw_option = click.option(
    "--raw", type=FilePath, metavar="DIR", help="Folder for what is fetched. Default: DEXPOSURE_RAW_DIR, else your own."
)
http_option = click.option("--allow-http", is_flag=True, help="Accept a base URL without encryption.")


@click.group()
def fetch() -> None:
    """Download what is published; what was fetched before is not asked for again."""


@fetch.command()
@click.option("--protocols", metavar="A,B,C", help="Only these (slugs or names).")
@click.option("--all", "everything", is_flag=True, help="All protocols that are listed (the default).")
@base_option
@raw_option
@http_option
@click.option("--concurrency", type=click.IntRange(1, 64), metavar="N", help="Requests at once. Default: the setting.")
@click.option("--rate", type=click.FloatRange(0.01, 1000), metavar="PER_SECOND", help="Most requests a second.")
@click.option("--keep-going", is_flag=True, help="Build although protocols failed or changed; they become findings.")
@click.option("--rebuild", is_flag=True, help="Compute every week anew, not only new and revised ones.")
@click.option("--no-build", is_flag=True, help="Only fetch; `dexposure import defillama` builds later, elsewhere.")
@click.pass_obj
def defillama(
    ctx: Context, protocols: str | None, everything: bool, base_url: str | None, raw: Path | None, allow_http: bool,
    concurrency: int | None, rate: float | None, keep_going: bool, rebuild: bool, no_build: bool,
) -> None:  # fmt: skip
    """Fetch the holdings of DeFi protocols from DefiLlama, then build a vintage from all that was fetched."""
    from dexposure_core.pipeline.building import fetch as pipeline

    if protocols is not None and everything:
        raise BadOption("--protocols and --all: say one of the two")
    chosen = None if protocols is None else [name.strip() for name in protocols.split(",") if name.strip()]
    if chosen == []:
        raise BadOption("--protocols: names no protocol; write slugs like aave-v3,lido")
    with ctx.progress(" protocols") as progress:
        done = pipeline.fetch_defillama(
            _where(base_url, raw, allow_http), protocols=chosen, concurrency=concurrency, rate=rate,
            keep_going=keep_going, progress=progress,
        )  # fmt: skip
    for line in _protocols(done):
        ctx.note(line)
    if no_build:
        _finish(ctx, done, [f"dexposure import defillama {shlex.quote(done['raw'])}"])
        return
    with ctx.progress(" periods") as progress:
        vintage, built = pipeline.build_defillama(
            Path(done["raw"]), ctx.writing_dir(), rebuild=rebuild, progress=progress
        )
    if built["base"]:
        weeks = f"{len(built['added'])} weeks added, {len(built['revised'])} revised, {built['kept']} kept"
        ctx.note(f"updated vintage {built['base']}: {weeks}")
    tell(ctx, vintage, {"fetch": done, "weeks": built})


@fetch.command()
@click.option("--repo", metavar="OWNER/NAME", help="Repository. Default: DEXPOSURE_HUGGINGFACE_REPO.")
@click.option("--revision", default="main", show_default=True, metavar="NAME", help="Branch, tag or commit.")
@click.option("--files", multiple=True, metavar="PATTERN", help="Only files whose path or name fits, like '*.json'.")
@base_option
@raw_option
@http_option
@click.option("--anonymous", is_flag=True, help="Ask without a token (for a mirror that needs none).")
@click.option("--build", is_flag=True, help="Import the largest of the files at once.")
@click.pass_obj
def huggingface(
    ctx: Context, repo: str | None, revision: str, files: tuple[str, ...], base_url: str | None, raw: Path | None,
    allow_http: bool, anonymous: bool, build: bool,
) -> None:  # fmt: skip
    """Fetch the published DeXposure files from the Hugging Face hub (token in HF_TOKEN)."""
    from dexposure_core.pipeline.building import fetch as pipeline

    with ctx.progress(" MB") as progress:
        done = pipeline.fetch_huggingface(
            _where(base_url, raw, allow_http), repo=repo, revision=revision, files=files, anonymous=anonymous,
            progress=progress,
        )  # fmt: skip
    ctx.note(f"{len(done['fetched'])} of {len(done['files'])} files fetched, the others were there: {done['raw']}")
    if not build:
        commands = [f"dexposure import published {shlex.join(arguments)}" for arguments in done["imports"]]
        _finish(ctx, done, commands)
        return
    if not done["imports"]:
        raise BadOption("--build: none of the files is a network; say --files '*.json'")
    with ctx.progress(" weeks") as progress:
        vintage = pipeline.build_published(done["imports"][0], ctx.writing_dir(), progress=progress)
    tell(ctx, vintage, {"fetch": done})


def _where(base_url: str | None, raw: Path | None, allow_http: bool) -> Where:
    from dexposure_core.pipeline.building.fetch import Where

    return Where(base_url=base_url, raw=raw, allow_http=allow_http)


def _protocols(done: dict[str, Any]) -> Iterator[str]:
    """Yield what a run did with its protocols."""
    parts = [f"{done['new']:,} new or changed ({done['bytes'] / 1e6:,.1f} MB)", f"{done['unchanged']:,} unchanged"]
    parts += [f"{done[name]:,} {word}" for name, word in (("resumed", "from before"), ("gone", "gone")) if done[name]]
    yield f"{done['wanted']:,} protocols: {', '.join(parts)}"
    for why in done["failed"].values():
        yield f"  failed: {why}"


def _finish(ctx: Context, done: dict[str, Any], commands: list[str]) -> None:
    """Say what to run next."""

    def lines() -> Iterator[str]:
        yield f"fetched into {done['raw']}"
        for command in commands:
            yield f"build with: {command}"

    ctx.show({**done, "next": commands}, lines)
