"""What every indicator on a screen is: definition, formula, unit, source and known limits, one text for all places.

Measures say it themselves (`MEASURES`); here they are joined by the indicators that are no measure of one snapshot:
stress losses, numbers of one protocol, of chains, of forecasts, alerts and events. The boxes beside the numbers and
docs/measures.md are made from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dexposure_core.errors import UnknownMeasure, suggest
from dexposure_core.measures import MEASURES, Measure
from dexposure_core.pipeline.indicators import WORST

UNITS: Final[Mapping[str, str]] = {
    "USD": "USD", "share": "share, 0 to 1, shown in %", "index": "index, 0 to 1", "count": "count",
    "number": "pure number",
}  # fmt: skip
_PAPER: Final = "DeXposure-FM, arXiv 2602.03981"
_OURS: Final = "ours"


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What a reader must know of one indicator; plain text, not escaped.

    Attributes:
        key: its name; that of the measure where it is one.
        title: what a reader sees.
        definition: what it is, in words, including the variant.
        formula: the same in symbols.
        unit: what it is counted in, in words.
        source: where the definition comes from.
        limits: what it does not say, or what moves it though the system has not moved.
        topic: the page of docs/ that tells more.
    """

    key: str
    title: str
    definition: str
    formula: str
    unit: str
    source: str
    limits: str
    topic: str = "measures"


def define(key: str) -> Definition:
    """Return the definition of that key.

    Raises:
        UnknownMeasure: when there is none; names the closest.
    """
    for found in DEFINITIONS:
        if found.key == key:
            return found
    raise UnknownMeasure(f"No definition '{key[:80]}'{suggest(key[:80], [d.key for d in DEFINITIONS])}")


def _of(measure: Measure) -> Definition:
    return Definition(
        key=measure.name, title=measure.title, definition=measure.help, formula=measure.written,
        unit=UNITS[measure.unit], source=measure.reference, limits=measure.limits,
    )  # fmt: skip


_STRESS: Final = (
    Definition(
        key=WORST, title="Worst standard stress loss", topic="stress", source=f"{_PAPER}; Bardoscia et al. 2015",
        definition="The largest loss over the standard scenarios (largest protocol, five largest, bridges) and rules "
        "(linear DebtRank, DeXposure loss sharing), direct and induced.",
        formula="max over scenario, rule of Σ_p L_p / Σ_p TVL_p", unit="share of system TVL, shown in %",
        limits="The worst of six set tests, not of all that can happen. TVL stands in for capital, which protocols do "
        "not publish; losses are gross. Its scenario and rule can change from week to week.",
    ),
    Definition(
        key="stress_loss", title="Loss in a stress test", topic="stress",
        source="the rule's own paper, named in the result; linear DebtRank: Bardoscia et al. 2015",
        definition="What all protocols lose when the chosen shock strikes: at once (direct) and by contagion "
        "(induced). The range is over all rules.",
        formula="Σ_p L_p, L_p = A_p h_p; linear DebtRank: h_i ← min(1, h_i + Σ_j E_ij Δh_j / A_i)",
        unit="USD, and share of system TVL",
        limits="A conditional statement, no forecast. TVL stands in for loss-absorbing value A, full pass-through of "
        "distress is assumed unless set otherwise, nobody reacts, and losses are gross.",
    ),
    Definition(
        key="failure_loss", title="Loss if it fails", topic="stress", source="Bardoscia et al. 2015",
        definition="What all others lose, over all rounds, when this protocol loses everything (linear DebtRank).",
        formula="Σ_{p ≠ q} A_p h_p given h_q = 1", unit="USD",
        limits="Its tokens go to zero, nothing is recovered, nobody reacts; TVL stands in for loss-absorbing value.",
    ),
)  # fmt: skip

_PROTOCOL: Final = (
    Definition(
        key="protocol_tvl", title="TVL of a protocol", source=_PAPER, topic="data", unit="USD",
        definition="USD value of what the protocol holds on the date, borrowed balances left out; its rank is by this.",
        formula="TVL_p = Σ_σ v_pσ",
        limits="Moves with prices. As the source reports it: self-reported for exchanges, and 0 for who only issues.",
    ),
    Definition(
        key="exposure", title="Exposure of one protocol to another", source=f"{_PAPER}, eq. 1", topic="data",
        definition="USD value of the tokens issued by the debtor that the creditor holds: what it loses if they go to "
        "zero. Flow basis: the net change over the period.",
        formula="E_cd = Σ_{σ: M(σ) = d} v_cσ, c ≠ d; M(σ): issuer of token σ", unit="USD",
        limits="Only as good as the mapping of tokens to issuers (Data page); loans and other claims without a token "
        "are not seen.",
    ),
    Definition(
        key="sis", title="Systemic importance of a protocol (SIS)", source=f"{_PAPER}, eq. 20",
        definition="The published score: mean of PageRank, share of its exposure that is to its five largest debtors "
        "(tail), and logarithm of TVL, each relative to its largest.",
        formula="(PR / max PR + tail + ln(1 + TVL) / max ln(1 + TVL)) / 3", unit="score, 0 to 1",
        limits="Tail is 1 for everyone with one to five debtors and says that it depends, not that others depend on "
        "it; the weights are a convention. Read it beside the loss if its tokens go to zero.",
    ),
    Definition(
        key="default_loss", title="Direct loss if its tokens go to zero", source="Furfine 2003, first round",
        definition="What a protocol's direct creditors lose if its tokens go to zero, each at most its TVL.",
        formula="Σ_i min(E_ip, TVL_i) / Σ TVL", unit="share of system TVL, shown in %",
        limits="First round only, nothing recovered: contagion beyond the direct creditors is not in it.",
    ),
    Definition(
        key="sector_exposure", title="Exposure between two sectors", source=f"{_PAPER}, eq. 21",
        definition="USD of tokens issued by the debtor sector (column) that the creditor sector (row) holds.",
        formula="X_ab = Σ_{c in a, d in b} E_cd; rows and columns add up to total exposure", unit="USD",
        limits="Follows how protocols are classified and which tokens have a known issuer; many are 'Unknown'.",
    ),
)  # fmt: skip

