"""Take the pictures of docs/tour.md from the real dashboard: `make pictures`.

Each is a page of the embedded dataset at the width of a laptop, as a browser draws it; sizes are kept small by a
palette of 128 colours, which must keep the rare ones: a few dots tell a sector. Needs what the browser tests need.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import sync_playwright

DOCS: Final = Path(__file__).parent
ROOT: Final = DOCS.parent
DAY: Final = "date=2025-08-18"
COLOURS: Final = 128
WIDE, HIGH = 1280, 860

# name → address; a picture is named like the page, with what it shows of it
PICTURES: Final = {
    "overview": f"overview?{DAY}",
    "network": f"network?{DAY}",
    "protocol": f"protocol?{DAY}&protocol=182",
    "spillover": f"spillover?{DAY}",
    "concentration": f"concentration?{DAY}",
    "chains": f"chains?{DAY}",
    "alerts": f"alerts?{DAY}",
    "contagion": f"contagion?{DAY}&shock=event&replay=ftx",
    "forecast": f"forecast?{DAY}",
    "events": f"events?{DAY}",
    "skill": f"skill?{DAY}",
    "data": f"data?{DAY}",
    "method": "method?topic=stress",
}


def main() -> None:
    """Write every picture to docs/pictures."""
    chrome = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chrome is None:
        sys.exit("no Chrome or Chromium on this machine")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", "from dexposure_core.cli import main; main()", "--store", str(ROOT / "data/store")]
    server = subprocess.Popen(  # noqa: S603  our own program
        [*command, "serve", "--port", str(port), "--no-browser"], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chrome, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": WIDE, "height": HIGH})
            for name, address in PICTURES.items():
                _take(page, f"http://127.0.0.1:{port}/{address}", DOCS / "pictures" / f"{name}.png")
    finally:
        server.terminate()
        server.wait(20)


def _take(page: Any, address: str, file: Path) -> None:
    page.goto(address)
    page.wait_for_selector(".st-key-footer", timeout=120_000)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=120_000)
    page.wait_for_timeout(3_000)  # charts and graphs settle
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(file, optimize=True)
    sys.stdout.write(f"{file.relative_to(ROOT)}: {file.stat().st_size:,} bytes\n")


def _wait(address: str) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):  # noqa: S310  loopback
            return
        time.sleep(0.2)
    sys.exit("the server did not answer within a minute")


if __name__ == "__main__":
    main()
