"""The form of a table on a phone: who first, then every number by its name, harmless whatever the names hold."""

import datetime as dt

import polars as pl

from dexposure_core.ui.output import listing

PAIRS = pl.DataFrame(
    {
        "creditor": ["1", "2", None], "creditor_name": ["Lido", "<b>A & B", None],
        "debtor": ["3", "3", "3"], "debtor_name": ["WBTC", "WBTC", "WBTC"],
        "probability": [0.9995, 0.00002, None], "summed_usd": [448e6, float("nan"), 0.0],
    }
)  # fmt: skip
LABELS = {"summed_usd": "If it comes, USD m", "probability": "Comes"}


def _link(protocol: str) -> str:
    return f"/protocol?protocol={protocol}&basis=flow"


def test_a_pair_is_named_with_both_links_and_its_numbers_carry_their_units():
    html = listing.listed(PAIRS, LABELS, _link)
    first = html.split("</li>")[0]
    assert '<a href="/protocol?protocol=1&amp;basis=flow" target="_self">Lido</a> → <a' in first
    assert "Comes <b>99.95 %</b>" in first, "a risk of 0.05 % is not rounded away"
    assert "If it comes <b>USD 448 m</b>" in first


def test_names_from_outside_stay_words_and_what_is_unknown_is_a_dash():
    html = listing.listed(PAIRS, LABELS, _link)
    assert "&lt;b&gt;A &amp; B" in html
    assert "<b>A" not in html
    assert "Comes <b>&lt;0.01 %</b>" in html
    assert html.count("<b>–</b>") == 2
    assert "<div>– → <a" in html


def test_without_links_the_names_stand_there():
    assert "<div>Lido → WBTC</div>" in listing.listed(PAIRS, LABELS, None)


def test_a_table_that_fits_a_phone_stays_a_grid():
    fits = pl.DataFrame({"protocol": ["1"], "name": ["Aave"], "tvl_usd": [1.0], "share": [0.1]})
    assert listing.listed(fits, {}, _link) == ""
    assert listing.listed(fits.with_columns(sis=0.5, rank=1), {}, _link) != ""
    assert listing.listed(PAIRS.head(0), LABELS, _link) == ""


def test_rows_without_protocols_are_named_by_the_words_or_dates_that_tell_them_apart():
    rules = {"basis": ["flow", "flow"], "rule": ["DebtRank", "clearing"], "lost": ["USD 1 m", "USD 2 m"]}
    numbers = pl.DataFrame({**rules, "hit": [1200, 3], "change_usd": [1e6, -2e6], "held": [True, False]})
    html = listing.listed(numbers, {}, None)
    assert "<div>flow, DebtRank</div>" in html
    assert "Hit <b>1,200</b>" in html
    assert "Change <b>+USD 1.00 m</b>" in html
    assert "Change <b>−USD 2.00 m</b>" in html
    assert "Held <b>no</b>" in html
    dates = pl.DataFrame({"date": [dt.date(2025, 1, 6)], "a": [1.0], "b": [2.0], "c": [3.0]})
    assert "<div>2025-01-06</div>" in listing.listed(dates, {}, None)
    assert listing.listed(numbers.select("hit", "change_usd", "lost", "held"), {}, None) == ""


def test_amounts_written_in_a_second_column_are_values_not_names():
    frame = pl.DataFrame({"what": ["a", "a"], "risk": ["<0.01 %", "5 %"], "x": [1, 2], "y": [1, 2]})
    assert '<div>a</div><div><span class="number">Risk <b>&lt;0.01 %</b></span>' in listing.listed(frame, {}, None)


def test_of_a_long_table_ten_rows_stand_there_more_are_folded_and_what_is_left_out_is_told():
    many = pl.concat([PAIRS.head(1)] * 123)
    html = listing.listed(many, LABELS, _link)
    assert html.index("<details>") > html.index("</ol>")
    assert html.count("<li>") == listing.MOST
    assert html.split("<details>")[0].count("<li>") == listing.FIRST
    assert "40 of 123 rows; the CSV holds all." in html
    assert "rows; the CSV" not in listing.listed(many.head(12), LABELS, _link)


def test_a_row_that_names_nobody_is_called_by_its_first_words_and_words_that_lack_are_left_out():
    frame = pl.DataFrame(
        {
            "severity": ["warning", "warning"], "finding": ["entered", "jump"], "protocol": [None, "1"],
            "name": [None, "Aave"], "token": [None, "DAI"], "amount_usd": [1e9, -2e9],
        }
    )  # fmt: skip
    nobody, aave = listing.listed(frame, {}, _link).split("</li>")[:2]
    assert "<div>warning, entered</div>" in nobody
    assert "Token" not in nobody
    assert "Severity" not in nobody
    assert "Amount <b>+USD 1.00 bn</b>" in nobody
    assert ">Aave</a></div>" in aave
    assert "Finding <b>jump</b>" in aave
    assert "Token <b>DAI</b>" in aave


def test_shares_have_two_decimals_and_a_sign_where_both_signs_stand():
    frame = pl.DataFrame({"rule": ["a", "b"], "share_moved": [-0.05, 0.9995], "x": [1, 2], "y": [1, 2]})
    html = listing.listed(frame, {}, None)
    assert "Share moved <b>−5.00 %</b>" in html
    assert "Share moved <b>+99.95 %</b>" in html
