"""The health panel: what it says of dirty and of clean data, and that a second reader sees the same."""

import pytest

from dexposure_core.pipeline.building.ingest import ingest_holdings
from dexposure_core.pipeline.checks.report import NOT_POSSIBLE, PASSED
from dexposure_core.ui.books import health

SUPPLY = 31219505979.57
ROWS = [("siteA", "USDX", SUPPLY), ("siteB", "USDX", SUPPLY), ("[x](javascript:alert(1))", "USDX", SUPPLY),
        ("siteD", "USDX", 12345678.91)]  # fmt: skip


@pytest.fixture
def dirty(tmp_path, monkeypatch):
    monkeypatch.setenv("DEXPOSURE_CACHE_DIR", str(tmp_path / "cache"))
    file = tmp_path / "dirty.csv"
    lines = [f'2025-06-02,"{protocol}",Ethereum,{token},{usd}' for protocol, token, usd in ROWS]
    file.write_text("\n".join(["date,protocol_id,chain,token,value_usd", *lines]) + "\n")
    ingest_holdings(file, tmp_path / "store")
    return tmp_path / "store"


def words(app) -> str:
    return "\n".join(part.value for part in app.markdown)


def test_the_panel_names_what_is_wrong(visit, dirty):
    app = visit(dirty, "data", section="health")
    assert not app.exception
    said = words(app)
    assert "**1 with errors**" in said
    assert "1 not possible with these data" in said
    assert "error: **same amount** · [2025-06-02](/overview?" in said
    assert "[siteA](/protocol?" in said
    assert "USD 31.2 bn: the same amount to the cent at 3 protocols" in said
    assert "](javascript" not in said  # the name is written with its brackets escaped
    assert any("Units suspected wrong" in box.label and "3 errors" in box.label for box in app.expander)


def test_a_second_reader_sees_the_same(visit, dirty):
    first, second = (visit(dirty, "data", section="health") for _ in range(2))
    assert not second.exception
    assert words(first) == words(second)


def test_every_state_has_a_word_and_an_icon():
    assert set(health.ICONS) == {"error", "warning", "info", PASSED, NOT_POSSIBLE}
    row = {"title": "Sums", "errors": 1, "warnings": 2, "notes": 0, "usd": 4.5e9, "last": "2025-06-02"}
    assert health.label(row) == "**Sums**: 1 error, 2 warnings, up to USD 4.50 bn, last on 2025-06-02"
