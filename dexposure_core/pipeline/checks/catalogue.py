"""The checks: one table, read alike by command line, Data page and docs/health.md. A new check is a new row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import polars as pl

from dexposure_core.pipeline.checks import (
    books,
    double,
    drift,
    jumps,
    presence,
    stale,
    symbols,
    units,
)
from dexposure_core.pipeline.checks.material import Material, Watch


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check.

    Args:
        name: how it is called in options and JSON.
        title: heading.
        looks_for: what it looks for, one sentence.
        formula: how, in symbols or words.
        threshold: what makes a finding, with the default numbers.
        severity: when it is an error, a warning, a note.
        remedy: what to do about a finding.
        watch: makes the part that reads the holdings week by week; None when small tables are enough.
        table: returns FINDING rows from the small tables; None when `watch` does it all.
        needs_quantities: whether it has nothing to say where the source gives no quantities.
    """

    name: str
    title: str
    looks_for: str
    formula: str
    threshold: str
    severity: str
    remedy: str
    watch: Callable[[Material], Watch] | None = None
    table: Callable[[Material], pl.DataFrame] | None = None
    needs_quantities: bool = False


_BY_SIZE: Final = "error from 0.1 % of the system's TVL, warning from 0.001 %, note below"
_DOUBTFUL: Final = "warning from 0.001 % of the system's TVL, note below"

CHECKS: Final[tuple[Check, ...]] = (
    Check(
        name="integrity", title="Files as published",
        looks_for="Files of the vintage whose bytes are not those that were published.",
        formula="SHA-256 of every file against the manifest", threshold="any difference", severity="error",
        remedy="Import the data again, or open another vintage; nothing computed from a changed file can be trusted.",
        table=books.integrity,
    ),
    Check(
        name="reconciliation", title="Sums that must agree",
        looks_for="Dates whose tables contradict each other.",
        formula="in = mapped + dropped (cents); Σ exposures = Σ their tokens = Σ mapped holdings; TVL = Σ holdings",
        threshold=f"a cent, or {books.TOLERANCE:g} of the sum", severity="error",
        remedy="A fault of the build, not of the source: keep the vintage, report it, import again.",
        watch=books.Books,
    ),
    Check(
        name="impossible", title="Impossible values",
        looks_for="Negative, zero, missing, infinite or absurd amounts in the input.",
        formula="value ≤ 0, not finite, or above 1e15 USD", threshold="any",
        severity="warning when negative, else a note",
        remedy="They were left out. If they are many or large, ask the source.",
        table=books.impossible,
    ),
    Check(
        name="input", title="Remarks of the build",
        looks_for="What the reader and the build had to mend, add up, guess or leave out.",
        formula="counted while reading", threshold="any", severity="as the build said",
        remedy="Read the place named; repeated rows and missing names are best mended in the file itself.",
        table=books.of_input,
    ),
    Check(
        name="units", title="Units suspected wrong",
        looks_for="Supplies booked as balances, prices off by powers of ten or taken from another token, and values "
        "that are wrong for one snapshot.",
        formula="h equal amounts among the k largest holders: C(k, h)·(4/M)^(h-1) expected by chance; zeros: n·10^-z; "
        "|ln(price / median of the token)|; x(t)/x(t-1) undone at t+1",
        threshold="chance below 0.01 (amounts) or 0.001 (zeros); price 5 times off while 60 % of holders agree; "
        "spikes of 3 (price) or 5 times (holding), three quarters of it undone",
        severity=f"{_BY_SIZE}; at most a warning where the evidence allows an innocent reading",
        remedy="Compare with the source's page of that protocol; override or drop the holding, then build again.",
        watch=units.Units,
    ),
    Check(
        name="jumps", title="Jumps beyond history",
        looks_for="Protocols whose TVL moves further than their own history and the market's move allow, and why.",
        formula="z = |e - median| / (1.4826·MAD + 0.05), e = ln(TVL_t/TVL_t-1) less the market's median, 26 snapshots",
        threshold=f"z > {jumps.SCORE:g}, halved or doubled, and 0.1 % of the system",
        severity="error when it is fivefold and the next snapshot takes it back (spike), else warning",
        remedy="Look at the token named: a price move is news, a quantity move may be a new pool or a wrong adapter.",
        watch=jumps.Jumps,
    ),
    Check(
        name="missing", title="Missing weeks",
        looks_for="Snapshots that do not exist; protocols and chains that are absent and come back.",
        formula="dates between two presences", threshold="one snapshot or more", severity=_DOUBTFUL,
        remedy="Fetch the missing dates; until then flows show an exit and an entry that did not happen.",
        watch=presence.Missing,
    ),
    Check(
        name="freshness", title="Freshness",
        looks_for="Old data as a whole, and protocols and chains that fell silent.",
        formula="snapshots since the last observation",
        threshold=f"vintage: two steps; protocol or chain: absent on the last snapshot, seen within {presence.RECENT}",
        severity=f"{_DOUBTFUL}; a note when longer ago",
        remedy="Update the data; a protocol that closed needs nothing.",
        watch=presence.Freshness,
    ),
    Check(
        name="stale", title="Stale values",
        looks_for="Holdings worth the same to the cent for weeks while their token's price moves.",
        formula="run of equal cents; price max/min - 1 within the run",
        threshold=f"{stale.LEAST_RUN} snapshots, {100 * stale.MOVED:g} % of price, 100,000 USD", severity=_DOUBTFUL,
        remedy="The source repeats an old number: treat the protocol as not observed since the first date.",
        watch=stale.Stale, needs_quantities=True,
    ),
    Check(
        name="double-counting", title="Counted twice",
        looks_for="TVL held as claims whose backing is itself in the system: liquid staking, receipts, pool tokens, "
        "wrapped tokens, stablecoins with collateral, borrowed balances.",
        formula="Σ_q min(Σ_p≠q v_p(claims issued by q), TVL_q), by kind",
        threshold=f"always told; a jump of the share: {drift.SCORE:g} robust deviations and one point",
        severity="note; warning for a jump and for borrowed balances that count",
        remedy="Read TVL and losses as gross; use the constant panel and net losses where the dollar must count once.",
        watch=double.DoubleCounting,
    ),
    Check(
        name="symbols", title="Duplicate symbols",
        looks_for="One symbol for several tokens, spellings that differ in case or in look-alike characters, symbols "
        "with several claimants.",
        formula="fewer than 60 % of holdings within a quarter of the median price; equal lower case or skeleton",
        threshold="any; amounts decide the severity", severity=_DOUBTFUL,
        remedy="Name the issuer in the overrides file (`dexposure tokens review`), or rename one of the tokens.",
        watch=symbols.Symbols,
    ),
    Check(
        name="coverage", title="Coverage drift",
        looks_for="Mapping methods, dropped shares, row counts, entries and exits that leave their own history.",
        formula="z = |s - median| / (1.4826·MAD + 0.005), 26 snapshots",
        threshold=f"z > {drift.SCORE:g} and one point of the input (entries and exits: two of TVL; rows: a fifth)",
        severity="warning", remedy="Compare on the constant panel; a change of coverage is not a change of the system.",
        table=drift.coverage_drift,
    ),
)  # fmt: skip
