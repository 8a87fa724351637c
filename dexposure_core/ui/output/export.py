"""Draw a chart or a table together with its ways out: PNG, SVG, PDF, interactive HTML, CSV, Parquet.

Files are made when their button is clicked, never before. Every file says where it comes from: a table in its
last column, `provenance` (it stays a plain table that every tool reads, and rows keep their origin when
pasted elsewhere; docs/decisions), Parquet in its metadata too, a picture in its caption and in the citation below
it, HTML in the block under the figure. Pictures are printed on white whatever the screen's theme.
"""

from __future__ import annotations

import copy
import io
import re
import textwrap
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any, Final

import polars as pl
import streamlit as st

from dexposure_core.pipeline.export import defused
from dexposure_core.ui import text, theme
from dexposure_core.ui.charts.plain import Figure, Ready
from dexposure_core.ui.output import images, listing, tables
from dexposure_core.ui.output.provenance import Provenance

CAPTION: Final = "provenance"
_CHAINS_END: Final = "<i></i>"  # an invisible sign that the chains are named already
_EDGE: Final = 10
_LINE_PX: Final = 13
_PRINTED: Final = 150  # characters of a caption that fit under a printed picture
_BYTES: Final = "application/octet-stream"
_PICTURES: Final = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}
_MODEBAR: Final = ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "pan2d", "zoom2d"]


def chart(
    figure: Figure,
    data: pl.DataFrame,
    key: str,
    provenance: Provenance,
    *,
    on_select: str | Callable[[], None] = "ignore",
    selection_mode: str = "points",
    alt: str | None = None,
) -> Any:
    """Draw a figure with its export menu.

    Args:
        figure: gets the screen's template and the provenance as caption, in place.
        data: the numbers behind it, as they go into the CSV.
        key: short name, unique on the page; part of the file names.
        provenance: where it comes from.
        on_select: as of `st.plotly_chart`.
        selection_mode: as of `st.plotly_chart`.
        alt: what the chart shows, in words, for those who do not see it.

    Returns:
        What `st.plotly_chart` returns (the selection when asked for).
    """
    caption(figure, provenance).update_layout(template=theme.template())
    with st.container(key=f"chart-{key}", gap=None):
        drawn = st.plotly_chart(
            Ready(figure), theme=None, width="stretch", key=f"plot-{key}", on_select=on_select,
            selection_mode=selection_mode, config=_config(key, provenance), alt=alt,
        )  # fmt: skip
        _chart_menu(lambda: figure, data, key, provenance, "Export", camera=True)
    return drawn


def table(
    frame: pl.DataFrame,
    key: str,
    provenance: Provenance,
    *,
    labels: Mapping[str, str] | None = None,
    height: int | None = None,
    link: Callable[[str], str] | None = None,
    full: pl.DataFrame | None = None,
    most: int = tables.MOST,
) -> None:
    """Draw a table with its CSV button; column formats follow the column names (see `tables`).

    A phone shows a wide table as a list (see `listing`).

    Args:
        frame: rows as they are to be read; `protocol`, `creditor`, `debtor` beside their `name`, `creditor_name`,
            `debtor_name` are shown as one column.
        key: short name, unique on the page.
        provenance: where it comes from.
        labels: heading of each column; columns left out keep a heading made from their name.
        height: pixels; as many rows as there are, up to ten, when not given.
        link: protocol id → address of its page (`view.protocol_link`); names become links.
        full: what the CSV holds when the screen shows less.
        most: rows sent to the browser; of a longer table the first ones, with a line that says so.
    """
    rows = frame if full is None else full
    with st.container(key=f"table-{key}", gap="xsmall"):
        if narrow := listing.listed(frame, labels or {}, link):
            st.html(narrow)
        with st.container(key=f"grid-of-{key}", gap="xsmall"):
            tables.draw(frame.head(most), key, labels or {}, height=height, link=link)
            if frame.height > most:
                of = f"{text.count(most)} of {text.count(frame.height)}"
                st.caption(f"The first {of} rows, to scroll through; the CSV holds all.")
        _button("CSV", lambda: csv_bytes(rows, provenance), key, provenance, "csv", "text/csv")


