"""How a frame is shown as a table: the column's name decides its format.

`*_usd` → USD m to three significant digits; `*share`, `sis`, `pagerank` … → a bar in the cell and %: of a common total
the largest of the column is full, what is part of a whole of its own (a probability, a protocol's loss) at 100 %;
changes show their sign; `protocol`, `creditor`, `debtor` become links to the protocol's page. Sorting in the browser
stays numerical because numbers stay numbers; the CSV keeps the full precision.

Numbers are written here, as in every sentence (`text.number`), not by the browser: one set to German would show 1.234
for what a sentence beside it calls 1,234.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal
from urllib.parse import quote, unquote

import polars as pl
import streamlit as st

from dexposure_core.ui import text

ROWS: Final = 10  # before a table scrolls
MOST: Final = 500  # that a page sends; 4,000 took a quarter of a second of every reader's page
_ROW_PX: Final = 35
_SHARES: Final = (
    "share",
    "sis",
    "pagerank",
    "tail_exposure",
    "log_tvl",
    "default_loss",
    "probability",
    "distress",
    "fraction",
)
_OF_ITS_OWN: Final = (
    "probability",
    "distress",
    "fraction",
    "bridge_loss_share",
    "main_share",
    "alarms_share",
    "date_share",
)
_AMOUNT: Final = r"^(?:not defined|[<±+−]* ?(?:USD )?[<\d][\d,.]*(?: (?:tn|bn|m|k|%|points))?)$"
ENDS: Final = {"protocol": "name", "creditor": "creditor_name", "debtor": "debtor_name"}


def draw(
    frame: pl.DataFrame, key: str, labels: Mapping[str, str], *, height: int | None, link: Callable[[str], str] | None
) -> None:
    """Draw the frame; see `export.table`."""
    shown, named = _linked(frame, link, labels)
    shown = shown.with_columns(_rounded(shown))
    config = {name: _column(name, shown, labels.get(name) or heading(name), named) for name in shown.columns}
    rows = min(ROWS, max(1, shown.height))
    st.dataframe(
        _written_out(shown), hide_index=True, width="stretch", key=f"grid-{key}",
        height=height or (rows + 1) * _ROW_PX + 3, column_config=config, placeholder="–",
    )  # fmt: skip


def heading(column: str) -> str:
    """Return a readable heading for a column: `exposure_usd` → `Exposure, USD m`."""
    words = column.removesuffix("_usd").replace("_", " ").strip().capitalize()
    return f"{words}, USD m" if column.endswith("_usd") else words


def written(values: pl.Series, write: Callable[[Any], str | None]) -> pl.Series:
    """Return the values as `write` writes each of them, nulls too, under the same name.

    Never by `map_elements`: polars then calls Python from its own threads, which wait for the interpreter, while
    another page that turns a frame into Arrow holds the interpreter and waits for those threads: all pages stand still.
    """
    return pl.Series(values.name, [write(value) for value in values.to_list()], dtype=pl.String)


def significant(values: pl.Expr, places: int = 3) -> pl.Expr:
    """Round to that many significant digits."""
    scale = pl.lit(10.0).pow(places - 1 - values.abs().log10().floor())
    return pl.when(values == 0).then(0.0).otherwise((values * scale).round(0) / scale)


def _cut(value: str | None) -> str | None:
    return None if value is None else text.short(value, 120)


def _rounded(frame: pl.DataFrame) -> list[pl.Expr | pl.Series]:
    done: list[pl.Expr | pl.Series] = []
    for name, kind in frame.schema.items():
        if kind.is_float():
            column = pl.col(name).fill_nan(None)
            amount = significant(column / 1e6 if name.endswith("_usd") else column)
            done.append((column * 100 if in_percent(name) else amount).alias(name))
        elif kind == pl.String and not name.endswith(_LINK):
            done.append(written(frame[name], _cut))
        elif kind == pl.Boolean:
            done.append(pl.col(name).replace_strict({True: "yes", False: "no"}, return_dtype=pl.String))
    return done


_LINK: Final = "·link"
_SECTOR_PX: Final = 190  # the longest names would push the numbers out of half a page
_WIDE: Final = 5  # columns from which a table has the whole page
_NAME_PX: Final = 176  # some 20 letters
_PERCENT: Final = "%.2f %%"  # as many decimals in every row: the points stand below each other


def _bar_px(label: str) -> int:
    """Return the least width of a column of bars that shows bar, number and heading."""
    return max(118, 24 + round(7.2 * len(label)))


def _full(column: str, percent: pl.Series) -> float:
    """Return the per cent at which a bar is full."""
    top = percent.fill_nan(None).max()
    if column.endswith(_OF_ITS_OWN) or not isinstance(top, int | float) or not math.isfinite(top) or top <= 0:
        return 100.0
    return min(100.0, float(top))


def _name_px(links: pl.Series) -> int:
    """Return the least width of a column of links that shows their names whole, up to a bound."""
    return _words_px([unquote(link.rpartition("#")[2]) for link in links.drop_nulls().to_list()])


def _words_px(words: Sequence[str]) -> int:
    return min(_NAME_PX, max(90, 22 + round(7.6 * max(map(len, words), default=0))))


def _text_px(name: str, values: pl.Series) -> int | None:
    """Return the width of a column of text where it should not be left to the browser: of sectors and of methods."""
    if name.endswith("sector"):
        return _SECTOR_PX
    return _words_px(values.drop_nulls().to_list()) if name == "forecaster" else None


def is_share(column: str) -> bool:
    """Return whether the column holds a share 0..1, drawn as a bar."""
    return column.endswith(_SHARES) and not column.startswith("change")


def in_percent(column: str) -> bool:
    """Return whether the column holds shares 0..1, read in per cent."""
    return is_share(column) or column.startswith("share")


def _linked(
    frame: pl.DataFrame, link: Callable[[str], str] | None, labels: Mapping[str, str]
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Replace ids that stand beside their name by a link that shows the name; returns {link column: heading}."""
    named: dict[str, str] = {}
    for end, name in ENDS.items():
        if end not in frame.columns or name not in frame.columns:
            continue
        if link is None:
            frame = frame.drop(end)
            continue
        pairs = frame.select(end, name).iter_rows()
        address = [p and f"{link(p)}#{quote(text.short(n or p, 60), safe='')}" for p, n in pairs]
        column = f"{end}{_LINK}"
        named[column] = labels.get(end) or heading(end)
        place = frame.get_column_index(end)
        frame = frame.drop(end, name).insert_column(place, pl.Series(column, address, dtype=pl.String))
    return frame, named


