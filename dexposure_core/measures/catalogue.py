"""Every measure, in one table that the command line, the pages, the docs and the tests read alike.

A measure is a pure function of one snapshot. The variant is part of its help: whoever compares a number with another
source must see which formula it is. Undefined is NaN, never 0.
"""

from __future__ import annotations

import math
from typing import Final

from dexposure_core.errors import UnknownMeasure, find
from dexposure_core.measures.concentration import gini, hhi, top_share
from dexposure_core.measures.facts import Facts
from dexposure_core.measures.measure import Measure
from dexposure_core.measures.spillover import cross_sector_ratio, off_diagonal
from dexposure_core.measures.topology import degree_assortativity, degree_entropy, density
from dexposure_core.network.snapshot import Floats, Indices, Snapshot

_PAPER: Final = "DeXposure-FM, arXiv 2602.03981"
_HHI: Final = "Herfindahl 1950; Hirschman 1945"


def measure_all(snapshot: Snapshot) -> dict[str, float]:
    """Return every measure of one snapshot by name, sharing the work between them."""
    return measure_facts(Facts(snapshot))


def measure_facts(facts: Facts) -> dict[str, float]:
    """Return every measure by name from facts that the caller goes on using (importance, sector cells)."""
    return {measure.name: measure.formula(facts) for measure in MEASURES}


def find_measure(name: str) -> Measure:
    """Return the measure of that name.

    Raises:
        UnknownMeasure: when there is none; names the closest one.
    """
    return find(name, MEASURES, "measure", UnknownMeasure)


def _mean(values: Floats | Indices) -> float:
    return float(values.mean()) if values.size else math.nan


def _max(values: Floats | Indices) -> float:
    return float(values.max()) if values.size else math.nan


def _tvl_gini(f: Facts) -> float:
    return gini(f.snapshot.tvl_usd[f.snapshot.tvl_usd > 0])


_SIZE = (
    Measure(
        name="protocol_count", title="Protocols", unit="count", reference=_PAPER,
        help="Number of protocols in the snapshot: TVL above 0, or an end of an exposure.",
        written="N",
        limits="Follows what the source covers: a protocol that begins to be tracked has not begun to exist.",
        formula=lambda f: float(len(f.snapshot.protocols)),
    ),
    Measure(
        name="exposure_count", title="Exposures", unit="count", reference=_PAPER,
        help="Number of ordered (creditor, debtor) pairs with an exposure above 0.",
        written="|{(c, d): E_cd > 0}|",
        limits="A dollar counts as much as a billion; tokens without a known issuer make none.",
        formula=lambda f: float(len(f.snapshot.exposure_usd)),
    ),
    Measure(
        name="system_tvl_usd", title="System TVL", unit="USD", reference=_PAPER,
        help="Sum of TVL over protocols, gross: a dollar held through two protocols counts twice.",
        written="Σ_p TVL_p, TVL_p = Σ_σ v_pσ",
        limits="Gross, moved by prices as much as by deposits, and raised by protocols entering the data: read it "
        "beside the constant panel.",
        formula=lambda f: float(f.snapshot.tvl_usd.sum()),
    ),
    Measure(
        name="total_exposure_usd", title="Total exposure", unit="USD", reference=_PAPER,
        help="Sum of all exposures: USD that protocols hold of each other's tokens (flow basis: net USD).",
        written="Σ_cd E_cd, E_cd = Σ_{σ: M(σ) = d} v_cσ, c ≠ d",
        limits="Only tokens whose issuer M(σ) is known; a wrong issuer moves it. Gross: chains of claims count at "
        "every link.",
        formula=lambda f: float(f.snapshot.exposure_usd.sum()),
    ),
)  # fmt: skip

