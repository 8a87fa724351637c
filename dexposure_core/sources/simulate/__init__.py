"""A simulated world in which the exposure network follows from what protocols hold and what tokens cost.

Nothing here draws a network. Tokens have issuers and prices, protocols have lives and portfolios, and the two bases
follow by the same construction as for real data. `world` is the only door.
"""

from __future__ import annotations

from dexposure_core.sources.simulate.world import DEFAULT_SEED, SCALES, World, make_world

__all__ = ["DEFAULT_SEED", "SCALES", "World", "world"]


def world(scale: str | float = "demo", seed: int = DEFAULT_SEED) -> World:
    """Return the simulated world.

    Args:
        scale: "demo" (the embedded dataset), "full", or a factor on the demo size.
        seed: equal seeds give equal worlds.
    """
    return make_world(scale, seed)