def menu(
    figure: Any | Callable[[], Any], data: pl.DataFrame, key: str, provenance: Provenance, *, label: str = "Export"
) -> None:
    """Draw only the export menu of a picture that is not Plotly's (cards, graphs).

    `figure` is its printable twin, or a function that makes it when asked for.
    """

    def drawn() -> Any:
        return caption(figure() if callable(figure) else copy.deepcopy(figure), provenance)

    _chart_menu(drawn, data, key, provenance, label, camera=False)


def file_button(
    label: str, build: Callable[[], bytes], key: str, provenance: Provenance, extension: str, *, mime: str = ""
) -> None:
    """Draw a button for a file that is made when it is clicked; MIME type application/<extension> if not given."""
    _button(label, build, key, provenance, extension, mime or f"application/{extension}")


def caption(figure: Any, provenance: Provenance) -> Any:
    """Write the provenance under a figure, in place, and return it; the colour is the template's."""
    _name_chains(figure, provenance.chains)
    words, margin = provenance.caption(), figure.layout.margin
    more = _LINE_PX * max(0, words.count("<br>") - 1)  # the template leaves room for two lines
    if more:
        taller = float(figure.layout.height or theme.HEIGHT) + more
        figure.update_layout(margin={"b": float(margin.b or theme.BOTTOM) + more}, height=taller)
    line = {
        "text": words, "xref": "paper", "yref": "paper", "x": 0, "y": 0, "xanchor": "left", "yanchor": "top",
        "name": CAPTION, "xshift": -float(margin.l or 8), "yshift": -26, "align": "left", "showarrow": False,
        "font": {"size": 10},
    }  # fmt: skip
    figure.layout.annotations += (line,)
    return figure


def _name_chains(figure: Any, chains: str) -> None:
    """Say in a figure's title which chains it is of, when it is not the whole system."""
    title = figure.layout.title.text or ""
    if chains and not title.endswith(_CHAINS_END):
        title = title.replace("System TVL", "TVL")
        unit = figure.layout.title.subtitle.text or ""
        figure.layout.title.subtitle.text = unit.replace("system TVL", "TVL")
        figure.layout.title.text = f"{title} · {text.html(text.short(chains, 28))}{_CHAINS_END}"


def on_paper(figure: Any) -> Any:
    """Return a copy of a figure as it is printed: dark on white, a little room at the left edge."""
    printed = figure.checked() if isinstance(figure, Figure) else copy.deepcopy(figure)
    printed.layout.template = theme.template(theme.LIGHT)  # in the place of any other, nothing of it stays
    printed.update_layout(title={"pad": {"l": _EDGE}})
    for line in printed.layout.annotations:
        if line.name == CAPTION:
            line.xshift += _EDGE
    return printed


def whole_table(name: str, read: Callable[[], pl.DataFrame], parts: list[Path], provenance: Provenance) -> None:
    """Draw the buttons that give a whole table of the vintage: one Parquet file, CSV in a ZIP (it shrinks a lot)."""
    with st.container(horizontal=True, key=f"whole-{name}"):
        _button("Parquet", lambda: _parquet(read, parts), f"table-{name}", provenance, "parquet", _BYTES)
        _button(
            "CSV (zipped)",
            lambda: _zipped(name, read(), provenance),
            f"table-{name}",
            provenance,
            "zip",
            "application/zip",
        )


def _parquet(read: Callable[[], pl.DataFrame], parts: list[Path]) -> bytes:
    """Return the table as one Parquet file: as stored where it is one, else its parts put together."""
    if len(parts) == 1:
        return parts[0].read_bytes()
    out = io.BytesIO()
    read().write_parquet(out, compression="zstd")
    return out.getvalue()


def csv_bytes(frame: pl.DataFrame, provenance: Provenance) -> bytes:
    """Return the frame as UTF-8 CSV, formulas defused, its origin in the last column `provenance`."""
    out = io.BytesIO()
    defused(frame).with_columns(pl.lit(text.cell(provenance.line())).alias(CAPTION)).write_csv(out)
    return out.getvalue()


def _zipped(name: str, frame: pl.DataFrame, provenance: Provenance) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.csv", csv_bytes(frame, provenance))
    return out.getvalue()


