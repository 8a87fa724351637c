"""Names that are attacks, on every page and in every file that a page gives away."""

import io
import json
import tomllib
import zipfile

import polars as pl
import pytest

from dexposure_core.ui.navigation import PAGES
from dexposure_core.ui.output import export
from tests import hostile
from tests.app.reading import TEXTS, errors, everything

KEYS = [page.key for page in PAGES]
PICTURES = ("png", "svg", "pdf")  # drawn by a browser, from the same figure as the HTML


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evil")
    hostile.world(folder)
    return folder


@pytest.fixture
def files(monkeypatch):
    """Every file that a page offers, made at once instead of on a click."""
    made: list[tuple[str, str, bytes]] = []

    def make(label, build, key, provenance, extension, mime):
        if extension not in PICTURES:
            made.append((key, extension, build()))

    monkeypatch.setattr(export, "_button", make)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("chosen", [0, 4, 12, 16], ids=["script", "formula", "link", "long"])
def test_a_page_shows_every_name_and_runs_none(visit, evil, files, key, chosen):
    page = visit(evil, key, protocol=hostile.ATTACKS[chosen])
    assert errors(page) == []
    said = everything(page).replace("\\<", "&lt;")  # how Markdown is told that it is no tag
    assert hostile.acting(said) == []
    assert hostile.markup(said) == []
    assert [e.proto.body for e in page.get("html") if hostile.acting(e.proto.body)] == []
    marked = everything(page, kinds=[kind for kind in TEXTS if kind != "html"])  # HTML is not read as Markdown
    for attack in ("[x](javascript", "![x](http", ":material/bug_report:", ":red[r]", "$\\href"):
        assert attack not in marked, marked[max(0, marked.find(attack) - 80) :][:200]
    assert not set(hostile.steering(said)) - {"0x0"}
    assert max(map(len, said.split("\n"))) < 20_000
    for chart in page.get("plotly_chart"):
        texts = hostile.shown_texts(chart.proto.spec)
        assert [t for t in texts if hostile.markup(t)] == []
    for frame in page.get("iframe"):
        assert hostile.acting(frame.proto.srcdoc) == []
    for _, extension, content in files:
        look(extension, content)


def look(extension: str, content: bytes) -> None:
    """Assert that a file does nothing when it is opened."""
    if extension == "csv":
        assert hostile.formulas(content) == []
    elif extension == "zip":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert all("/" not in name for name in archive.namelist())
            for name in archive.namelist():
                assert hostile.formulas(archive.read(name)) == []
    elif extension == "html":
        assert hostile.acting(content.decode()) == []
    elif extension == "parquet":
        assert pl.read_parquet(io.BytesIO(content)).width > 1
    elif extension == "json":
        assert isinstance(json.loads(content), dict)  # nobody runs it; it must be whole
    elif extension == "toml":
        assert tomllib.loads(content.decode())
    else:
        raise AssertionError(f"a kind of file that nobody looks at: {extension}")


def test_every_kind_of_text_is_read(visit, evil):
    assert {"markdown", "caption", "html"} <= set(TEXTS)


def test_the_checks_see_an_attack():
    assert hostile.acting("<p><img src=x onerror=alert(1)></p>")
    assert hostile.acting('<a href="javascript:alert(1)">x</a>')
    assert hostile.acting("<script>alert(1)</script>")
    assert hostile.acting("&lt;script&gt;alert(1)") == []
    assert hostile.markup("a <img src=x onerror=alert(1)> b")
    assert hostile.formulas(b'a,"=1+1",-5\n') == ["=1+1"]
    assert hostile.steering("a\x1b[31m\u202e") == ["0x1b", "0x202e"]
