"""What the Data page says about tokens and issuers."""

from pathlib import Path

import polars as pl
import pytest

from dexposure_core.pipeline.tokens.doubtful import Mapped
from dexposure_core.ui.books import mapping
from dexposure_core.ui.output import tables


def mapped(**changes) -> Mapped:
    rows = [("given", 40, 75e9, 0.75), ("similarity", 9, 25e9, 0.25)]
    methods = pl.DataFrame(rows, schema=["method", "tokens", "usd", "share"], orient="row")
    return Mapped(**({"methods": methods, "doubtful_share": 0.125, "doubtful_tokens": 3, "overridden": 0} | changes))


def test_the_answer_names_the_main_method_and_what_is_doubtful():
    said = mapping.answer(mapped())
    assert "**given** found the issuer of 75.0 % of the mapped USD" in said
    assert "3 tokens with 12.5 % of the USD are **doubtful**" in said


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"doubtful_tokens": 1}, "1 token with 12.5 % of the USD is **doubtful**"),
        ({"doubtful_tokens": 0}, "no token is doubtful"),
        ({"overridden": 2}, "a person decided 2"),
        ({"methods": mapped().methods.clear()}, "maps no token"),
        ({"methods": mapped().methods.with_columns(usd=0.0)}, "maps no token"),
    ],
)
def test_the_answer_fits_what_there_is(changes, words):
    assert words in mapping.answer(mapped(**changes))


def test_amounts_are_written_in_words_and_shares_stay_numbers():
    # 75 bn of 100 bn
    assert mapping.methods_table(mapped()).row(0) == ("given", 40, "USD 75.0 bn", 0.75)


def test_the_review_list_links_an_issuer_by_its_name():
    row = {
        "token": "XYZ", "usd": 2.5e6, "share": 0.1, "issuer": "7", "issuer_name": "Xylo", "method": "similarity",
        "score": 0.31, "doubt": "weak text match", "reason": "shares 'xyz'", "alternatives": "9 Other (0.30)",
    }  # fmt: skip
    listed = mapping.review_table(pl.DataFrame([row]))
    shown, named = tables._linked(listed, lambda p: f"/protocol?protocol={p}", mapping.LABELS)
    assert named == {"protocol·link": "Issuer"}
    assert shown["protocol·link"].to_list() == ["/protocol?protocol=7#Xylo"]
    assert shown["held_usd"].to_list() == [2.5e6]


def test_the_commands_name_store_and_vintage_and_quote_a_strange_folder():
    told = mapping.commands(Path("/data/my store/2025-08-18-abc")).splitlines()
    assert told == [
        "dexposure --store '/data/my store' --vintage 2025-08-18-abc tokens review --out overrides.csv",
        "dexposure --store '/data/my store' --vintage 2025-08-18-abc build --overrides overrides.csv",
    ]
