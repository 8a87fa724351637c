"""Contagion rules: functions, run by the one loop in `engine`.

All rules here share one recursion. With h (N,) the distress of each protocol (share of its loss-absorbing value A
lost so far), u (N,) what each debtor passes on in a round, and T (E,) the USD a creditor loses per unit of it:

    h_i ← min(1, h_i + Σ_j T_ij · u_j / A_i)          A_i = 0: receives nothing, passes nothing on

A rule is two choices: T, and who passes on what, and when.

| rule | T_ij | u_j |
|---|---|---|
| linear-debtrank (Bardoscia et al. 2015) | E_ij | what j's distress grew by in the round before |
| debtrank-2012 (Battiston et al. 2012) | min(E_ij, A_i) | h_j, once, in the round after h_j > 0 |
| threshold (Furfine 2003) | E_ij | the loss given default, once, in the round after h_j = 1 |
| eisenberg-noe (2001; Rogers, Veraart 2013) | E_ij | what j's unpaid share of its liabilities grew by; see `clearing` |
| dexposure-loss-sharing (DeXposure-FM, 6.2.1) | A_j · E_ij / Σ_k E_kj | h_j, once, in the round after h_j > 0.1 |

Under linear DebtRank with Σ T/A < 1 and no cap reached, h = (I − W)⁻¹ h(0). Loss sharing books a debtor's whole loss on
its creditors whatever they hold of it: it reproduces the paper, and can book a loss of 10 on an exposure of 5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from dexposure_core.errors import BadOption, UnknownRule, find, suggest
from dexposure_core.network.snapshot import Floats, Snapshot

Marks = npt.NDArray[np.bool_]
Options = dict[str, float]


class Round(NamedTuple):
    """One step of contagion as a rule sees it; arrays are (N, K), K scenarios side by side."""

    before: Floats  # distress before the round
    after: Floats  # distress after it
    struck: Marks  # shocked by fraction in this round (round 0 only)
    passed: Marks  # has passed distress on before
    owns: Marks  # (N, 1) has something to lose; who has not only issues, and a fraction is what its tokens fell by


@dataclass(frozen=True, kw_only=True)
class Option:
    """A number a rule can be asked to use: allowed range `low`..`high`, ends included; `whole`: no fractions."""

    name: str
    default: float
    low: float
    high: float
    help: str
    whole: bool = False


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How distress travels from debtors to their creditors.

    Attributes:
        name: key in tables, links and JSON.
        title: what a reader sees.
        help: the definition in a sentence.
        reference: where it comes from.
        options: what can be set, beside the absorbing value.
        assumptions: what a reader of a result must be told.
        transfer: (snapshot, absorbing_usd) → (E,) USD lost by the creditor per unit passed on by the debtor.
        passes: (round, options) → (N, K) what each protocol passes on next.
        clears: what is passed on follows from clearing payments instead; `passes` is then not asked.
        tolerance: the contagion has come to rest when no creditor would lose more than this share of what it has.
    """

    name: str
    title: str
    help: str
    reference: str
    options: tuple[Option, ...]
    assumptions: tuple[str, ...]
    transfer: Callable[[Snapshot, Floats], Floats]
    passes: Callable[[Round, Options], Floats]
    tolerance: float
    clears: bool = False

    def takes(self, name: str) -> bool:
        """Return whether the rule has an option of that name."""
        return any(option.name == name for option in self.options)

    def through(self, share: float) -> Options:
        """Return a pass-through as an option, for `settings`; none where the rule has no such thing."""
        return {"pass_through": share} if self.takes("pass_through") else {}

    def settings(self, given: dict[str, float]) -> Options:
        """Return every option of the rule with the given values in place.

        Raises:
            BadOption: for an option the rule does not have, or a value outside its range.
        """
        known = {option.name: option for option in self.options}
        for name, value in given.items():
            if name not in known:
                hint = suggest(name, known) or f"; it has {', '.join(known)}"
                raise BadOption(f"Rule {self.name} has no option '{name[:80]}'{hint}")
            _check_range(known[name], value)
        return {name: float(given.get(name, option.default)) for name, option in known.items()}


def _check_range(option: Option, value: object) -> None:
    numeric = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    whole = not option.whole or (numeric and float(value).is_integer())  # type: ignore[arg-type]
    if not numeric or not whole or not option.low <= float(value) <= option.high:  # type: ignore[arg-type]
        kind = "whole number" if option.whole else "number"
        raise BadOption(f"{option.name} = {value!r}; must be a {kind} from {option.low:g} to {option.high:g}")


def whole_exposure(snapshot: Snapshot, absorbing_usd: Floats) -> Floats:
    """Return (E,) E_ij: a creditor loses the debtor's distress times what it holds of it."""
    del absorbing_usd
    return snapshot.exposure_usd


def capped_exposure(snapshot: Snapshot, absorbing_usd: Floats) -> Floats:
    """Return (E,) min(E_ij, A_i): through one debtor a creditor cannot lose more than it has."""
    return np.minimum(snapshot.exposure_usd, absorbing_usd[snapshot.creditor])


def shared_loss(snapshot: Snapshot, absorbing_usd: Floats) -> Floats:
    """Return (E,) A_j · E_ij / Σ_k E_kj: a debtor's loss is divided among its creditors by exposure."""
    owed = np.bincount(snapshot.debtor, weights=snapshot.exposure_usd, minlength=len(snapshot.protocols))
    shared: Floats = absorbing_usd[snapshot.debtor] * (snapshot.exposure_usd / owed[snapshot.debtor])
    return shared


