"""The served forecast among all methods: beside the best of them, beside each alone, and all values of one score."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from dexposure_core.forecast.judging.standing import SERVED
from dexposure_core.pipeline.views import skill
from dexposure_core.ui import controls, text
from dexposure_core.ui.charts import skill as charts
from dexposure_core.ui.output import export, tables
from dexposure_core.ui.skill import words
from dexposure_core.ui.skill.panels import Shown, absent


def baselines(shown: Shown) -> None:
    """Draw how often each method is near the best and the served one near each, then all values of one score."""
    found = skill.league(shown.evaluation.rows, shown.view.basis)
    alone = skill.alone(shown.evaluation.rows, shown.view.basis)
    if not found.is_empty():
        st.markdown(f"{told_of_league(found, SERVED)} {told_of_each(alone)}")
        left, right = st.columns(2)
        with left:
            figure = charts.league(found, title="Every method beside the best of all others")
            export.chart(figure, found, "league", shown.source())
        with right:
            figure = charts.league(alone, charts.SIDES, title="This forecast beside each method alone")
            export.chart(figure, alone, "each-alone", shown.source())
        st.caption(
            "Over all scores and horizons; within 1 %: the error is that much larger or smaller at most, or the score. "
            "In the first chart the best is picked with hindsight, anew for every comparison: the best of many is "
            "ahead by luck, too, and nobody is near it everywhere. In the second nothing is picked; ahead and behind "
            "are said of this forecast."
        )
    _values(shown)


def _values(shown: Shown) -> None:
    rows = shown.evaluation.rows
    known = [m for m in rows["metric"].unique(maintain_order=True).to_list() if words.meaning(m)]
    metric = controls.choice("metric", "Score", known, default="brier", format_func=words.titled)
    st.caption(text.markdown(words.meaning(metric)))
    column = skill.column(rows, shown.view.basis, shown.view.horizon, metric)
    if column.is_empty():
        absent("Not scored on this basis and horizon")
        return
    left, right = st.columns(2)
    with left:
        title = f"{words.title(metric)}, {shown.ahead} ahead"
        unit = f"{metric}; whiskers: 90 %; ◆ this forecast"
        export.chart(charts.forest(column, title=title, unit=unit), column, "baselines", shown.origin)
    with right:
        told = column.with_columns(tables.written(column["skill"], words.points)).select(
            "forecaster", "value", "low", "high", "skill"
        )
        labels = {"forecaster": "Method", "low": "5 %", "high": "95 %", "skill": "vs no change"}
        export.table(told, "baseline-values", shown.origin, labels=labels, full=column, height=38 + 35 * column.height)


def told_of_league(found: pl.DataFrame, served: str) -> str:
    """Say in how many comparisons the served forecast is more than 1 % behind the best other, and who comes next."""
    by_name = {r["forecaster"]: r for r in found.to_dicts()}
    own, rest = by_name.pop(served, None), list(by_name.values())
    if own is None:
        return "The forecast in use was not scored beside other methods."
    said = f"More than 1 % behind the best of all others: this forecast in **{own['behind']} of {own['scores']}**"
    ends = rest[:: max(1, len(rest) - 1)]  # the first and the last
    told = " to ".join(f"{r['behind']} ({text.markdown(r['forecaster'])})" for r in ends)
    return f"{said} comparisons{f', the others in {told}' if told else ''}."


def told_of_each(alone: pl.DataFrame) -> str:
    """Say how often the served forecast is ahead of and behind each method alone, and whether any is better."""
    if alone.is_empty():
        return ""
    rows = alone.to_dicts()
    ahead = _range(rows, "ahead")
    behind = _range(rows, "behind")
    better = [text.markdown(r["forecaster"]) for r in rows if r["behind"] > r["ahead"]]
    verb = "is" if len(better) < 2 else "are"
    verdict = f"**{', '.join(better) or 'none of them'}** {verb} ahead of it more often than behind"
    return f"Beside each of them alone it is ahead by more than 1 % in {ahead} and behind in {behind}: {verdict}."


def _range(rows: list[dict[str, Any]], side: str) -> str:
    ordered = sorted(rows, key=lambda r: r[side])
    least, most = ordered[0], ordered[-1]
    if least[side] == most[side]:
        return str(most[side])
    return f"{least[side]} ({text.markdown(least['forecaster'])}) to {most[side]} ({text.markdown(most['forecaster'])})"
