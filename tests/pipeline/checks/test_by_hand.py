"""Every check on a few protocols whose numbers can be worked out on paper."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexposure_core.errors import BadOption
from dexposure_core.pipeline.checks.catalogue import CHECKS
from dexposure_core.pipeline.checks.double import DoubleCounting
from dexposure_core.pipeline.checks.drift import unusual_shares
from dexposure_core.pipeline.checks.findings import collapse, findings, per_date, percent
from dexposure_core.pipeline.checks.jumps import holding_changes, largest_cause, unusual_moves
from dexposure_core.pipeline.checks.material import Watch, Week
from dexposure_core.pipeline.checks.presence import Freshness, Missing
from dexposure_core.pipeline.checks.report import chosen_checks
from dexposure_core.pipeline.checks.stale import Stale
from dexposure_core.pipeline.checks.symbols import Symbols, skeleton
from dexposure_core.pipeline.checks.units import Units
from tests.pipeline.checks.altered import Altered, AlteredMaterial

MONDAY = dt.date(2024, 1, 1)
HOLDING = {"protocol": pl.String, "chain": pl.String, "token": pl.String, "issuer": pl.String, "quantity": pl.Float64,
           "value_usd": pl.Float64}  # fmt: skip
TOKENS = pl.DataFrame(
    [("USDX", "mint", "stablecoin"), ("stE", "stake", "liquid staking"), ("E", "E", "native coin"),
     ("usdx", "other", "stablecoin"), ("USDХ", "third", "unknown")],  # the last ends in a Cyrillic letter
    schema=["token", "issuer", "kind"], orient="row",
).with_columns(method=pl.lit("given"), alternatives=pl.lit(""))  # fmt: skip
ISSUERS = dict(TOKENS.select("token", "issuer").iter_rows())


def day(week: int) -> dt.date:
    return MONDAY + dt.timedelta(weeks=week)


def material(*weeks: list[tuple[str, str, float | None, float]]) -> AlteredMaterial:
    """Weeks of (protocol, token, quantity, USD), all on one chain."""
    frames = []
    for number, rows in enumerate(weeks):
        held = [(p, "x", t, ISSUERS.get(t), q, usd) for p, t, q, usd in rows]
        frames.append(pl.DataFrame(held, schema=HOLDING, orient="row").with_columns(date=pl.lit(day(number))))
    return AlteredMaterial(Altered(pl.concat(frames), TOKENS))  # type: ignore[arg-type]


def watched(watch: Watch, of: AlteredMaterial) -> pl.DataFrame:
    for week in of.weeks():
        watch.see(week)
    return watch.findings()


def test_a_gap_and_a_silence() -> None:
    # B is absent on 2024-01-15 and back a week later; C was last seen on the 8th, two snapshots before the last.
    a, b, c = ("a", "E", 1.0, 1e6), ("b", "E", 1.0, 2e6), ("c", "E", 1.0, 3e6)
    world = material([a, b, c], [a, b, c], [a], [a, b])
    (gap,) = watched(Missing(world), world).filter(pl.col("protocol").is_not_null()).to_dicts()
    assert (gap["protocol"], gap["date"], gap["rows"], gap["usd"]) == ("b", day(3), 1, 2e6)
    (silent,) = watched(Freshness(world), world).to_dicts()
    assert (silent["protocol"], silent["date"], silent["rows"], silent["usd"]) == ("c", day(1), 2, 3e6)
    assert silent["severity"] == "warning"


def test_a_jump_beside_the_market_and_a_spike() -> None:
    # Twenty calm weeks for five protocols; then all double (the market), but p4 grows twentyfold: e = ln 10.
    rows = [(f"p{n}", day(w), 1e8 * (1 + 0.01 * ((w + n) % 3))) for n in range(5) for w in range(20)]
    rows += [(f"p{n}", day(20), 2e8) for n in range(4)] + [("p4", day(20), 2e9)]
    calm = pl.DataFrame(rows, schema=["protocol", "date", "tvl_usd"], orient="row")
    dates = [day(w) for w in range(21)]

    def moves(sizes: pl.DataFrame, dates: list[dt.date]) -> pl.DataFrame:
        systems = pl.DataFrame({"date": dates}).with_row_index("place").with_columns(
            pl.col("place").cast(pl.Int64), system_usd=pl.lit(2e9)
        )  # fmt: skip
        return unusual_moves(sizes, systems)

    (jump,) = moves(calm, dates).to_dicts()
    assert (jump["protocol"], jump["date"], jump["spike"]) == ("p4", day(20), False)
    assert jump["move"] == pytest.approx(math.log(10), abs=0.03)
    back = pl.DataFrame([(f"p{n}", day(21), 2e8) for n in range(5)], schema=calm.schema, orient="row")
    (spike,) = moves(pl.concat([calm, back]), [*dates, day(21)]).to_dicts()
    assert (spike["date"], spike["spike"]) == (day(20), True)  # its way back is not reported again


def test_the_cause_of_a_jump_is_split_into_price_and_quantity() -> None:
    # E: 10 at 2 → 30 at 3: price 10·(3 − 2) = 10, quantity 3·(30 − 10) = 60. USDX enters with 5.
    before = pl.DataFrame([("p", "x", "E", "E", 10.0, 20.0)], schema=HOLDING, orient="row")
    now = pl.DataFrame(
        [("p", "x", "E", "E", 30.0, 90.0), ("p", "x", "USDX", "mint", 5.0, 5.0)], schema=HOLDING, orient="row"
    )
    split = holding_changes(now, before, pl.DataFrame({"protocol": ["p"]}))
    assert sorted(split.select("kind", "part_usd").rows()) == [("entry", 5.0), ("price", 10.0), ("quantity", 60.0)]
    jump = pl.DataFrame({"protocol": ["p"], "change_usd": [75.0]})
    assert largest_cause(jump, split).rows() == [("p", "E", "x", "quantity", 60.0)]


def test_a_price_that_came_back() -> None:
    # E is worth 100, then 1 for a week (decimals), then 100 again at all three holders.
    def week(price: float) -> list[tuple[str, str, float, float]]:
        return [(p, "E", 1e6 + n, (1e6 + n) * price) for n, p in enumerate("abc")]

    world = material(week(100.0), week(1.0), week(100.0))
    found = watched(Units(world), world).filter(pl.col("finding") == "price spike").to_dicts()
    assert [(row["token"], row["date"]) for row in found] == [("E", day(1))]
    assert "from 100.0 to 1.0 and back to 100.0" in found[0]["text"]


def test_a_price_of_another_token() -> None:
    # Four hold E at 2000; a fifth one's 1e6 E are priced at 50, which is what stE costs.
    rows = [(p, "E", 1e6, 2e9) for p in "abcd"] + [("e", "E", 1e6, 5e7), ("s", "stE", 1e6, 5e7)]
    world = material(rows)
    found = watched(Units(world), world).filter(pl.col("protocol") == "e").to_dicts()
    assert [row["finding"] for row in found] == ["another token's price"]
    assert found[0]["usd"] == pytest.approx(2e9 - 5e7)
    assert "the price of stE" in found[0]["text"]


def test_a_value_that_stands_still_while_the_price_moves() -> None:
    # The price falls 1 % a week; b's 1,000,000 USD never change. Nine weeks: 8 falls, 7.7 % in all.
    weeks = [
        [("a", "E", 1e6, 1e8 * 0.99**w), ("c", "E", 2e6, 2e8 * 0.99**w), ("b", "E", 1e4 / 0.99**w, 1e6)]
        for w in range(9)
    ]
    calm = material(*([row for row in week if row[0] != "b"] + [("b", "USDX", 1e6, 1e6)] for week in weeks))
    assert watched(Stale(calm), calm).is_empty()  # a dollar that stays a dollar
    world = material(*weeks)
    (first, second) = watched(Stale(world), world).to_dicts()
    assert (first["protocol"], first["date"], first["usd"]) == ("b", day(7), 1e6)
    assert second["date"] == day(8)


def test_what_is_counted_twice_is_at_most_what_the_issuer_holds() -> None:
    # stake holds 100 of E and issued stE; others hold 60 of stE: 60 of 460 twice. With 150 held, only 100 are backed.
    held = [("stake", "E", None, 100.0), ("a", "stE", None, 60.0), ("b", "E", None, 300.0)]
    world = material(held, [*held, ("b", "stE", None, 90.0)])
    double = DoubleCounting(world)
    for week in world.weeks():
        double.see(week)
    assert double.course().select("kind", "usd", "share").rows() == [
        ("liquid staking", 60.0, 60 / 460),
        ("liquid staking", 100.0, 100 / 550),
    ]


def test_spellings_that_a_reader_takes_for_one() -> None:
    held = [("a", "USDX", None, 9e6), ("b", "usdx", None, 5e6), ("c", "USDХ", None, 4e6)]
    world = material(held)
    found = watched(Symbols(world), world)
    told = {(row["finding"], row["token"]): row["text"] for row in found.to_dicts()}
    assert told[("case variants", "usdx")] == "like USDX of mint, but given to other"
    assert told[("look-alike symbol", "USDХ")] == "like USDX of mint, but given to third"
    assert skeleton("ＵＳＤС\u200b") == "USDC"


def test_one_symbol_with_two_prices() -> None:
    # Half of the holders of E get 3,000 apiece, half get 2.
    world = material([(f"p{n}", "E", 1e4, 1e4 * (3000.0 if n % 2 else 2.0)) for n in range(6)])
    (row,) = watched(Symbols(world), world).filter(pl.col("finding") == "several prices").to_dicts()
    assert (row["token"], row["rows"], row["text"]) == ("E", 6, "worth 2.0 here and 3000 there")


def test_a_share_that_leaves_its_own_history() -> None:
    # Thirty weeks at 90 %, then 80 %: z = 0.10 / (0 + 0.005) = 20.
    course = pl.DataFrame({
        "date": [day(w) for w in range(31)], "what": "mapped", "usd": 1.0, "share": [0.9] * 30 + [0.8],
    })  # fmt: skip
    (row,) = unusual_shares(course).to_dicts()
    assert (row["date"], row["usual"]) == (day(30), 0.9)
    assert unusual_shares(
        course.with_columns(share=pl.when(pl.col("share") < 0.9).then(0.87).otherwise(0.9))
    ).is_empty()


def test_the_same_thing_is_told_once_and_small_ones_are_counted() -> None:
    rows = [("warning", "stale value", day(w), "p", 1e6 + w) for w in range(5)]
    rows += [("warning", "stale value", day(40), "p", 7.0)]  # half a year later: another episode
    rows += [("info", "protocol missing", day(n), f"q{n}", float(n)) for n in range(6)]
    frame = pl.DataFrame(rows, schema=["severity", "finding", "date", "protocol", "usd"], orient="row")
    found = findings(frame.with_columns(text=pl.lit("x"), rows=pl.lit(1))).with_columns(check=pl.lit("some"))
    told = collapse(found, {"q5": "Five"}).to_dicts()
    assert [(r["first"], r["date"], r["last"], r["dates"], r["usd"]) for r in told[:2]] == [
        (day(0), day(4), day(4), 5, 1e6 + 4),
        (day(40), day(40), day(40), 1, 7.0),
    ]
    assert told[2]["text"] == "6 of these, the largest: Five, q4, q3"
    assert (told[2]["rows"], told[2]["usd"]) == (6, 15.0)
    assert per_date(found)["findings"].sum() == 12


def test_an_unknown_check_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(BadOption, match="did you mean 'units'"):
        chosen_checks(["unit"])
    assert [c.name for c in chosen_checks(["jumps", "units"])] == ["units", "jumps"]
    assert len({c.name for c in CHECKS}) == len(CHECKS)
    assert all(c.watch or c.table for c in CHECKS)


@given(st.floats(0.01, 1e6), st.integers(0, 10_000))
def test_another_currency_changes_no_score(factor: float, seed: int) -> None:
    chance = np.random.default_rng(seed)
    tvl = 1e8 * chance.lognormal(0, 0.3, (4, 12)).cumprod(axis=1)
    rows = [(f"p{p}", day(w), float(tvl[p, w])) for p in range(4) for w in range(12)]
    sizes = pl.DataFrame(rows, schema=["protocol", "date", "tvl_usd"], orient="row")
    systems = sizes.group_by("date").agg(system_usd=pl.sum("tvl_usd")).sort("date").with_row_index("place")
    systems = systems.with_columns(pl.col("place").cast(pl.Int64))
    large = sizes.with_columns(pl.col("tvl_usd") * factor), systems.with_columns(pl.col("system_usd") * factor)
    one, other = unusual_moves(sizes, systems), unusual_moves(*large)
    if (sizes["tvl_usd"].min() or 0) * min(factor, 1) > 1e6:  # the market's move is read off protocols of 1 m USD
        assert one.select("date", "protocol").equals(other.select("date", "protocol"))


@given(st.text(max_size=20))
def test_a_skeleton_is_its_own_skeleton(symbol: str) -> None:
    assert skeleton(skeleton(symbol)) == skeleton(symbol)


def test_a_week_knows_its_prices() -> None:
    rows = pl.DataFrame([("a", "x", "E", "E", 2.0, 8.0), ("b", "x", "E", "E", None, 5.0)], schema=HOLDING, orient="row")
    week = Week(MONDAY, rows, None)
    assert week.system_usd == 13.0
    assert week.prices.rows() == [("E", 4.0, 4.0, 1, 8.0)]


def test_shares_in_findings_are_written_as_everywhere():
    shares = [0.446, 0.0000575, 0.0001, 0.0, 0.07]
    told = pl.DataFrame({"share": shares}).select(percent("share")).to_series().to_list()
    assert told == ["44.6 %", "<0.01 %", "0.01 %", "0 %", "7.0 %"]