_CONCENTRATION = (
    Measure(
        name="tvl_hhi", title="TVL concentration (HHI)", unit="index", reference=_HHI,
        help="Sum of squared TVL shares, 1/N to 1; not defined when system TVL is 0.",
        written="Σ_p s_p², s_p = TVL_p / Σ_q TVL_q",
        limits="Large protocols entering the data move it at once. Protocols of one owner are not added up.",
        formula=lambda f: hhi(f.snapshot.tvl_usd),
    ),
    Measure(
        name="tvl_top10_share", title="TVL of the ten largest protocols", unit="share", reference=_PAPER,
        help="Share of system TVL in the ten largest protocols (ten protocols, not ten per cent).",
        written="Σ s_p over the ten largest s_p",
        limits="Silent on how the ten share it, and not always the same ten.",
        formula=lambda f: top_share(f.snapshot.tvl_usd),
    ),
    Measure(
        name="tvl_gini", title="TVL inequality (Gini)", unit="share", reference="Gini 1912",
        help="Gini coefficient of TVL over protocols with TVL above 0 (zeros excluded).",
        written="2 Σ_i i·a_(i) / (K Σ a) − (K + 1) / K, a_(1) ≤ … ≤ a_(K), a > 0",
        limits="Rises with every tiny protocol the source lists: comparable only while the coverage is.",
        formula=_tvl_gini,
    ),
    Measure(
        name="exposure_hhi", title="Exposure concentration (HHI)", unit="index", reference=_HHI,
        help="Sum of squared shares of single exposures in total exposure; not defined without exposures.",
        written="Σ_cd w_cd², w_cd = E_cd / Σ E",
        limits="Of single pairs: many small exposures to one issuer do not show; see who the system leans on.",
        formula=lambda f: hhi(f.snapshot.exposure_usd),
    ),
    Measure(
        name="exposure_top10_share", title="Share of the ten largest exposures", unit="share", reference=_PAPER,
        help="Share of total exposure in the ten largest single exposures.",
        written="Σ w_cd over the ten largest w_cd, w_cd = E_cd / Σ E",
        limits="Silent on how the ten share it; one issuer can be in all of them.",
        formula=lambda f: top_share(f.snapshot.exposure_usd),
    ),
    Measure(
        name="exposure_gini", title="Exposure inequality (Gini)", unit="share", reference="Gini 1912",
        help="Gini coefficient of the sizes of single exposures.",
        written="2 Σ_i i·a_(i) / (K Σ a) − (K + 1) / K, a = E_cd ascending",
        limits="Rises with every tiny exposure in the data: comparable only while the coverage is.",
        formula=lambda f: gini(f.snapshot.exposure_usd),
    ),
    Measure(
        name="debtor_hhi", title="Who the system leans on (HHI)", unit="index", reference=_HHI,
        help="Sum of squared shares of debtors in total exposure: 1 when every exposure is to one issuer.",
        written="Σ_d w_d², w_d = Σ_c E_cd / Σ E",
        limits="An issuer can be a coin without assets (WETH): reliance on a token, not always on a firm. Follows the "
        "token → issuer mapping.",
        formula=lambda f: hhi(f.owed_usd),
    ),
    Measure(
        name="debtor_top10_share", title="Exposure to the ten largest debtors", unit="share", reference=_PAPER,
        help="Share of total exposure that is to the ten largest debtors (issuers).",
        written="Σ w_d over the ten largest w_d, w_d = Σ_c E_cd / Σ E",
        limits="Silent on how the ten share it; follows the token → issuer mapping.",
        formula=lambda f: top_share(f.owed_usd),
    ),
)  # fmt: skip

_TOPOLOGY = (
    Measure(
        name="density", title="Density", unit="share", reference="Wasserman and Faust 1994",
        help="E / (N (N − 1)): exposures over possible ordered pairs, no self-loops; not defined below two protocols.",
        written="E / (N (N − 1))",
        limits="Falls as protocols enter, though no exposure ends; a large network is always sparse.",
        formula=lambda f: density(f.snapshot),
    ),
    Measure(
        name="mean_in_degree", title="Mean number of creditors", unit="number", reference=_PAPER,
        help="Exposures over protocols: mean in-degree, which equals mean out-degree.",
        written="E / N",
        limits="Every exposure counts alike, whatever its USD; small ones dominate.",
        formula=lambda f: _mean(f.in_degree),
    ),
    Measure(
        name="max_in_degree", title="Most creditors of one protocol", unit="count", reference=_PAPER,
        help="Largest in-degree: number of creditors of the most widely held issuer.",
        written="max_d |{c: E_cd > 0}|",
        limits="Counts creditors, not USD.",
        formula=lambda f: _max(f.in_degree),
    ),
    Measure(
        name="degree_gini", title="Degree inequality (Gini)", unit="share", reference="Gini 1912",
        help="Gini coefficient of total degree (creditors plus debtors), protocols without exposures counted as zeros.",
        written="2 Σ_i i·k_(i) / (N Σ k) − (N + 1) / N, k = creditors + debtors",
        limits="Counts partners, not USD; protocols without any pull it up.",
        formula=lambda f: gini(f.in_degree + f.out_degree),
    ),
    Measure(
        name="degree_entropy", title="Degree entropy", unit="number", reference="Shannon 1948",
        help="−Σ p ln p over the distribution of total degree (natural logarithm); 0 when all degrees are equal.",
        written="−Σ_k p_k ln p_k, p_k = share of protocols with k partners",
        limits="Counts partners, not USD; grows with the number of different degrees.",
        formula=lambda f: degree_entropy(f.in_degree + f.out_degree),
    ),
    Measure(
        name="degree_assortativity", title="Degree assortativity", unit="number", reference="Newman 2003, out-in",
        help="Correlation over exposures of the creditor's out-degree and the debtor's in-degree, −1 to 1; "
        "not defined when either does not vary.",
        written="corr over (c, d) with E_cd > 0 of (debtors of c, creditors of d)",
        limits="Few very large degrees decide it; every exposure counts alike.",
        formula=lambda f: degree_assortativity(f.snapshot, f.in_degree, f.out_degree),
    ),
)  # fmt: skip

