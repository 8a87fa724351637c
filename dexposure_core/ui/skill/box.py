"""How good is this forecast: its measured skill in a few lines, for the pages that show a forecast."""

from __future__ import annotations

from typing import Final

import polars as pl
import streamlit as st

from dexposure_core.errors import DexposureError
from dexposure_core.forecast.judging.standing import PERSISTENCE, SERVED
from dexposure_core.pipeline.evaluation.kept import Evaluation
from dexposure_core.pipeline.views import skill
from dexposure_core.ui import lookups, resources, text
from dexposure_core.ui.charts.skill import SIGNS
from dexposure_core.ui.skill import words
from dexposure_core.ui.view import View

LABELS: Final = {"what": "Better than", "beside_none": "no change", "beside_best": "best other"}
SHOWN: Final = (
    "auprc_births", "auprc_deaths", "brier", "weight_mae", "total_exposure_error", "node_mae", "total_tvl_error",
)  # fmt: skip


def draw(view: View, forecaster: str) -> None:
    """Draw the box: in words, as gains, how often intervals held, and the way to the whole evaluation."""
    st.markdown("**How good is this forecast?**")
    try:
        evaluation = lookups.evaluation()
    except DexposureError as error:
        st.markdown("It has not been measured for the weights in use.")
        st.caption(text.markdown(text.reason(error)))
        return
    if other := foreign(evaluation, resources.store(view.vintage).manifest.content_hash):
        st.markdown(f":orange[:material/warning:] {other}")
    st.markdown(said(evaluation, view.basis, view.horizon, forecaster))
    gains = table(evaluation, view.basis, view.horizon, forecaster)
    if not gains.is_empty() and forecaster != PERSISTENCE:
        st.markdown(_written(gains))
    if forecaster == SERVED:
        st.caption(coverage(evaluation, view.basis, view.horizon))
    st.markdown(f"[The whole evaluation]({view.link('skill')})")


def said(evaluation: Evaluation, basis: str, horizon: int, forecaster: str) -> str:
    """Say in plain words where a forecaster helped on the hold-out and where it did not. Markdown."""
    if forecaster == PERSISTENCE:
        return "Persistence expects no change. It is the yardstick: every other forecaster is measured against it."
    beside = _at(skill.persistence_standings(evaluation.rows, basis, forecaster), horizon)
    if beside.is_empty():
        return "It has not been scored for this basis and horizon; `dexposure evaluate --all --keep` does so."
    count = skill.tally(beside)
    seen = text.plural(_origins(evaluation, basis, horizon), "origin")
    lead = f"On {seen} it had never seen, {_steps(evaluation, horizon)} ahead, it beat **no change** in "
    lead += f"{count['better']} of {text.plural(beside.height, 'score')} and was worse in {count['worse']}"
    best = _at(skill.best_standings(evaluation.document["standings"], basis), horizon)
    if forecaster != SERVED or best.is_empty():
        return f"{lead}."
    held = skill.tally(best)
    than_best = f"it beat the **best other method** in {held['better']} of {best.height}"
    return f"{lead}; {than_best} and was worse in {held['worse']}."


def table(evaluation: Evaluation, basis: str, horizon: int, forecaster: str) -> pl.DataFrame:
    """Return what, beside_none, beside_best: the gains in what a reader of the page looks at, written."""
    none = _by_metric(_at(skill.persistence_standings(evaluation.rows, basis, forecaster), horizon))
    best = _by_metric(_at(skill.best_standings(evaluation.document["standings"], basis), horizon))
    known = [m for m in SHOWN if m in none]
    columns = {"what": [words.title(m) for m in known], "beside_none": [none[m] for m in known]}
    columns |= {"beside_best": [best.get(m, "–") for m in known]} if forecaster == SERVED else {}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def covered(evaluation: Evaluation | None, basis: str, horizon: int) -> dict[str, float]:
    """Return measure or loss → how often its 90 % interval held on the hold-out; empty when that was not measured."""
    if evaluation is None:
        return {}
    found = skill.measured(evaluation.rows, basis, horizon).drop_nulls("covered")
    return dict(found.select("measure", "covered").iter_rows())


def coverage(evaluation: Evaluation | None, basis: str, horizon: int) -> str:
    """Say how often 90 % intervals held, over all measures and losses."""
    held = list(covered(evaluation, basis, horizon).values())
    if not held:
        return "How often such intervals held has not been measured."
    return (
        f"Such 90 % intervals held {text.percent(sum(held) / len(held))} of the time on the hold-out, over all "
        f"measures and losses ({text.percent(min(held))} for the worst)."
    )


def foreign(evaluation: Evaluation, content_hash: str) -> str:
    """Say that skill was measured on other data than those shown, empty when it was not."""
    if evaluation.of(content_hash):
        return ""
    kind = "other, simulated data" if evaluation.document["simulated"] else "other data"
    return f"Measured on {kind} (vintage {text.markdown(evaluation.document['vintage'])}): it need not hold here."


def _written(gains: pl.DataFrame) -> str:
    """Return the gains as a Markdown table: a few lines that must fit beside a chart."""
    head = [LABELS[name] for name in gains.columns]
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *gains.iter_rows()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _at(standings: pl.DataFrame, horizon: int) -> pl.DataFrame:
    return standings.filter(pl.col("horizon") == horizon)


def _by_metric(standings: pl.DataFrame) -> dict[str, str]:
    return {
        s["metric"]: f"{SIGNS[s['verdict']]} "
        f"{words.points(None) if s['gain'] is None else words.decided(s['gain'], s['verdict'])}"
        for s in standings.to_dicts()
    }  # fmt: skip


def _origins(evaluation: Evaluation, basis: str, horizon: int) -> int:
    """Return from how many origins a horizon was scored: fewer the longer it is."""
    known = [f["origins"] for f in evaluation.document["facts"] if (f["basis"], f["horizon"]) == (basis, horizon)]
    return int(known[0] if known else evaluation.document["origins"])


def _steps(evaluation: Evaluation, horizon: int) -> str:
    return words.steps(horizon, evaluation)
