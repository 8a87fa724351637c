"""What an evaluation says in plain words: where the forecast helps, where it does not, beside whom and by how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from dexposure_core.forecast.judging.metrics import METRICS
from dexposure_core.pipeline.evaluation.kept import Evaluation
from dexposure_core.pipeline.evaluation.words import points as written
from dexposure_core.pipeline.views import skill
from dexposure_core.ui import text

# score → what the table calls it, what a sentence calls it; the scores that are shown first
MAIN: Final[Mapping[str, tuple[str, str]]] = {
    "brier": ("Any exposure: probability", "the probability that an exposure exists"),
    "mrr": ("Any exposure: right partner", "who is exposed to whom"),
    "auprc_historical": ("Lasting or former exposure", "telling lasting from former exposures"),
    "brier_deaths": ("Exposures that end: probability", "the probability that an exposure ends"),
    "auprc_deaths": ("Exposures that end: which", "which exposures end"),
    "brier_births": ("Exposures that begin: probability", "the probability that an exposure begins"),
    "auprc_births": ("Exposures that begin: which", "which exposures begin"),
    "auprc_births_new": ("Never seen before: which", "which exposures never seen before begin"),
    "mrr_new": ("Never seen before: partner", "the partner of an exposure never seen before"),
    "weight_mae": ("Size of an exposure", "the size of exposures"),
    "wape": ("USD of all exposures missed", "the USD of all exposures"),
    "total_exposure_error": ("Total exposure, sum of pairs", "total exposure as the sum of pairs"),
    "node_mae": ("TVL of a protocol", "the TVL of protocols"),
    "total_tvl_error": ("System TVL, sum of protocols", "system TVL as the sum of protocols"),
}
RIVALS: Final[Mapping[str, str]] = {"best": "best other method", "persistence": "no change (persistence)"}
OVER: Final[Mapping[str, str]] = {"best": "the best other method", "persistence": "no change (persistence)"}
ABSENT: Final = "dexposure evaluate --all --keep makes an evaluation with every part, basis and horizon."
KNOWN: Final = "leaving out protocols that entered the data after the origin"
FAR: Final = 10.0  # a gain beyond this is only said to be beyond it
HELPS, SAME, HURTS = "better", "equal", "worse"
REMEDY: Final = (
    "It takes some hours on a plain computer, and goes on where it was when it is stopped and started again."
)
_NONE: Final = {
    HELPS: "nothing at most horizons", SAME: "nothing", HURTS: "nothing by more than 1 %",
}  # fmt: skip


def title(metric: str) -> str:
    """Return what a table calls a score."""
    return MAIN[metric][0] if metric in MAIN else metric


def titled(metric: str) -> str:
    """Return what a table calls a score, with its name where that is another."""
    return f"{title(metric)} ({metric})" if metric in MAIN else metric


def points(value: float | None) -> str:
    """Write a relative gain: `+3.2 %`, `0 %`, `>10×`."""
    if value is None:
        return "–"
    if abs(value) >= FAR:
        return f">{FAR:g}×" if value > 0 else f"<{text.MINUS}{FAR:g}×"
    return "0\u00a0%" if abs(value) < 0.0005 else written(value)


def decided(value: float, verdict: str) -> str:
    """Write a gain that has a verdict: a difference beyond chance is never `0 %`, however small it is."""
    return "<0.1\u00a0%" if verdict == HELPS and abs(value) < 0.0005 else points(value)


def span(low: float | None, high: float | None) -> str:
    """Write the interval of a gain; a dash where there is none."""
    return f"{points(low)} to {points(high)}" if low is not None and high is not None else "–"


def gain(value: float | None, low: float | None, high: float | None) -> str:
    """Write a gain with its interval."""
    return "–" if value is None else points(value) + (f" ({span(low, high)})" if low is not None else "")


def meaning(metric: str) -> str:
    """Return the definition of a score and which way is better."""
    found = next((m for m in METRICS if m.name == metric), None)
    if found is None:
        return ""
    return f"{metric}: {found.help}; {'more' if found.more_is_better else 'less'} is better."


def answer(best: pl.DataFrame, persistence: pl.DataFrame, basis: str, others: int) -> str:
    """Answer in one sentence: how often is the forecast better than the best of `others` methods and than no change?"""
    if best.is_empty():
        return f"The forecast has not been scored on the {basis} basis."
    count = skill.tally(best)
    held, little = skill.tally(persistence), count["little"]
    horizons = best["horizon"].n_unique()
    scored = f"{text.plural(best['metric'].n_unique(), 'score')}, {text.plural(horizons, 'horizon')}"
    return (
        f"On the {basis} basis the forecast beats the **best of {text.plural(others, 'other method')}** in "
        f"**{count['better']} of {best.height}** comparisons ({scored}), is about as good in {count['equal']}"
        f"{f' ({little} of them behind beyond chance, by 1 % at most)' if little else ''} "
        f"and worse in **{count['worse']}** ({count['sure']} beyond chance). "
        f"{_beside(held, persistence.height)}"
    )


def _beside(held: Mapping[str, int], whole: int) -> str:
    if not whole:
        return ""
    return (
        f"Against no change (persistence) it is better in **{held['better']} of {whole}** and worse in {held['worse']}."
    )


def lists(standings: pl.DataFrame, unit: str) -> dict[str, list[str]]:
    """Return verdict → what it holds for, in words: the main scores by their most frequent verdict, steps in `unit`."""
    found: dict[str, list[str]] = {HELPS: [], SAME: [], HURTS: []}
    for metric, (_, phrase) in MAIN.items():
        own = standings.filter(pl.col("metric") == metric)
        if not own.is_empty():
            verdict = _main(own)
            found[verdict].append(f"{phrase}{_by_how_much(own, verdict, unit)}")
    return found


def _main(own: pl.DataFrame) -> str:
    """Return the verdict of a score over its horizons: one that is worse anywhere is not said to help."""
    count = skill.tally(own)
    if count[HURTS] and count[HURTS] >= count[HELPS]:
        return HURTS
    return HELPS if count[HELPS] * 2 >= own.height else SAME


def _by_how_much(own: pl.DataFrame, verdict: str, unit: str) -> str:
    if verdict == SAME:
        return ""
    part = own.filter(pl.col("verdict") == verdict).sort("horizon")
    gains = [g for g in part["gain"].to_list() if g is not None]
    steps = part["horizon"].to_list()
    ahead = f" at {_listed([str(h) for h in steps])} {unit}{'' if steps == [1] else 's'}"
    where = "" if part.height == own.height else ahead
    if not gains:
        return where
    low, high = min(gains), max(gains)
    least, most = decided(low, verdict), decided(high, verdict)
    return f" ({least}{where})" if least == most else f" ({least} to {most}{where})"


def said(found: Sequence[str], verdict: str) -> str:
    """Return what a list of `lists` says as Markdown bullets, or that there is none."""
    return "\n".join(f"- {phrase}" for phrase in found) if found else f"- {_NONE[verdict]}"


def caveats(evaluation: Evaluation, vintage: str, content_hash: str) -> list[str]:
    """Return what a reader must be told of an evaluation before reading its numbers. Plain text."""
    d = evaluation.document
    found = []
    if not evaluation.of(content_hash):
        found.append(
            f"This skill was measured on other data (vintage {d['vintage']}{', simulated' if d['simulated'] else ''}) "
            f"than those you are looking at ({vintage}): it need not hold here. `dexposure evaluate --all --keep` "
            "measures it on these."
        )
    return found


def circumstances(evaluation: Evaluation) -> str:
    """Return one line: how much was scored, when, on what, and who was fitted on what. Markdown."""
    d = evaluation.document
    each = text.plural(d["origins"], "origin") + _fewer_ahead(evaluation)
    notes = "".join(f"  \nNote: {text.markdown(note)}" for note in d["notes"])
    simulated = " Simulated data: this says nothing about real protocols." if d["simulated"] else ""
    return (
        f"{each} from {text.markdown(d['first_origin'])} on, none of which any method had seen: everything that learns "
        f"was fitted on earlier dates. Intervals: 90 %, from resampled blocks of origins. Weights "
        f"{text.markdown(d['model'][:12])}, evaluated {text.markdown(d['when'][:10])}.{simulated}{notes}"
    )


def _fewer_ahead(evaluation: Evaluation) -> str:
    """Say from how many origins the longer horizons could be scored, where that is fewer."""
    d = evaluation.document
    counts = {f["horizon"]: f["origins"] for f in d["facts"]}
    fewer = {h: n for h, n in sorted(counts.items()) if n < d["origins"]}
    if not fewer:
        return ""
    return f" ({_listed([str(n) for n in fewer.values()])} where {_listed([str(h) for h in fewer])} steps ahead)"


def unit_of(evaluation: Evaluation) -> str:
    """Return what lies between two dates that were scored: week, day, month, or step."""
    unit = str(evaluation.document["frequency"])
    return unit if unit in ("day", "week", "month", "quarter", "year") else "step"


def steps(horizon: int, evaluation: Evaluation) -> str:
    """Write a horizon in the unit of the dates that were scored."""
    return text.plural(horizon, unit_of(evaluation))


def reliability(curve: pl.DataFrame, served: str) -> str:
    """Say how far stated probabilities were off, in the bins that hold enough pairs."""
    own = curve.filter(pl.col("forecaster") == served)
    if own.is_empty():
        return "The forecast's probabilities were not scored here."
    middle = own.filter(pl.col("said").is_between(0.1, 0.9))
    far = (middle if not middle.is_empty() else own).sort((pl.col("said") - pl.col("came")).abs(), descending=True)
    row = far.row(0, named=True)
    return (
        f"Where the forecast says {text.percent(row['said'])}, {text.percent(row['came'])} came true: the largest gap "
        f"between 10 % and 90 % ({text.plural(row['pairs'], 'pair')}). On the dotted line what was said came true as "
        "often."
    )


def course(gains: pl.DataFrame, served: str, unit: str) -> str:
    """Say in how many single targets the forecast was better than persistence, and where it was worst."""
    if served not in gains.columns:
        return "Not scored week by week."
    own = gains.select("date", gain=served).drop_nulls()
    if own.is_empty():
        return "Not defined at any target."
    good = int((own["gain"] > 0).sum())
    worst = own.sort("gain").row(0, named=True)
    return (
        f"Better than persistence in **{good} of {text.plural(own.height, unit)}**; the worst is {worst['date']} "
        f"({points(worst['gain'])})."
    )


def coverage(measured: pl.DataFrame) -> str:
    """Say how often 90 % intervals of measures held, as served and if exposures were drawn one by one."""
    known = measured.drop_nulls("covered")
    if known.is_empty():
        return "How often the intervals held was not measured."
    parts = [f"the 90 % intervals held **{text.percent(_mean(known['covered']))}** of the time as served"]
    joint, alone, before = (known[c].drop_nulls() for c in ("covered_joint", "covered_alone", "covered_known"))
    parts += [f"{text.percent(_mean(before))} {KNOWN}"] if len(before) else []
    parts += [f"{text.percent(_mean(joint))} from joint draws as they are"] if len(joint) else []
    parts += [f"{text.percent(_mean(alone))} if exposures were drawn one by one"] if len(alone) else []
    better = int((known["skill_low"] > 0).sum())
    return (
        f"Over {text.plural(known.height, 'measure and stress loss', 'measures and stress losses')} "
        f"{', '.join(parts)}. The forecast of {better} of them is better than no change beyond chance."
    )


def event(standings: pl.DataFrame, measured: pl.DataFrame, name: str) -> str:
    """Say how the forecast did in the weeks after an event, and whether its intervals of measures held."""
    count = skill.tally(standings)
    held, before = (measured[c].drop_nulls() for c in ("covered", "covered_known"))
    tail = f"; its 90 % intervals held {text.percent(_mean(held))} of the time" if len(held) else ""
    tail += f", {text.percent(_mean(before))} {KNOWN}" if len(before) else ""
    return (
        f"**{text.markdown(name)}**: better than the best other method in {count['better']} of {standings.height} "
        f"comparisons, worse in {count['worse']}{tail}."
    )


def leaks(found: Sequence[Mapping[str, Any]]) -> str:
    """Say whether what comes after an origin changes any forecast."""
    failed = list(dict.fromkeys(f["forecaster"] for f in found if not f["passed"]))
    passed = sum(bool(f["passed"]) for f in found)
    tail = f"; **failed**: {text.markdown(_listed(failed))}" if failed else ""
    return (
        f"Made-up snapshots after the origin change no forecast: **{passed} of {len(found)}** tests passed, "
        f"bit by bit{tail}."
    )


def _mean(values: pl.Series) -> float:
    return float(values.sum()) / len(values)


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]