_CHAINS: Final = (
    Definition(
        key="chain_hhi", title="Concentration of TVL over chains", topic="chains",
        source="Herfindahl 1950; Hirschman 1945", unit="index, 0 to 1; shares in %",
        definition="Sum of squared shares of the chains in TVL, borrowed balances left out, and the share of the five "
        "largest.",
        formula="Σ_k s_k², s_k = TVL on chain k / Σ TVL",
        limits="As finely as the source names chains; balances of exchanges lie where they report them.",
    ),
    Definition(
        key="chain_crossing", title="Exposure that crosses chains", topic="chains", source=_OURS,
        definition="Share of exposure, to issuers with a home, that is held on another chain than the issuer's own "
        "assets lie on.",
        formula="1 − Σ_k M_kk / Σ M, M_ck = Σ_q E_q(c) TVL_q(k) / TVL_q", unit="share, shown in %",
        limits="Home by where own assets are: a convention. Coins and reserve-backed stablecoins have none and are "
        "left out.",
    ),
    Definition(
        key="chain_ties", title="Bridged and wrapped tokens held", topic="chains", source=_OURS, unit="USD",
        definition="USD that others than the issuer hold of bridged and wrapped tokens and of those of bridges.",
        formula="Σ v_pσ over bridged, wrapped or bridge-issued σ, p ≠ M(σ)",
        limits="Told by the issuer's category and the token's kind; what neither names is missed. A coin wrapped on "
        "its own chain does not count.",
    ),
    Definition(
        key="bridge_loss", title="Loss if bridges fail, by chain", topic="chains", source="Bardoscia et al. 2015",
        definition="What is lost within a chain's own network when all bridges fail (linear DebtRank).",
        formula="Σ_p A_p h_p / Σ_p A_p on the chain, given h = 1 for bridges",
        unit="USD, and share of the chain's TVL",
        limits="A bridge's own assets are part of it; chains do not add up, what spreads through another is not in it.",
    ),
)  # fmt: skip

_AHEAD: Final = (
    Definition(
        key="expected", title="Expected value and 90 % interval", topic="forecasting",
        source="the forecaster; split conformal prediction (Vovk, Gammerman and Shafer 2005)",
        definition="What the forecaster expects of a measure or loss at the horizon, and the range that should hold it "
        "nine times in ten.",
        formula="expected: mean over futures; interval: 5 % and 95 % quantiles of joint futures and past misses",
        unit="that of the measure",
        limits="Market moves of everything at once are not predicted. How often such intervals held was measured on "
        "the data the model was trained for; single cells and protocols are untested.",
    ),
    Definition(
        key="pair_probability", title="Probability that an exposure exists", topic="forecasting", source=_OURS,
        definition="How likely the pair has an exposure above 0 at the horizon; expected USD is this times the size, "
        "given that it exists, that missed USD least on earlier weeks.",
        formula="P(E_cd > 0 at t + h | all up to t)", unit="probability, shown in %",
        limits="Of pairs that the past suggests only. Calibration is on the Skill page, for the data trained on.",
    ),
)  # fmt: skip

_WATCH: Final = (
    Definition(
        key="early_warning", title="Early warning", topic="alerts", source=_OURS,
        definition="An alert when the last change of an indicator is larger than usual: beyond k standard deviations "
        "of its changes in the w snapshots before.",
        formula="|Δx_t| > k · sd(Δx_{t−w}, …, Δx_{t−1})", unit="multiples of the standard deviation (σ)",
        limits="Unusual is not dangerous: it says neither why nor whether it matters. Many indicators watched at once "
        "give alarms by chance; see what each rule was worth.",
    ),
    Definition(
        key="false_alarms", title="False-alarm rate", topic="alerts", source=_OURS, unit="share, shown in %",
        definition="Share of a rule's past alarms after which neither an event that concerns it nor a further move of "
        "the same size came in time.",
        formula="false firings / judged firings",
        limits="Not defined below five judged firings. Events are dense in this history: compare with any date.",
    ),
    Definition(
        key="constant_panel", title="Constant panel", source=_OURS, unit="that of the measure",
        definition="The same measure over the protocols that hold something in every snapshot of the window, or only "
        "issue in all of them: entries and exits removed.",
        formula="{p: TVL_p(t) > 0 for all t} ∪ {p: TVL_p(t) = 0 for all t}, t in the window",
        limits="The survivors of the window: who failed or came within it is not on it. Depends on the window.",
    ),
    Definition(
        key="change_parts", title="Parts of a change", topic="data", source=_OURS, unit="USD",
        definition="A change, split exactly: prices, quantities, holdings that began (entry) and ended (exit), and "
        "tokens assigned to another issuer (mapping).",
        formula="price q₀(p₁ − p₀); quantity p₁(q₁ − q₀); entry +v₁; exit −v₀; mapping −v₀ at the old issuer, +v₀ at "
        "the new",
        limits="Price and quantity need quantities; without them a change stays whole. What moves both at once is "
        "counted as quantity, at the new price.",
    ),
)  # fmt: skip

DEFINITIONS: Final[tuple[Definition, ...]] = (
    *map(_of, MEASURES), *_STRESS, *_PROTOCOL, *_CHAINS, *_AHEAD, *_WATCH,
)  # fmt: skip
