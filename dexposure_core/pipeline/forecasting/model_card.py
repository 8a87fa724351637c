"""The model card: what the shipped weights were trained on and what they score, written by the training run itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from dexposure_core.disk import write_whole
from dexposure_core.forecast import Dexposure
from dexposure_core.forecast.judging.metrics import METRICS

BEGIN: Final = "<!-- written by `dexposure train`: begin -->"
END: Final = "<!-- written by `dexposure train`: end -->"
NAME: Final = "README.md"
SHOWN: Final = (
    "auprc_random", "auprc_historical", "brier", "ece", "mrr", "mrr_new", "brier_births", "auprc_births",
    "brier_deaths", "auprc_deaths", "weight_mae", "weight_rmse", "weight_mae_continuing", "wape", "node_mae",
    "node_rmse", "node_mae_continuing", "total_exposure_error", "total_tvl_error", "candidate_recall",
    "candidate_recall_known",
)  # fmt: skip
SERVED: Final = "dexposure"
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
    write_whole(path, f"{before}{BEGIN}\n{_facts(about, digest)}\n{_scores(rows)}{END}{after}".encode())
    return path


def refresh(rows: Sequence[dict[str, Any]]) -> Path:
    """Put the rows of an evaluation on the card beside the weights of the setting; return its path."""
    model = Dexposure()
    return write_card(model.path.parent, model.about, model.version, rows)


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
        f"Passes kept, of at most {about['epochs']}": "; ".join(map(passes_kept, about["passes"].items())),
        "Pre-training": f"{about['pretraining']} steps on made-up tasks, as many on training weeks",
        "Teachers": _teachers(about.get("teachers", 0)),  # weights of before there were any do not say
        "Bases and horizons": f"{', '.join(about['bases'])}; {', '.join(map(str, about['horizons']))} steps",
        **({"Trained on": about["device"]} if "device" in about else {}),  # weights made on a processor do not say
    }
    return "\n".join(["| | |", "| --- | --- |", *(f"| {k} | {v} |" for k, v in lines.items())]) + "\n"


def _teachers(count: int) -> str:
    return f"{count} networks per basis, from whose mean this one learnt existence" if count else "none"


def passes_kept(kept: tuple[str, dict[str, int]]) -> str:
    """Write a basis and the pass that each of its branches came from."""
    basis, branches = kept
    return f"{basis}: " + ", ".join(f"{branch} {n}" for branch, n in branches.items())


def _scores(rows: Sequence[dict[str, Any]]) -> str:
    """Return one table per basis: persistence, the best baseline, this model and its gain over that baseline."""
    parts = []
    for basis in dict.fromkeys(r["basis"] for r in rows):
        own = {(r["metric"], r["horizon"], r["forecaster"]): r for r in rows if r["basis"] == basis}
        horizons = list(dict.fromkeys(h for _, h, _ in own))
        parts.append(
            f"\n## Hold-out scores, {basis} basis\n\n| metric | steps | persistence | best baseline | {SERVED} | gain |"
        )
        parts.append("| --- | --- | --- | --- | --- | --- |")
        parts += [_line(own, metric, h) for metric in SHOWN for h in horizons]
    said = "Gain: relative to the best baseline of the line, 90 % interval by block bootstrap; below 0 is worse.\n"
    return f"\n{said}" + "\n".join(parts) + "\n" if parts else ""


def _line(rows: dict[tuple[str, int, str], dict[str, Any]], metric: str, horizon: int) -> str:
    column = [r for (m, h, _), r in rows.items() if (m, h) == (metric, horizon)]
    rivals = [r for r in column if r["forecaster"] != SERVED and r["value"] is not None]
    more = next(m.more_is_better for m in METRICS if m.name == metric)
    best = (max if more else min)(rivals, key=lambda r: r["value"], default=None)
    told = f"{_value(best)} {best['forecaster']}" if best else ""
    today, own = (rows.get((metric, horizon, name)) for name in ("persistence", SERVED))
    gain = rows.get((f"gain_{metric}", horizon, SERVED))
    return f"| {metric} | {horizon} | {_value(today)} | {told} | {_cell(own)} | {_cell(gain, sign='+')} |"


def _value(row: dict[str, Any] | None, sign: str = "") -> str:
    if row is None:
        return ""
    return "not defined" if row["value"] is None else _fixed(row["value"], sign)


def _cell(row: dict[str, Any] | None, sign: str = "") -> str:
    told = _value(row, sign)
    if row is None or row["value"] is None or row["low"] is None:
        return told
    return f"{told} [{_fixed(row['low'], sign)}, {_fixed(row['high'], sign)}]"


def _fixed(value: float, sign: str) -> str:
    """Write four decimals, more where the first three digits need them."""
    small = -math.floor(math.log10(abs(value))) + 2 if value else 0
    return f"{value:{sign}.{min(max(4, small), 9)}f}"
