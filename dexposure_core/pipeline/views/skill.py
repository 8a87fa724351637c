"""How good the forecast is, as tables: a kept evaluation beside persistence, the best baseline and every other one.

A standing says how the served forecaster does at one score and horizon beside a rival: columns metric, horizon, rival,
rival_value, value, gain, low, high, verdict. The gain is 1 − error / error, or score / score − 1, of the rival; above 0
is better. Verdicts: `better` (the interval lies above 0), `worse` (the gain is below −1 %), `equal`. Null: not defined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from dexposure_core.forecast.judging.metrics import METRICS
from dexposure_core.forecast.judging.standing import PERSISTENCE, SERVED, TOLERATED

Record = Mapping[str, Any]
STANDINGS: Final = pl.Schema({
    "metric": pl.String, "horizon": pl.Int64, "rival": pl.String, "rival_value": pl.Float64, "value": pl.Float64,
    "gain": pl.Float64, "low": pl.Float64, "high": pl.Float64, "verdict": pl.String,
})  # fmt: skip
COVERAGE: Final = "coverage_90_"
KINDS: Final = {
    COVERAGE: "covered", f"{COVERAGE}known_": "covered_known", f"{COVERAGE}joint_": "covered_joint",
    f"{COVERAGE}independent_": "covered_alone",
}  # fmt: skip
PLACES: Final = ("best", "near", "behind")
SIDES: Final = ("ahead", "near", "behind")
FEWEST: Final = 20  # pairs in a bin that are worth a point
_COMPARED: Final = {m.name: m for m in METRICS if m.compared}
_NOT_MEASURES: Final = {m.name for m in METRICS}


def best_standings(records: Sequence[Record], basis: str) -> pl.DataFrame:
    """Return the standings beside the best baseline of each score, as the evaluation has them."""
    rows = [
        {
            "metric": s["metric"], "horizon": s["horizon"], "rival": s["best"], "rival_value": s["value"],
            "value": s["served"], "gain": s["gain"], "low": s["low"], "high": s["high"], "verdict": s["verdict"],
        }
        for s in records if s["basis"] == basis and s["verdict"] in ("better", "equal", "worse")
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=STANDINGS)


def persistence_standings(rows: pl.DataFrame, basis: str, forecaster: str = SERVED) -> pl.DataFrame:
    """Return the standings of a forecaster beside persistence.

    The gain of an error has a paired interval; that of a ranking score has none, and a verdict other than `equal` then
    needs the two scores' own intervals apart.
    """
    at = {(r["metric"], r["horizon"], r["forecaster"]): r for r in rows.filter(pl.col("basis") == basis).to_dicts()}
    horizons = rows["horizon"].unique().sort().to_list()
    found = []
    for name, metric in _COMPARED.items():
        for h in horizons:
            base, own, skill = (at.get((n, h, who)) for n, who in (
                (name, PERSISTENCE), (name, forecaster), (f"skill_{name}", forecaster)))  # fmt: skip
            if not base or not own or base["value"] is None or own["value"] is None:
                continue
            paired = skill or {"value": _ratio(own["value"], base["value"]), "low": None, "high": None}
            verdict = _paired(paired) if skill else _apart(own, base, more=metric.more_is_better)
            found.append({
                "metric": name, "horizon": h, "rival": PERSISTENCE, "rival_value": base["value"], "value": own["value"],
                "gain": paired["value"], "low": paired["low"], "high": paired["high"], "verdict": verdict,
            })  # fmt: skip
    return pl.DataFrame(found, schema=STANDINGS)


def _ratio(value: float, base: float) -> float | None:
    return value / base - 1 if base else None


def _paired(row: Record) -> str:
    if row["value"] is None:
        return "equal"
    if row["value"] < -TOLERATED:
        return "worse"
    return "better" if row["low"] is not None and row["low"] > 0 else "equal"


def _apart(own: Record, base: Record, *, more: bool) -> str:
    if None in (own["low"], own["high"], base["low"], base["high"]):
        return "equal"
    above, below = own["low"] > base["high"], own["high"] < base["low"]
    return "better" if (above if more else below) else "worse" if (below if more else above) else "equal"


def others(rows: pl.DataFrame, basis: str) -> int:
    """Return how many other methods were scored on a basis, persistence among them."""
    score = rows.filter(pl.col("basis") == basis, pl.col("metric").is_in(list(_COMPARED)))
    return len(set(score["forecaster"]) - {SERVED})


def tally(standings: pl.DataFrame) -> dict[str, int]:
    """Return how many standings are better, equal and worse, and how many of these two are behind beyond chance.

    Of the worse ones that is `sure`, of the equal ones, behind by at most 1 %, `little`.
    """
    count = {v: int((standings["verdict"] == v).sum()) for v in ("better", "equal", "worse")}
    beyond = standings.filter(pl.col("high") < 0)["verdict"]
    return {**count, "sure": int((beyond == "worse").sum()), "little": int((beyond == "equal").sum())}


def league(rows: pl.DataFrame, basis: str) -> pl.DataFrame:
    """Return how often each method is near the best of all others: the same question as of the served one.

    Columns: forecaster, best (no other method is ahead), near (behind by at most 1 %), behind (by more), scores (of how
    many: score and horizon where it and another one are defined); fewest behind first.
    """
    found = [
        {"forecaster": who, _place(value, [v for name, v in line.items() if name != who], metric): 1}
        for (metric, _), line in _lines(rows, basis).items()
        for who, value in line.items()
        if len(line) > 1
    ]
    return _counted(found, PLACES).sort("behind", "near", "forecaster")


def alone(rows: pl.DataFrame, basis: str) -> pl.DataFrame:
    """Return how often the served forecast is near each other method alone, nothing being picked with hindsight.

    Columns: forecaster, ahead (the served one, by more than 1 %), near, behind, scores (of how many: score and horizon
    where both are defined); the method that it is least often ahead of first.
    """
    found = [
        {"forecaster": who, _side(line[SERVED], value, metric): 1}
        for (metric, _), line in _lines(rows, basis).items()
        for who, value in line.items()
        if SERVED in line and who != SERVED
    ]
    return _counted(found, SIDES).sort("ahead", "forecaster")


def _lines(rows: pl.DataFrame, basis: str) -> dict[tuple[str, int], dict[str, float]]:
    """Return, per compared score and horizon, the value of every forecaster that has one."""
    lines: dict[tuple[str, int], dict[str, float]] = {}
    for r in rows.filter(pl.col("basis") == basis, pl.col("metric").is_in(list(_COMPARED))).to_dicts():
        if r["value"] is not None:
            lines.setdefault((r["metric"], r["horizon"]), {})[r["forecaster"]] = r["value"]
    return lines


def _counted(found: Sequence[Mapping[str, Any]], kinds: Sequence[str]) -> pl.DataFrame:
    counted = pl.DataFrame(found, schema={"forecaster": pl.String, **dict.fromkeys(kinds, pl.Int64)})
    return counted.group_by("forecaster", maintain_order=True).agg(
        pl.col(kinds).sum(), scores=pl.len().cast(pl.Int64)
    )  # fmt: skip


def _place(value: float, others: Sequence[float], metric: str) -> str:
    more = _COMPARED[metric].more_is_better
    best = max(others) if more else min(others)
    if value >= best if more else value <= best:
        return "best"
    return _side(value, best, metric)


def _side(value: float, rival: float, metric: str) -> str:
    if not rival:  # nothing is near no error at all, nor no score
        more = value > 0 if _COMPARED[metric].more_is_better else value < 0
        return "ahead" if more else "near" if value == 0 else "behind"
    gain = value / rival - 1 if _COMPARED[metric].more_is_better else 1 - value / rival
    return "ahead" if gain > TOLERATED else "behind" if gain < -TOLERATED else "near"


def column(rows: pl.DataFrame, basis: str, horizon: int, metric: str) -> pl.DataFrame:
    """Return forecaster, value, low, high, skill of every forecaster at one score, persistence first.

    `skill` is 1 − error / error of persistence; null where the score is not an error.
    """
    here = rows.filter(pl.col("basis") == basis, pl.col("horizon") == horizon)
    own = here.filter(pl.col("metric") == metric).select("forecaster", "value", "low", "high")
    skill = here.filter(pl.col("metric") == f"skill_{metric}").select("forecaster", skill="value")
    first = pl.when(pl.col("forecaster") == PERSISTENCE).then(0).when(pl.col("forecaster") == SERVED).then(1)
    return own.join(skill, on="forecaster", how="left", maintain_order="left").sort(
        first.otherwise(2), maintain_order=True
    )


def measured(rows: pl.DataFrame, basis: str, horizon: int) -> pl.DataFrame:
    """Return what was measured of measures and stress losses, one row each, losses last.

    Columns: measure, r2_persistence, r2, skill, skill_low, skill_high, error_persistence, error (mean absolute, of
    stress losses, share of TVL), covered, covered_known, covered_joint, covered_alone: how often the 90 % interval
    held: as served; the same without what entered the data since the origin; of joint draws as they are; of exposures
    drawn one by one.
    """
    here = rows.filter(pl.col("basis") == basis, pl.col("horizon") == horizon)
    at = {(r["metric"], r["forecaster"]): r for r in here.to_dicts()}
    names = [m.removeprefix("r2_") for m, who in at if m.startswith("r2_") and who == PERSISTENCE]
    found = []
    for name in names:
        skill = at.get((f"skill_{name}", SERVED), {}) if name not in _NOT_MEASURES else {}
        loss = f"stress_mae_{name.removeprefix('loss:')}"
        found.append({
            "measure": name, "r2_persistence": _value(at, f"r2_{name}", PERSISTENCE),
            "r2": _value(at, f"r2_{name}", SERVED), "skill": skill.get("value"), "skill_low": skill.get("low"),
            "skill_high": skill.get("high"), "error_persistence": _value(at, loss, PERSISTENCE),
            "error": _value(at, loss, SERVED),
            **{column: _value(at, f"{kind}{name}", SERVED) for kind, column in KINDS.items()},
        })  # fmt: skip
    numbers = ("r2_persistence", "r2", "skill", "skill_low", "skill_high", "error_persistence", "error")
    return pl.DataFrame(
        found, schema={"measure": pl.String, **dict.fromkeys((*numbers, *KINDS.values()), pl.Float64)}
    )  # fmt: skip


def _value(at: Mapping[tuple[str, str], Record], metric: str, forecaster: str) -> float | None:
    row = at.get((metric, forecaster))
    return None if row is None else row["value"]


def courses(weeks: Sequence[Record], basis: str, horizon: int, metric: str) -> pl.DataFrame:
    """Return date and, per forecaster but persistence, 1 − error / error of persistence at that single target."""
    own = {r["forecaster"]: r for r in weeks if (r["basis"], r["horizon"], r["metric"]) == (basis, horizon, metric)}
    base = own.pop(PERSISTENCE, None)
    if base is None:
        return pl.DataFrame(schema={"date": pl.Date})
    more = metric in _COMPARED and _COMPARED[metric].more_is_better
    days = pl.Series("date", base["dates"], dtype=pl.String).str.to_date()
    gains = [
        pl.Series(
            who, [_gain(v, b, more=more) for v, b in zip(r["values"], base["values"], strict=True)], dtype=pl.Float64
        )
        for who, r in own.items()
    ]
    return pl.DataFrame([days, *gains])


def _gain(value: float | None, base: float | None, *, more: bool) -> float | None:
    if value is None or not base:
        return None
    return value / base - 1 if more else 1 - value / base


def reliability(records: Sequence[Record], basis: str, horizon: int) -> pl.DataFrame:
    """Return forecaster, said, came, pairs: mean probability of a bin, and how often the exposure was there."""
    rows = [
        {k: r[k] for k in ("forecaster", "said", "came", "pairs")}
        for r in records if (r["basis"], r["horizon"]) == (basis, horizon) and r["pairs"] >= FEWEST
    ]  # fmt: skip
    schema = {"forecaster": pl.String, "said": pl.Float64, "came": pl.Float64, "pairs": pl.Int64}
    return pl.DataFrame(rows, schema=schema).sort("forecaster", "said")


def ablations(records: Sequence[Record], basis: str, horizon: int) -> pl.DataFrame:
    """Return the standings of variants of the model beside those with the part and a column `variant`; no intervals.

    `records` are {"variant", "basis", "horizon", "metric", "value", "gain"}; the whole model itself has no gain. Within
    1 % a variant is as good.
    """
    rows = [
        {
            "variant": r["variant"], "metric": r["metric"], "horizon": horizon, "rival": "the model with it",
            "rival_value": None, "value": r["value"], "gain": r["gain"], "low": None, "high": None,
            "verdict": "worse" if r["gain"] < -TOLERATED else "better" if r["gain"] > TOLERATED else "equal",
        }
        for r in records if (r["basis"], r["horizon"]) == (basis, horizon) and r["gain"] is not None
    ]  # fmt: skip
    return pl.DataFrame(rows, schema={"variant": pl.String, **STANDINGS})


def spread(seeds: Sequence[Record], basis: str, horizon: int) -> pl.DataFrame:
    """Return metric, mean, low, high over training runs with other seeds."""
    rows = [
        {k: s[k] for k in ("metric", "mean", "low", "high")}
        for s in seeds if (s["basis"], s["horizon"]) == (basis, horizon) and s["metric"] in _NOT_MEASURES
    ]  # fmt: skip
    return pl.DataFrame(rows, schema={"metric": pl.String, **dict.fromkeys(("mean", "low", "high"), pl.Float64)})


def luck(seeds: Sequence[Record], basis: str) -> tuple[int, int]:
    """Return in how many comparisons the worst of several seeds is more than 1 % behind the best, and of how many."""
    known = [
        s for s in seeds if s["basis"] == basis and s["metric"] in _COMPARED and None not in (s["low"], s["high"])
    ]  # fmt: skip
    apart = []
    for s in known:
        worst, best = (s["low"], s["high"]) if _COMPARED[s["metric"]].more_is_better else (s["high"], s["low"])
        apart.append(_place(worst, [best], s["metric"]))
    return apart.count("behind"), len(known)


def served_from(records: Sequence[Record], basis: str, forecaster: str = SERVED) -> pl.DataFrame:
    """Return what, steps, memory: what each part of the served forecast comes from, horizons alike on one row."""
    found: dict[tuple[str, str], list[str]] = {}
    for r in records:
        if (r["basis"], r["forecaster"]) == (basis, forecaster):
            for what in (k for k in r if k not in ("forecaster", "basis", "horizon")):
                found.setdefault((what, str(r[what])), []).append(str(r["horizon"]))
    order = list(dict.fromkeys(what for what, _ in found))
    rows = sorted(found.items(), key=lambda item: order.index(item[0][0]))
    schema = {"what": pl.String, "steps": pl.String, "memory": pl.String}
    return pl.DataFrame(
        [(what, ", ".join(steps), memory) for (what, memory), steps in rows], schema=schema, orient="row"
    )
