"""How numbers are written and names made harmless."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dexposure_core.ui import text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1.234e9, "USD 1.23 bn"), (45.6e6, "USD 45.6 m"), (2.619e11, "USD 262 bn"), (1.5e12, "USD 1.50 tn"),
        (999.6e6, "USD 1.00 bn"), (999_499_999, "USD 999 m"), (12_345, "USD 12.3 k"),
        (999.96, "USD 1.00 k"), (7.5, "USD 7.50"), (0.0, "USD 0"),
        (0.001, "USD 0"), (-3.2e9, "−USD 3.20 bn"),
        (math.nan, "not defined"), (None, "not defined"), (math.inf, "not defined"),
    ],
)  # fmt: skip
def test_usd(value, written):
    assert text.usd(value) == written


def test_a_change_of_usd_carries_its_sign():
    assert text.usd(5e6, sign=True, unit=False) == "+5.00 m"
    assert text.usd(-5e6, sign=True, unit=False) == "−5.00 m"
    assert text.usd(0.001, sign=True) == "USD 0"


@pytest.mark.parametrize(
    ("share", "written"),
    [(0.0712, "7.12 %"), (1, "100 %"), (1.234e-5, "<0.01 %"),
     (6e-5, "<0.01 %"), (-9.9e-5, "−<0.01 %"), (1e-4, "0.0100 %"), (0.9996, "100 %"), (math.nan, "not defined")],
)  # fmt: skip
def test_shares_in_per_cent(share, written):
    assert text.percent(share) == written


@pytest.mark.parametrize(
    ("change", "written"),
    [(0.004, "+0.40 points"), (-0.0205, "−2.05 points"), (0.25, "+25.0 points"), (1e-5, "0.00 points"),
     (None, "not defined")],
)  # fmt: skip
def test_changes_of_shares_in_points(change, written):
    assert text.points(change) == written


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (12345.0, "count", "12,345"),
        (0.0981, "index", "0.0981"),
        (2.5e9, "USD", "USD 2.50 bn"),
        (0.5, "share", "50.0 %"),
    ],
)
def test_a_measure_by_its_unit(value, unit, written):
    assert text.amount(value, unit) == written


def test_changes_by_unit():
    assert text.change(110.0, 100.0, "USD") == "+10.0 %"
    assert text.change(0.12, 0.10, "share") == "+2.00 points"
    assert text.change(0.12, 0.10, "index") == "+0.0200"
    assert text.change(5.0, 0.0, "USD") == "not defined"
    assert text.change(math.nan, 1.0, "index") == "not defined"


@pytest.mark.parametrize(
    ("n", "written"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd"), (93, "93rd")]
)
def test_ordinals(n, written):
    assert text.ordinal(n) == written


@pytest.mark.parametrize(
    ("days", "written"), [(-3, "0 days"), (1, "1 day"), (14, "14 days"), (35, "5 weeks"), (461, "15 months")]
)
def test_spans_of_time(days, written):
    assert text.span(days) == written


@given(st.floats(min_value=1e-9, max_value=1e15))
def test_three_significant_digits_are_within_half_a_per_cent(value):
    written = float(text.digits(value).replace(",", ""))
    assert written == pytest.approx(value, rel=0.005001)


@pytest.mark.parametrize(
    ("value", "written"), [(2.9e-18, "<0.000000001"), (-1e-10, "−<0.000000001"), (1e-9, "0.00000000100"), (0.0, "0")]
)
def test_what_is_next_to_nothing_is_not_written_as_zeros(value, written):
    assert text.number(value) == written


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1+1", "\xa0=1"])
def test_a_formula_is_defused(name):
    assert text.cell(name) == f"'{name}"


@given(st.text())
def test_no_text_opens_a_formula(name):
    assert not text.cell(name).lstrip().startswith(("=", "+", "-", "@"))


def test_ordinary_names_are_left_alone():
    assert text.cell("Aave V3 (=good)") == "Aave V3 (=good)"


@given(st.text(max_size=300))
def test_html_holds_no_markup(name):
    assert not re.search(r"[<>\"'\x00-\x1f]", text.html(name))


@given(st.text(max_size=300))
def test_markdown_leaves_no_live_character(name):
    plain = re.sub(r"\\.", "", text.markdown(name))
    assert not re.search(r"[\\`*_\[\]()<>$:#|!~{}&]", plain)


@given(st.lists(st.text(max_size=200), max_size=5))
def test_file_names_are_plain(parts):
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,119}\.csv", text.file_name(parts, "csv"))


def test_a_name_is_cut_to_one_line():
    assert text.short("a\nb\u202ec\x00 d") == "a b c d"
    assert text.short("x" * 50, 10) == "xxxxxxxxx…"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("No weights at /srv/dex/model/dexposure.safetensors; run `dexposure train`",
         "No weights at dexposure.safetensors; run dexposure train"),
        ("/a/b/evaluation.json is of other weights", "evaluation.json is of other weights"),
        ("'/srv/store' holds no vintage", "'store' holds no vintage"),
        ("see https://defillama.com/protocol/lido/tvl or 24/7 and/or m/s", None),
    ],
)  # fmt: skip
def test_a_page_does_not_tell_the_servers_folders(message, shown):
    assert text.reason(ValueError(message)) == (shown or message)
