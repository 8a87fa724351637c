"""The generated answers of the pages about one network: sentences with numbers. Markdown; names are escaped here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from dexposure_core.pipeline.stress.result import StressResult
from dexposure_core.pipeline.views import Identity, Matrix, NetworkFacts, Shocked, hit_by
from dexposure_core.stress import find_rule, find_scenario
from dexposure_core.ui import text

SCORES: Final[Mapping[str, str]] = {
    "sis": "SIS", "pagerank": "PageRank", "tail_exposure": "Tail share", "log_tvl": "Log TVL",
    "default_loss": "Loss if it fails",
}  # fmt: skip
SCORES_MEAN: Final = (
    "SIS: the published systemic importance score, the mean of the three parts beside it, each 0 to 1. "
    "Loss if it fails: what its direct creditors lose if its tokens go to zero, share of system TVL."
)


def name(of: str) -> str:
    """Return a protocol's name for a sentence: one line, cut, escaped."""
    return text.markdown(text.short(of, 48))


def network(facts: NetworkFacts, basis: str) -> str:
    """Answer: who is exposed to whom?"""
    if not facts.exposures:
        return f"{text.plural(facts.protocols, 'protocol')}, and none holds another's tokens on this date."
    kind = "exposures" if basis == "holdings" else "net flows"
    verb = "holds" if basis == "holdings" else "sends"
    of = "of tokens issued by" if basis == "holdings" else "to"
    return (
        f"**{text.count(facts.exposures)} {kind}** worth **{text.usd(facts.total_usd)}** tie "
        f"{text.count(facts.protocols)} protocols together; the ten largest make {text.percent(facts.top10_share)}. "
        f"The largest: {name(facts.largest_creditor)} {verb} {text.usd(facts.largest_usd)} {of} "
        f"{name(facts.largest_debtor)}. "
        f"{text.percent(facts.main_debtor_share)} of all exposure leads to {name(facts.main_debtor)}."
    )


def protocol(of: Identity, failure: StressResult | None) -> str:
    """Answer: what does this protocol hold, who depends on it, and what if it fails?"""
    size = (
        f"number {of.rank} of {of.of} by TVL with **{text.usd(of.tvl_usd)}**, "
        f"{text.percent(of.tvl_share)} of the system"
        if of.rank
        else "an issuer that locks nothing itself"
    )
    ties = (
        (
            f"It holds {text.usd(of.as_creditor_usd)} of {text.plural(of.debtors, 'other protocol')}' tokens; "
            f"{text.plural(of.creditors, 'protocol')} hold **{text.usd(of.as_debtor_usd)}** of its own."
        )
        .replace("protocol' tokens", "protocol's tokens")
        .replace("1 protocol hold ", "1 protocol holds ")
    )
    lead = f"**{name(of.name)}** ({text.markdown(text.short(of.sector, 40))}) is {size}. {ties}"
    if failure is None:
        return lead
    hurt = failure.contagion
    own = float(hurt.total_usd[failure.snapshot.row(of.protocol)])
    return f"{lead} If it fails whole, others lose **{text.usd(hurt.total_loss_usd - own)}**."


def presence(sizes: pl.DataFrame) -> str:
    """Say on which dates a protocol is in the network."""
    if sizes.is_empty():
        return "It is on no date of this basis."
    first, last = sizes["date"][0], sizes["date"][-1]
    return f"It is in {text.plural(sizes.height, 'snapshot')}, the first on {first}, the last on {last}."


def amounts_first(sheet: pl.DataFrame) -> pl.DataFrame:
    """Return one side of a balance sheet with the token last: a phone then shows whom, how much and what share."""
    return sheet.select(pl.exclude("token"), "token")


def identity_line(of: Identity) -> str:
    """Return id, sector, category and issued tokens on one line of Markdown."""
    issued = ", ".join(text.markdown(text.short(token, 20)) for token in of.issues[:12])
    more = f" and {len(of.issues) - 12} more" if len(of.issues) > 12 else ""
    parts = [f"id {text.markdown(text.short(of.protocol, 40))}", f"sector {text.markdown(text.short(of.sector))}"]
    parts += [f"category {text.markdown(text.short(of.category))}"] if of.category != of.sector else []
    return " · ".join([*parts, f"issues {issued}{more}" if issued else "issues no token that is known"])


def failure_words(result: StressResult, protocol: str) -> str:
    """Say first-round and total losses of the others when a protocol fails whole."""
    c = result.contagion
    own = result.snapshot.row(protocol)
    lost = c.loss_by_round_usd.sum(axis=1)
    first = float(lost[1]) if len(lost) > 1 else 0.0
    others = c.total_loss_usd - float(c.total_usd[own])
    rows = hit_by(result, protocol)
    if rows.is_empty():
        return "It loses everything; nobody else loses by it."
    hard = rows.filter(pl.col("distress") >= 0.01).height
    return (
        f"It loses everything. Others lose {text.usd(first)} in the first round and {text.usd(others)} in all; "
        f"{text.count(hard) if hard else 'none'} of them 1 % or more of TVL (linear DebtRank)."
    )


