"""The parts of the Skill page, one at a time: in short, probabilities, weeks, measures, events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import polars as pl
import streamlit as st

from dexposure_core.forecast.judging.standing import SERVED
from dexposure_core.measures import MEASURES
from dexposure_core.pipeline.evaluation.kept import Evaluation
from dexposure_core.pipeline.views import skill
from dexposure_core.stress import find_rule, find_scenario
from dexposure_core.ui import controls, frame, text
from dexposure_core.ui.charts import skill as charts
from dexposure_core.ui.output import export
from dexposure_core.ui.output.provenance import Provenance
from dexposure_core.ui.skill import words
from dexposure_core.ui.view import View

WEEKLY: Final = {
    "brier": "Any exposure", "brier_births": "Beginnings", "brier_deaths": "Ends", "auprc_historical": "Former pairs",
    "weight_mae": "Sizes", "wape": "USD", "node_mae": "TVL",
}  # fmt: skip
NUMBERS: Final = {
    "what": "Score", "rival": "Beside", "rival_value": "Its value", "value": "Forecast", "gain": "Gain", "span": "90 %",
    "verdict": "Verdict", "horizon": "Steps",
}  # fmt: skip
MEASURED: Final = {
    "what": "Measure", "r2_persistence": "R², no change", "r2": "R², forecast", "gain": "Better than no change by",
    "error_persistence": "Missed, no change", "error": "Missed, forecast", "held": "Interval held",
    "held_known": "Without entrants", "held_joint": "Joint draws", "held_alone": "One by one",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What every part needs: the evaluation, the view, and where the data come from."""

    view: View
    evaluation: Evaluation
    data: Provenance

    @property
    def origin(self) -> Provenance:
        """Where what holds at the chosen horizon comes from."""
        return self.source(weeks_ahead=self.view.horizon)

    def source(self, **parameters: object) -> Provenance:
        """Return where a part comes from: the weights in use and the data, unless others are named."""
        return self.data.having(**parameters, **{k: v for k, v in self._made_of().items() if k not in parameters})

    def _made_of(self) -> dict[str, str]:
        """Return the weights and the data that the evaluation is of."""
        return {"weights": self.document["model"][:12], "evaluated_on": self.document["vintage"]}

    @property
    def document(self) -> Mapping[str, Any]:
        """The sections of the evaluation."""
        return self.evaluation.document

    @property
    def ahead(self) -> str:
        """The chosen horizon in words."""
        return words.steps(self.view.horizon, self.evaluation)

    def best(self) -> pl.DataFrame:
        """Return the standings beside the best baselines on the chosen basis."""
        return skill.best_standings(self.document["standings"], self.view.basis)

    def answer(self) -> str:
        """Return the page's answer."""
        others = skill.others(self.evaluation.rows, self.view.basis)
        return words.answer(self.best(), self.persistence(), self.view.basis, others)

    def persistence(self) -> pl.DataFrame:
        """Return the standings beside persistence on the chosen basis."""
        return skill.persistence_standings(self.evaluation.rows, self.view.basis)


class Part(NamedTuple):
    """A part of the page: its name and what draws it."""

    title: str
    draw: Callable[[Shown], None]


