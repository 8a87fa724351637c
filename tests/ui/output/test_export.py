"""What leaves the dashboard: plain tables and pictures that say where they come from, and need no network."""

import csv
import dataclasses
import datetime as dt
import io
import re
import shutil
import struct
import xml.etree.ElementTree as ET
import zlib

import plotly.graph_objects as go
import polars as pl
import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest

from dexposure_core import __version__
from dexposure_core.ui import theme
from dexposure_core.ui.charts import base
from dexposure_core.ui.output import export, images
from dexposure_core.ui.output.provenance import Provenance

ORIGIN = Provenance(
    vintage="2025-06-16-abc", sources=("=cmd.csv", "b.csv", "c.csv"), simulated=True, basis="holdings",
    date=dt.date(2025, 6, 9),
).having(rule="linear-debtrank", absorbs="100 %")  # fmt: skip
FRAME = pl.DataFrame({"name": ["=1+1", "Aave", None], "exposure_usd": [1.5, None, 0.1 + 0.2]})


def rows(content: bytes):
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_every_row_says_where_it_comes_from():
    said = {row["provenance"] for row in rows(export.csv_bytes(FRAME, ORIGIN))}
    assert said == {
        "SIMULATED DATA; DeXposure Monitor; source: =cmd.csv, b.csv, c.csv; vintage: 2025-06-16-abc; date: 2025-06-09; "
        "basis: holdings; rule: linear-debtrank; absorbs: 100 %"
    }


def test_the_csv_is_a_plain_table_in_full_precision():
    table = pl.read_csv(io.BytesIO(export.csv_bytes(FRAME, ORIGIN)))
    assert table.columns == ["name", "exposure_usd", "provenance"]
    assert table["exposure_usd"].to_list() == [1.5, None, 0.1 + 0.2]
    assert table["name"].to_list() == ["'=1+1", "Aave", None]


def test_observed_data_carry_no_simulated_label():
    real = Provenance(vintage="v", sources=("=evil",), simulated=False)
    assert real.line() == "DeXposure Monitor; source: =evil; vintage: v"
    assert "SIMULATED" not in real.caption()


def test_file_names_tell_what_and_when_and_simulated():
    assert ORIGIN.file_parts("a/../b")[-1] == "simulated"
    from dexposure_core.ui import text

    name = text.file_name(ORIGIN.file_parts("a/../b"), "csv")
    assert name == "dexposure_a-b_2025-06-09_holdings_v2025-06-16-abc_simulated.csv"


def figure():
    return go.Figure(go.Scatter(x=[1, 2], y=[3, 4]), layout={"height": 300, "margin": {"l": 108}})


def captioned():
    return export.caption(figure(), ORIGIN)


def test_the_interactive_page_asks_nothing_of_the_network():
    page = export.html_bytes(captioned()).decode()
    outside_script = re.sub(r"<script[^>]*>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"(src|href)\s*=\s*[\"']?https?:", outside_script)
    assert not re.search(r"<script[^>]+src=", page)
    assert "SIMULATED DATA" in page
    assert "2025-06-16-abc" in page


def test_a_figure_is_printed_on_white_whatever_the_screen_shows():
    dark = captioned().update_layout(template=theme.template(theme.DARK))
    printed = export.on_paper(dark)
    assert printed.layout.template.layout.paper_bgcolor == "#FFFFFF"
    assert dark.layout.template.layout.paper_bgcolor == theme.DARK.paper


def test_nothing_of_another_template_is_left_in_print():
    for drawn in (base.figure("T"), figure()):
        assert export.on_paper(export.caption(drawn, ORIGIN)).layout.template.to_plotly_json() == theme.template(
            theme.LIGHT
        )


def test_the_caption_starts_at_the_left_edge():
    # the plot starts 108 from the edge; in print 10 stay free
    assert captioned().layout.annotations[0].xshift == -108
    assert export.on_paper(captioned()).layout.annotations[0].xshift == -98


def test_without_a_browser_a_picture_is_refused_in_words(monkeypatch):
    monkeypatch.delenv("BROWSER_PATH", raising=False)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert images.browser() is None
    with pytest.raises(images.NoPicture, match="camera button"):
        images.render(figure(), "svg")


def test_a_browser_that_hangs_is_given_up(tmp_path, monkeypatch):
    stuck = tmp_path / "chrome"
    stuck.write_text("#!/bin/sh\nsleep 60\n")
    stuck.chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(stuck))
    with pytest.raises(images.NoPicture, match="no answer in 1 s"):
        images.render(figure(), "svg", timeout=1)