def spillover(now: Matrix, moved: Matrix | None, period: str) -> str:
    """Answer: where does exposure cross from one sector to another? `moved`: now minus the snapshot before."""
    creditor, debtor, usd = now.largest_crossing()
    if not creditor:
        return f"No exposure crosses sectors; all {text.usd(now.total)} stays within one."
    share = now.cross_sector_usd / now.total
    since = ""
    if moved is not None and now.total > moved.total:
        was = (now.cross_sector_usd - moved.cross_sector_usd) / (now.total - moved.total)
        since = f" ({text.points(share - was)} since last {period})"
    return (
        f"**{text.percent(share)}** of all exposure crosses sectors{since}: {text.usd(now.cross_sector_usd)} of "
        f"{text.usd(now.total)}. The largest crossing: {name(creditor)} holds **{text.usd(usd)}** of tokens issued by "
        f"{name(debtor)}."
    )


def shocked(shock: Shocked, called: str) -> str:
    """Say what breaks: `USDC loses 10 %`."""
    if shock.kind == "scenario":
        return text.markdown(find_scenario(shock.name).title)
    return f"{name(called)} loses {100 * shock.fraction:g} %"


def contagion(result: StressResult, losses: Sequence[float], words: str) -> str:
    """Answer: if something fails, who loses how much? `losses`: loss fractions over the rules."""
    c = result.contagion
    if c.total_loss_usd <= 0:
        return f"**{words}**: nobody in this network loses anything ({text.markdown(result.assumptions[-1])})."
    known = [x for x in losses if math.isfinite(x)]
    spread = ""
    if len(known) > 1:
        spread = f"; over all rules {text.percent(min(known))} to {text.percent(max(known))}"
    rest = "" if c.converged else " The contagion was stopped before it came to rest."
    return (
        f"**{words}**: protocols lose **{text.usd(c.total_loss_usd)}**, **{text.percent(c.loss_fraction)}** of system "
        f"TVL{spread}. {text.usd(result.direct_usd)} is lost at once, {text.usd(result.induced_usd)} by contagion "
        f"in {text.plural(c.rounds, 'round')} ({text.markdown(find_rule(c.rule).title)}).{rest}"
    )


def forecast(
    measures: pl.DataFrame, weeks: int, forecaster: str, when: str, turnover: tuple[float, float, float] | None = None
) -> str:
    """Answer: what is expected to change in the coming weeks?

    Args:
        measures: measure, today, forecast, low, high.
        weeks: horizon.
        forecaster: who says so.
        when: the date it is for, in words.
        turnover: how many exposures are expected to begin, to end and to come with protocols not in the data yet.
    """
    rows = {row["measure"]: row for row in measures.to_dicts()}
    parts = [
        _expected("system TVL", rows.get("system_tvl_usd"), "USD"),
        _expected("total exposure", rows.get("total_exposure_usd"), "USD"),
        _expected("TVL concentration (HHI)", rows.get("tvl_hhi"), "index"),
    ]
    told = "; ".join(part for part in parts if part)
    if not told:
        return f"Nothing can be said about the network {weeks} weeks ahead."
    if forecaster == "persistence":
        return f"By {when} ({text.plural(weeks, 'week')} ahead) persistence expects all to stay as it is: {told}."
    return (
        f"By {when} ({text.plural(weeks, 'week')} ahead) {text.markdown(forecaster)} expects {told}. "
        f"{_turnover(turnover)}Persistence expects no change."
    )


def _turnover(turnover: tuple[float, float, float] | None) -> str:
    if turnover is None:
        return ""
    begin, end, more = (f"about **{text.count(n)}**" if n >= 1 else "fewer than **1**" for n in turnover)
    entering = f"; protocols that enter the data may bring {more} more" if turnover[2] > 0 else ""
    return f"Of exposures, {begin} are expected to begin and {end} to end{entering}. "


def _expected(what: str, row: dict[str, float] | None, unit: str) -> str:
    if row is None or not (math.isfinite(row["today"]) and math.isfinite(row["forecast"])):
        return ""
    moved = text.change(row["forecast"], row["today"], unit)
    still = math.isclose(row["forecast"], row["today"], rel_tol=1e-6)  # less is rounding
    moved = "no change" if still or moved.partition(" ")[0] in ("0", "0.00") else moved
    return f"{what} **{text.amount(row['forecast'], unit)}** ({moved}{_interval(row, unit)})"


def _interval(row: dict[str, float], unit: str) -> str:
    if not (math.isfinite(row.get("low", math.nan)) and math.isfinite(row.get("high", math.nan))):
        return ""
    return f"; 90 %: {text.amount(row['low'], unit)} to {text.amount(row['high'], unit)}"
