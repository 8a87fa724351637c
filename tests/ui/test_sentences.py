"""The generated answers, word by word."""

import datetime as dt
import math

import polars as pl

from dexposure_core.pipeline import phrases
from dexposure_core.pipeline.changes import ChangeSummary
from dexposure_core.pipeline.indicators import INDICATORS, Position
from dexposure_core.ui import sentences

DAY = dt.date(2025, 6, 9)
NONE = pl.DataFrame(schema={"date": pl.Date, "value": pl.Float64})


def position(measure, level, previous, **changes):
    indicator = next(i for i in INDICATORS if i.measure == measure)
    given = {
        "indicator": indicator, "level": level, "previous": previous, "percentile": 0.88, "low": 0.0, "high": math.inf,
        "since": DAY - dt.timedelta(days=730), "sigma": 0.01, "flag": False, "detail": "", "history": NONE,
    }  # fmt: skip
    return Position(**(given | changes))


CHANGE = {
    "creditor_name": "A*a", "debtor_name": "B", "change_usd": -2e9, "price_usd": -3e9, "quantity_usd": 1e9,
    "entry_usd": 0.0, "exit_usd": 0.0,
}  # fmt: skip


def test_the_overview_answers_where_and_why():
    found = [
        position("system_tvl_usd", 1.1e11, 1e11), position("tvl_hhi", 0.05, 0.06), position("debtor_hhi", 0.10, 0.09),
        position("cross_sector_ratio", 0.95, 0.91), position("worst_loss", 0.2, 0.2),
    ]  # fmt: skip
    # up: debtor_hhi (+1 σ) and cross_sector_ratio (+4 σ); down: tvl_hhi; unmoved: worst_loss
    assert sentences.overview(found, pl.DataFrame([CHANGE]), "week") == (
        "**2 of 4** fragility indicators point up since last week, most of all the share of exposure across sectors "
        "(+4.00 points); system TVL is **USD 110 bn** (+10.0 %); "
        "the largest change is A\\*a → B, −USD 2.00 bn, by price."
    )


def test_beside_flows_system_tvl_is_that_of_the_start():
    found = [position("system_tvl_usd", 1e9, math.nan)]
    said = sentences.overview(found, pl.DataFrame(), "week", "flow")
    assert "system TVL at the start of the week is **USD 1.00 bn**" in said


def test_the_first_snapshot_has_nothing_to_compare_with():
    found = [position("system_tvl_usd", 1e9, math.nan), position("tvl_hhi", 0.1, math.nan)]
    assert sentences.overview(found, pl.DataFrame(), "week") == (
        "There is no earlier snapshot to compare with; system TVL is **USD 1.00 bn**."
    )


def test_standing_in_words():
    assert sentences.standing(position("tvl_hhi", 0.1, 0.1), DAY) == "88th percentile of two years"
    assert sentences.standing(position("tvl_hhi", 0.1, 0.1, high=0.1), DAY) == "highest in two years"
    young = position("tvl_hhi", 0.1, 0.1, low=0.1, since=DAY - dt.timedelta(days=70))
    assert sentences.standing(young, DAY) == "lowest in 10 weeks"
    assert (
        sentences.standing(position("tvl_hhi", math.nan, 0.1, percentile=math.nan), DAY) == "no history to compare with"
    )


def test_concentration_names_the_protocol_and_the_cause():
    still = {"price_usd": 1.0, "quantity_usd": 0.0, "entry_usd": 0.0, "exit_usd": 0.0}
    up = {"name": "Up", "hhi_contribution": 0.004} | still | {"quantity_usd": 5.0}
    moved = pl.DataFrame([up, {"name": "Down", "hhi_contribution": -0.001} | still])
    rose = sentences.concentration(position("tvl_hhi", 0.0625, 0.0595), moved, DAY)
    assert rose == (
        "TVL concentration (HHI) is **0.0625**, as if 16.0 equal protocols shared the system (88th percentile of two "
        "years); it rose by 0.00300; the largest part of it is Up, +0.00400, by quantity."
    )
    fell = sentences.concentration(position("tvl_hhi", 0.0595, 0.0625), moved, DAY)
    assert fell.endswith("the largest part of it is Down, −0.00100, by price.")


def test_concentration_without_tvl_is_not_defined():
    assert "not defined" in sentences.concentration(position("tvl_hhi", math.nan, math.nan), pl.DataFrame(), DAY)


def test_a_cause_is_only_named_when_the_split_is_known():
    assert sentences.cause(CHANGE) == "by price"
    assert sentences.cause(CHANGE | {"price_usd": None, "quantity_usd": None}) == ""
    assert sentences.cause(CHANGE | {"price_usd": 0.0, "quantity_usd": 0.0, "exit_usd": -2e9}) == "an exit"


def test_totals_by_cause():
    total = ChangeSummary(
        before_usd=0, after_usd=0, change_usd=-2e9, price_usd=-3e9, quantity_usd=0.5e9, entry_usd=0, exit_usd=0,
        mapping_usd=0, unsplit_usd=0.5e9,
    )  # fmt: skip
    assert sentences.totals(total, "week") == (
        "All exposures together: −USD 2.00 bn this week (price −3.00 bn, quantity +500 m, not split +500 m)."
    )


def test_the_constant_panel_is_explained():
    panel = pl.DataFrame(
        {"panel_protocol_count": [4], "protocol_count": [10], "panel_system_tvl_usd": [25.0], "system_tvl_usd": [100.0]}
    )
    said = sentences.panel_note(panel, DAY, DAY)
    assert said.startswith(
        "Constant panel: the 4 protocols that hold something in every snapshot from 2025-06-09 to 2025-06-09, or only "
        "issue in all, of 10 at the end (25.0 % of TVL)."
    )


def test_every_flag_is_counted_and_named_as_on_its_card():
    rows = [
        ("cross_sector_ratio", "Cross-sector share of exposure"),
        ("max_in_degree", "Most creditors of one protocol"),
    ]
    raised = pl.DataFrame(rows, schema=["measure", "title"], orient="row")
    cards = [position("cross_sector_ratio", 0.9, 0.8, flag=True), position("worst_loss", 0.2, 0.1, flag=True)]
    assert sentences.flagged(cards, raised) == (
        "3 early-warning flags up "
        "(Cross\\-sector spillover, Most creditors of one protocol, Worst standard stress loss)"
    )
    assert sentences.flagged(cards[:0], raised.clear()) == "No early-warning flag is up"


def test_a_rare_move_is_told_by_how_long_ago_one_was_as_large():
    # changes +3, −1, −2, +1, −2: as large as that of two weeks before; +3, −1, −1, −1, +2, −3: as that of five
    def told(*values, period="week"):
        days = [DAY - dt.timedelta(weeks=len(values) - 1 - i) for i in range(len(values))]
        history = pl.DataFrame({"date": days, "value": [float(v) for v in values]})
        return phrases.rarity(position("tvl_hhi", values[-1], values[-2], history=history), DAY, period)

    assert told(0, 3, 2, 0, 1, -1) == "largest weekly move in 14 days"
    assert told(0, 3, 2, 1, 0, 2, -1) == "largest weekly move in 5 weeks"
    assert told(0, 1, 0, 4, period="quarter") == "largest move on record"
    assert told(0, 4) == "unusual move"  # nothing to compare with
