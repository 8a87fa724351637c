"""What a doubter asks: a world without skill, the leak test, other seeds, what each piece of the model is worth."""

from __future__ import annotations

from typing import Final

import polars as pl
import streamlit as st

from dexposure_core.pipeline.views import skill
from dexposure_core.ui import frame, text
from dexposure_core.ui.charts import skill as charts
from dexposure_core.ui.output import export, tables
from dexposure_core.ui.skill import words
from dexposure_core.ui.skill.panels import Shown

FACTS: Final = {
    "horizon": "Steps", "origins": "Origins", "pairs": "Pairs scored", "exposures": "Exposures", "births": "Begin",
    "births_new": "Of them never seen", "deaths": "End", "flicker_births": "Soon gone again",
    "flicker_deaths": "Soon back", "entrants": "Of new protocols",
}  # fmt: skip


def doubts(shown: Shown) -> None:
    """Draw what speaks against the scores, as far as it was asked for."""
    if not (shown.document["null_world"] or shown.document["leak_test"] or shown.document["seeds"]):
        frame.empty("No such tests are kept", "The evaluation that is kept has scores only.", words.ABSENT)
    _null(shown)
    left, right = st.columns(2)
    with left:
        _leaks(shown)
    with right:
        _seeds(shown)
    _ablations(shown)
    _sources(shown)
    _facts(shown)


def _null(shown: Shown) -> None:
    null = shown.document["null_world"]
    standings = skill.best_standings(null["standings"], shown.view.basis) if null else pl.DataFrame()
    if standings.is_empty():
        return
    st.subheader("A world in which nothing can be foreseen", anchor=False)
    st.markdown(told_of_null(standings, shown.view.basis))
    known = standings["metric"].unique().to_list()
    rows = {m: words.title(m) for m in words.MAIN if m in known}
    columns = [(h, words.steps(h, shown.evaluation)) for h in standings["horizon"].unique().sort().to_list()]
    title = f"Gain over the best other method where there is none to be had, {shown.view.basis} basis"
    figure = charts.cells(
        standings, rows, columns, title=title, unit="▲ better   ≈ as good   ▼ worse; small: 90 % interval"
    )
    source = shown.source(weights="fitted there", evaluated_on="a made-up world without skill")
    export.chart(figure, standings, "matrix-null", source, alt=title)


def _leaks(shown: Shown) -> None:
    found = [f for f in shown.document["leak_test"] if f["basis"] == shown.view.basis]
    if not found:
        return
    st.subheader("Does the future leak in?", anchor=False)
    st.markdown(words.leaks(found))
    told = pl.DataFrame({
        "method": [f["forecaster"] for f in found], "origin": [f["origin"] for f in found],
        "passed": ["passed" if f["passed"] else "FAILED" for f in found],
        "changed": [str(f["changed"] or "–") for f in found],
    })  # fmt: skip
    export.table(told, "leaks", shown.source(), labels={"changed": "What changed"})


def _seeds(shown: Shown) -> None:
    found = skill.spread(shown.document["seeds"], shown.view.basis, shown.view.horizon)
    if found.is_empty():
        return
    st.subheader(f"Trained {text.plural(shown.document['seed_count'], 'time')}, each with another seed", anchor=False)
    main = found.filter(pl.col("metric").is_in(list(words.MAIN)))
    apart, count = skill.luck(shown.document["seeds"], shown.view.basis)
    st.markdown(
        f"Mean and range of each score, {shown.ahead} ahead: what the luck of training is worth. Over all scores and "
        f"horizons the worst seed is more than 1 % behind the best in **{apart} of {count}** comparisons."
    )
    told = pl.DataFrame({
        "metric": [words.title(m) for m in main["metric"].to_list()],
        **{end: [text.number(v) for v in main[end].to_list()] for end in ("mean", "low", "high")},
    })  # fmt: skip
    labels = {"metric": "Score", "mean": "Mean", "low": "Least", "high": "Most"}
    source = shown.source(weeks_ahead=shown.view.horizon, weights=f"of {shown.document['seed_count']} seeds")
    export.table(told, "seeds", source, labels=labels, full=found)


