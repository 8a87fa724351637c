"""What a person may set without touching code: one table, one frozen record, one way to find the store.

Every setting has an environment variable, DEXPOSURE_ and its name in capitals. A value is read when
`load()` is called and checked there; nothing is read at import.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dexposure_core.errors import BadOption

PREFIX: Final = "DEXPOSURE_"
EMBEDDED_STORE: Final = Path(__file__).resolve().parent.parent / "data" / "store"
Value = str | int | float | Path | None


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting: its name, the text of its default (empty: none), what it does, and how its text is read."""

    name: str
    default: str
    help: str
    parse: Callable[[str], Value]

    @property
    def variable(self) -> str:
        """The environment variable that overrides the default."""
        return PREFIX + self.name.upper()


def _folder(text: str) -> Path | None:
    return Path(text).expanduser() if text else None


def _log(text: str) -> str:
    if "\0" in text:
        raise ValueError("a file's name")
    return text if text == "-" else str(Path(text).expanduser())


def _within(low: float, high: float, kind: type[int | float]) -> Callable[[str], int | float]:
    words = "a whole number" if kind is int else "a number"

    def parse(text: str) -> int | float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:  # NaN neither
            raise ValueError(f"{words} from {low:g} to {high:g}")
        return value

    return parse


def _count(low: int, high: int) -> Callable[[str], int | float]:
    return _within(low, high, int)


def _number(low: float, high: float) -> Callable[[str], int | float]:
    return _within(low, high, float)


def _setting(name: str, default: str, parse: Callable[[str], Value], text: str) -> Setting:
    return Setting(name=name, default=default, help=text, parse=parse)


SETTINGS: Final[tuple[Setting, ...]] = (
    _setting("store", "", _folder, "Folder of vintages; empty: the user's own store, else the embedded one."),
    _setting("cache_dir", "", _folder, "Folder of forecasts, evaluations, measured chains; empty: the user's own."),
    _setting("model_dir", "", _folder, "Folder of the forecaster's weights; empty: those shipped with the product."),
    _setting("host", "127.0.0.1", str, "Address the dashboard listens on; the default is this machine only."),
    _setting("port", "8501", _count(1, 65535), "Port the dashboard listens on."),
    _setting("allowed_hosts", "", str, "Names it may be opened under besides this machine's, with commas."),
    _setting("log", "-", _log, "File for the dashboard's log, one JSON line per page run; -: standard error."),
    _setting("threads", "0", _count(0, 1024), "Threads a query or training run may use; 0: one per core."),
    _setting("spark_master", "local", str, "Spark master of --engine spark; local: this machine, a worker per core."),
    _setting("theta", "0.2", _number(0, 1), "Lowest text similarity at which a token is given to a protocol."),
    _setting("review", "0.5", _number(0, 1), "Text similarity below which a mapped token is listed for review."),
    _setting("warning_weeks", "26", _count(2, 520), "Trailing window of the early-warning flags, in snapshots."),
    _setting("warning_sigma", "2.0", _number(0.1, 100), "Standard deviations a change must exceed to raise a flag."),
    _setting("raw_dir", "", _folder, "Folder for what `fetch` downloads; empty: raw in the user's data folder."),
    _setting("defillama_url", "https://api.llama.fi", str, "Where `fetch defillama` asks."),
    _setting("huggingface_url", "https://huggingface.co", str, "Where `fetch huggingface` asks."),
    _setting("huggingface_repo", "EVIEHub/DeXposure-FM", str, "Repository that holds the published files."),
    _setting("fetch_rate", "5", _number(0.01, 1000), "Requests a second that `fetch` does not exceed."),
    _setting("fetch_concurrency", "4", _count(1, 64), "Requests that `fetch` keeps open at once."),
    _setting("fetch_retries", "5", _count(0, 100), "Times a failed request is tried again, waiting longer each time."),
    _setting("fetch_timeout", "30", _number(0.1, 3600), "Seconds without an answer after which a request has failed."),
    _setting("fetch_payload_mb", "256", _count(1, 16_384), "Largest answer of an API accepted, in MB, unpacked."),
    _setting("fetch_file_gb", "8", _number(0.001, 10_000), "Largest published file accepted, in GB."),
    _setting("distress_threshold", "0.1", _number(0, 1), "Loss over TVL from which loss sharing passes losses on."),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings in force; field by field as in SETTINGS, with every folder resolved except `store`."""

    store: Path | None
    cache_dir: Path
    model_dir: Path
    host: str
    port: int
    allowed_hosts: str
    log: str
    threads: int
    spark_master: str
    theta: float
    review: float
    warning_weeks: int
    warning_sigma: float
    raw_dir: Path
    defillama_url: str
    huggingface_url: str
    huggingface_repo: str
    fetch_rate: float
    fetch_concurrency: int
    fetch_retries: int
    fetch_timeout: float
    fetch_payload_mb: int
    fetch_file_gb: float
    distress_threshold: float

    @property
    def embedded_store(self) -> Path:
        """The store shipped with the product."""
        return EMBEDDED_STORE


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read every setting from the environment, or its default.

    Raises:
        BadOption: when a variable holds a value that the setting cannot take.
    """
    env = os.environ if environment is None else environment
    told = (*(s.variable for s in SETTINGS), "XDG_CACHE_HOME", "XDG_DATA_HOME")
    return _loaded(tuple((name, env[name]) for name in told if name in env), str(Path.home()))


@functools.lru_cache(maxsize=8)  # read dozens of times for one page, while the environment stays as it is
def _loaded(told: tuple[tuple[str, str], ...], home: str) -> Settings:  # noqa: ARG001  another home, other folders
    env = dict(told)
    values: dict[str, Any] = {s.name: _read(s, env) for s in SETTINGS}
    values["cache_dir"] = values["cache_dir"] or _user_folder(env, "XDG_CACHE_HOME", ".cache")
    values["raw_dir"] = values["raw_dir"] or user_store(env) / "raw"
    values["model_dir"] = values["model_dir"] or EMBEDDED_STORE.parent / "model"
    return Settings(**values)


def processors() -> int:
    """Return how many jobs may run at a time: the setting `threads`, or one per core this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return load().threads or allowed


def user_store(environment: Mapping[str, str] | None = None) -> Path:
    """Return the folder where a person's own vintages go when no other is named."""
    return _user_folder(os.environ if environment is None else environment, "XDG_DATA_HOME", ".local/share")


def resolve_store(option: str | Path | None, *, writing: bool) -> Path:
    """Return the store to use: the option, else DEXPOSURE_STORE, else the user's own, else the embedded one.

    The user's own store is read only once it holds a vintage; it is always the one written to, so that an
    import never lands in the embedded dataset by accident.
    """
    named = Path(option).expanduser() if option else load().store
    if named is not None:
        return named
    own = user_store()
    return own if writing or (own / "LATEST").is_file() else EMBEDDED_STORE


def _read(setting: Setting, env: Mapping[str, str]) -> Value:
    text = env.get(setting.variable, "").strip() or setting.default
    try:
        return setting.parse(text)
    except ValueError as error:
        usual = f"; unset it for the default {setting.default}"
        raise BadOption(f"{setting.variable}={text[:80]!r}: expected {error}{usual}") from None


def _user_folder(env: Mapping[str, str], variable: str, fallback: str) -> Path:
    base = env.get(variable, "")
    return (Path(base) if base else Path.home() / fallback) / "dexposure"
