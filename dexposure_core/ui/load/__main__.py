"""Many visitors at a time: `python -m dexposure_core.ui.load URL SESSIONS SECONDS PAUSE MOST SEED`.

Each visitor opens a page by its address, waits until it is drawn, reads for PAUSE seconds or so and opens another,
until the time is up or all have opened MOST pages together; two of three look at one of the last four snapshots. One
JSON line per click on standard output. Standard input holds `{"dates": [...], "protocols": [...]}`, ascending, what
the addresses may name.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from dexposure_core.ui.load.visitor import Visitor
from dexposure_core.ui.navigation import PAGES

ARRIVE_SECONDS: Final = 10.0  # all have come by then
_RECENT: Final = 2 / 3
_BASES: Final = ("holdings", "holdings", "holdings", "flow")


@dataclass
class _Budget:
    until: float
    left: int

    def take(self) -> bool:
        self.left -= 1
        return self.left >= 0 and time.perf_counter() < self.until


async def visit(url: str, chance: random.Random, offered: dict[str, list[str]], budget: _Budget, pause: float) -> None:
    """Click through the dashboard until the budget is spent; write each click."""
    await asyncio.sleep(chance.uniform(0, ARRIVE_SECONDS))
    try:
        async with Visitor(url) as visitor:
            while budget.take():
                click = await visitor.open(chance.choice(PAGES).key, _address(chance, offered))
                sys.stdout.write(json.dumps(asdict(click)) + "\n")
                sys.stdout.flush()
                if click.error:
                    break
                await asyncio.sleep(pause * chance.uniform(0.5, 1.5))
    except (OSError, TimeoutError) as error:
        lost = {"page": "", "begun": time.perf_counter(), "seconds": 0.0, "bytes": 0, "error": f"no way in: {error}"}
        sys.stdout.write(json.dumps(lost) + "\n")


def _address(chance: random.Random, offered: dict[str, list[str]]) -> dict[str, str]:
    return {
        "date": chance.choice(offered["dates"][-4:] if chance.random() < _RECENT else offered["dates"]),
        "protocol": chance.choice(offered["protocols"]),
        "basis": chance.choice(_BASES), "horizon": "4",
    }  # fmt: skip


async def _all(
    url: str, sessions: int, seconds: float, pause: float, most: int, seed: int, offered: dict[str, Any]
) -> None:
    budget = _Budget(time.perf_counter() + seconds, most)
    async with asyncio.TaskGroup() as group:
        for number in range(sessions):
            group.create_task(visit(url, random.Random(seed * 1000 + number), offered, budget, pause))  # noqa: S311


def main(argv: Sequence[str]) -> None:
    """Run the visitors that the arguments ask for (see the module)."""
    url, sessions, seconds, pause, most, seed = argv
    asyncio.run(_all(url, int(sessions), float(seconds), float(pause), int(most), int(seed), json.load(sys.stdin)))


if __name__ == "__main__":
    main(sys.argv[1:])
