"""Many shocks at once on the Contagion page: each protocol in turn, drawn shocks, the smallest shock."""

from __future__ import annotations

import math
from typing import Final

import polars as pl
import streamlit as st

from dexposure_core.errors import DexposureError
from dexposure_core.pipeline.stress.failure_history import CENTRAL_SHARE, too_central
from dexposure_core.pipeline.stress.many import OVER, Over
from dexposure_core.pipeline.stress.terms import Terms
from dexposure_core.stress import RULES
from dexposure_core.ui import controls, frame, lookups, resources, text
from dexposure_core.ui.charts import losses
from dexposure_core.ui.output import export
from dexposure_core.ui.output.provenance import Provenance
from dexposure_core.ui.shocks import lab_lookups
from dexposure_core.ui.shocks.builder import Asked
from dexposure_core.ui.view import HORIZONS, View

_KINDS: Final = {
    "none": "Only this shock",
    "ahead": "This shock later",
    "failures": "Each protocol in turn",
    "draws": "Drawn shocks",
    "smallest": "Smallest shock",
}
DRAWS: Final = 1_000
CONFIDENCE: Final = 0.99
_SHOWN: Final = 25


def draw(view: View, asked: Asked, origin: Provenance) -> None:
    """Draw the choice, and what it asks for, by the rule and the capacity of the page."""
    st.subheader("Beyond this shock", anchor=False)
    kind = controls.choice("many", "What else to ask", list(_KINDS), style="segments", format_func=_KINDS.__getitem__)
    if kind == "none":
        return
    terms = asked.terms
    origin = origin.having(shock=_KINDS[kind].lower())
    try:
        if kind == "ahead":
            _ahead(view, asked, origin)
        else:
            {"failures": _failures, "draws": _draws, "smallest": _smallest}[kind](view, terms, origin)
    except DexposureError as error:
        frame.failure("This cannot be answered here", error)


def every_rule(view: View, asked: Asked, origin: Provenance) -> None:
    """Draw the same shock under every rule and on every basis, as one table."""
    st.subheader("Every rule, on every basis", anchor=False)
    found, notes = lookups.compared(view.data, view.date, asked.shock, asked.terms)
    titles = {rule.name: rule.title for rule in RULES}
    shown = found.select(
        "basis", pl.col("rule").replace_strict(titles, default=None), loss_usd="total_usd", direct_usd="direct_usd",
        induced_usd="induced_usd", share="loss_fraction", hit="hit", distressed="distressed", rounds="rounds",
    )  # fmt: skip
    export.table(
        shown, "every-rule", origin, full=found,
        labels={"loss_usd": "Lost, USD m", "direct_usd": "At once, USD m", "induced_usd": "By contagion, USD m",
                "share": "Of system TVL", "hit": "Hit", "distressed": "Lose a tenth", "rounds": "Rounds"},
    )  # fmt: skip
    st.caption("; ".join(["Each rule with its own usual numbers", *map(text.markdown, notes)]) + ".")


def _failures(view: View, terms: Terms, origin: Provenance) -> None:
    table = lab_lookups.failures(view.data, view.date, view.basis, terms)
    first, hurt = table.row(0, named=True), table.sort("vulnerability", descending=True).row(0, named=True)
    st.markdown(
        f"If each protocol in turn lost everything, **{text.markdown(first['name'])}** would cost the others most, "
        f"**{text.usd(first['impact_usd'])}** ({text.percent(first['impact_share'])} of system TVL). "
        f"**{text.markdown(hurt['name'])}** is hurt most: {text.plural(hurt['threats'], 'protocol')} would each cost "
        "it a tenth of what it has, or more."
    )
    shown = table.select(
        "rank", "protocol", "name", "impact_usd", "impact_share", "hurt", "threats", vulnerability_share="vulnerability"
    )
    export.table(
        shown.head(_SHOWN), "all-failures", origin, link=view.protocol_link, full=table,
        labels={
            "impact_usd": "Others lose, USD m", "impact_share": "Of system TVL", "hurt": "Others losing a tenth",
            "threats": "Can cost it a tenth", "vulnerability_share": "Loses on average",
        },
    )  # fmt: skip
    st.caption("Impact counts what all others lose, gross; a protocol without TVL has nothing to lose itself.")
    if controls.switch("past", "The year before", help="The same ranking of every fourth snapshot of the year before."):
        _ranking_history(view, terms, origin)


def _ranking_history(view: View, terms: Terms, origin: Provenance) -> None:
    past = lab_lookups.failure_history(view.data, view.date, view.basis, terms)
    export.chart(losses.ranking(past), past, "failure-history", origin)
    central = too_central(past)
    st.markdown(
        f"**Too central**: {text.plural(central.height, 'protocol')} whose failure would have cost the others "
        f"{text.percent(CENTRAL_SHARE)} of system TVL or more in three quarters of "
        f"{text.plural(past['date'].n_unique(), 'snapshot')}, by the second score of systemic importance, the default "
        "impact."
    )
    if central.height:
        export.table(
            central.select("protocol", "name", "times", "best_rank", "mean_share", share="last_share"), "too-central",
            origin, link=view.protocol_link, full=central,
            labels={"times": "Snapshots", "best_rank": "Best rank", "mean_share": "On average", "share": "Now"},
        )  # fmt: skip


