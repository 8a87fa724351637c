"""Commands about token → issuer: the list, what to review and why, what overrides change, how another map differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from dexposure_core.cli.context import Context, FilePath, columns
from dexposure_core.errors import BadOption
from dexposure_core.pipeline.numbers import count, number, percent, usd

if TYPE_CHECKING:
    import polars as pl

limit_option = click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Rows at most.")


@click.group()
def tokens() -> None:
    """Who issues each token: list it, review what is doubtful, override it, compare it."""


@tokens.command(name="list")
@click.option("--method", metavar="NAME", help="Only tokens mapped by this method.")
@limit_option
@click.pass_obj
def list_(ctx: Context, method: str | None, limit: int) -> None:
    """Every token with its issuer, the largest first, and the share of the USD that each method mapped."""
    from dexposure_core.pipeline.tokens.doubtful import listing, mapped

    store = ctx.open()
    rows, how = listing(store, method=method, limit=limit), mapped(store)
    document = {
        "vintage": store.vintage, "tokens": rows.to_dicts(), "methods": how.methods.to_dicts(),
        "doubtful_share": how.doubtful_share, "doubtful_tokens": how.doubtful_tokens, "overridden": how.overridden,
    }  # fmt: skip

    def lines() -> Iterator[str]:
        yield from _table(rows, ["token", "usd", "issuer_name", "method", "score"])
        yield ""
        shares = [[m["method"], str(m["tokens"]), usd(m["usd"]), percent(m["share"])] for m in how.methods.to_dicts()]
        yield from columns(["method", "tokens", "mapped per snapshot", "share"], shares)
        yield f"doubtful: {how.doubtful_tokens} tokens, {percent(how.doubtful_share)} of all tokens' USD"

    ctx.show(document, lines)


@tokens.command()
@limit_option
@click.option("--all", "everything", is_flag=True, help="Also tokens that nothing is known about (own issuers).")
@click.option("--out", type=FilePath, help="Write the list as an override file to edit (.csv), every row.")
@click.pass_obj
def review(ctx: Context, limit: int, everything: bool, out: Path | None) -> None:
    """Tokens whose issuer is doubtful, those with the most USD at stake first."""
    from dexposure_core.pipeline.tokens import doubtful as pipeline

    store = ctx.open()
    if out is not None:
        written = pipeline.write_review(store, out, everything=everything)
        how = "write yes in the column decided of the rows to keep or change, then build --overrides"
        ctx.show(
            {"vintage": store.vintage, "out": str(out), "rows": written},
            lambda: iter([f"{written} tokens to {out}: {how}"]),
        )
        return
    rows, how_much = pipeline.review(store, limit, everything=everything), pipeline.mapped(store)
    document = {
        "vintage": store.vintage, "tokens": rows.to_dicts(),
        "doubtful_share": how_much.doubtful_share, "doubtful_tokens": how_much.doubtful_tokens,
    }  # fmt: skip

    def lines() -> Iterator[str]:
        if rows.is_empty():
            yield "no token with a doubtful issuer"
            return
        yield from _table(rows, ["token", "usd", "issuer_name", "method", "doubt", "reason", "alternatives"])
        yield f"{how_much.doubtful_tokens} doubtful tokens, {percent(how_much.doubtful_share)} of all tokens' USD"

    ctx.show(document, lines)


@tokens.command()
@click.argument("symbol")
@click.pass_obj
def show(ctx: Context, symbol: str) -> None:
    """One token: its issuer, why, and what every method says."""
    from dexposure_core.pipeline.tokens.doubtful import shown

    store = ctx.open()
    row, said = shown(store, symbol)

    def lines() -> Iterator[str]:
        issuer = "nobody" if row["issuer"] is None else f"{row['issuer_name']} ({row['issuer']})"
        yield f"{row['token']}: issued by {issuer}; {row['method']}, score {number(row['score'])}; {usd(row['usd'])}"
        yield f"why: {row['reason']}" + (f"; doubtful: {row['doubt']}" if row["doubt"] else "")
        if row["alternatives"]:
            yield f"alternatives: {row['alternatives']}"
        answers = [[a["method"], str(a["name"]), str(a["issuer"]), number(a["score"])] for a in said.to_dicts()]
        yield from columns(["method", "issuer", "id", "score"], answers)

    ctx.show({"vintage": store.vintage, **row, "answers": said.to_dicts()}, lines)


@tokens.command()
@click.argument("file", type=FilePath)
@click.pass_obj
def override(ctx: Context, file: Path) -> None:
    """Check an override file (token, issuer, note) and say what it would change; nothing is written."""
    from dexposure_core.pipeline.building.overriding import proposal

    store = ctx.open()
    found = proposal(store, file)
    document = {
        "vintage": store.vintage, "changes": found.changes.to_dicts(), "issuers": found.issuers.to_dicts(),
        "confirmed": found.confirmed, "unused": found.unused,
    }  # fmt: skip

    def lines() -> Iterator[str]:
        changed = [[c["token"], str(c["issuer"] or "nobody"), str(c["override"] or "nobody"), usd(c["usd"])]
                   for c in found.changes.to_dicts()]  # fmt: skip
        yield from columns(["token", "issuer now", "override", "USD"], changed)
        moved = [[str(m["issuer"] or "nobody"), usd(m["usd"], sign=True)] for m in found.issuers.to_dicts()]
        yield from columns(["issuer", "change"], moved)
        yield f"{found.changes.height} change, {found.confirmed} confirm, {len(found.unused)} meet no token"
        yield f"to apply: dexposure build --overrides {file}"

    ctx.show(document, lines)


_WRITTEN: Final[dict[str, Callable[[Any], str]]] = {
    "usd": lambda value: usd(value or 0.0),
    "score": lambda value: number(value or 0.0),
    "issuer_name": lambda value: value or "nobody",
}


@tokens.command()
@click.option("--mapping", type=FilePath, required=True, help="Folder of the released mapping (three JSON files).")
@click.option("--list", "whole", is_flag=True, help="Map the released list of tokens, in place of a vintage's.")
@click.option("--meta", type=FilePath, help="With --list: CSV with id and category of its protocols.")
@click.option("--symbols", is_flag=True, help="With --list: take rev_map.json as the protocols' metadata.")
@click.option("--weights", type=FilePath, help="With --list: CSV with token and usd. Default: the list's frequency.")
@click.pass_obj
def compare(ctx: Context, mapping: Path, whole: bool, meta: Path | None, symbols: bool, weights: Path | None) -> None:
    """Put our issuers beside the released mapping: agreement by method, and every disagreement by its cause."""
    from dexposure_core.pipeline.tokens.compare import compare_list, compare_vintage

    if not whole and (meta or symbols or weights):
        raise BadOption("--meta, --symbols and --weights go with --list; add it or leave them out")
    found = (
        compare_list(mapping, meta=meta, symbols=symbols, weights=weights)
        if whole
        else compare_vintage(ctx.open(), mapping)
    )
    document = found.document()

    def lines() -> Iterator[str]:
        yield f"{found.what}: {count(document['common'])} tokens in both; {percent(document['share'])} agree"
        yield f"weighted by {found.weight}: {percent(document['weighted'])}"
        yield from _agreement(document["methods"], "method")
        yield ""
        yield from _agreement(document["buckets"], "bucket")
        yield ""
        rows = [[d["cause"], count(d["tokens"]), percent(d["share"]), d["examples"][0]]
                for d in document["disagreements"]]  # fmt: skip
        yield from columns(["why they differ", "tokens", "of all weight", "like (theirs / ours)"], rows)

    ctx.show(document, lines)


def _agreement(rows: list[dict[str, Any]], name: str) -> Iterator[str]:
    cells = [[r[name], count(r["tokens"]), percent(r["share"]), percent(r["weighted"])] for r in rows]
    return columns([name, "tokens", "agree", "weighted"], cells)


def _table(rows: pl.DataFrame, names: list[str]) -> Iterator[str]:
    return columns([name.replace("_name", "") for name in names], [_cells(row, names) for row in rows.to_dicts()])


def _cells(row: dict[str, Any], names: list[str]) -> list[str]:
    return [_WRITTEN.get(name, str)(row[name] or "")[:60] for name in names]
