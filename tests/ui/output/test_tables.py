"""How frames are shown: links, rounding, shares."""

import datetime as dt

import polars as pl
import pytest
from streamlit.elements.lib.pandas_styler_utils import marshall_styler
from streamlit.proto.ArrowData_pb2 import ArrowData

from dexposure_core.ui.output import tables


@pytest.mark.parametrize(
    ("value", "rounded"), [(0.0, 0.0), (1234.5, 1230.0), (-0.00123456, -0.00123), (999.6, 1000.0), (None, None)]
)
def test_three_significant_digits(value, rounded):
    shown = pl.DataFrame({"v": [value]}, schema={"v": pl.Float64}).select(tables.significant(pl.col("v"))).item()
    assert shown == (None if rounded is None else pytest.approx(rounded))


def test_an_id_beside_its_name_becomes_a_link_that_shows_the_name():
    frame = pl.DataFrame({"protocol": ["1", None], "name": ["A & B#1", None], "tvl_usd": [1.0, 2.0]})
    shown, named = tables._linked(frame, lambda p: f"/protocol?protocol={p}", {})
    (column,) = named
    assert shown[column].to_list() == ["/protocol?protocol=1#A%20%26%20B%231", None]
    assert named[column] == "Protocol"
    assert "name" not in shown.columns


def test_without_links_the_name_stays_and_the_id_goes():
    frame = pl.DataFrame({"protocol": ["1"], "name": ["Aave"]})
    assert tables._linked(frame, None, {})[0].columns == ["name"]


@pytest.mark.parametrize(
    ("column", "words"), [("exposure_usd", "Exposure, USD m"), ("debtor_sector", "Debtor sector"), ("sis", "Sis")]
)
def test_headings(column, words):
    assert tables.heading(column) == words


def test_which_columns_are_drawn_as_bars():
    assert tables.is_share("share")
    assert tables.is_share("probability")
    assert not tables.is_share("change_share")
    assert not tables.is_share("exposure_usd")


def test_shares_are_in_percent_with_as_many_decimals_in_every_row():
    frame = pl.DataFrame({"share": [0.14, 0.1, 0.05866], "share_before": [0.1, 0.2, 0.3], "sis": [0.5, 0.6, 1.0]})
    shown = frame.with_columns(tables._rounded(frame))
    assert shown["share"].to_list() == pytest.approx([14.0, 10.0, 5.866])
    assert shown["share_before"].to_list() == pytest.approx([10, 20, 30])
    bar = tables._column("share", shown, "Share", {})
    assert bar["type_config"]["format"] % 5.866 == "5.87 %"
    assert bar["type_config"]["max_value"] == pytest.approx(14.0)


def test_a_column_with_something_not_defined_has_no_bars_which_would_leave_a_blank():
    shown = pl.DataFrame({"whole": [4.6, 56.8], "share": [4.6, None]}).rename({"whole": "main_share"})
    kinds = {name: tables._column(name, shown, name, {})["type_config"]["type"] for name in shown.columns}
    assert kinds == {"main_share": "progress", "share": "number"}


def test_what_is_part_of_a_whole_of_its_own_is_drawn_against_that():
    shown = pl.DataFrame({name: [4.6, 56.8] for name in ("probability", "any_date_share", "distress", "share")})
    full = {name: tables._column(name, shown, name, {})["type_config"]["max_value"] for name in shown.columns}
    assert full == {"probability": 100.0, "any_date_share": 100.0, "distress": 100.0, "share": 56.8}


@pytest.mark.parametrize(
    ("names", "numbers", "width"),
    [(["Lido"], 4, 90), (["Wrapped Ether (WETH)"], 4, 174), (["x" * 60], 4, 176), ([], 4, 90), (["Lido"], 3, None)],
)
def test_names_have_room_where_a_table_has_the_whole_page(names, numbers, width):
    columns = {"debtor": names, "debtor_name": names, **{f"n{k}": [1.0] * len(names) for k in range(numbers)}}
    frame = pl.DataFrame(columns, schema_overrides={"debtor": pl.String, "debtor_name": pl.String})
    shown, named = tables._linked(frame, lambda p: f"/protocol?protocol={p}", {})
    (column,) = named
    assert tables._column(column, shown, "Debtor", named)["width"] == width


