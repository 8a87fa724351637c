"""Pictures from Plotly figures, drawn by a Chrome of this machine that is started for one picture and ended after it.

Kaleido needs an installed Chrome or Chromium. It runs in a process of its own so that a browser that hangs costs
`TIMEOUT` seconds and one picture, never the dashboard.
"""

from __future__ import annotations

import os
import struct
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any, Final

from dexposure_core.errors import DexposureError
from dexposure_core.pipeline import chrome
from dexposure_core.ui import text

TIMEOUT: Final = 40
WIDTH: Final = 960
_HEAD: Final = 33  # bytes of a PNG before its second chunk: signature and IHDR
_DRAW: Final = """
import sys, pathlib, kaleido, plotly.io
described, picture, form, width, height = sys.argv[1:]
figure = plotly.io.from_json(pathlib.Path(described).read_text())
kaleido.write_fig_sync(figure, picture, opts={"format": form, "width": int(width), "height": int(height), "scale": 2})
"""


class NoPicture(DexposureError, RuntimeError):
    """The browser of this machine could not draw the picture."""


def browser() -> str | None:
    """Return the path of a Chrome or Chromium on this machine, None when there is none (or no kaleido)."""
    from importlib.util import find_spec

    if find_spec("kaleido") is None:
        return None
    return chrome.find()


def render(figure: Any, form: str, *, timeout: float = TIMEOUT) -> bytes:
    """Return the figure as PNG, SVG or PDF.

    Raises:
        NoPicture: when there is no browser or it did not answer in time.
    """
    found = browser()
    if found is None:
        raise NoPicture("No Chrome or Chromium found; use the camera button above the chart, or install one")
    with tempfile.TemporaryDirectory() as folder:
        described, picture = Path(folder, "figure.json"), Path(folder, f"figure.{form}")
        described.write_text(figure.to_json(), encoding="utf-8")
        height = int(figure.layout.height or 450)
        command = [sys.executable, "-c", _DRAW, str(described), str(picture), form, str(WIDTH), str(height)]
        if not chrome.run(command, {**os.environ, "BROWSER_PATH": found}, timeout):
            raise NoPicture(f"The browser gave no answer in {timeout:.0f} s; use the camera button above the chart")
        if not picture.is_file():
            raise NoPicture(f"{found} drew no picture; use the camera button above the chart")
        return picture.read_bytes()


def cited(picture: bytes, form: str, citation: str) -> bytes:
    """Return a PNG or SVG that carries its citation inside, where programs that index pictures look for it."""
    if form == "png":
        body = b"iTXtDescription\0\0\0\0\0" + citation.encode()
        chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        return picture[:_HEAD] + chunk + picture[_HEAD:]
    if form == "svg":
        end = picture.index(b">", picture.index(b"<svg")) + 1
        return picture[:end] + f"<desc>{text.html(citation)}</desc>".encode() + picture[end:]
    return picture
