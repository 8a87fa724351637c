"""The paper's loss sharing in plain dictionaries and loops: what the engine is tested and timed against."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from dexposure_core.network.snapshot import Snapshot


def loss_sharing(
    snapshot: Snapshot, shock: Mapping[str, float], *, distress_threshold: float = 0.1, max_rounds: int = 10
) -> dict[str, float]:
    """Return {protocol: USD lost} after a shock {protocol: share of its TVL}, in synchronous rounds like the engine."""
    tvl = {str(p): float(usd) for p, usd in zip(snapshot.protocols, snapshot.tvl_usd, strict=True)}
    creditors: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for creditor, debtor, usd in zip(snapshot.creditor, snapshot.debtor, snapshot.exposure_usd, strict=True):
        creditors[str(snapshot.protocols[debtor])].append((str(snapshot.protocols[creditor]), float(usd)))
    lost = {protocol: tvl[protocol] * share for protocol, share in shock.items()}
    passed: set[str] = set()
    distressed = {protocol for protocol, share in shock.items() if share > 0}
    for _ in range(max_rounds):
        if not distressed:
            break
        received: dict[str, float] = defaultdict(float)
        for debtor in distressed:
            owed = sum(usd for _, usd in creditors[debtor])
            for creditor, usd in creditors[debtor]:
                received[creditor] += lost.get(debtor, 0.0) * usd / owed
        passed |= distressed
        for creditor, usd in received.items():
            lost[creditor] = min(tvl[creditor], lost.get(creditor, 0.0) + usd)
        distressed = {p for p, usd in lost.items() if p not in passed and usd > distress_threshold * tvl[p]}
    return lost