def test_methods_are_written_whole_beside_their_numbers():
    shown = pl.DataFrame({"forecaster": ["ewma", "gradient-boosting"], "note": ["short", "a longer one"]})
    widths = {name: tables._column(name, shown, name, {})["width"] for name in shown.columns}
    assert widths == {"forecaster": 151, "note": None}


@pytest.mark.parametrize(
    "written",
    [["USD 1.23 bn", "−USD 45.6 m"], ["<0.01 %", "12.3 %"], ["± 0.3 points", "not defined"], ["2,367", None]],
)
def test_a_column_of_numbers_written_out_is_known_as_one(written):
    assert tables.reads_as_numbers(pl.Series(written))


@pytest.mark.parametrize("written", [["Aave V3", "12.3 %"], ["2025-06-30"], ["tvl_hhi>0.18"], [None], []])
def test_a_column_of_words_is_not(written):
    assert not tables.reads_as_numbers(pl.Series(written, dtype=pl.String))


@pytest.mark.parametrize(
    ("name", "values", "written"),
    [
        ("change_usd", [25_900.0, -17.2, 0.0], ["+25,900", "−17.2", "0"]),
        ("price_usd", [20.0, None, -0.001], ["+20.0", "", "−0.00100"]),
        ("exit_usd", [0.0, -17.2], ["0", "−17.2"]),
        ("exposure_usd", [1234.0, None], ["1,230", ""]),
        ("rows", [1234, None], ["1,234", ""]),
    ],
)
def test_numbers_are_written_by_us_and_not_by_the_browser(name, values, written):
    styled = tables._written_out(pl.DataFrame({name: values}))
    cells = styled._translate(False, False)["body"]
    assert [row[0]["display_value"] for row in cells] == written
    assert styled.data[name].isna().tolist() == [v is None for v in values]


def test_a_table_of_words_and_shares_stays_as_it_is():
    words = pl.DataFrame({"name": ["Lido"], "share": [0.5]})
    assert tables._written_out(words) is words


def test_yes_and_no_are_words():
    frame = pl.DataFrame({"acknowledged": [True, False, None]})
    assert frame.with_columns(tables._rounded(frame))["acknowledged"].to_list() == ["yes", "no", None]


def test_numbers_are_written_out_as_a_whole_styler_would_have_them():
    frame = pl.DataFrame(
        {
            "name": ["A", None, "<b>"], "tvl_usd": [1234.5, None, 0.00123], "change_usd": [1.0, -2.0, None],
            "protocols": [12345, None, 0], "share": [0.5, None, 12.0], "date": [dt.date(2024, 1, 1), None, None],
        }
    )  # fmt: skip
    quick = tables._written_out(frame)
    whole = quick.data.style.format({
        "tvl_usd": lambda v: tables._number(v, sign=False, whole=False),
        "change_usd": lambda v: tables._number(v, sign=True, whole=False),
        "protocols": lambda v: tables._number(v, sign=False, whole=True),
    })  # fmt: skip
    made = []
    for styler in (quick, whole):
        data = ArrowData()
        marshall_styler(data, styler, "id")
        assert not data.styler.styles
        made.append(pl.read_ipc_stream(data.styler.display_values))
    numbers = ["tvl_usd", "change_usd", "protocols"]
    assert made[0].select(numbers).equals(made[1].select(numbers))
    assert made[0].select(numbers).rows() == [("1,230", "+1.00", "12,345"), ("", "−2.00", ""), ("0.00123", "", "0")]
    assert made[0].columns == frame.columns
