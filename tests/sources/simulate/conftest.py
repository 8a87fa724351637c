"""The embedded world, made once for all tests of this folder."""

from __future__ import annotations

import pytest

from dexposure_core.sources import simulate


@pytest.fixture(scope="session")
def world() -> simulate.World:
    return simulate.world()
