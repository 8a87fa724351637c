"""Builds killed at twenty random moments: nobody ever sees half a vintage, nothing is left, the result is the same."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dexposure_core.errors import NoVintage
from dexposure_core.store import open_store

KILLS = 20
# One process per attempt; it says when it starts to work, so that the moment of the kill falls into the work.
WORK = """
import sys
from dexposure_core.pipeline.building.ingest import ingest_holdings, ingest_store
from dexposure_core.store import open_store, tablefile, inheritance
for module in (tablefile, inheritance):
    module.ROWS_PER_PART = 6
tablefile.ROWS_PER_GROUP = 3
what, store, file, base = sys.argv[1:]
print("go", flush=True)
if what == "import":
    print(ingest_holdings(file, store))
elif what == "update":
    print(ingest_holdings(file, store, onto=base))
else:
    print(ingest_store(open_store(store, base), store, chains="all"))
"""


def rows(weeks: range) -> str:
    lines = ["date,protocol_id,chain,token,quantity,value_usd"]
    for week in weeks:
        date = f"2024-{1 + week // 4:02}-{1 + 7 * (week % 4):02}"
        for protocol in ("111", "118", "119"):
            lines += [f"{date},{protocol},Ethereum,{t},1,{100 + week}" for t in ("DAI", "WETH", "SUSHI")]
            lines.append(f"{date},{protocol},Ethereum-borrowed,DAI,1,5")
    return "\n".join(lines) + "\n"


def start(what: str, store: Path, file: Path, base: str) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-c", WORK, what, str(store), str(file), base]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, env=os.environ | {"POLARS_MAX_THREADS": "1"})


def finish(what: str, store: Path, file: Path, base: str = "") -> tuple[str, float]:
    """Run one build to its end; return the vintage and how long the work took."""
    with start(what, store, file, base) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"go\n"
        began = time.monotonic()
        vintage = process.stdout.readline().decode().strip()
        return vintage, time.monotonic() - began


@contextmanager
def reading(store: Path) -> Iterator[list[str]]:
    """Open the latest vintage and check all of it, over and over, while the block runs; yield what was seen."""
    seen: list[str] = []
    wrong: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                found = open_store(store)
                found.verify()
                date = found.dates()[-1]
                assert found.snapshot(date).exposure_usd.sum() == found.rows_on("exposures", date)["exposure_usd"].sum()
                seen.append(found.vintage)
            except NoVintage:
                seen.append("none")
            except BaseException as error:
                wrong.append(error)
                raise

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield seen
    finally:
        stop.set()
        reader.join()
    assert wrong == []


@pytest.mark.slow
def test_twenty_kills_end_in_the_same_vintages(tmp_path: Path) -> None:
    whole, first, last = (tmp_path / f"{name}.csv" for name in ("whole", "first", "last"))
    for file, weeks in ((whole, range(8)), (first, range(7)), (last, range(7, 8))):
        file.write_text(rows(weeks))
    store, aside = tmp_path / "store", tmp_path / "aside"
    base, _ = finish("import", store, first)
    finish("import", aside, first)
    jobs = {"import": whole, "update": last, "build": whole}
    expected = {what: finish(what, aside, file, base) for what, file in jobs.items()}
    assert expected["import"][0] == expected["update"][0]

    moments = random.Random(7)  # noqa: S311  when to kill is no secret
    allowed = {base, *(vintage for vintage, _ in expected.values())}
    unfinished = 0
    with reading(store) as seen:
        for kill in range(KILLS):
            what = ("import", "update", "build")[kill % 3]
            with start(what, store, jobs[what], base) as process:
                assert process.stdout is not None
                process.stdout.readline()
                time.sleep(moments.random() * expected[what][1])
                os.kill(process.pid, signal.SIGKILL)
                unfinished += process.wait() == -signal.SIGKILL
            assert {path.name for path in store.iterdir() if not path.name.startswith(".")} <= {*allowed, "LATEST"}
        for what, file in jobs.items():
            assert finish(what, store, file, base)[0] == expected[what][0]
            assert (store / "LATEST").read_text().strip() == expected[what][0]
    assert unfinished > KILLS / 2
    assert len(seen) > KILLS
    assert set(seen) <= allowed
    assert {path.name for path in store.iterdir()} == {*allowed, "LATEST"}
    for vintage in allowed:
        open_store(store, vintage).verify()
        assert open_store(store, vintage).manifest.content_hash == open_store(aside, vintage).manifest.content_hash
