"""The history of what a rule watches, and the events that concern it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import polars as pl

from dexposure_core import settings
from dexposure_core.measures import MEASURES
from dexposure_core.pipeline.alerts.rules import EVERY, Rule
from dexposure_core.pipeline.indicators import LOSS, WORST
from dexposure_core.store import Store

SYSTEMIC_USD: Final = 1e9
_SYSTEMIC: Final = ("market crash", "bank run", "unwind", "stablecoin collapse")
_OF_IMPORTANCE: Final = ("sis", "default_loss")


def expanded(rules: tuple[Rule, ...], store: Store, basis: str) -> tuple[Rule, ...]:
    """Return the rules in full: `*` is every measure that the vintage has, what is left out is the settings'.

    A rule that names its indicator stands before the same rule made from `*`.
    """
    usual = settings.load()
    named: dict[str, Rule] = {}
    for rule in sorted(rules, key=lambda r: r.indicator == EVERY):
        whole = rule if rule.is_threshold else replace(
            rule, sigmas=usual.warning_sigma if rule.sigmas is None else rule.sigmas,
            window=usual.warning_weeks if rule.window is None else rule.window,
        )  # fmt: skip
        for name in _measured(store, basis) if rule.indicator == EVERY else [rule.indicator]:
            made = replace(whole, indicator=name)
            named.setdefault(made.line, made)
    return tuple(named.values())


def history(store: Store, rule: Rule, basis: str) -> pl.DataFrame:
    """Return date, value (null: not defined) of what a rule watches, on every snapshot date of the basis.

    A protocol's USD are null before its first snapshot and 0 where it is missing later: it then holds nothing.

    Raises:
        UnknownMeasure, UnknownProtocol: when the vintage has no such thing.
    """
    if rule.indicator == WORST:
        names = sorted(n for n in store.measures(store.dates(basis)[-1], basis)["measure"] if n.startswith(LOSS))
        return store.measure_table(basis, names).select("date", value=_largest(names))
    if rule.indicator:
        return store.history(rule.indicator, basis)
    if not rule.protocol:
        return store.exposure_history(rule.creditor, rule.debtor, basis).rename({"exposure_usd": "value"})
    importance = rule.of in _OF_IMPORTANCE
    found = (store.importance_history if importance else store.protocol_history)(rule.protocol, basis)
    every = pl.DataFrame({"date": store.dates(basis)}, schema={"date": pl.Date})
    table = every.join(found.select("date", value=rule.of), on="date", how="left", maintain_order="left")
    known = pl.col("value").is_not_null().cum_sum() > 0
    return table if importance else table.with_columns(pl.when(known).then(pl.col("value").fill_null(0.0)))


def concerning(events: pl.DataFrame, rule: Rule, names: Mapping[str, str]) -> list[dt.date]:
    """Return the snapshot dates of the events that concern what a rule watches.

    The whole system: crashes, runs, collapses, and losses of USD 1 bn or more. A protocol or an exposure: the events
    that name the protocol, or an end of the exposure, by its id or its name (`names`: id → name).
    """
    if rule.indicator:
        return systemic(events)
    named = pl.col("protocols").str.split(";")
    ends = [end for end in (rule.protocol, rule.creditor, rule.debtor) if end]
    called = {*ends, *(names[end] for end in ends if end in names)}
    return _dates(events.filter(pl.any_horizontal([named.list.contains(word) for word in sorted(called)])))


def systemic(events: pl.DataFrame) -> list[dt.date]:
    """Return the snapshot dates of the events that concern the whole system (see `concerning`)."""
    kind = pl.col("kind").str.to_lowercase().str.contains_any(list(_SYSTEMIC))
    return _dates(events.filter(kind | (pl.col("loss_usd") >= SYSTEMIC_USD).fill_null(value=False)))


def _dates(events: pl.DataFrame) -> list[dt.date]:
    return events["date"].drop_nulls().unique().sort().to_list()


def _largest(names: list[str]) -> pl.Expr:
    return pl.max_horizontal(names) if names else pl.lit(None, pl.Float64)


def _measured(store: Store, basis: str) -> list[str]:
    dates = store.dates(basis)
    known = set(store.measures(dates[-1], basis)["measure"]) if dates else set()
    worst = [WORST] if any(name.startswith(LOSS) for name in known) else []
    return [m.name for m in MEASURES if m.name in known] + worst