def _ahead(view: View, asked: Asked, origin: Provenance) -> None:
    weeks = int(controls.choice("later", "Weeks ahead", [str(h) for h in HORIZONS], default="4", style="segments"))
    found = lab_lookups.shock_ahead(view.data, view.date, view.basis, asked.shock, asked.terms, weeks)
    now, (mean, low, high) = found.today.contagion, found.interval(found.loss_usd)
    sure = ""
    if math.isfinite(low):
        sure = f", between {text.usd(low)} and {text.usd(high)} in nine of ten drawn futures"
    st.markdown(
        f"The same shock in {text.plural(weeks, 'week')} would cost **{text.usd(mean)}**{sure}; today it costs "
        f"{text.usd(now.total_loss_usd)}."
    )
    export.table(
        found.table(), "shock-ahead", origin.having(weeks_ahead=weeks),
        labels={"network": "Network", "loss_usd": "Lost, USD m", "low_usd": "5 %, USD m", "high_usd": "95 %, USD m",
                "loss_fraction": "Of its TVL", "low": "5 %", "high": "95 %"},
    )  # fmt: skip
    told = [f"{line[:1].upper()}{line[1:]}." for line in found.assumptions]
    told += ["Standard scenarios choose whom they hit in each network anew."] if asked.shock.kind == "scenario" else []
    if told:
        st.caption(text.markdown(" ".join(told)))
    for note in found.forecast.notes:
        st.caption(text.markdown(text.reason(note)))


def _draws(view: View, terms: Terms, origin: Provenance) -> None:
    horizon = int(controls.level("drawn", "Snapshots ahead", 1.0, 52.0, 4.0, step=1.0, format="%d"))
    found = lab_lookups.drawn(view.data, view.date, view.basis, terms, horizon, DRAWS, CONFIDENCE)
    x, f = found.losses, found.factors
    st.markdown(
        f"Of {text.count(DRAWS)} drawn shocks over {text.plural(horizon, 'snapshot')}, 99 in 100 cost less than "
        f"**{text.usd(x.var_usd)}** (standard error {text.usd(x.var_se_usd)}); the others cost "
        f"**{text.usd(x.es_usd)}** on average (standard error {text.usd(x.es_se_usd)})."
    )
    export.chart(losses.distribution(x), losses.histogram_table(x), "drawn-losses", origin)
    left, right = st.columns(2)
    labels = {"contribution_usd": "Shortfall, USD m", "share": "Share"}
    with left:
        export.table(found.sectors(), "shortfall-sectors", origin, labels=labels)
    with right:
        by_protocol = found.protocols()
        export.table(
            by_protocol.drop("sector").head(_SHOWN), "shortfall-protocols", origin, labels=labels,
            link=view.protocol_link, full=by_protocol,
        )  # fmt: skip
    own = ", ".join(f"{text.markdown(n)} {text.percent(a)} and {text.percent(b)}" for n, (a, b) in f.sectors.items())
    st.caption(
        f"Values move per snapshot with the market ({text.percent(f.market)}), with their sector and on their own "
        f"({own}), as TVL did over {found.weeks} snapshots before; Student t with {f.freedom:g} degrees of freedom. "
        "TVL also falls by withdrawals, so this is on the safe side. Contributions sum to the expected shortfall."
    )


def _smallest(view: View, terms: Terms, origin: Provenance) -> None:
    left, right = st.columns(2)
    with left:
        over = controls.choice("over", "What may lose value", list(OVER), style="segments", format_func=str.capitalize)
    with right:
        share = controls.level("reach", "Loss to reach, % of system TVL", 1.0, 90.0, 10.0, step=1.0, format="%d") / 100
    chosen: Over = next(each for each in OVER if each == over)
    found = lab_lookups.smallest(view.data, view.date, view.basis, terms, share, chosen)
    if not found.reached:
        st.markdown(f"No shock over {over} costs that much: all of them lost cost {text.usd(found.loss_usd)}.")
        return
    gap = "no bound is known for this rule"
    if not math.isnan(found.gap):
        gap = f"at most {text.percent(found.gap)} from the optimum"
    st.markdown(
        f"**{text.usd(found.cost_usd)}** lost by {text.plural(len(found.shock), over[:-1])} cost the system "
        f"**{text.usd(found.loss_usd)}**, {text.percent(share)} of its TVL ({gap})."
    )
    names = resources.names(view.data) if over == "protocols" else {}
    rows = pl.DataFrame({
        "name": [names.get(each.name, each.name) for each, _ in found.shock],
        "loss_usd": [part * each.value_usd for each, part in found.shock],
        "share": [part for _, part in found.shock],
    }).sort("loss_usd", descending=True)  # fmt: skip
    export.table(
        rows.head(_SHOWN), "smallest-shock", origin, full=rows,
        labels={"name": over[:-1].capitalize(), "loss_usd": "Loses, USD m", "share": "Of its value"},
    )  # fmt: skip
