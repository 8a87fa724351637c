"""What the dashboard's process does between page runs.

Streamlit collects garbage in full after every page run. With the libraries of this product that means looking at some
half a million objects that never die, 0.1 to 0.2 s of one core after each click, in which no other page advances. So
whatever is alive after libraries were loaded is set aside (`gc.freeze`): it is not looked at again.
"""

from __future__ import annotations

import gc
import importlib
import pkgutil
import sys
import threading
from pathlib import Path
from typing import Final

_LOCK: Final = threading.Lock()
_TRACES: Final = ("Bar", "Figure", "Heatmap", "Histogram", "Sankey", "Scatter", "Scattergl")
_loaded = 0
_ready = False


def load_once() -> None:
    """Load what pages draw with, once in a process and by one visitor alone; the others wait.

    Plotly loads its parts at their first use. Two pages that begin at the same moment on a fresh server would both do
    so, and one of them could meet a module that is only half there. It also looks at pandas wherever that was begun to
    be loaded, which the web framework does for its first table.
    """
    global _ready  # noqa: PLW0603  one state a process, under the lock
    with _LOCK:
        if _ready:
            return
        importlib.import_module("pandas")
        import plotly.graph_objects as go

        folder = Path(__file__).with_name("charts")
        for module in pkgutil.iter_modules([str(folder)]):
            importlib.import_module(f"dexposure_core.ui.charts.{module.name}")
        for name in _TRACES:
            getattr(go, name)().to_plotly_json()
        _ready = True


def set_aside() -> bool:
    """Set aside what is alive, when modules were loaded since the last time; return whether that was so.

    Modules are loaded a few times in a process's life (start, first chart, first forecast), so what is set aside by
    accident (a session that is open then) is little, and is still freed when its last reference goes.
    """
    global _loaded  # noqa: PLW0603  one state a process, under the lock
    with _LOCK:
        now = len(sys.modules)
        if now == _loaded:
            return False
        _loaded = now
        gc.collect()
        gc.freeze()
        return True
