"""A small evaluation made by hand: two bases, two horizons, every section."""

import hashlib
from types import SimpleNamespace

BASES, HORIZONS = ("holdings", "flow"), (1, 4)
# forecaster → error (brier, weight_mae), score (mrr)
VALUES = {
    "persistence": {"brier": 0.2, "weight_mae": 2.0, "mrr": 0.5},
    "hazard": {"brier": 0.1, "weight_mae": 2.0, "mrr": 0.5},
    "dexposure": {"brier": 0.09, "weight_mae": 2.1, "mrr": 0.8},
}
# metric → best other, gain, interval, verdict
STANDINGS = {
    "brier": ("hazard", 0.1, 0.05, 0.15, "better"), "weight_mae": ("persistence", -0.05, -0.08, -0.02, "worse"),
    "mrr": ("hazard", 0.6, -0.1, 0.9, "equal"),
}  # fmt: skip
WEIGHTS = b"weights of nobody"
# kind of 90 % interval → how often it held
HELD = {"": 0.875, "known_": 0.95, "joint_": 0.8, "independent_": 0.3}


def row(forecaster, basis, horizon, metric, value, spread=0.01):
    low, high = (None, None) if value is None else (value - spread, value + spread)
    return {"forecaster": forecaster, "basis": basis, "horizon": horizon, "metric": metric, "value": value, "low": low,
            "high": high}  # fmt: skip


def rows():
    found = []
    for b in BASES:
        for h in HORIZONS:
            for who, values in VALUES.items():
                found += [row(who, b, h, metric, value) for metric, value in values.items()]
                errors = {m: v for m, v in values.items() if m != "mrr"}
                if who != "persistence":
                    found += [row(who, b, h, f"skill_{m}", 1 - v / VALUES["persistence"][m]) for m, v in errors.items()]
                found.append(row(who, b, h, "r2_tvl_hhi", 0.5 if who == "dexposure" else -0.2))
            loss = "loss:top-1:linear-debtrank"
            found += [row(who, b, h, f"r2_{loss}", 0.1) for who in VALUES]
            found += [row(who, b, h, "stress_mae_top-1:linear-debtrank", 0.012345678) for who in VALUES]
            found += [row("dexposure", b, h, "skill_tvl_hhi", 0.3), row("dexposure", b, h, "gain_all_brier", 0.1)]
            found += [row("dexposure", b, h, f"coverage_90_{kind}tvl_hhi", value)
                      for kind, value in HELD.items()]  # fmt: skip
    return found


def standings(**more):
    return [standing(b, h, m) | more for b in BASES for h in HORIZONS for m in STANDINGS]


def standing(basis, horizon, metric):
    best, gain, low, high, verdict = STANDINGS[metric]
    return {
        "basis": basis, "horizon": horizon, "metric": metric, "best": best, "value": VALUES[best][metric],
        "served": VALUES["dexposure"][metric], "gain": gain, "low": low, "high": high, "low_all": low, "sure": True,
        "verdict": verdict,
    }  # fmt: skip


def weeks():
    dates = ["2025-01-06", "2025-01-13", "2025-01-20"]
    values = {"persistence": [0.2, 0.2, 0.2], "dexposure": [0.1, 0.3, None], "roland": [1.0, 1.0, 1.0]}
    return [
        {"forecaster": who, "basis": b, "horizon": h, "metric": "brier", "dates": dates, "values": v}
        for b in BASES for h in HORIZONS for who, v in values.items()
    ]  # fmt: skip


def reliability():
    bins = [(0.001, 0.002, 900), (0.5, 0.3, 50), (0.95, 0.9, 19)]
    return [
        {"forecaster": "dexposure", "basis": b, "horizon": h, "from": 0.0, "to": 1.0, "said": s, "came": c, "pairs": n}
        for b in BASES for h in HORIZONS for s, c, n in bins
    ]  # fmt: skip


def bare():
    """An evaluation of scores alone, as `evaluate` returns it."""
    facts = {"origins": 33, "pairs": 100.0, "exposures": 10.0, "births": 1.0, "births_new": 0.5, "deaths": 1.0,
             "entrants": 0.1, "flicker_births": None, "flicker_deaths": 0.25}  # fmt: skip
    return {
        "vintage": "2025-08-18-world", "simulated": True, "frequency": "week", "first_origin": "2025-01-06",
        "origins": 33, "trained_on": "trained on a world",
        "event_dates": [{"date": "2025-01-13", "name": "<img src=x> run"}],
        "rows": rows(), "standings": standings(), "reliability": reliability(), "weeks": weeks(), "sources": [],
        "facts": [{"basis": b, "horizon": h, **facts} for b in BASES for h in HORIZONS], "leak_test": [], "events": [],
        "event_standings": [], "seeds": [], "null_world": {}, "notes": [],
    }  # fmt: skip


def full():
    """An evaluation with every section."""
    seeds = [
        {"forecaster": "dexposure", "basis": b, "horizon": h, "metric": "brier", "seeds": 3, "mean": 0.1, "low": 0.09,
         "high": 0.11} for b in BASES for h in HORIZONS
    ]  # fmt: skip
    return bare() | {
        "events": [{"event": e, **r} for e in ("Terra", "FTX") for r in rows()],
        "event_standings": [s for e in ("Terra", "FTX") for s in standings(event=e)],
        "null_world": {"standings": standings(), "rows": rows(), "weeks": weeks(), "reliability": reliability()},
        "leak_test": [{"forecaster": "dexposure", "basis": b, "origin": "2025-01-06", "passed": b == "flow",
                       "changed": "probability"} for b in BASES],
        "seeds": seeds,
        "sources": [{"forecaster": "dexposure", "basis": "holdings", "horizon": 1, "existence": "pair memory"}],
        "ablations": [{"variant": "without graph", "basis": b, "horizon": h, "metric": "brier", "value": 0.1,
                       "gain": -0.1} for b in BASES for h in HORIZONS],
    }  # fmt: skip


def store(content_hash="hash"):
    return SimpleNamespace(manifest=SimpleNamespace(content_hash=content_hash))


def weights(folder):
    """Put weights in a folder that no product could read: an evaluation needs their fingerprint only."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dexposure.safetensors").write_bytes(WEIGHTS)
    return folder, hashlib.sha256(WEIGHTS).hexdigest()
