"""A simulated world in which the exposure network follows from what protocols hold and what tokens cost.

Nothing here draws a network. Tokens have issuers and prices, protocols have lives and portfolios, and the two bases
follow by the same construction as for real data. `world` is the only door.
"""

from __future__ import annotations

from dexposure_core.sources.simulate.facts import load
from dexposure_core.sources.simulate.independent import Rates, make_independent
from dexposure_core.sources.simulate.world import (
    DEFAULT_SEED,
    SCALES,
    World,
    make_world,
)

__all__ = ["DEFAULT_SEED", "SCALES", "Rates", "World", "independent_world", "world"]


def world(scale: str | float = "demo", seed: int = DEFAULT_SEED) -> World:
    """Return the simulated world.

    Args:
        scale: "demo" (the embedded dataset), "full" (the size of the real one), or a factor: above 1 a crowd of
            numbered protocols joins the known ones, and more numbered tokens; below 1 only the largest remain.
        seed: equal seeds give equal worlds.

    Raises:
        BadOption: for a scale that does not exist.
    """
    return make_world(load(), scale, seed)


def independent_world(seed: int = DEFAULT_SEED, rates: Rates | None = None) -> World:
    """Return the null world, in which prices and quantities have no memory but their level.

    Raises:
        BadOption: when `rates` ask for too few protocols or weeks.
    """
    return make_independent(load(), seed, rates)
