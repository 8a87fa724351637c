"""What a briefing is about: every number of one date, gathered once, before anything is written."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from dexposure_core import settings
from dexposure_core.errors import DexposureError, NoModel
from dexposure_core.network import Basis, Snapshot
from dexposure_core.network.chains import DEFAULT
from dexposure_core.pipeline import views
from dexposure_core.pipeline.building.summary import coverage_totals
from dexposure_core.pipeline.chains.lens import Lens, chains_of
from dexposure_core.pipeline.changes import tvl_changes
from dexposure_core.pipeline.checks.cache import kept_report
from dexposure_core.pipeline.checks.report import Report
from dexposure_core.pipeline.evaluation import kept
from dexposure_core.pipeline.evaluation.kept import Evaluation
from dexposure_core.pipeline.forecasting.forecast import forecast
from dexposure_core.pipeline.forecasting.result import ForecastResult
from dexposure_core.pipeline.indicators import Position, positions, warnings
from dexposure_core.pipeline.palette import sector_colours
from dexposure_core.pipeline.picture import Layout, layout_of
from dexposure_core.pipeline.stress.stored import stress
from dexposure_core.progress import Progress, silent
from dexposure_core.store import Manifest, Store
from dexposure_core.stress import RULES, SCENARIOS, find_rule

STEPS: Final = 7
NO_MODEL: Final = "There is no trained model on this machine to forecast with; the command dexposure train makes one."


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What is asked for: the date and basis, how far ahead (None: no forecast), the main rule, rows in lists."""

    date: dt.date
    basis: Basis = "holdings"
    horizon: int | None = None
    rule: str = "linear-debtrank"
    top: int = 10


@dataclass(frozen=True, kw_only=True, eq=False)
class Facts:
    """Every number of a briefing.

    Attributes:
        ask: what was asked for.
        manifest: what the vintage says about itself.
        chains: the choice of chains; `default` is the whole system.
        previous: the snapshot before, None on the first date.
        positions: the headline indicators.
        flags: early-warning flags raised on the date.
        moved, movers: what changed, by exposure and by protocol (see `Store.changes`, `changes.tvl_changes`).
        snapshot: the network.
        cells, cells_before: its spillover matrix, long, and the one of the snapshot before.
        places, colours: where protocols stand in the network's picture, and the sectors' colours; as on the screen.
        events: the events table up to the date.
        losses: scenario title → rule title → share of TVL lost (NaN: it hits nobody).
        forecast: what is expected; None when it was not asked for or cannot be.
        no_forecast: why it cannot be, empty when it can.
        evaluation: how good such forecasts were, None when that was not measured.
        health: what the checks found, of the whole vintage also where some chains are shown.
        coverage: USD in, mapped and dropped.
    """

    ask: Ask
    manifest: Manifest
    chains: str
    previous: dt.date | None
    positions: tuple[Position, ...]
    flags: pl.DataFrame
    moved: pl.DataFrame
    movers: pl.DataFrame
    snapshot: Snapshot
    cells: pl.DataFrame
    cells_before: pl.DataFrame | None
    places: Layout
    colours: Mapping[str, str]
    events: pl.DataFrame
    losses: Mapping[str, Mapping[str, float]]
    forecast: ForecastResult | None
    no_forecast: str
    evaluation: Evaluation | None
    health: Report
    coverage: Mapping[str, float]

    @property
    def matrices(self) -> tuple[views.Matrix, views.Matrix | None]:
        """Return the spillover matrix, and now minus before where there is a snapshot before."""
        if self.cells_before is None:
            return views.matrix(self.cells), None
        return views.change(self.cells, self.cells_before)


def gather(store: Store, ask: Ask, progress: Progress = silent) -> Facts:
    """Compute every number of a briefing; `progress` is told what is being computed.

    Raises:
        UnknownDate, UnknownRule, BadOption: no such date or rule, or a horizon below 1.
    """
    find_rule(ask.rule)
    date, basis = ask.date, ask.basis
    progress(0, STEPS, "the snapshot")
    snapshot = store.snapshot(date, basis)
    days = store.dates(basis)
    previous = days[days.index(date) - 1] if days.index(date) else None
    progress(1, STEPS, "headline indicators")
    placed, raised = positions(store, date, basis), warnings(store, basis).filter(pl.col("date") == date)
    progress(2, STEPS, "what changed and why")
    held = date in store.dates("holdings")
    moved = store.changes(date) if held else pl.DataFrame()
    movers = tvl_changes(store, date) if held else pl.DataFrame()
    progress(3, STEPS, "standard stress tests")
    losses = stress_losses(store, snapshot)
    expected, why_not = _expected(store, ask, progress)
    progress(5, STEPS, "data health")
    whole = store.base if isinstance(store, Lens) else store
    health = kept_report(whole)
    progress(6, STEPS, "the pages")
    return Facts(
        ask=ask, manifest=store.manifest, chains=chains_of(store), previous=previous, positions=placed, flags=raised,
        moved=moved, movers=movers, snapshot=snapshot, cells=store.sector_exposures(date, basis),
        cells_before=None if previous is None else store.sector_exposures(previous, basis),
        places=layout_of(whole, basis), colours=sector_colours(views.sectors_by_size(whole)),
        events=store.events().filter(pl.col("date") <= date), losses=losses, forecast=expected, no_forecast=why_not,
        evaluation=_evaluation(), health=health, coverage=coverage_totals(whole),
    )  # fmt: skip


def stress_losses(store: Store, snapshot: Snapshot) -> dict[str, dict[str, float]]:
    """Return scenario title → rule title → share of system TVL lost, NaN where a scenario hits nobody."""
    found: dict[str, dict[str, float]] = {}
    for scenario in SCENARIOS:
        row = {}
        for rule in RULES:
            result = stress(
                store, snapshot.date, snapshot.basis, scenario=scenario.name, rule=rule.name, snapshot=snapshot
            )
            row[rule.title] = result.contagion.loss_fraction if result.protocols_shocked else math.nan
        found[scenario.title] = row
    return found


def _expected(store: Store, ask: Ask, progress: Progress) -> tuple[ForecastResult | None, str]:
    if ask.horizon is None:
        return None, ""
    progress(4, STEPS, "the forecast")
    if chains_of(store) != DEFAULT:
        return None, "Forecasts are made of the whole system only, not of some of its chains."
    try:
        return forecast(store, ask.date, ask.basis, ask.horizon), ""
    except NoModel:
        return None, NO_MODEL


def _evaluation() -> Evaluation | None:
    try:
        return kept.read(settings.load().model_dir)
    except DexposureError:
        return None