_IMPORTANCE = (
    Measure(
        name="mean_sis", title="Mean systemic importance (SIS)", unit="number", reference=f"{_PAPER}, eq. 20",
        help="Mean over protocols of the published score; not defined when system TVL is 0.",
        written="Σ_p SIS(p) / N, SIS = (PR / max PR + tail + ln(1 + TVL) / max ln(1 + TVL)) / 3",
        limits="Tail is 1 for everyone with one to five debtors, so many small protocols raise it; weights are a "
        "convention.",
        formula=lambda f: _mean(f.column("sis")),
    ),
    Measure(
        name="max_sis", title="Highest systemic importance (SIS)", unit="number", reference=f"{_PAPER}, eq. 20",
        help="Largest published score of one protocol; not defined when system TVL is 0.",
        written="max_p SIS(p), SIS = (PR / max PR + tail + ln(1 + TVL) / max ln(1 + TVL)) / 3",
        limits="Relative to the largest of the date: another protocol can move it. Weights are a convention.",
        formula=lambda f: _max(f.column("sis")),
    ),
    Measure(
        name="sis_gini", title="Inequality of systemic importance (Gini)", unit="share", reference=f"{_PAPER}, eq. 20",
        help="Gini coefficient of the published score over all protocols; not defined when system TVL is 0.",
        written="2 Σ_i i·a_(i) / (N Σ a) − (N + 1) / N, a = SIS ascending",
        limits="Inherits the score's weights and its tail; comparable only while the coverage is.",
        formula=lambda f: gini(f.column("sis")) if f.snapshot.tvl_usd.any() else math.nan,
    ),
    Measure(
        name="mean_default_loss", title="Mean loss if one protocol's tokens go to zero", unit="share",
        reference="Furfine 2003, first round",
        help="Mean over protocols of Σ_i min(E_ip, TVL_i) / Σ TVL: direct creditors' loss, share of system TVL.",
        written="(1 / N) Σ_p Σ_i min(E_ip, TVL_i) / Σ TVL",
        limits="First round only, all tokens to zero, nothing recovered; falls as small protocols enter.",
        formula=lambda f: _mean(f.column("default_loss")),
    ),
    Measure(
        name="max_default_loss", title="Largest loss if one protocol's tokens go to zero", unit="share",
        reference="Furfine 2003, first round",
        help="Largest over protocols of Σ_i min(E_ip, TVL_i) / Σ TVL: direct creditors' loss, share of system TVL.",
        written="max_p Σ_i min(E_ip, TVL_i) / Σ TVL",
        limits="First round only, all tokens to zero, nothing recovered: an upper end for direct creditors, not a "
        "forecast.",
        formula=lambda f: _max(f.column("default_loss")),
    ),
)  # fmt: skip

_SPILLOVER = (
    Measure(
        name="spillover_index", title="Spillover concentration (HHI)", unit="index", reference=f"{_PAPER}, eq. 21",
        help="HHI of the off-diagonal cells of the sector matrix (sector 'Unknown' included); "
        "not defined without cross-sector exposure.",
        written="Σ_{a ≠ b} x_ab², x_ab = X_ab / Σ_{a ≠ b} X_ab, X_ab = USD sector a holds of sector b",
        limits="Says how concentrated crossings are, not how large. Moves when protocols are classified anew.",
        formula=lambda f: hhi(off_diagonal(f.sectors[1])),
    ),
    Measure(
        name="cross_sector_usd", title="Cross-sector exposure", unit="USD", reference=f"{_PAPER}, eq. 21",
        help="Exposure whose creditor and debtor are in different sectors.",
        written="Σ_{a ≠ b} X_ab, X_ab = USD sector a holds of sector b",
        limits="Moves with prices, and when protocols are classified anew; sector 'Unknown' counts as one sector.",
        formula=lambda f: float(off_diagonal(f.sectors[1]).sum()),
    ),
    Measure(
        name="cross_sector_ratio", title="Cross-sector share of exposure", unit="share", reference=f"{_PAPER}, eq. 21",
        help="Cross-sector exposure over total exposure; not defined without exposures.",
        written="Σ_{a ≠ b} X_ab / Σ_ab X_ab, X_ab = USD sector a holds of sector b",
        limits="Moves when protocols are classified anew; sector 'Unknown' counts as one sector, so gaps in metadata "
        "hide crossings.",
        formula=lambda f: cross_sector_ratio(f.sectors[1]),
    ),
)  # fmt: skip

MEASURES: Final[tuple[Measure, ...]] = (*_SIZE, *_CONCENTRATION, *_TOPOLOGY, *_IMPORTANCE, *_SPILLOVER)
