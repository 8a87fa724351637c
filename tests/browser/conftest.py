"""A real Chromium on a real server; every request the browser makes is recorded, so that a test sees where it went."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Its navigation puts headings between the items of a list.
STREAMLITS_OWN = {rule: {"enabled": False} for rule in ("list", "listitem")}
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update"]
PATIENCE_MS = 90_000  # for a page on a slow machine that runs three tests at a time


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in Path(item.path).parents:
            item.add_marker(pytest.mark.browser)


@dataclass
class Server:
    address: str
    process: subprocess.Popen

    def __str__(self) -> str:
        return self.address


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def served(
    store: Path | None = None, model_dir: Path | None = None, *, port: int | None = None, home: Path | None = None,
    said=subprocess.DEVNULL,
):  # fmt: skip
    """A dashboard on a free port, freshly started: nobody has opened it before; what it prints goes to `said`."""
    port = port or free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DEXPOSURE_")}
    environment |= {"DEXPOSURE_MODEL_DIR": str(model_dir)} if model_dir else {}
    environment |= {"HOME": str(home)} if home else {}
    command = [
        sys.executable,
        "-c",
        "from dexposure_core.cli import main; main()",
        "--store",
        str(store or ROOT / "data/store"),
    ]
    process = subprocess.Popen(
        [*command, "serve", "--port", str(port), "--no-browser"],
        env=environment,
        cwd=ROOT,
        stdout=said,
        stderr=said,
    )
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield Server(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        process.wait(20)


def _wait(address: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server stopped by itself"
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):  # noqa: S310  loopback
            return
        time.sleep(0.2)
    raise AssertionError("the server did not answer within 90 seconds")


@pytest.fixture(scope="session")
def chrome():
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("no Chrome or Chromium on this machine; `make test` installs one where it may")
        pytest.skip("no Chrome or Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server():
    with served() as running:
        yield running


# What a reader can see of a view: the answer, the strip above it, what every control stands at, figures' titles.
STATE = """() => {
    const main = document.querySelector('[data-testid="stMain"]');
    const all = (css, of = document) => [...of.querySelectorAll(css)];
    return [
        ...all('.st-key-header, .st-key-headline').map(e => e.innerText),
        ...all('[role="radio"][aria-checked="true"]').map(e => e.innerText),
        ...all('[data-testid="stSelectbox"]').map(e => e.innerText + " " + all("input", e).map(i => i.value)),
        ...all('input[type="range"]', main).map(e => e.ariaLabel + ": " + e.ariaValueText),
        ...all('input[role="switch"]').map(e => e.ariaLabel + ": " + (e.checked ? "on" : "off")),
        ...all(".gtitle", main).map(e => e.textContent),
    ].map(words => words.replace(/\\s+/g, " ").trim());
}"""
# Charts are drawn after the page has run, under load seconds later: until then a chart is an empty box or a grey one.
DRAWN = """() => !document.querySelector('[data-testid="stSkeleton"]') &&
    [...document.querySelectorAll('[data-testid="stPlotlyChart"]')].every(e => e.querySelector(".main-svg"))"""
# The page itself never scrolls sideways, nor does the part of it that scrolls up and down.
SIDEWAYS = """() => Math.max(...[document.documentElement, document.querySelector('[data-testid="stMain"]')]
    .map(e => e.scrollWidth - e.clientWidth))"""


@dataclass
class Visitor:
    """One tab, and where its requests went."""

    page: object
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, address: str) -> "Visitor":
        self.page.goto(address)
        return self.settled()

    def settled(self) -> "Visitor":
        """Wait until the page has run to its end and its footer is drawn."""
        self.page.wait_for_selector('.st-key-footer, [data-testid="stException"]', timeout=PATIENCE_MS)
        self.page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=PATIENCE_MS)
        self.page.wait_for_timeout(300)
        assert self.page.locator('[data-testid="stException"]').count() == 0, self.page.locator(
            '[data-testid="stException"]'
        ).first.inner_text()
        return self

    @property
    def text(self) -> str:
        return self.page.locator('[data-testid="stMain"]').inner_text()

    def violations(self) -> list[str]:
        """What breaks WCAG 2.1 AA on the page once it stands still, one line a rule; Streamlit's own list left out.

        Colours fade in after a page is drawn, slowly on a busy machine: what is gone at a later look was on its way.
        """
        options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "rules": STREAMLITS_OWN}
        for _ in range(6):
            found = Axe().run(self.page, options=options).response["violations"]
            if not found:
                break
            self.page.wait_for_timeout(500)
        return [f"{v['id']}: {len(v['nodes'])} times, as {v['nodes'][0]['html'][:200]}" for v in found]

    def state(self) -> list[str]:
        """What the page shows, as far as a choice can change it, once it stands still (charts are drawn late)."""
        seen: list[str] = []
        for _ in range(20):
            before, seen = seen, self.settled().page.evaluate(STATE)
            if seen == before and self.page.evaluate(DRAWN):
                break
            self.page.wait_for_timeout(400)
        return seen

    def sideways(self) -> int:
        """Pixels by which the page is wider than the screen, once its charts have followed the screen's width."""
        for _ in range(20):
            wider = self.page.evaluate(SIDEWAYS)
            if wider <= 0:
                break
            self.page.wait_for_timeout(250)
        return wider

    def outside(self) -> list[str]:
        """Requests that left the machine."""
        return [
            r
            for r in self.requests
            if urlsplit(r).scheme not in ("data", "blob", "about") and urlsplit(r).hostname != "127.0.0.1"
        ]


def complaint(said) -> list[str]:
    """An error in the browser's console. Streamlit asks where its server is, first below the page: not an error."""
    own = "/_stcore/" in said.location.get("url", "")
    return [said.text] if said.type == "error" and not own else []


@pytest.fixture
def visitor(chrome):
    context = chrome.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    seen = Visitor(context.new_page())
    context.on("request", lambda request: seen.requests.append(request.url))
    seen.page.on("websocket", lambda socket: seen.requests.append(socket.url.replace("ws://", "http://", 1)))
    seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
    seen.page.on("console", lambda said: seen.errors.extend(complaint(said)))
    yield seen
    context.close()
