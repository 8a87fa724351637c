"""What a build remembers of its weeks is the same however often it was reduced on the way."""

from __future__ import annotations

import polars as pl
import pytest

from dexposure_core.network.period import ISSUERS as ISSUER_COLUMNS
from dexposure_core.network.period import PROTOCOLS
from dexposure_core.pipeline.building import gathered
from dexposure_core.pipeline.building.gathered import Gathered
from dexposure_core.pipeline.building.week import ISSUERS, NAMES, SIZES, Tables

Issuer = tuple[str, str | None, str, float]


def week(names: list[tuple[str, str]], issuers: list[Issuer], cents: int) -> Tables:
    sizes = [(token, cents) for token, *_ in issuers]
    return {
        NAMES: pl.DataFrame([(p, n, "c", "s") for p, n in names], schema=PROTOCOLS, orient="row"),
        ISSUERS: pl.DataFrame(issuers, schema=ISSUER_COLUMNS, orient="row"),
        SIZES: pl.DataFrame(sizes, schema={"token": pl.String, "usd_cents": pl.Int64}, orient="row"),
        "exposures": pl.DataFrame({"creditor": ["1"]}),
        "flows": pl.DataFrame({"creditor": ["1", "2"]}),
        "coverage": pl.DataFrame({"rows": [cents]}),
    }


@pytest.mark.parametrize("waiting", [1, 3, 1_000])
def test_the_latest_word_counts_and_a_week_that_does_not_know_says_nothing(
    waiting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathered, "_WAITING", waiting)
    seen = Gathered()
    seen.add(week([("2", "B"), ("1", "old")], [("X", "9", "composition", 0.5), ("Y", None, "bucket", 1.0)], 10))
    seen.add(week([("1", "new")], [("X", "7", "metadata", 1.0), ("Y", None, "composition", 0.0)], 5))
    seen.add(week([], [("X", "9", "composition", 0.75), ("Z", "3", "composition", 1.0)], 1))
    seen.add(week([], [("X", None, "composition", 0.0)], 100))
    assert seen.names().select("protocol", "name").rows() == [("1", "new"), ("2", "B")]
    assert seen.issuers().rows() == [
        ("X", "9", "composition", 0.75, "7"),
        ("Y", None, "bucket", 1.0, ""),
        ("Z", "3", "composition", 1.0, ""),
    ]
    assert sorted(seen.usd().rows()) == [("X", 116), ("Y", 15), ("Z", 1)]
    assert seen.links == 12
    assert seen.coverage is not None
    assert seen.coverage["rows"].to_list() == [100]


def test_nothing_gathered_is_nothing_known() -> None:
    seen = Gathered()
    assert seen.coverage is None
    assert seen.names().is_empty()
    assert seen.issuers().columns == [*ISSUER_COLUMNS, "alternatives"]
