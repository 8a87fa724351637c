"""Raw and constant panel side by side, and early-warning flags."""

import datetime as dt
import itertools
import math
import statistics

import polars as pl
import pytest

from dexposure_core.errors import BadOption
from dexposure_core.pipeline.panel import COLUMNS, PANEL_COLUMNS, among, constant, known_part, panel, panel_of
from dexposure_core.pipeline.warnings import flags, sentence
from tests.networks import network

WEEKS = [dt.date(2024, 1, 1) + dt.timedelta(weeks=i) for i in range(40)]


def nodes(*rows: tuple[int, str, float]) -> pl.DataFrame:
    rows = [(WEEKS[week], protocol, tvl) for week, protocol, tvl in rows]
    return pl.DataFrame(rows, schema={"date": pl.Date, "protocol": pl.String, "tvl_usd": pl.Float64}, orient="row")


def test_an_entrant_lifts_the_raw_total_while_the_panel_falls():
    # A and B fall from 60 + 40 to 50 + 30; an exchange enters with 120
    table = panel_of(nodes((0, "a", 60), (0, "b", 40), (1, "a", 50), (1, "b", 30), (1, "x", 120)))
    assert table["system_tvl_usd"].to_list() == [100, 200]
    assert table["panel_system_tvl_usd"].to_list() == [100, 80]
    assert table["panel_protocol_count"].to_list() == [2, 2]
    assert table["tvl_hhi"].to_list() == pytest.approx([0.36 + 0.16, 0.0625 + 0.0225 + 0.36])
    assert table["panel_tvl_hhi"].to_list() == pytest.approx([0.52, (25 + 9) / 64])
    assert table["panel_tvl_gini"].to_list() == pytest.approx([0.1, 0.125])  # (0.6 − 0.4)/2 and (0.625 − 0.375)/2


def test_who_leaves_or_is_missing_once_is_not_on_the_panel():
    table = panel_of(nodes((0, "a", 1), (0, "b", 1), (1, "a", 1), (2, "a", 1), (2, "b", 1)))
    assert table["panel_protocol_count"].to_list() == [1, 1, 1]
    assert table["protocol_count"].to_list() == [2, 1, 2]


def test_an_issuer_that_begins_to_hold_has_entered():
    # A's holdings fall from 80 to 60. Others held the exchange's token (it is there, with nothing of its own) before
    # its reserves were known. WETH only issues; GONE stops holding, but its tokens are still held.
    rows = nodes((0, "a", 80), (0, "cex", 0), (0, "weth", 0), (0, "gone", 20),
                 (1, "a", 60), (1, "cex", 90), (1, "weth", 0), (1, "gone", 0))  # fmt: skip
    assert set(constant(rows)) == {"a", "weth"}
    table = panel_of(rows)
    assert table["protocol_count"].to_list() == [4, 4]  # present throughout, all of them
    assert table["panel_protocol_count"].to_list() == [2, 2]
    assert table["system_tvl_usd"].to_list() == [100, 150]
    assert table["panel_system_tvl_usd"].to_list() == [80, 60]  # not 100 → 150, as presence alone would have it


def test_the_network_of_some_protocols():
    whole = network({"a": 1.0, "b": 2.0, "c": 3.0}, [("a", "b", 5.0), ("a", "c", 6.0), ("c", "a", 7.0)])
    part = among(whole, {"a", "c"})
    assert list(part.protocols) == ["a", "c"]
    assert list(zip(part.creditor, part.debtor, part.exposure_usd, strict=True)) == [(0, 1, 6.0), (1, 0, 7.0)]
    assert among(whole, set("abc")).exposure_usd.tolist() == whole.exposure_usd.tolist()
    assert len(among(whole, set()).protocols) == 0


def test_what_was_known_of_a_later_network():
    origin = network({"a": 80.0, "cex": 0.0, "weth": 0.0, "gone": 20.0}, [("a", "weth", 50.0), ("a", "cex", 5.0)])
    later = {"a": 60.0, "cex": 90.0, "weth": 0.0, "gone": 0.0, "new": 7.0}
    exposures = [("a", "weth", 40.0), ("cex", "weth", 70.0), ("a", "cex", 4.0), ("new", "weth", 7.0)]
    part = known_part(origin, network(later, exposures))
    # The exchange only issued before, so its book is new; who stopped holding stays.
    assert list(part.protocols) == ["a", "weth", "gone"]
    assert part.exposure_usd.tolist() == [40.0]
    assert known_part(origin, origin).exposure_usd.tolist() == [50.0, 5.0]
    # Who left is not put back.
    assert list(known_part(origin, network({"a": 60.0}, [])).protocols) == ["a"]


