"""`dexposure stress`: who loses what after a shock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from dexposure_core.cli.context import Context, basis_option, chain_option, columns, date_option, fractions, pick_date
from dexposure_core.errors import BadOption
from dexposure_core.pipeline.numbers import percent, usd

if TYPE_CHECKING:
    from dexposure_core.network import Basis


@click.command()
@date_option
@basis_option
@click.option("--scenario", metavar="NAME", help="A standard scenario: top-1, top-5 or bridges.")
@click.option("--protocol", "protocols", multiple=True, metavar="ID=FRACTION", help="This protocol loses that share.")
@click.option("--token", "tokens", multiple=True, metavar="SYMBOL=FRACTION", help="This token loses that share.")
@click.option("--rule", default="linear-debtrank", show_default=True, metavar="NAME", help="Contagion rule.")
@click.option("--absorbing-fraction", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True,
              help="Share of TVL that absorbs losses.")  # fmt: skip
@click.option("--pass-through", type=click.FloatRange(0, 1), default=1.0, show_default=True,
              help="Share of a protocol's distress that its tokens pass on.")  # fmt: skip
@click.option("--top", type=click.IntRange(min=1), default=15, show_default=True, help="Losers shown on a terminal.")
@chain_option
@click.pass_obj
def stress(
    ctx: Context, date: str | None, basis: Basis, scenario: str | None, protocols: tuple[str, ...],
    tokens: tuple[str, ...], rule: str, absorbing_fraction: float, pass_through: float, top: int,
    chains: tuple[str, ...],
) -> None:  # fmt: skip
    """Losses after a shock: a standard scenario, protocols, tokens, or a mix of the latter two."""
    from dexposure_core.pipeline.stress import stress as run

    if (scenario is None) == (not protocols and not tokens):
        raise BadOption(
            "Say what breaks: either --scenario NAME, or --protocol ID=FRACTION and/or --token SYMBOL=FRACTION"
        )
    store = ctx.open_lens(chains)
    result = run(
        store, pick_date(store, date, basis), basis, scenario=scenario,
        protocols=fractions("--protocol", protocols) or None, tokens=fractions("--token", tokens) or None,
        rule=rule, absorbing_fraction=absorbing_fraction, pass_through=pass_through,
    )  # fmt: skip
    document = result.json()

    def lines() -> Iterator[str]:
        yield f"{document['rule']} on {document['date']} ({basis} basis): {usd(document['total_usd'])} lost, " + (
            f"{percent(document['loss_fraction'])} of system TVL ({usd(document['direct_usd'])} at once, "
            f"{usd(document['induced_usd'])} by contagion, {document['rounds']} rounds"
            f"{'' if document['converged'] else ', NOT converged'})"
        )
        names = {p["id"]: p.get("name", p["id"]) for p in document["protocols"]}
        losers = sorted(document["protocols"], key=lambda p: -(p["loss_usd"] or 0))[:top]
        yield from columns(["protocol", "loss"], [[names[p["id"]], usd(p["loss_usd"])] for p in losers])

    ctx.show(document, lines)
