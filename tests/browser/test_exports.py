"""What goes home: every figure of every page offers every format, and each format of each kind of figure opens."""

import csv
import io
import re
import xml.etree.ElementTree as ET
import zlib

import pyarrow.parquet as pq
import pytest
from PIL import Image

from dexposure_core.ui.navigation import PAGES

DAY = "date=2025-06-30&protocol=182"
FORMATS = ["PNG", "SVG", "PDF", "Interactive HTML", "CSV", "Parquet"]
# kind of figure → page and key of one
KINDS = {
    "lines": ("concentration", "tvl-concentration"),
    "bars": ("overview", "changed-exposures"),
    "cards": ("overview", "indicators"),
    "bands": ("protocol", "ego"),
    "matrix": ("spillover", "matrix"),
    "graph": ("network", "network"),
    "rings": ("contagion", "spread"),
    "intervals": ("forecast", "measures"),
}


def opened(visitor, key: str):
    """Open a figure's export menu and return its body."""
    visitor.page.keyboard.press("Escape")
    visitor.page.locator(f".st-key-menu-{key} button").first.click()
    body = visitor.page.locator('[data-testid="stPopoverBody"]')
    body.get_by_role("button", name="Parquet").wait_for()
    return body


@pytest.mark.parametrize("page", [p for p in PAGES if p.key != "method"], ids=lambda p: p.key)
def test_every_figure_offers_every_format_and_every_table_its_rows(server, visitor, page):
    visitor.open(f"{server}/{page.key}?{DAY}")
    named = """(sign) => [...document.querySelectorAll(`[class*="st-key-${sign}-"]`)]
        .map(e => [...e.classList].find(c => c.startsWith(`st-key-${sign}-`)).slice(8 + sign.length))"""
    figures, menus = visitor.page.evaluate(named, "chart"), visitor.page.evaluate(named, "menu")
    assert set(figures) <= set(menus)
    pictures = visitor.page.locator('[data-testid="stMain"] iframe').count()
    assert len(menus) >= len(figures) + pictures
    for key in menus:
        offered = opened(visitor, key).locator('[data-testid="stDownloadButton"]').all_inner_texts()
        assert [label.split("\n")[-1].strip() for label in offered] == FORMATS, key
    for key in visitor.page.evaluate(named, "table"):
        assert visitor.page.locator(f".st-key-table-{key}").locator('[data-testid="stDownloadButton"]').count() == 1, (
            key
        )
    assert visitor.errors == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_opens_and_says_where_it_comes_from(server, visitor, kind):
    page, key = KINDS[kind]
    visitor.open(f"{server}/{page}?{DAY}")
    body, files = opened(visitor, key), {}
    for label in FORMATS:
        with visitor.page.expect_download(timeout=60_000) as waiting:
            body.locator('[data-testid="stDownloadButton"] button', has_text=label).click()
        files[label] = waiting.value.path().read_bytes()
        assert "simulated" in waiting.value.suggested_filename
        assert waiting.value.failure() is None
    for label, read in READ.items():
        said = read(files[label])
        assert "SIMULATED DATA" in said, label
        assert re.search("2025-06-30|2025-08-18", said), label
        assert label == "CSV" or re.search(r"DeXposure Monitor [\d.]+: ", said), label
    drawn_pdf(files["PDF"])


def of_png(content: bytes) -> str:
    image = Image.open(io.BytesIO(content))
    image.load()
    assert image.width >= 960
    assert len(image.convert("RGB").getcolors(1 << 24)) > 10  # more than an empty sheet
    return image.text["Description"]


def of_svg(content: bytes) -> str:
    root = ET.fromstring(content)  # noqa: S314  our own file
    assert root.tag.endswith("svg")
    printed = " ".join(root.itertext())
    assert "Cite as: " in printed
    return printed


def of_html(content: bytes) -> str:
    page = content.decode()
    assert page.count("</html>") == 1
    assert "Plotly.newPlot" in page
    return page[page.rindex("<footer") :]


def of_csv(content: bytes) -> str:
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert rows
    assert len(rows[0]) > 1
    (said,) = {row["provenance"] for row in rows}
    return said


def of_parquet(content: bytes) -> str:
    file = pq.ParquetFile(io.BytesIO(content))
    table = file.read()
    assert table.num_rows
    assert len(set(table["provenance"].to_pylist())) == 1
    return file.metadata.metadata[b"citation"].decode()


READ = {"PNG": of_png, "SVG": of_svg, "Interactive HTML": of_html, "CSV": of_csv, "Parquet": of_parquet}


def drawn_pdf(content: bytes) -> None:
    """One page, its table of objects where the file says, and something drawn and written on it."""
    start = int(re.findall(rb"startxref\s+(\d+)", content)[-1])
    assert content[start:].startswith(b"xref")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) == 1
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL)
    drawn = [zlib.decompress(s) for s in streams if s[:1] == b"\x78"]
    assert any(b"Tj" in s or b"TJ" in s for s in drawn)
