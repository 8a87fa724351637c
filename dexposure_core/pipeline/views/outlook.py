"""How good a forecast is: the hold-out scores that the model card states, beside persistence.

Skill = 1 − error / error of persistence: 0 is no better than expecting no change, below 0 worse.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Final

import polars as pl

from dexposure_core.pipeline.model_card import BEGIN, END, NAME

SCORES: Final = pl.Schema({
    "basis": pl.String, "horizon": pl.Int64, "metric": pl.String, "forecaster": pl.String,
    "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
})  # fmt: skip
ERRORS: Final = ("brier", "weight_mae", "weight_rmse", "node_mae", "node_rmse", "ece", "wape")
_CELL: Final = re.compile(r"(-?\d+\.\d+)(?: \[(-?\d+\.\d+), (-?\d+\.\d+)\])?")


def card_scores(folder: Path) -> pl.DataFrame:
    """Return basis, horizon, metric, forecaster, value, low, high as the model card in `folder` states them.

    Empty when there is no card, or a card without scores. An interval that is not stated is null.
    """
    card = folder / NAME
    text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
    part = text.partition(BEGIN)[2].partition(END)[0]
    rows: list[dict[str, object]] = []
    for section in part.split("\n## Hold-out scores, ")[1:]:
        basis = section.split(" ", 1)[0]
        table = [_cells(line) for line in section.splitlines() if line.startswith("|")]
        names = table[0][2:] if table else []
        for metric, horizon, *values in table[2:]:
            found = [(name, _CELL.match(value)) for name, value in zip(names, values, strict=False)]
            rows += [_row(basis, horizon, metric, name, match) for name, match in found if match]
    return pl.DataFrame(rows, schema=SCORES, orient="row")


def skill(scores: pl.DataFrame, basis: str, horizon: int, forecaster: str) -> pl.DataFrame:
    """Return metric, persistence, value, low, high, skill of one forecaster at one horizon.

    `skill` is null for metrics that are not errors, and where persistence's error is 0 or not known.
    """
    here = scores.filter(pl.col("basis") == basis, pl.col("horizon") == horizon)
    base = here.filter(pl.col("forecaster") == "persistence").select("metric", pl.col("value").alias("persistence"))
    mine = here.filter(pl.col("forecaster") == forecaster).select("metric", "value", "low", "high")
    both = base.join(mine, on="metric", how="inner", maintain_order="left")
    gain = pl.when(pl.col("metric").is_in(ERRORS) & (pl.col("persistence") > 0))
    return both.with_columns(skill=gain.then(1 - pl.col("value") / pl.col("persistence")))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _row(basis: str, horizon: str, metric: str, name: str, match: re.Match[str]) -> dict[str, object]:
    value, low, high = (math.nan if part is None else float(part) for part in match.groups())
    return {
        "basis": basis, "horizon": int(horizon), "metric": metric, "forecaster": name, "value": value,
        "low": None if math.isnan(low) else low, "high": None if math.isnan(high) else high,
    }  # fmt: skip