def test_without_anybody_in_common_the_panel_is_not_defined():
    table = panel_of(nodes((0, "a", 1), (1, "b", 1)))
    assert table["panel_system_tvl_usd"].to_list() == [0, 0]
    assert all(math.isnan(x) for x in table["panel_tvl_hhi"])


def test_rows_in_any_order_give_dates_in_order():
    rows = nodes((1, "a", 2), (0, "a", 1))
    assert panel_of(rows)["date"].to_list() == WEEKS[:2]
    assert panel_of(rows.clear()).columns == ["date", *COLUMNS, *PANEL_COLUMNS]


def test_the_window_reaches_the_store_and_must_run_forwards():
    asked = []

    class Shelf:
        def node_history(self, *window):
            asked.append(window)
            return nodes((0, "a", 1))

    assert panel(Shelf(), "flow", WEEKS[0], WEEKS[5]).height == 1
    assert asked == [("flow", WEEKS[0], WEEKS[5])]
    with pytest.raises(BadOption, match="swap"):
        panel(Shelf(), "flow", WEEKS[5], WEEKS[0])


def history(values) -> pl.DataFrame:
    return pl.DataFrame({"date": WEEKS[: len(values)], "value": values}, schema={"date": pl.Date, "value": pl.Float64})


def test_a_change_larger_than_two_sigma_of_the_past_is_flagged():
    # changes +1, −1, +1, ... ten times, then +5: σ of the ten is 1.054, 2σ = 2.11
    calm = [0.0, 1.0] * 5 + [0.0]
    row = flags(history([*calm, 5.0]), window=10).row(-1, named=True)
    assert row["change"] == 5
    assert row["sigma"] == pytest.approx(statistics.stdev([1, -1] * 5))
    assert row["limit"] == pytest.approx(2 * row["sigma"])
    assert row["flag"]
    assert (row["window_start"], row["window_end"]) == (WEEKS[0], WEEKS[10])
    text = sentence(row, "TVL concentration", 2)
    assert text.startswith(f"TVL concentration changed by +5 in the snapshot of {WEEKS[11]}: more than 2 standard")
    assert text.endswith(f"of its changes from {WEEKS[0]} to {WEEKS[10]}")


def test_the_window_moves_and_never_holds_the_change_it_judges():
    values = [float(i % 3) + (20 if i == 30 else 0) for i in range(40)]
    table = flags(history(values), window=12)
    changes = [b - a for a, b in itertools.pairwise(values)]
    for i in (15, 25, 30, 31, 39):  # change i−1 leads to date i; judged by the twelve before it
        assert table["sigma"][i] == pytest.approx(statistics.stdev(changes[i - 13 : i - 1]))
        assert table["window_start"][i] == WEEKS[i - 13]
        assert table["window_end"][i] == WEEKS[i - 1]
    assert table.filter("flag")["date"].to_list() == [WEEKS[30], WEEKS[31]]  # the jump, and the fall back


def test_too_short_a_past_flags_nothing():
    table = flags(history([0.0, 1, 0, 1, 0, 1, 0, 99]), window=26)
    assert not table["flag"].any()
    assert table["sigma"].null_count() == 8
    assert table["window_start"][0] is None


def test_undefined_values_neither_flag_nor_count():
    values = [0.0, 1.0] * 6 + [math.nan, 0.0, 1.0]
    table = flags(history(values), window=10)
    assert table["change"][12] is None
    assert table["change"][13] is None
    assert not table["flag"].any()


@pytest.mark.parametrize("given", [{"window": 1}, {"sigmas": 0}, {"sigmas": math.nan}])
def test_windows_that_make_no_sense_are_refused(given):
    with pytest.raises(BadOption, match=next(iter(given))):
        flags(history([1.0, 2.0]), **given)


def test_a_history_out_of_order_is_refused():
    with pytest.raises(BadOption, match="ascend"):
        flags(history([1.0, 2.0]).reverse())
