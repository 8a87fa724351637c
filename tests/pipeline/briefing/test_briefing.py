"""The briefing says what the store says, adds up as printed, needs nothing from outside, and is written whole."""

import datetime as dt
import html
import re
import xml.etree.ElementTree as ET

import polars as pl
import pytest

from dexposure_core.errors import BadOption
from dexposure_core.pipeline import briefing, chrome
from dexposure_core.pipeline.briefing import facts as gathered
from dexposure_core.pipeline.briefing import files, tables
from dexposure_core.pipeline.briefing.page import command, page
from dexposure_core.pipeline.views import matrix
from dexposure_core.store import open_store
from tests.cli.conftest import run_here

NOW, LATER = dt.datetime(2026, 1, 5, 8, tzinfo=dt.UTC), dt.datetime(2026, 1, 5, 9, tzinfo=dt.UTC)
EVIL = '<script>alert("x")</script>=1+1'
HOLDINGS = """date,protocol_id,chain,token,quantity,value_usd
2025-06-02,lend,Ethereum,USDX,100,100
2025-06-02,lend,Ethereum,SHARE,50,25
2025-06-02,swap,Ethereum,USDX,400,400
2025-06-02,swap,Arbitrum,RECEIPT,10,30
2025-06-09,lend,Ethereum,USDX,100,90
2025-06-09,lend,Ethereum,SHARE,50,30
2025-06-09,swap,Ethereum,USDX,300,270
2025-06-09,swap,Arbitrum,RECEIPT,20,50
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("briefing")
    (folder / "h.csv").write_text(HOLDINGS)
    (folder / "t.csv").write_text("token,issuer\nSHARE,swap\nRECEIPT,lend\n")
    quoted = EVIL.replace('"', '""')
    (folder / "p.csv").write_text(
        f'protocol_id,name,category,sector\nlend,"{quoted}",Lending,Credit\nswap,Swap,Dexes,X\n'
    )
    done = run_here(
        "--store", folder / "store", "import", "holdings", folder / "h.csv", "--tokens", folder / "t.csv",
        "--protocols", folder / "p.csv",
    )  # fmt: skip
    assert done.code == 0, done.err
    return open_store(folder / "store")


@pytest.fixture(scope="module")
def facts(store):
    return gathered.gather(store, briefing.Ask(date=dt.date(2025, 6, 9)))


@pytest.fixture(scope="module")
def simulated():
    world = open_store()
    return page(gathered.gather(world, briefing.Ask(date=world.dates()[-1], top=5)), NOW)


def test_the_same_briefing_differs_only_in_its_line_of_time(store):
    ask = briefing.Ask(date=dt.date(2025, 6, 9))
    one, other = (briefing.briefing(store, ask, made=when).splitlines() for when in (NOW, LATER))
    assert [a for a, b in zip(one, other, strict=True) if a != b] == [
        '<p class="made">Made 2026-01-05 08:00:00 UTC</p>'
    ]


def test_nothing_is_fetched_and_nothing_runs(facts):
    made = page(facts, NOW)
    assert not re.search(r"https?:|<script|<link|<img|@import|url\(|\son\w+=", made)
    assert "&lt;script&gt;" in made


def test_pictures_are_whole_svg(simulated):
    drawn = re.findall(r"<svg.*?</svg>", simulated, flags=re.DOTALL)
    assert len(drawn) >= 10
    for picture in drawn:
        assert ET.fromstring(picture).get("aria-label")  # noqa: S314  our own
        assert not re.search(r'[",]nan[",]', picture)


def test_simulated_data_are_named_on_the_cover_and_under_every_figure(simulated, facts):
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", simulated)
    assert len(captions) == simulated.count("<figure>")
    assert all("SIMULATED DATA" in caption and "vintage" in caption for caption in captions)
    assert '<span class="badge">SIMULATED DATA</span>' in simulated
    assert "SIMULATED" not in page(facts, NOW)


def test_every_section_opens_with_a_sentence(facts):
    made = page(facts, NOW)
    answers = re.findall(r'<h2>([^<]+)</h2><p class="answer">([^<]+)</p>', made)
    assert [title for title, _ in answers] == [
        "What changed this week, and why", "Network", "Spillover between sectors", "Concentration", "Stress",
        "Data health",
    ]  # fmt: skip
    # exposures 555 → 440: USDX −10 % by price (−10 and −40), −90 by quantity; SHARE +5; RECEIPT −5 by price, +25
    assert "from USD 555 to USD 440: price −USD 50.0, quantity −USD 65.0" in html.unescape(answers[0][1])


def test_the_citation_makes_it_again(store, facts):
    made = html.unescape(page(facts, NOW))
    assert store.manifest.content_hash in made
    assert f"dexposure --vintage {store.vintage} report --date 2025-06-09 --basis holdings --out briefing.html" in made
    ask = briefing.Ask(date=dt.date(2025, 6, 9), horizon=4, rule="threshold", top=3)
    assert command(ask, "v", "Ethereum,a b").endswith(
        "--horizon 4 --rule threshold --top 3 --chain Ethereum --chain 'a b' --out briefing.html"
    )


def test_printed_rows_and_columns_add_up():
    # exact: 1.4 + 1.4 + 1.4 = 4.2; printed without decimals 1 + 1 + the rest 2 = 4
    rows = pl.DataFrame({
        "change_usd": [1.4, 1.4, 1.4], "price_usd": [1.4, None, 0.7], "quantity_usd": [0.0, None, 0.7],
        "entry_usd": [0.0, 0.0, 0.0], "exit_usd": [0.0, 0.0, 0.0], "mapping_usd": [0.0, 0.0, 0.0],
    })  # fmt: skip
    table = tables.split(rows, ["a", "b"], tables.unit_of(4.2, 3), "others")
    assert [name for name, _ in table] == ["a", "b", "1 others", "Total"]
    assert table[1][1]["Not split"] == 1
    for _, row in table:
        assert row["All causes"] == sum(v for cause, v in row.items() if cause != "All causes")
    for cause, total in table[-1][1].items():
        assert total == sum(row[cause] for _, row in table[:-1])


def test_the_matrix_adds_up_as_printed():
    cells = pl.DataFrame({
        "creditor_sector": ["A", "A", "B"], "debtor_sector": ["A", "B", "A"], "exposure_usd": [10.04, 10.04, 10.04],
    })  # fmt: skip
    shown = tables.matrix_table(matrix(cells), tables.unit_of(10.04, 2, places=1))
    assert re.findall(r"<td[^>]*>([^<]+)</td>", shown) == [
        "10.0", "10.0", "20.0", "10.0", "–", "10.0", "20.0", "10.0", "30.0",
    ]  # fmt: skip


def test_without_weights_the_forecast_says_so(store, tmp_path, monkeypatch):
    monkeypatch.setenv("DEXPOSURE_MODEL_DIR", str(tmp_path))
    made = briefing.briefing(store, briefing.Ask(date=dt.date(2025, 6, 9), horizon=4), made=NOW)
    assert "Forecast, 4 weeks ahead" in made
    assert gathered.NO_MODEL in html.unescape(made)
    assert str(tmp_path) not in made


def test_the_first_date_has_nothing_to_compare_with(store):
    made = briefing.briefing(store, briefing.Ask(date=dt.date(2025, 6, 2)), made=NOW)
    assert "There is no snapshot before 2025-06-02 to compare with." in made


def test_a_choice_of_chains_is_named(store):
    from dexposure_core.pipeline.chains.lens import open_lens

    made = briefing.briefing(
        open_lens(store, ["Ethereum"]), briefing.Ask(date=dt.date(2025, 6, 9), horizon=2), made=NOW
    )
    assert "Ethereum (not the whole system)" in made
    assert "--chain Ethereum" in made
    assert "Forecasts are made of the whole system only" in made


@pytest.mark.parametrize("name", ["b.txt", "missing/b.html", "folder.html"])
def test_bad_places_are_refused_before_anything_is_computed(store, tmp_path, monkeypatch, name):
    (tmp_path / "folder.html").mkdir()
    monkeypatch.setattr(files, "gather", lambda *_: pytest.fail("computed"))
    with pytest.raises(BadOption, match="--out"):
        briefing.write(store, briefing.Ask(date=dt.date(2025, 6, 9)), tmp_path / name)


def test_an_interruption_leaves_the_old_file_and_nothing_else(store, tmp_path, monkeypatch):
    out = tmp_path / "b.html"
    out.write_text("old")

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        briefing.write(store, briefing.Ask(date=dt.date(2025, 6, 9)), out)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("b.html", "old")]


def test_without_a_browser_pdf_is_refused_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(chrome, "find", lambda: None)
    with pytest.raises(chrome.NoPrint, match="Chrome or Chromium"):
        briefing.check(tmp_path / "b.pdf")
    with pytest.raises(chrome.NoPrint, match="Chrome or Chromium"):
        chrome.pdf("<p>")


def test_a_browser_that_prints_nothing_is_told(tmp_path, monkeypatch):
    (tmp_path / "chrome").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "chrome").chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "chrome"))
    with pytest.raises(chrome.NoPrint, match="printed no PDF"):
        chrome.pdf("<p>")


@pytest.mark.slow
@pytest.mark.skipif(chrome.find() is None, reason="no Chrome or Chromium on this machine")
def test_a_pdf_is_one(store, tmp_path):
    out = briefing.write(store, briefing.Ask(date=dt.date(2025, 6, 9)), tmp_path / "b.pdf")
    assert out.read_bytes().startswith(b"%PDF")
    assert [p.name for p in tmp_path.iterdir()] == ["b.pdf"]


@pytest.mark.slow
@pytest.mark.skipif(chrome.find() is None, reason="no Chrome or Chromium on this machine")
def test_the_same_report_of_the_same_moment_is_the_same_pdf(store, tmp_path):
    ask = briefing.Ask(date=dt.date(2025, 6, 9))
    first, second = (briefing.write(store, ask, tmp_path / name, made=NOW).read_bytes() for name in ("a.pdf", "b.pdf"))
    assert first == second
    assert f"/CreationDate (D:{NOW:%Y%m%d%H%M%S}".encode() in first


def test_marked_elements_are_numbered_alike_however_the_browser_did():
    first, second = (
        b"/ID (node%08d)>> /Headers [(node%08d) (node%08d)] /Names[(node%08d) 7 0 R (node%08d) 9 0 R] (node7)" % ids
        for ids in ((42, 4, 42, 4, 42), (30, 24, 30, 24, 30))
    )
    assert chrome.numbered(first) == chrome.numbered(second)
    assert chrome.numbered(first) == first.replace(b"00000042", b"00000002").replace(b"00000004", b"00000001")


def test_dating_a_pdf_moves_no_byte():
    was = b"%PDF-1.4\n/CreationDate (D:20261129063859+00'00')\n/ModDate (D:20261129063901-11'30')>>\nxref (D:1)"
    now = chrome.dated(was, dt.datetime(2025, 1, 2, 3, 4, 5, tzinfo=dt.UTC))
    assert len(now) == len(was)
    assert now.count(b"(D:20250102030405+00'00')") == 2
    assert now.endswith(b"xref (D:1)")


def test_a_briefing_on_flows_says_that_its_changes_are_of_holdings(store):
    made = briefing.briefing(store, briefing.Ask(date=dt.date(2025, 6, 9), basis="flow"), made=NOW)
    changed = made.split("What changed this week, and why")[1].split("<section>")[0]
    assert "On the holdings basis, all exposures together changed" in changed
    assert "flow basis" not in changed
    assert "flow basis" in made
    assert "Who moved the concentration" not in made
