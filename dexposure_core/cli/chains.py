"""`dexposure chains`: which chains carry the system, and what ties them together."""

from __future__ import annotations

from collections.abc import Iterator

import click

from dexposure_core.cli.context import Context, columns, date_option, pick_date
from dexposure_core.pipeline.numbers import number, percent, usd


@click.command()
@date_option
@click.option("--top", type=click.IntRange(min=1), default=12, show_default=True, help="Chains named in the matrices.")
@click.pass_obj
def chains(ctx: Context, date: str | None, top: int) -> None:
    """Chains on one date: sizes, concentration, exposure by chain and sector, bridges and wrapped tokens."""
    from dexposure_core.pipeline.chains.report import chain_report

    store = ctx.open()
    document = chain_report(store, pick_date(store, date, "holdings"), limit=top)
    today = document["concentration"]

    def lines() -> Iterator[str]:
        yield (
            f"{document['date']}: {today['chains']} chains, HHI {number(today['hhi'])}, the five largest hold "
            f"{percent(today['top5_share'])} of {usd(today['tvl_usd'])}; borrowed {usd(today['borrowed_usd'])}"
        )
        rows = [
            [c["chain"], usd(c["tvl_usd"]), percent(c["share"]), str(c["protocols"]), usd(c["exposure_usd"]),
             percent(c["bridge_loss_share"])]
            for c in document["chains"][:top]
        ]  # fmt: skip
        yield from columns(["chain", "TVL", "share", "protocols", "exposure", "lost if all bridges fail"], rows)
        rows = [
            [t["issuer_name"], t["kind"], usd(t["held_usd"]), str(t["chains"]), t["main_chain"], usd(t["loss_usd"])]
            for t in document["ties"][:top]
        ]
        yield from columns(["tie", "kind", "held", "chains", "most on", "creditors lose at once"], rows)

    ctx.show(document, lines)