def parquet_bytes(frame: pl.DataFrame, provenance: Provenance, what: str) -> bytes:
    """Return the frame as Parquet: texts as they are, origin in the column `provenance`, citation in the metadata."""
    out = io.BytesIO()
    line = provenance.line()
    frame.with_columns(pl.lit(line).alias(CAPTION)).write_parquet(
        out, compression="zstd", metadata={CAPTION: line, "citation": provenance.citation(what)}
    )
    return out.getvalue()


def picture(figure: Any, provenance: Provenance, form: str) -> bytes:
    """Return a captioned figure as PNG, SVG or PDF, how to cite it printed below and, where formats can, kept inside.

    Raises:
        NoPicture: when there is no browser to draw with.
    """
    citation = provenance.citation(_title(figure))
    return images.cited(images.render(_with_citation(on_paper(figure), citation), form), form, citation)


def _title(figure: Any) -> str:
    """Return a figure's title as plain text."""
    return unescape(re.sub(r"<[^>]*>", "", figure.layout.title.text or "")) or "figure"


def _with_citation(printed: Any, citation: str) -> Any:
    """Write the citation under the caption of a figure on paper, in place, and return it."""
    lines = textwrap.wrap(f"Cite as: {citation}", _PRINTED)
    room = _LINE_PX * len(lines)
    margin, height = printed.layout.margin.b or theme.BOTTOM, printed.layout.height or theme.HEIGHT
    printed.update_layout(margin={"b": float(margin) + room}, height=float(height) + room)
    for line in printed.layout.annotations:
        if line.name == CAPTION:
            line.text = "<br>".join([line.text, *map(text.html, lines)])
    return printed


def html_bytes(figure: Any, provenance: Provenance | None = None) -> bytes:
    """Return a captioned figure as one HTML file that needs nothing from the network, how to cite it at its foot."""
    config = {"displaylogo": False, "toImageButtonOptions": {"format": "svg"}, "showSendToCloud": False}
    page = on_paper(figure).to_html(include_plotlyjs=True, include_mathjax=False, full_html=True, config=config)
    if provenance is None:
        return str(page).encode()
    said = text.html(provenance.citation(_title(figure)))
    block = (
        f'<footer style="font:12px/1.45 sans-serif;color:{theme.LIGHT.muted};margin:8px 10px">Cite as: {said}</footer>'
    )
    return f"{block}</body>".join(str(page).rsplit("</body>", 1)).encode()


def _chart_menu(
    figure: Callable[[], Any], data: pl.DataFrame, key: str, origin: Provenance, label: str, *, camera: bool
) -> None:
    with (
        st.container(key=f"menu-{key}"),
        st.popover(label, type="tertiary", icon=":material/download:", key=f"pop-{key}"),
    ):
        if images.browser():
            for form, mime in _PICTURES.items():
                _button(form.upper(), partial(_drawn, figure, origin, form), key, origin, form, mime)
        else:
            st.caption("PNG, SVG, PDF: this server has no Chrome; use the camera above the chart or in the HTML file.")
        _button("Interactive HTML", lambda: html_bytes(figure(), origin), key, origin, "html", "text/html")
        _button("CSV", lambda: csv_bytes(data, origin), key, origin, "csv", "text/csv")
        what = key.replace("-", " ")
        _button("Parquet", lambda: parquet_bytes(data, origin, what), key, origin, "parquet", _BYTES)
        if camera:
            st.segmented_control("Camera saves", ["svg", "png"], default="svg", key=f"camera-{key}", required=True)


def _drawn(figure: Callable[[], Any], origin: Provenance, form: str) -> bytes:
    return picture(figure(), origin, form)


def _button(
    label: str, build: Callable[[], bytes], key: str, provenance: Provenance, extension: str, mime: str
) -> None:
    st.download_button(
        label, data=build, file_name=text.file_name(provenance.file_parts(key), extension), mime=mime,
        key=f"get-{extension}-{key}", on_click="ignore", type="tertiary", icon=":material/download:",
    )  # fmt: skip


def _config(key: str, provenance: Provenance) -> dict[str, Any]:
    name = text.file_name(provenance.file_parts(key), "x")[:-2]
    camera = {"format": st.session_state.get(f"camera-{key}") or "svg", "filename": name, "scale": 2}
    return {
        "displaylogo": False,
        "responsive": True,
        "modeBarButtonsToRemove": _MODEBAR,
        "toImageButtonOptions": camera,
    }
