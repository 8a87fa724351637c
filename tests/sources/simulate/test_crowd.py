"""The crowd: numbered protocols and tokens whose number follows the real field and whose lives are their own."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from dexposure_core.sources.simulate.chance import words
from dexposure_core.sources.simulate.crowd import Listers, idle_from, with_crowd
from dexposure_core.sources.simulate.facts import WEEKS, load, real_counts
from dexposure_core.sources.simulate.population import HOLDERS, UNSEEN, populations
from dexposure_core.sources.simulate.portfolio import _flicker

SEED = 20200323


def alive(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    weeks = np.arange(WEEKS)
    return np.array([((first <= week) & (week < last)).sum() for week in weeks])


def test_the_population_follows_the_real_field() -> None:
    protocols, tokens = populations(1.0, 1.0, SEED)
    nodes = real_counts(load(), "nodes")
    at = [100, 150, 200, 280]  # well inside: the count never falls fast before them
    living = alive(protocols.first, protocols.last) + alive(tokens.first, tokens.last)
    due = (HOLDERS + (1 - HOLDERS) * UNSEEN) * nodes
    assert np.all(living[at] < due[at])
    assert np.all(living[at] > 0.8 * due[at])
    assert np.all(np.diff(tokens.first) >= 0)


def test_half_the_crowd_is_about_half_as_many() -> None:
    whole, half = populations(1.0, 1.0, SEED)[1], populations(1.0, 0.5, SEED)[1]
    assert len(half) == pytest.approx(len(whole) / 2, rel=0.02)


def test_a_crowd_leaves_what_is_known_and_names_itself() -> None:
    facts = load()
    larger = with_crowd(facts, 0.02, 0.02, SEED)
    assert larger.protocols.head(facts.protocols.height).equals(facts.protocols)
    new = larger.protocols.tail(larger.protocols.height - facts.protocols.height)
    assert new["name"].str.starts_with("Simulated ").all()
    assert new["protocol"].str.contains("^(sim-|SIM)").all()
    assert set(new.filter(pl.col("holds").is_not_null())["category"]) <= set(facts.mix["category"])
    assert set(larger.listings["token"]) <= set(larger.tokens["token"])


def test_no_token_is_listed_before_its_lister_is_there() -> None:
    names = ["early", "late"]
    listers = Listers(names=names, words=words(names), first=np.array([10, 50]), favour=np.zeros(2))
    assert listers.draw("T", 2, 5, SEED) == []
    assert listers.draw("T", 2, 10, SEED) == ["early"]
    assert sorted(listers.draw("T", 2, 50, SEED)) == names


def test_one_more_lister_displaces_at_most_one() -> None:
    names = [f"p{k}" for k in range(30)]
    many = Listers(names=names, words=words(names), first=np.zeros(30, int), favour=np.zeros(30))
    fewer = Listers(names=names[:-1], words=words(names[:-1]), first=np.zeros(29, int), favour=np.zeros(29))
    for token in ("A", "B", "C"):
        assert len(set(fewer.draw(token, 8, 0, SEED)) - set(many.draw(token, 8, 0, SEED))) <= 1


def test_most_fall_idle_after_their_peak() -> None:
    idle = np.array([idle_from(f"sim-{k:05d}", 100, SEED) for k in range(400)])
    assert 0.7 < (idle < WEEKS).mean() < 0.9
    assert idle.min() > 100


def test_a_line_flickers_as_often_as_it_should() -> None:
    # leaves with chance 0.06, returns with 0.3: held 0.3 / 0.36 of the time
    held = _flicker(np.random.default_rng(1).uniform(size=(400, WEEKS)))
    assert held[:, 0].all()
    assert held[:, 50:].mean() == pytest.approx(0.3 / 0.36, abs=0.02)
