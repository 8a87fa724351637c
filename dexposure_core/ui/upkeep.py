"""What the dashboard's process does between page runs.

Streamlit collects garbage in full after every page run. With the libraries of this product that means looking at some
half a million objects that never die, 0.1 to 0.2 s of one core after each click, in which no other page advances. So
whatever is alive after libraries were loaded is set aside (`gc.freeze`): it is not looked at again.
"""

from __future__ import annotations

import gc
import sys
import threading
from typing import Final

_LOCK: Final = threading.Lock()
_loaded = 0


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
