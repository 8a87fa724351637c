"""A framed page leaves nothing behind in the server's memory."""

from urllib.parse import urlsplit

from streamlit.testing.v1 import AppTest


def _page():
    from dexposure_core.ui.embed import embed

    embed("<!DOCTYPE html><p>drawn</p>" + " " * 100_000, height=100, alt="A drawing")


def test_a_framed_page_is_not_remembered_as_an_address():
    shown = AppTest.from_function(_page).run(timeout=30)
    assert not shown.exception
    (frame,) = shown.get("iframe")
    assert "<p>drawn</p>" in frame.proto.srcdoc
    before = urlsplit.cache_info()
    urlsplit("http://127.0.0.1/never-asked-before")
    assert before.currsize == 0
