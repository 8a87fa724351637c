"""The files that torch-geometric leaves behind.

It writes the code of every kind of message passing to a temporary file, loads it, and never removes it: one file per
process and kind, in a department's server for good.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path


def sweep() -> None:
    """Remove the files of the kinds this process has loaded; they are in memory and nobody reads them again."""
    for name, module in list(sys.modules.items()):
        written = Path(getattr(module, "__file__", None) or "")
        if name.endswith("_propagate") and written.parent == Path(tempfile.gettempdir()):
            written.unlink(missing_ok=True)