HASHED = dataclasses.replace(ORIGIN, content_hash="ab" * 32)
CITED = (
    f"DeXposure Monitor {__version__}: A <b> title, 2025-06-09. Holdings basis, rule linear-debtrank, absorbs 100 %. "
    f"SIMULATED DATA, not observations of any real protocol. Source: =cmd.csv and 2 more. Vintage 2025-06-16-abc, "
    f"data sha256 {'ab' * 32}."
)


def titled():
    return export.caption(figure().update_layout(title_text="<b>A &lt;b&gt; title</b>"), HASHED)


def test_a_citation_names_software_date_basis_vintage_and_data():
    assert HASHED.citation("A <b> title") == CITED


def test_rows_carry_the_data_hash_and_the_software():
    assert rows(export.csv_bytes(FRAME, HASHED))[0]["provenance"].endswith(
        f"; data sha256: {'ab' * 32}; software: {__version__}"
    )


def test_parquet_is_read_back_as_it_was_with_its_origin():
    content = export.parquet_bytes(FRAME, HASHED, "what")
    table = pl.read_parquet(io.BytesIO(content))
    assert table.drop("provenance").equals(FRAME)  # texts as they are: no spreadsheet runs Parquet
    assert set(table["provenance"]) == {HASHED.line()}
    kept = pq.read_metadata(io.BytesIO(content)).metadata
    assert kept[b"provenance"].decode() == HASHED.line()
    assert kept[b"citation"].decode() == HASHED.citation("what")


def test_the_interactive_page_says_how_to_cite_it():
    page = export.html_bytes(titled(), HASHED).decode()
    assert page.count("<footer") == 1
    assert "title, 2025-06-09" in page.rsplit("<footer", 1)[1]
    assert "<b> title" not in page.rsplit("<footer", 1)[1]
    outside_script = re.sub(r"<script[^>]*>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"(src|href)\s*=\s*[\"']?https?:", outside_script)
    assert not re.search(r"<script[^>]+src=", page)


def chunks(png):
    """(type, content) of every chunk of a PNG, checksums checked."""
    place = 8
    while place < len(png):
        size, kind = struct.unpack(">I4s", png[place : place + 8])
        body = png[place + 8 : place + 8 + size]
        assert struct.unpack(">I", png[place + 8 + size : place + 12 + size])[0] == zlib.crc32(kind + body)
        yield kind, body
        place += 12 + size


def test_a_png_keeps_its_citation_inside():
    size = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", size), (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")]
    blank = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )
    found = list(chunks(images.cited(blank, "png", "Zürich <b>")))
    assert [kind for kind, _ in found] == [b"IHDR", b"iTXt", b"IDAT", b"IEND"]
    assert found[1][1] == b"Description\0\0\0\0\0" + "Zürich <b>".encode()


@pytest.mark.slow
@pytest.mark.skipif(images.browser() is None, reason="no Chrome or Chromium on this machine")
@pytest.mark.parametrize(("form", "start"), [("png", b"\x89PNG"), ("svg", b"<svg"), ("pdf", b"%PDF")])
def test_pictures(form, start):
    content = export.picture(titled(), HASHED, form)
    assert content.startswith(start)
    if form == "png":
        assert CITED.encode() in dict(chunks(content))[b"iTXt"]
    if form == "svg":
        said = "".join(ET.fromstring(content).itertext())  # noqa: S314  our own
        assert "SIMULATED DATA" in said
        assert CITED in said
        assert "Cite as: DeXposure Monitor" in said


def _long_table():
    import polars as pl

    from dexposure_core.ui.output import export
    from tests.ui.output.test_export import ORIGIN

    export.table(pl.DataFrame({"name": ["a"] * 1234, "rows": range(1234)}), "long", ORIGIN, most=100)
    export.table(pl.DataFrame({"name": ["a"] * 100, "rows": range(100)}), "short", ORIGIN, most=100)


def test_a_long_table_says_how_much_of_it_is_shown():
    app = AppTest.from_function(_long_table).run(timeout=30)
    long, short = app.dataframe
    assert (len(long.value), len(short.value)) == (100, 100)
    assert long.value["rows"].iloc[-1] == 99
    assert [words.value for words in app.caption] == [
        "The first 100 of 1,234 rows, to scroll through; the CSV holds all."
    ]