def _written_out(shown: pl.DataFrame) -> Any:
    """Return the frame with the numbers of its plain columns written beside them (a pandas Styler), if it has any.

    Columns with a format of their own keep it: the browser writes bars and per cent the same in every language.
    """
    plain = [name for name, kind in shown.schema.items() if kind.is_numeric() and not in_percent(name)]
    if not plain:
        return shown
    cells: list[list[dict[str, str]]] = [[] for _ in range(shown.height)]
    for name in plain:
        sign, whole, place = shows_sign(shown[name]), shown.schema[name].is_integer(), shown.get_column_index(name)
        for row, value in enumerate(shown[name].to_list()):
            words = _number(value, sign=sign, whole=whole)
            cells[row].append({"id": f"row{row}_col{place}", "display_value": words})
    styler = shown.to_pandas().style
    # Streamlit has pandas make a whole HTML table, ten objects a cell, and reads no more of it than this (its version
    # and that of pandas are fixed, see pyproject.toml; a test compares what it makes of both).
    vars(styler).update(_compute=lambda: styler, _translate=lambda *_: {"body": cells})
    return styler


def _number(value: float | None, *, sign: bool, whole: bool) -> str:
    if value is None or not math.isfinite(value):
        return ""  # the placeholder stands there
    return text.count(value, sign=sign) if whole else text.number(value, sign=sign)


def shows_sign(shown: pl.Series) -> bool:
    """Return whether a plus is written too: in a change, and where a column has both signs."""
    return shown.name.startswith("change") or bool((shown < 0).any() and (shown > 0).any())


def reads_as_numbers(values: pl.Series) -> bool:
    """Return whether a column of text is one of numbers written out, as `text.amount` and its kin write them."""
    known = values.drop_nulls()
    return known.dtype == pl.String and known.len() > 0 and bool(known.str.contains(_AMOUNT).all())


def _column(name: str, frame: pl.DataFrame, label: str, named: Mapping[str, str]) -> Any:
    kind = frame.schema[name]
    if name in named:
        return st.column_config.LinkColumn(
            named[name],
            display_text=r"#(.*)$",
            help="Opens the protocol's page",
            width=_name_px(frame[name]) if frame.width >= _WIDE else None,
        )
    if kind.is_float() and is_share(name) and not frame[name].is_null().any():  # a bar cannot say "not defined"
        return st.column_config.ProgressColumn(
            label, format=_PERCENT, min_value=0.0, max_value=_full(name, frame[name]), width=_bar_px(label)
        )
    if kind.is_float() and in_percent(name):
        return st.column_config.NumberColumn(label, format=_PERCENT)
    if kind.is_numeric():
        return st.column_config.NumberColumn(label)
    if kind == pl.Date:
        return st.column_config.DateColumn(label, format="YYYY-MM-DD")
    side: Literal["right"] | None = "right" if reads_as_numbers(frame[name]) else None
    return st.column_config.TextColumn(label, width=_text_px(name, frame[name]), alignment=side)
