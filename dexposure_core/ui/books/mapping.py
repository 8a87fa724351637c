"""The Data page's section on token → issuer mapping: by which method, over time, and what a person should look at."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl
import streamlit as st

from dexposure_core.pipeline.tokens.doubtful import DOUBTS, Mapped
from dexposure_core.ui import frame, resources, text
from dexposure_core.ui.books import records
from dexposure_core.ui.charts import coverage
from dexposure_core.ui.output import export

if TYPE_CHECKING:
    from dexposure_core.ui.view import View

SHOWN: Final = 50
LABELS: Final[Mapping[str, str]] = {
    "protocol": "Issuer", "held_usd": "Held, USD m", "alternatives": "Others it could be", "reason": "Why this issuer",
}  # fmt: skip


def panel(view: View) -> None:
    """Draw the section: the answer, methods over time, the review list, and how to decide a doubtful token."""
    mapped, rows = records.token_methods(view.vintage), records.token_review(view.vintage)
    origin = view.provenance(date=False)
    st.markdown(answer(mapped))
    left, right = st.columns(2)
    with left:
        st.subheader("Which method decided", anchor=False)
        export.table(methods_table(mapped), "methods", origin, labels={"usd": "Mapped"}, full=mapped.methods)
    with right:
        history = resources.coverage_history(view.vintage).filter(pl.col("side") == "mapped")
        export.chart(coverage.methods(history), history, "methods-history", origin)
    st.subheader("Doubtful tokens, most USD first", anchor=False)
    if rows.is_empty():
        frame.empty(
            "No doubtful token",
            "No issuer rests on text alone, and no two protocols claim the same token.",
            "Tokens that nothing is known about count as their own issuers.",
        )
        return
    listed = review_table(rows)
    export.table(listed, "token-review", origin, labels=LABELS, link=view.protocol_link, full=rows, most=SHOWN)
    st.caption(" · ".join(f"**{d.name}**: {d.help}" for d in DOUBTS if d.name in set(rows["doubt"])))
    st.subheader("How to decide one", anchor=False)
    st.caption("Write yes in the column “decided” of the rows you are sure of, and the issuer you want, then rebuild.")
    st.code(commands(resources.store(view.vintage).path), language="bash", wrap_lines=True)


def answer(mapped: Mapped) -> str:
    """Say in one sentence how the tokens found their issuers (Markdown)."""
    if mapped.methods.is_empty() or not mapped.methods["usd"].sum():
        return "This vintage maps no token: its input gives exposures as they are."
    method, _, _, share = mapped.methods.row(0)
    doubtful = (
        f"{text.plural(mapped.doubtful_tokens, 'token')} with {text.percent(mapped.doubtful_share)} of the USD "
        f"{'is' if mapped.doubtful_tokens == 1 else 'are'} **doubtful**"
        if mapped.doubtful_tokens
        else "no token is doubtful"
    )
    decided = f"; a person decided {text.count(mapped.overridden)}" if mapped.overridden else ""
    return (
        f"Method **{text.markdown(method)}** found the issuer of {text.percent(share)} of the mapped USD, the largest "
        f"share; {doubtful}{decided}. Averages over all snapshots."
    )


def methods_table(mapped: Mapped) -> pl.DataFrame:
    """Return the methods as read: method, tokens, USD written, share."""
    amounts = [text.usd(value) for value in mapped.methods["usd"].to_list()]
    return mapped.methods.select("method", "tokens", pl.Series("amount", amounts, dtype=pl.String), "share")


def review_table(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the review list with the columns that `tables` knows: the issuer links to its page, USD in millions."""
    return rows.select(
        "token", "doubt", held_usd="usd", protocol="issuer", name="issuer_name", alternatives="alternatives",
        reason="reason", method="method", score="score",
    )  # fmt: skip


def commands(vintage: Path) -> str:
    """Return the two commands that write the review list and rebuild with what a person decided."""
    of = f"dexposure --store {shlex.quote(str(vintage.parent))} --vintage {vintage.name}"
    return f"{of} tokens review --out overrides.csv\n{of} build --overrides overrides.csv"
