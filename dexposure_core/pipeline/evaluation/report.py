"""Write an evaluation down: the document as JSON, and the page a person reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from dexposure_core.disk import write_whole
from dexposure_core.pipeline.evaluation.page import page

DOCUMENT: Final = "evaluation.json"
PAGE: Final = "evaluation.html"


def write_evaluation(folder: Path, document: Mapping[str, Any]) -> tuple[Path, Path]:
    """Write `evaluation.json` and `evaluation.html` to `folder`, each whole or not at all; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    found = (folder / DOCUMENT, folder / PAGE)
    for path, text in zip(found, (json.dumps(document, allow_nan=False), page(document)), strict=True):
        write_whole(path, text.encode())
    return found
