"""The generator of published-shape files: exact sizes, equal bytes, the stated size, and memory while reading it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from dexposure_core.errors import BadOption
from dexposure_core.network.published import from_published
from dexposure_core.sources import published, synthetic_published


def test_equal_arguments_give_equal_bytes_and_another_seed_gives_others(tmp_path: Path) -> None:
    first, again, other = (
        synthetic_published.write(tmp_path / f"{i}.json", weeks=2, nodes=30, links=60, seed=seed).read_bytes()
        for i, seed in enumerate((1, 1, 2))
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize(("nodes", "links"), [(2, 1), (10, 15), (10, 35), (300, 2000)])
def test_sizes_are_exact_without_defects(tmp_path: Path, nodes: int, links: int) -> None:
    path = synthetic_published.write(tmp_path / "s.json", weeks=3, nodes=nodes, links=links, defects=False)
    weeks = list(published.read(path))
    assert [(len(w.nodes), len(w.links)) for w in weeks] == [(nodes, links)] * 3
    for week in weeks:
        snapshot = week.snapshot()  # refuses loops, parallel links and sizes that are not positive
        assert (len(snapshot.protocols), len(snapshot.exposure_usd)) == (nodes, links)
        pairs = {frozenset(ends) for ends in zip(snapshot.creditor.tolist(), snapshot.debtor.tolist(), strict=True)}
        assert len(pairs) == links  # one net link per unordered pair
        held = week.node_tokens.group_by("protocol").agg(usd=pl.col("value_usd").sum())
        sizes = dict(week.nodes.iter_rows())
        assert all(math.isclose(usd, sizes[p], rel_tol=1e-6, abs_tol=1e-5) for p, usd in held.iter_rows())


def test_the_holdings_basis_can_be_rebuilt(tmp_path: Path) -> None:
    path = synthetic_published.write(tmp_path / "s.json", weeks=1, nodes=200, links=900, defects=False)
    (week,) = published.read(path)
    period = from_published(week)
    fate = dict(period.coverage.group_by("side").agg(pl.col("usd_cents").sum()).iter_rows())
    assert fate["in"] == fate["mapped"] + fate["dropped"]
    ambiguous = period.coverage.filter(pl.col("reason") == "issuer ambiguous")["usd_cents"].sum()
    assert ambiguous < 0.05 * fate["in"]


def test_defects_are_those_of_the_real_files(tmp_path: Path) -> None:
    (week,) = published.read(synthetic_published.write(tmp_path / "s.json", weeks=1, nodes=30, links=60))
    assert week.nodes["protocol"].null_count() == 1
    assert week.links["creditor"].null_count() == week.links["debtor"].null_count() == 1
    assert week.links["size_usd"].null_count() == 1
    assert (week.links["size_usd"] < 0).sum() == (week.links["size_usd"] == 0).sum() == 1
    assert week.links.select("creditor", "debtor").drop_nulls().is_duplicated().any()
    assert week.snapshot().exposure_usd.min() > 0


def test_impossible_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="100 links between 3 nodes"):
        synthetic_published.write(tmp_path / "s.json", weeks=1, nodes=3, links=100)


READ = """
import re, sys
from dexposure_core.sources import published
def peak():  # of this process alone: ru_maxrss would start with the peak of the one that started it
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
feed = published.read(sys.argv[1])
next(feed)
before = peak()
links = sum(len(week.links) for week in feed)
print(before, peak(), links)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peak memory is read from Linux's /proc")
def test_the_size_of_a_file_does_not_decide_the_memory(tmp_path: Path) -> None:
    path = synthetic_published.write(tmp_path / "big.json")
    assert 74e6 < path.stat().st_size < 78e6
    run = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True)
    before, peak, links = map(int, run.stdout.split())
    assert links == 7 * (73_500 + 9)  # nine defective links a week
    assert peak < 300 * 1024  # KiB, for the whole process
    assert peak - before < 60 * 1024  # the other seven weeks, 67 MB of JSON, came and went


def test_the_file_is_json(tmp_path: Path) -> None:
    path = synthetic_published.write(tmp_path / "s.json", weeks=2, nodes=20, links=30)
    assert list(json.loads(path.read_text())["data"]) == ["2024-01-01", "2024-01-08"]