def growth(now: Round, options: Options) -> Floats:
    """Return what each protocol's distress grew by: everything new is passed on, in every round."""
    del options
    grown: Floats = now.after - now.before
    return grown


def once_distressed(now: Round, options: Options) -> Floats:
    """Return the distress of protocols that lost anything for the first time; what they lose later stays with them."""
    del options
    return np.where(now.passed, 0.0, now.after)


def once_failed(now: Round, options: Options) -> Floats:
    """Return the loss given default of protocols that lost all they have, once, and by how much struck tokens fell."""
    failed = np.where(now.owns & (now.after >= ALL_LOST), options["lgd"], 0.0)
    fell = np.where(now.struck & ~now.owns, now.after, 0.0)
    return np.where(now.passed, 0.0, failed + fell)


def once_above_threshold(now: Round, options: Options) -> Floats:
    """Return the whole distress of protocols that were struck or now exceed the threshold, once each."""
    fails = ~now.passed & (now.struck | (now.after > options["distress_threshold"]))
    return np.where(fails, now.after, 0.0)


ALL_LOST: Final = 1.0 - 1e-12
"""Distress from which on a protocol has failed: all of what it had, but for the rounding of a sum."""

_PASS_THROUGH = Option(
    name="pass_through", default=1.0, low=0.0, high=1.0,
    help="Share of a protocol's distress that its own tokens lose (1: all of it).",
)  # fmt: skip


def _rounds(default: int) -> Option:
    return Option(
        name="max_rounds", default=default, low=0, high=100_000, whole=True,
        help="The contagion is stopped after this many rounds; the result then says that it did not converge.",
    )  # fmt: skip


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        name="linear-debtrank",
        title="Linear DebtRank",
        help="Every new loss of a debtor is passed on to its creditors in proportion to what they hold of it, "
        "until nothing new is lost.",
        reference="Bardoscia, Battiston, Caccioli and Caldarelli 2015",
        options=(_PASS_THROUGH, _rounds(1_000)),
        assumptions=("impact is not capped per exposure; distress is capped at 1",),
        transfer=whole_exposure,
        passes=growth,
        tolerance=1e-12,
    ),
    Rule(
        name="debtrank-2012",
        title="DebtRank (2012)",
        help="A debtor passes its distress on once, when it is first hit; what it loses later stays with it, and "
        "through one debtor nobody loses more than it has.",
        reference="Battiston, Puliga, Kaushik, Tasca and Caldarelli 2012",
        options=(_PASS_THROUGH, _rounds(1_000)),
        assumptions=("each protocol passes distress on once; what it loses after that is not passed on",),
        transfer=capped_exposure,
        passes=once_distressed,
        tolerance=1e-12,
    ),
    Rule(
        name="threshold",
        title="Threshold cascade",
        help="A debtor harms its creditors only when it has lost all it has; they then lose the loss given default "
        "times what they hold of it.",
        reference="Furfine 2003",
        options=(
            _PASS_THROUGH,
            Option(
                name="lgd", default=1.0, low=0.0, high=1.0,
                help="Loss given default: the share of an exposure lost when the debtor fails (1: no recovery).",
            ),
            _rounds(1_000),
        ),
        assumptions=(
            "only a protocol that has lost all it has is passed on; a fall of an issuer's tokens is passed on as it is",
        ),
        transfer=whole_exposure,
        passes=once_failed,
        tolerance=1e-12,
    ),
    Rule(
        name="eisenberg-noe",
        title="Clearing payments",
        help="Every protocol pays what it owes as far as its assets reach, all creditors alike; the payments are the "
        "largest that agree with each other.",
        reference="Eisenberg and Noe 2001; recovery alpha, beta: Rogers and Veraart 2013",
        options=(
            Option(
                name="alpha", default=1.0, low=0.0, high=1.0,
                help="Share of its other assets that a protocol in default recovers (1: no cost of default).",
            ),
            Option(
                name="beta", default=1.0, low=0.0, high=1.0,
                help="Share of payments received that a protocol in default recovers (1: no cost of default).",
            ),
            _rounds(10_000),
        ),
        assumptions=("tokens of a protocol are claims on its assets, pari passu, whoever holds them",),
        transfer=whole_exposure,
        passes=growth,
        tolerance=1e-13,
        clears=True,
    ),
    Rule(
        name="dexposure-loss-sharing",
        title="DeXposure loss sharing",
        help="A distressed debtor's whole loss is shared among its creditors by exposure, once; "
        "a protocol is distressed when shocked or when it has lost more than the threshold.",
        reference="DeXposure-FM, arXiv 2602.03981, section 6.2.1, with the authors' cap for every protocol",
        options=(
            _PASS_THROUGH,
            Option(
                name="distress_threshold", default=0.1, low=0.0, high=1.0,
                help="A protocol passes its loss on when it has lost more than this share of its absorbing value.",
            ),
            _rounds(10),
        ),
        assumptions=(
            "a creditor may be booked more than it holds; one dollar is counted once per hop",
            "rounds are synchronous: all protocols distressed in a round pass on the loss they entered it with",
        ),
        transfer=shared_loss,
        passes=once_above_threshold,
        tolerance=0.0,
    ),
)  # fmt: skip


def find_rule(name: str) -> Rule:
    """Return the rule of that name.

    Raises:
        UnknownRule: when there is none; names the closest one.
    """
    return find(name, RULES, "contagion rule", UnknownRule)
