"""Where the weeks of a build are computed: every engine maps the same function (`pipeline.building.week`) over them.

Weeks need only their own rows and those of the week before, so they can be computed in any order and anywhere; an
engine hands them back in date order, and the tables are the same whichever it is.
"""

from __future__ import annotations

from dexposure_core.errors import BadOption, suggest
from dexposure_core.pipeline.engines.weeks import Engine, Weeks

__all__ = ["DEFAULT", "ENGINES", "Engine", "Weeks", "find_engine"]

DEFAULT = "local"
ENGINES = {
    "local": "this process, as many weeks at a time as there are cores",
    "spark": "Apache Spark (pip install 'dexposure-monitor[spark]'), which reads the holdings as Parquet",
}


def find_engine(name: str) -> Engine:
    """Return the engine of that name.

    Raises:
        BadOption: when there is none.
        EngineMissing: when what it runs on is not installed.
    """
    if name == "local":
        from dexposure_core.pipeline.engines.local import run

        return run
    if name == "spark":
        from dexposure_core.pipeline.engines.spark import Spark

        return Spark()
    raise BadOption(f"No engine '{name[:80]}'{suggest(name[:80], ENGINES) or '; choose from ' + ', '.join(ENGINES)}")
