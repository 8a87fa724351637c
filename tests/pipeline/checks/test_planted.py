"""How many planted errors the checks find, and how many alarms are false: the embedded world, spoiled at random."""

import numpy as np
import polars as pl
import pytest

from dexposure_core import open_store
from dexposure_core.pipeline.checks.report import check
from tests.pipeline.checks.altered import KINDS, detected, news, precise, report, world

# Share of a dozen planted errors that must be found. Copies (twins) are found by the cents alone, where those are many
# enough to tell amounts apart; four of five are, measured over more seeds.
LEAST = {"decimals": 0.8, "quantity_units": 0.8, "other_price": 0.8, "supply": 0.75, "twins": 0.5, "frozen": 0.8,
         "dropped": 0.8, "homonym": 0.8}  # fmt: skip


@pytest.fixture(scope="module")
def clean() -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = precise(world()[1])
    return rows, report(rows)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_planted_errors_are_found_and_nobody_else_is_accused(
    kind: str, clean: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    rows, before = clean
    spoiled, plants = KINDS[kind](rows, np.random.default_rng(1))
    found = report(spoiled)
    place = ["check", "finding", "protocol", "chain", "token", "first"]
    new = found.join(before.select(place), on=place, how="anti", nulls_equal=True)
    share = sum(detected(plant, new) for plant in plants) / len(plants)
    assert share >= LEAST[kind], [plant for plant in plants if not detected(plant, new)]
    # a chain whose only protocol was dropped is missing indeed
    accused = news(found, before, plants).filter(pl.col("finding") != "chain missing")
    assert accused.height <= 1, accused.to_dicts()


def test_the_embedded_world_raises_few_alarms_and_no_error() -> None:
    # 283 weeks with Terra, FTX, the USDC weekend and a hundred closed protocols.
    found = check(open_store()).findings
    assert found.filter(pl.col("severity") == "error").is_empty()
    assert 3 <= found.filter(pl.col("severity") == "warning").height <= 40
    collapse = found.filter(pl.col("finding") == "price jump")
    assert "LUNA" in set(collapse["token"])
    left = found.filter(pl.col("finding") == "protocols left")
    assert "Anchor" in " ".join(left["text"])
