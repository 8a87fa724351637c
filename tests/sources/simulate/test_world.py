"""Laws of the simulated world, and the history it must show."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from dexposure_core.errors import BadOption
from dexposure_core.sources import simulate
from dexposure_core.sources.simulate import World
from dexposure_core.sources.simulate.facts import MONDAYS, load
from dexposure_core.sources.simulate.world import make_world

KEYS = ["protocol", "chain", "token"]
SOME_WEEKS = ("2020-06-01", "2021-11-01", "2022-05-09", "2023-03-13", "2025-08-18")


def held(world: World, day: str) -> pl.DataFrame:
    return world.load(dt.date.fromisoformat(day)).filter(~pl.col("chain").str.contains("borrowed"))


def tvl(world: World, day: str) -> pl.DataFrame:
    return held(world, day).group_by("protocol").agg(pl.col("value_usd").sum())


def system(world: World, day: str) -> float:
    return float(held(world, day)["value_usd"].sum())


def hhi(world: World, day: str) -> float:
    sizes = tvl(world, day)["value_usd"].to_numpy()
    return float(np.square(sizes / sizes.sum()).sum())


def size(world: World, day: str, protocol: str) -> float:
    return float(tvl(world, day).filter(pl.col("protocol") == protocol)["value_usd"].sum())


def test_weeks_are_the_283_mondays(world: World) -> None:
    assert world.dates == list(MONDAYS)
    assert [date for date, _ in world.periods()] == world.dates


@pytest.mark.parametrize("day", SOME_WEEKS)
def test_holdings_are_positive_unique_and_sorted(world: World, day: str) -> None:
    rows = world.load(dt.date.fromisoformat(day))
    assert rows.height > 0
    assert (rows["value_usd"] > 0).all()
    assert (rows["quantity"] > 0).all()
    assert rows.select(KEYS).is_unique().all()
    assert rows.select(KEYS).equals(rows.select(KEYS).sort(KEYS))


@pytest.mark.parametrize("day", SOME_WEEKS)
def test_value_is_quantity_times_price_in_dollars_and_cents(world: World, day: str) -> None:
    week = MONDAYS.index(dt.date.fromisoformat(day))
    exact = world.quantities[:, week].astype(np.float64) * world.prices[world.rows, week]
    values = world.values(week)
    small = exact < 1_000
    assert np.array_equal(np.rint(values[small] * 100) / 100, values[small])
    assert np.array_equal(np.rint(values[~small]), values[~small])
    assert np.abs(values - exact)[small].max() <= 0.00501
    assert (np.abs(values - exact) <= 0.5 + exact * 2.0**-14)[~small].all()
    assert world.load(MONDAYS[week])["value_usd"].to_list() == values[values > 0].tolist()


def test_every_held_token_and_protocol_has_an_entry(world: World) -> None:
    tokens = set(world.tokens["token"])
    for day in SOME_WEEKS:
        rows = held(world, day)
        assert set(rows["token"]) <= tokens
        assert set(rows["protocol"]) <= set(world.protocols["protocol"])
    named = world.tokens.filter(pl.col("kind") != "bucket")
    assert set(named["issuer"]) <= set(world.protocols["protocol"])


def test_names_are_at_least_six_hundred(world: World) -> None:
    assert world.lines["protocol"].n_unique() + world.lines["token"].n_unique() >= 600


def test_equal_seeds_give_equal_worlds(world: World) -> None:
    again = simulate.world()
    assert again.lines.equals(world.lines)
    assert np.array_equal(again.quantities, world.quantities)
    assert np.array_equal(again.prices, world.prices)


def test_another_seed_gives_another_world_on_the_same_level(world: World) -> None:
    other = simulate.world(seed=1)
    assert not other.lines.equals(world.lines)
    assert system(other, "2022-04-25") == pytest.approx(system(world, "2022-04-25"), rel=0.02)


def test_a_larger_world_keeps_what_is_known(world: World) -> None:
    larger = simulate.world(1.3)
    assert set(world.protocols["protocol"]) < set(larger.protocols["protocol"])
    known = load().tokens.height
    assert np.array_equal(larger.prices[:known], world.prices[:known])
    assert held(larger, "2025-08-18").height > 1.1 * held(world, "2025-08-18").height
    assert size(larger, "2024-03-04", "182") == pytest.approx(size(world, "2024-03-04", "182"), rel=0.05)
    assert system(larger, "2022-04-25") == pytest.approx(system(world, "2022-04-25"), rel=0.03)
    crowd = held(larger, "2025-08-18").filter(pl.col("protocol").str.starts_with("sim-"))
    assert 0 < crowd["value_usd"].sum() < 0.01 * system(larger, "2025-08-18")


def test_a_smaller_world_holds_the_largest_protocols_unchanged(world: World) -> None:
    smaller = simulate.world(0.1)
    mine = held(smaller, "2022-05-02")
    assert 0 < mine["protocol"].n_unique() < 60
    assert mine.join(held(world, "2022-05-02"), on=mine.columns).height == mine.height


def test_one_protocol_less_moves_the_others_only_by_the_common_level(world: World) -> None:
    facts = load()
    without = facts.protocols.filter(pl.col("protocol") != "sherlock")
    fewer = make_world(facts.replaced(protocols=without), 1, world.seed)
    both = held(world, "2022-12-05").join(held(fewer, "2022-12-05"), on=KEYS, suffix="_fewer")
    assert both.height == held(fewer, "2022-12-05").height
    assert (both["quantity_fewer"] / both["quantity"]).to_numpy() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("scale", ["huge", 0, -1, float("nan")])
def test_a_scale_that_does_not_exist_is_refused(scale: str | float) -> None:
    with pytest.raises(BadOption, match="scale"):
        simulate.world(scale)


@pytest.mark.parametrize(
    ("day", "billions"), [("2022-04-25", 261.9), ("2022-05-23", 166.3), ("2022-10-24", 119.9), ("2022-11-21", 175.1)]
)
def test_the_published_levels_are_met(world: World, day: str, billions: float) -> None:
    assert system(world, day) / 1e9 == pytest.approx(billions, rel=0.015)


def test_terra_collapses_and_anchor_dies(world: World) -> None:
    assert system(world, "2022-05-23") / system(world, "2022-04-25") - 1 == pytest.approx(-0.365, abs=0.015)
    assert size(world, "2022-05-02", "294") > 15e9
    assert size(world, "2022-05-16", "294") == 0
    terra = pl.col("token").is_in(["UST", "LUNA", "aUST", "ANC"])
    before, after = (held(world, d).filter(terra)["value_usd"].sum() for d in ("2022-05-02", "2022-05-23"))
    assert after < 0.05 * before


def test_exchanges_enter_on_the_monday_after_ftx(world: World) -> None:
    exchanges = world.protocols.filter(pl.col("category") == "CEX")["protocol"].to_list()
    assert not tvl(world, "2022-11-07")["protocol"].is_in(exchanges).any()
    assert tvl(world, "2022-11-14")["protocol"].is_in(exchanges).sum() >= 5
    # on the same set of protocols the system falls
    same = held(world, "2022-11-21").filter(~pl.col("protocol").is_in(exchanges))["value_usd"].sum()
    assert same < 0.85 * system(world, "2022-10-24")


def test_concentration_jumps_when_exchanges_enter(world: World) -> None:
    assert 0.03 < hhi(world, "2022-04-25") < 0.046
    assert 0.03 < hhi(world, "2022-11-07") < 0.04
    assert 0.14 < hhi(world, "2022-11-14") < 0.16
    assert 0.05 < np.mean([hhi(world, d) for d in ("2025-01-06", "2025-03-31", "2025-06-02", "2025-08-18")]) < 0.085


@pytest.mark.parametrize(
    ("protocol", "before", "after", "left"),
    [
        ("1183", "2023-03-06", "2023-03-13", 0.2),  # Euler drained
        ("591", "2023-07-03", "2023-07-17", 0.05),  # Multichain drained, then shut
        ("3", "2023-07-24", "2023-07-31", 0.75),  # Curve and the Vyper bug
        ("2286", "2025-02-17", "2025-02-24", 0.85),  # Bybit
        ("284", "2022-11-07", "2022-11-14", 0.05),  # Serum dies with FTX
    ],
)
def test_hits_are_visible(world: World, protocol: str, before: str, after: str, left: float) -> None:
    assert size(world, after, protocol) < left * size(world, before, protocol)


def test_coverage_has_something_to_say(world: World) -> None:
    rows = world.load(dt.date(2025, 8, 18)).join(world.tokens, on="token")
    assert rows["chain"].str.contains("borrowed").any()
    assert (rows["kind"] == "bucket").any()
    assert (rows["protocol"] == rows["issuer"]).any()
    assert rows["chain"].n_unique() >= 40


def test_most_holders_are_held_by_others_in_turn(world: World) -> None:
    rows = held(world, "2025-08-18").join(world.tokens, on="token").filter(pl.col("protocol") != pl.col("issuer"))
    both = set(rows["protocol"]) & set(rows["issuer"].drop_nulls())
    assert len(both) >= 60  # protocols that hold and are held: exposure has depth