def short(shown: Shown) -> None:
    """Draw where the forecast helps in words, and the table of gains beside them."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="compared"):
        beside = controls.choice(
            "beside", "Compared with", list(words.RIVALS), format_func=words.RIVALS.__getitem__, style="segments"
        )
        every = controls.switch("every", "Every score", help="All scores that can be compared, by their names")
    standings = shown.best() if beside == "best" else shown.persistence()
    if standings.is_empty():
        absent("Nothing was scored on this basis")
        return
    left, right = st.columns([2, 5])
    with left, st.container(key="verdicts"):
        found = words.lists(standings, words.unit_of(shown.evaluation))
        st.markdown(f"**▲ Better at most horizons**\n{words.said(found[words.HELPS], words.HELPS)}")
        st.markdown(f"**▼ Behind by more than 1 %, maybe by chance**\n{words.said(found[words.HURTS], words.HURTS)}")
        st.markdown(f"**≈ Neither**\n{words.said(found[words.SAME], words.SAME)}")
    with right:
        _cells(standings, shown, f"Gain over {words.OVER[beside]}, {shown.view.basis} basis", every=every)
    st.caption(
        "▲ better: the whole 90 % interval of the gain lies above 0. ▼ worse: the gain is below −1 %. ≈ as good. "
        "Gain: by how much the error is smaller, or the score larger. The best other method is picked with hindsight, "
        "anew for every cell. Ranking scores have no paired interval beside persistence."
    )
    _numbers(standings, shown, "standings")


def _cells(standings: pl.DataFrame, shown: Shown, title: str, *, every: bool = False) -> None:
    known = standings["metric"].unique(maintain_order=True).to_list()
    rows = {m: words.title(m) for m in (known if every else words.MAIN) if m in known}
    columns = [(h, words.steps(h, shown.evaluation)) for h in standings["horizon"].unique().sort().to_list()]
    figure = charts.cells(
        standings, rows, columns, title=title, unit="▲ better   ≈ as good   ▼ worse; small: 90 % interval"
    )
    export.chart(figure, standings, "matrix-skill", shown.source(), alt=title)


def _numbers(standings: pl.DataFrame, shown: Shown, key: str) -> None:
    with st.expander(f"All {standings.height} comparisons as a table"):
        export.table(_told(standings), key, shown.source(), labels=NUMBERS, full=standings)


def _told(standings: pl.DataFrame) -> pl.DataFrame:
    rows = [
        (words.title(s["metric"]), s["horizon"], s["rival"], text.number(s["rival_value"]), text.number(s["value"]),
         words.points(s["gain"]), words.span(s["low"], s["high"]), s["verdict"])
        for s in standings.to_dicts()
    ]  # fmt: skip
    names = ["what", "horizon", "rival", "rival_value", "value", "gain", "span", "verdict"]
    kinds = [pl.Int64 if name == "horizon" else pl.String for name in names]
    return pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row")


def probabilities(shown: Shown) -> None:
    """Draw what was said against what came, once for all probabilities and once for the small ones."""
    curve = skill.reliability(shown.document["reliability"], shown.view.basis, shown.view.horizon)
    if curve.is_empty():
        absent("No probabilities were scored here")
        return
    st.markdown(words.reliability(curve, SERVED))
    left, right = st.columns(2)
    with left:
        figure = charts.reliability(curve, title=f"Said and came true, {shown.ahead} ahead")
        export.chart(figure, curve, "reliability", shown.origin)
    with right:
        figure = charts.reliability(curve, title="The same, small probabilities", small=True)
        export.chart(figure, curve, "reliability-small", shown.origin)
    st.caption("Persistence says 0 or 100 % only and is not drawn. Bins with fewer than 20 pairs are left out.")


def weeks(shown: Shown) -> None:
    """Draw the skill at every single target, events marked."""
    metric = controls.choice("weekly", "Score", list(WEEKLY), format_func=WEEKLY.__getitem__, style="segments")
    gains = skill.courses(shown.document["weeks"], shown.view.basis, shown.view.horizon, metric)
    if gains.is_empty():
        absent("Not scored week by week")
        return
    st.markdown(words.course(gains, SERVED, "target"))
    happened = [{**e, "kind": "event", "loss_usd": None} for e in shown.document["event_dates"]]
    schema = {"date": pl.String, "name": pl.String, "kind": pl.String, "loss_usd": pl.Float64}
    events = pl.DataFrame(happened, schema=schema).with_columns(pl.col("date").str.to_date())
    events = events.filter(pl.col("date") < gains["date"].max())  # the data's own end is no event
    title = f"{words.title(metric)}, {shown.ahead} ahead"
    export.chart(charts.weeks(gains, events, title=title), gains, "weeks", shown.origin)
    st.caption(f"{text.markdown(words.meaning(metric))} Gains beyond the axis are drawn at its edge.")


def measures(shown: Shown) -> None:
    """Draw what was scored of measures and stress losses, and how often their intervals held."""
    found = skill.measured(shown.evaluation.rows, shown.view.basis, shown.view.horizon)
    if found.is_empty():
        absent("Measures and stress losses were not scored")
        return
    st.markdown(words.coverage(found))
    titles = [measure_title(name) for name in found["measure"].to_list()]
    covered = found.with_columns(pl.Series("what", titles)).drop_nulls("covered")
    told = pl.DataFrame({
        "what": titles, "r2_persistence": found["r2_persistence"], "r2": found["r2"],
        "gain": [words.gain(*row) for row in found.select("skill", "skill_low", "skill_high").iter_rows()],
        **{to: [text.percent(v) if v is not None else "–" for v in found[of]] for to, of in (
            ("held", "covered"), ("held_known", "covered_known"), ("held_joint", "covered_joint"),
            ("held_alone", "covered_alone"), ("error_persistence", "error_persistence"), ("error", "error"))},
    })  # fmt: skip
    if not covered.is_empty():
        title = f"How often 90 % intervals held, {shown.ahead} ahead"
        figure = charts.coverage(covered, covered["what"].to_list(), title=title)
        export.chart(figure, covered, "coverage", shown.origin)
    export.table(told, "measured", shown.origin, labels=MEASURED, full=found, height=560)
    st.caption(
        "R² = 1 − SSE/SST over the hold-out, not a squared correlation; below 0 is worse than the mean of what came. "
        "Missed: mean absolute error of a stress loss, share of TVL. Without entrants: how often the interval held by "
        "what came without protocols that entered the data after the origin."
    )


def events(shown: Shown) -> None:
    """Draw the weeks after Terra, FTX and SVB, scored with methods that knew nothing of them."""
    records = [s for s in shown.document["event_standings"] if s["horizon"] == shown.view.horizon]
    names = list(dict.fromkeys(s["event"] for s in records))
    parts = {n: skill.best_standings([s for s in records if s["event"] == n], shown.view.basis) for n in names}
    parts = {name: part for name, part in parts.items() if not part.is_empty()}
    if not parts:
        absent("No event studies in this evaluation")
        return
    rows = shown.evaluation.event_rows
    held = {n: skill.measured(rows.filter(pl.col("event") == n), shown.view.basis, shown.view.horizon) for n in parts}
    st.markdown("  \n".join(words.event(part, held[name], name) for name, part in parts.items()))
    both = pl.concat([part.with_columns(event=pl.lit(name)) for name, part in parts.items()])
    known = both["metric"].unique().to_list()
    told = {m: words.title(m) for m in words.MAIN if m in known}
    title = f"Eight targets after the event, {shown.ahead} ahead"
    figure = charts.cells(
        both, told, [(n, n) for n in parts], title=title, by="event",
        unit="gain over the best other method: ▲ better   ≈ as good   ▼ worse",
    )  # fmt: skip
    source = shown.source(weeks_ahead=shown.view.horizon, weights="fitted before each event")
    export.chart(figure, both, "matrix-events", source, alt=title)
    st.caption(
        "Everything, the model too, was fitted on dates before the first origin, the longest horizon before the event. "
        "Eight targets give no interval at horizons of eight and more, and a wide one below: read these as cases."
    )


def absent(what: str) -> None:
    """Say that a part is not in the evaluation that is kept."""
    frame.empty(what, "It is not in the evaluation that is kept, or not for this basis and horizon.", words.ABSENT)


def measure_title(name: str) -> str:
    """Return what a measure or a stress loss (`loss:<scenario>:<rule>`) is called."""
    if name.startswith("loss:"):
        _, scenario, rule = name.split(":", 2)
        return f"{find_scenario(scenario).title}, {find_rule(rule).title}"
    return next((m.title for m in MEASURES if m.name == name), name)