def _ablations(shown: Shown) -> None:
    found = skill.ablations(shown.document.get("ablations") or [], shown.view.basis, shown.view.horizon)
    if found.is_empty():
        return
    st.subheader("What each piece of the model is worth", anchor=False)
    st.markdown(
        f"The same model trained again with one piece left out or held fast, {shown.ahead} ahead, beside the same with "
        "it: teachers beside the whole model; the other pieces, to save time, beside the model without teachers. "
        "▼ worse without it: the piece is worth having. ▲ better without it. ≈ within 1 %. One training run each."
    )
    known = found["metric"].unique().to_list()
    rows = {m: words.title(m) for m in words.MAIN if m in known}
    variants = found["variant"].unique(maintain_order=True).to_list()
    title = f"Gain without a piece, {shown.view.basis} basis, {shown.ahead} ahead"
    figure = charts.cells(
        found, rows, [(v, str(v)) for v in variants], title=title, by="variant", unit="▲ better   ≈ as good   ▼ worse"
    )
    source = shown.source(weeks_ahead=shown.view.horizon, weights="of variants trained anew")
    export.chart(figure, found, "matrix-ablations", source, alt=title)


def _sources(shown: Shown) -> None:
    found = skill.served_from(shown.document["sources"], shown.view.basis)
    if found.is_empty():
        return
    st.subheader("What the served values come from", anchor=False)
    st.markdown(
        "Where a correction to memory did not clearly help on the validation weeks it is off and memory is served."
    )
    if found["memory"].str.contains("(directions", literal=True).any():
        st.caption(
            "Directions: the share of what was learnt of which way a flow goes that counts, beside which way the pair "
            "mostly went over its last 52 snapshots."
        )
    told = found.with_columns(pl.col("what").str.slice(0, 1).str.to_uppercase() + pl.col("what").str.slice(1))
    labels = {"what": "What", "steps": "Steps", "memory": "From"}
    export.table(told, "sources", shown.source(), labels=labels, full=found, height=38 + 35 * told.height)


def _share(value: float | None) -> str | None:
    return None if value is None else text.percent(value)


def _facts(shown: Shown) -> None:
    rows = [r for r in shown.document["facts"] if r["basis"] == shown.view.basis]
    if not rows:
        return
    st.subheader("What there was to forecast", anchor=False)
    st.caption("Means per origin. Soon: within three steps after the target.")
    told = pl.DataFrame([{k: r.get(k) for k in FACTS} for r in rows])
    told = told.with_columns(tables.written(told[name], _share) for name in ("flicker_births", "flicker_deaths"))
    export.table(told, "facts", shown.source(), labels=FACTS)


def told_of_null(standings: pl.DataFrame, basis: str) -> str:
    """Say what the forecast claims where there is nothing to foresee."""
    count = skill.tally(standings)
    honest = (
        _claims(standings)
        if basis == "holdings"
        else "On flows the direction is a coin: saying one half beats persistence honestly, so the yardstick is the "
        "best other method."
    )
    return (
        f"In a made-up world in which nothing can be foreseen but today's sizes and constant rates, the forecast is "
        f"better than the best other method in **{count['better']} of {standings.height}** comparisons and worse in "
        f"{count['worse']}. {honest}"
    )


def _claims(standings: pl.DataFrame) -> str:
    """Say whether the forecast claims more than luck gives where there is nothing to know, and what most of it is."""
    claimed = standings.filter(pl.col("verdict") == words.HELPS)
    luck = round(standings.height / 20)  # an interval of 90 % lies above 0 by chance once in twenty
    if claimed.height <= luck:
        return f"Chance gives about {luck} of {standings.height}: it does not claim what it cannot know."
    score, times = claimed["metric"].value_counts(sort=True).sort("count", "metric", descending=[True, False]).row(0)
    most = max(claimed.filter(pl.col("metric") == score)["gain"].to_list())
    return (
        f"Chance gives about {luck}, so it **claims more than there is to know**, most often of "
        f"{words.title(score)} ({times} times, by at most {words.points(most)})."
    )
