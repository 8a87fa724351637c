"""The cable pulled: every page works, and asks nothing of any other machine."""

from urllib.parse import urlsplit

import pytest

from dexposure_core.ui.navigation import PAGES
from tests.browser.conftest import Visitor

HERE = ("127.0.0.1", "localhost", "[::1]")
INSIDE = ("data", "blob", "about")


@pytest.fixture
def unplugged(chrome):
    """A visitor whose every request to another machine fails, and is written down; frames and workers included."""
    context = chrome.new_context(viewport={"width": 1280, "height": 800}, service_workers="block")
    attempts: list[str] = []

    def gate(route, request):
        at = urlsplit(request.url)
        if at.scheme in INSIDE or at.hostname in HERE:
            route.continue_()
        else:
            attempts.append(request.url)
            route.abort()

    def gate_sockets(socket):
        if urlsplit(socket.url).hostname in HERE:
            socket.connect_to_server()
        else:
            attempts.append(socket.url)
            socket.close()

    context.route("**/*", gate)
    context.route_web_socket("**/*", gate_sockets)
    seen = Visitor(context.new_page())
    seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
    yield seen, attempts
    context.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.key)
def test_every_page_opens_without_a_network(server, unplugged, page):
    visitor, attempts = unplugged
    visitor.open(f"{server}/{page.key}?date=2025-06-30&protocol=182")
    visitor.page.wait_for_timeout(1_000)  # what comes late: fonts, frames, lazy pictures
    visitor.page.mouse.wheel(0, 3_000)
    visitor.page.wait_for_timeout(500)
    assert attempts == []
    assert visitor.errors == []
    assert visitor.page.locator(".st-key-headline").inner_text().strip()


def test_an_attempt_would_be_seen_and_stopped(server, unplugged):
    visitor, attempts = unplugged
    visitor.open(f"{server}/method")
    tried = """async () => {
        const said = [];
        await fetch("http://192.0.2.1/x").catch(() => said.push("refused"));
        await new Promise(done => { const i = new Image(); i.onerror = done; i.src = "http://192.0.2.1/y.png"; });
        return said;
    }"""
    assert visitor.page.evaluate(tried) == ["refused"]
    assert attempts == ["http://192.0.2.1/x", "http://192.0.2.1/y.png"]
