"""The model card: what the shipped weights were trained on and what they score, written by the training run itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

BEGIN: Final = "<!-- written by `dexposure train`: begin -->"
END: Final = "<!-- written by `dexposure train`: end -->"
NAME: Final = "README.md"
SHOWN: Final = (
    "auroc_random", "auprc_random", "auprc_historical", "brier", "ece", "mrr", "mrr_new", "weight_mae", "weight_rmse",
    "weight_mae_continuing", "node_mae", "node_rmse", "node_mae_continuing", "node_rmse_continuing",
    "total_exposure_error", "total_tvl_error", "candidate_recall",
    "candidate_recall_known",
)  # fmt: skip
HEAD: Final = """# Model card: the DeXposure forecaster

Weights of the forecaster `dexposure` (`dexposure.safetensors`; no pickle). What it is and how it is scored stands in
`docs/forecasting.md`; this page says what these weights were trained on and what they score.

- **Use**: what the exposure network may look like 1, 4, 8 and 12 weeks ahead, beside today's. Not a price forecast.
- **Limits**: trained on simulated data, its skill says nothing about real data: run `dexposure train` and
  `dexposure evaluate` on your own vintage. Protocols that do not exist at the origin cannot be forecast; the scores
  below count that against it.
- **Fallback**: where a correction to memory did not clearly help on the validation weeks it is switched off, and the
  forecast is then memory's.

"""


def write_card(folder: Path, about: dict[str, Any], digest: str, rows: Sequence[dict[str, Any]]) -> Path:
    """Write or refresh the generated part of the card in `folder` and return its path."""
    path = folder / NAME
    text = path.read_text() if path.is_file() else HEAD
    before = text.split(BEGIN)[0].rstrip() + "\n\n"
    after = text.split(END)[1] if END in text else "\n"
    beside = path.with_name(f".{NAME}.{os.getpid()}")
    beside.write_text(f"{before}{BEGIN}\n{_facts(about, digest)}\n{_scores(rows)}{END}{after}")
    beside.replace(path)
    return path


def _facts(about: dict[str, Any], digest: str) -> str:
    data = about["data"]
    lines = {
        "Weights (sha256)": f"`{digest}`",
        "Data": f"{'simulated' if data.get('simulated') else 'given'}, vintage `{data.get('vintage', '?')}`, "
        f"content hash `{data.get('content_hash', '?')}`",
        "Training targets": f"{about['first_date']} to before {about['validation_from']}",
        "Validation targets": f"{about['validation_from']} to {about['trained_until']}",
        "Hold-out origins": f"from {about['test_from']}",
        "Seed": about["seed"],
        "Passes kept": ", ".join(f"{basis}: {n} of at most {about['epochs']}" for basis, n in about["passes"].items()),
        "Bases and horizons": f"{', '.join(about['bases'])}; {', '.join(map(str, about['horizons']))} steps",
    }
    return "\n".join(["| | |", "| --- | --- |", *(f"| {k} | {v} |" for k, v in lines.items())]) + "\n"


def _scores(rows: Sequence[dict[str, Any]]) -> str:
    """Return one table per basis: a line per metric and horizon, a column per forecaster, value [low, high]."""
    parts = []
    for basis in dict.fromkeys(r["basis"] for r in rows):
        own = [r for r in rows if r["basis"] == basis]
        names = list(dict.fromkeys(r["forecaster"] for r in own))
        horizons = list(dict.fromkeys(r["horizon"] for r in own))
        cell = {(r["metric"], r["horizon"], r["forecaster"]): _cell(r) for r in own}
        parts += [f"\n## Hold-out scores, {basis} basis\n", f"| metric | weeks | {' | '.join(names)} |"]
        parts.append("| --- | --- |" + " --- |" * len(names))
        parts += [
            f"| {metric} | {h} | {' | '.join(cell.get((metric, h, name), '') for name in names)} |"
            for metric in SHOWN
            for h in horizons
        ]
    return "\n".join(parts) + "\n" if parts else ""


def _cell(row: dict[str, Any]) -> str:
    value, low, high = (row[k] for k in ("value", "low", "high"))
    if value is None:
        return "not defined"
    return f"{value:.4f}" if low is None else f"{value:.4f} [{low:.4f}, {high:.4f}]"
