"""`dexposure stress all-failures`, `montecarlo` and `reverse`: what many shocks say of the system."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
import polars as pl

from dexposure_core.cli.context import Context, basis_option, chain_option, columns, date_option, pick_date
from dexposure_core.cli.stress_terms import terms_of, terms_options, told
from dexposure_core.pipeline.numbers import percent, usd
from dexposure_core.pipeline.stress.failure_history import CENTRAL_SHARE

if TYPE_CHECKING:
    import datetime as dt

    from dexposure_core.network import Basis
    from dexposure_core.pipeline.stress.terms import Terms
    from dexposure_core.store import Store


@click.command("all-failures")
@date_option
@basis_option
@terms_options
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="Protocols on a terminal.")
@click.option("--history", type=click.IntRange(min=2), metavar="N",
              help="Also of N snapshots, each fourth one back in time: who is too central.")  # fmt: skip
@chain_option
@click.pass_obj
def all_failures(
    ctx: Context, /, date: str | None, basis: Basis, top: int, history: int | None, chains: tuple[str, ...],
    **given: Any,
) -> None:  # fmt: skip
    """Each protocol fails in turn: who matters most to the others, and who is hurt most often."""
    from dexposure_core.pipeline.stress.many import failures

    store, terms = ctx.open_lens(chains), terms_of(given)
    on = pick_date(store, date, basis)
    with ctx.progress(" protocols") as progress:
        table = failures(store, on, basis, terms, progress=progress)
    rows = [{"id": row.pop("protocol"), **row} for row in table.fill_nan(None).to_dicts()]
    past = {} if history is None else _past(ctx, store, on, basis, terms, history)

    def lines() -> Iterator[str]:
        yield f"{terms.rule} on {on} ({basis} basis): what each protocol's failure costs the others"
        yield from columns(
            ["protocol", "others lose", "of system TVL", "hurt", "loses on average", "threats"],
            [[r["name"], usd(r["impact_usd"]), percent(r["impact_share"]), f"{r['hurt']:,}",
              percent(r["vulnerability"]), f"{r['threats']:,}"] for r in rows[:top]],
        )  # fmt: skip

        if past:
            yield f"too central: {percent(CENTRAL_SHARE)} of system TVL or more in three quarters of the snapshots"
            yield from columns(
                ["protocol", "snapshots", "on average", "now"],
                [[r["name"], f"{r['times']} of {r['snapshots']}", percent(r["mean_share"]), percent(r["last_share"])]
                 for r in past["too_central"]],
            )  # fmt: skip

    ctx.show(told(store, on, basis, terms) | {"protocols": rows} | past, lines)


def _past(ctx: Context, store: Store, date: dt.date, basis: Basis, terms: Terms, count: int) -> dict[str, Any]:
    from dexposure_core.pipeline.stress.failure_history import failure_history, too_central

    with ctx.progress(" snapshots") as progress:
        past = failure_history(store, date, basis, terms, snapshots=count, progress=progress)
    told_of = past.with_columns(pl.col("date").cast(pl.String)).fill_nan(None).to_dicts()
    return {"history": told_of, "too_central": too_central(past).fill_nan(None).to_dicts()}


@click.command()
@date_option
@basis_option
@terms_options
@click.option("--draws", type=click.IntRange(100, 1_000_000), default=1_000, show_default=True, help="Drawn shocks.")
@click.option("--horizon", type=click.IntRange(1, 104), default=4, show_default=True, help="Snapshots ahead.")
@click.option("--confidence", type=click.FloatRange(0.5, 1, max_open=True), default=0.99, show_default=True,
              help="Of value at risk and expected shortfall.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Of the random numbers.")
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="Protocols on a terminal.")
@chain_option
@click.pass_obj
def montecarlo(
    ctx: Context, /, date: str | None, basis: Basis, draws: int, horizon: int, confidence: float, seed: int, top: int,
    chains: tuple[str, ...], **given: Any,
) -> None:  # fmt: skip
    """Thousands of drawn shocks: value at risk, expected shortfall and who they come from."""
    from dexposure_core.pipeline.stress.many import drawn

    store, terms = ctx.open_lens(chains), terms_of(given)
    on = pick_date(store, date, basis)
    with ctx.progress(" draws") as progress:
        found = drawn(store, on, basis, terms, draws=draws, seed=seed, confidence=confidence, horizon=horizon,
                      progress=progress)  # fmt: skip
    d = found.json()

    def lines() -> Iterator[str]:
        yield f"{terms.rule} on {on} ({basis} basis), {draws:,} draws, {horizon} snapshots ahead, seed {seed}"
        for name, key in (("mean loss", "mean"), (f"value at risk {confidence:g}", "var"),
                          (f"expected shortfall {confidence:g}", "expected_shortfall")):  # fmt: skip
            yield f"{name}: {usd(d[f'{key}_usd'])} (standard error {usd(d[f'{key}_se_usd'])})"
        yield (
            f"factors per snapshot, from {d['factors']['weeks']} steps: market {percent(d['factors']['market'])}, "
            + (
                "; ".join(
                    f"{n} {percent(x['sector'])}, own {percent(x['own'])}" for n, x in d["factors"]["sectors"].items()
                )
            )
        )
        parts: Sequence[tuple[str, Any]] = (("sector", d["sectors"]), ("protocol", d["protocols"][:top]))
        for kind, rows in parts:
            name = "sector" if kind == "sector" else "name"
            yield from columns(
                [kind, "of expected shortfall", "share"],
                [[r[name], usd(r["contribution_usd"]), percent(r["share"])] for r in rows],
            )

    ctx.show(told(store, on, basis, terms) | {"seed": seed} | d, lines)


@click.command()
@date_option
@basis_option
@terms_options
@click.option("--loss-usd", type=click.FloatRange(0, min_open=True), help="The loss to reach, USD.")
@click.option("--loss-share", type=click.FloatRange(0, 1, min_open=True), help="The same as a share of system TVL.")
@click.option("--over", type=click.Choice(["protocols", "sectors", "tokens"]), default="protocols", show_default=True,
              help="What may lose value.")  # fmt: skip
@chain_option
@click.pass_obj
def reverse(
    ctx: Context, /, date: str | None, basis: Basis, loss_usd: float | None, loss_share: float | None, over: Any,
    chains: tuple[str, ...], **given: Any,
) -> None:  # fmt: skip
    """The smallest shock that costs the system a given loss, with how far from the optimum it can be at most."""
    from dexposure_core.pipeline.stress.many import smallest

    store, terms = ctx.open_lens(chains), terms_of(given)
    on = pick_date(store, date, basis)
    found = smallest(store, on, basis, terms, loss_usd=loss_usd, loss_share=loss_share, over=over)
    names = dict(store.protocols().select("protocol", "name").iter_rows()) if over == "protocols" else {}
    shock = [
        {"id": each.name, "name": names.get(each.name, each.name), "share": share, "usd": share * each.value_usd}
        for each, share in found.shock
    ]
    bound = None if math.isnan(found.bound_usd) else found.bound_usd
    gap = None if math.isnan(found.gap) else found.gap
    document = told(store, on, basis, terms) | {
        "over": over, "reached": found.reached, "cost_usd": found.cost_usd, "loss_usd": found.loss_usd,
        "bound_usd": bound, "gap": gap, "shock": shock,
    }  # fmt: skip

    def lines() -> Iterator[str]:
        if not found.reached:
            yield f"No shock over {over} reaches it: everything lost costs {usd(found.loss_usd)}"
            return
        sure = "no bound is known for this rule" if gap is None else f"at most {percent(gap)} above the optimum"
        yield f"{terms.rule} on {on} ({basis} basis): {usd(found.cost_usd)} lost by {len(shock)} {over} cost " + (
            f"{usd(found.loss_usd)} in all ({sure})"
        )
        largest = sorted(shock, key=lambda row: -row["usd"])[:20]
        yield from columns(
            [over, "loses", "of its value"], [[r["name"], usd(r["usd"]), percent(r["share"])] for r in largest]
        )

    ctx.show(document, lines)
