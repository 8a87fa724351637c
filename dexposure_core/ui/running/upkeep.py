"""What the dashboard's process does between page runs, so that it stays quick and small.

Streamlit collects garbage in full after every page run. With the libraries of this product that means looking at some
half a million objects that never die, 0.1 to 0.2 s of one core after each click, in which no other page advances. So
whatever is alive when a page run begins is set aside (`gc.freeze`), and only what the run made is looked at after it.
What was set aside and died since is found every AGAIN_SECONDS, and after libraries were loaded.
"""

from __future__ import annotations

import gc
import importlib
import pkgutil
import sys
import threading
import time
from pathlib import Path
from typing import Final

from streamlit.runtime.scriptrunner import get_script_run_ctx

AGAIN_SECONDS: Final = 20.0
SWITCH_SECONDS: Final = 5e-4
"""How long a thread may keep Python's lock. Libraries let go of it at every call, and had to wait up to 5 ms, the usual
time, to get it back whenever another page was computing. Between few pages at a time
(`turns`) 0.5, 2 and 5 ms could not be told apart on a busy machine; what matters is how many share the lock."""
_LOCK: Final = threading.Lock()
_TRACES: Final = ("Bar", "Figure", "Heatmap", "Histogram", "Sankey", "Scatter", "Scattergl")
_loaded = 0
_looked = 0.0
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
        sys.setswitchinterval(SWITCH_SECONDS)
        importlib.import_module("pandas")
        import plotly.graph_objects as go

        folder = Path(__file__).parents[1] / "charts"
        for module in pkgutil.iter_modules([str(folder)]):
            importlib.import_module(f"dexposure_core.ui.charts.{module.name}")
        for name in _TRACES:
            getattr(go, name)().to_plotly_json()
        _ready = True


def begin() -> None:
    """Set aside what is alive, so that the collection after this page run looks at no more than it made."""
    gc.freeze()


def set_aside() -> bool:
    """Look at all that was set aside, when modules were loaded since the last time or AGAIN_SECONDS went by.

    What died in between goes, once for all page runs instead of once in each; the rest is set aside again. Returns
    whether that was done.
    """
    global _loaded, _looked
    with _LOCK:
        now, modules = time.monotonic(), len(sys.modules)
        if modules == _loaded and now - _looked < AGAIN_SECONDS:
            return False
        _loaded, _looked = modules, now
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        return True


def forget_left() -> None:
    """Let go of what Streamlit keeps of widgets that this page run, a whole one, has not drawn.

    Streamlit drops their values but keeps their descriptions for as long as the session lasts, each with its options:
    the search among 18,000 protocols is 1.3 MB, once for each page a visitor has been to. It has no call for this, so
    the attributes read here are its own (its version is fixed, see pyproject.toml; a test looks at them). Values of
    widgets without a description are what it expects of a browser that comes back to a new session.
    """
    context = get_script_run_ctx()
    if context is None:
        return
    drawn = context.shared.widget_ids_this_run.snapshot()
    session = context.session_state
    session._yield_callback()  # ends this run here when the next one has begun, whose widgets must stay
    with session._lock:
        known = session._state._new_widget_state.widget_metadata
        for widget in known.keys() - drawn:
            del known[widget]
