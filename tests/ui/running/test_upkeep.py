"""What is set aside after libraries were loaded is no longer looked at and still freed; widgets left are forgotten."""

import gc
import subprocess
import sys
import threading
import types
import weakref

import pytest
from streamlit.testing.v1 import AppTest

from dexposure_core.ui.running import upkeep


@pytest.fixture(autouse=True)
def _thawed():
    yield
    gc.unfreeze()


def test_it_works_once_for_each_time_that_modules_were_loaded(monkeypatch):
    upkeep.set_aside()
    assert not upkeep.set_aside()
    monkeypatch.setitem(sys.modules, "a_library_loaded_later", types.ModuleType("a_library_loaded_later"))
    assert upkeep.set_aside()
    assert not upkeep.set_aside()


def test_what_is_set_aside_is_still_freed_with_its_last_reference(monkeypatch):
    class Session:
        pass

    upkeep.set_aside()
    session = Session()
    alive = weakref.ref(session)
    monkeypatch.setitem(sys.modules, "another_library", types.ModuleType("another_library"))
    before = gc.get_freeze_count()
    assert upkeep.set_aside()
    assert gc.get_freeze_count() > before
    del session
    assert alive() is None


def test_what_died_in_a_circle_after_it_was_set_aside_goes_the_next_time(monkeypatch):
    class Session:
        pass

    monkeypatch.setattr(upkeep, "AGAIN_SECONDS", 0.0)
    session = Session()
    session.itself = session
    alive = weakref.ref(session)
    assert upkeep.set_aside()
    del session
    gc.collect()
    assert alive() is not None
    assert upkeep.set_aside()
    assert alive() is None


def test_what_is_alive_when_a_page_run_begins_is_not_looked_at_after_it():
    upkeep.set_aside()
    kept = [[] for _ in range(1000)]
    upkeep.begin()
    assert gc.get_freeze_count() > len(kept)
    made = []
    made.append(made)
    del made
    assert gc.collect() >= 1
    assert not any(one is kept[0] for one in gc.get_objects())


def test_visitors_who_come_at_the_same_moment_find_every_library_whole():
    code = """
import threading
from dexposure_core.ui.running import upkeep
faults = []
def visit():
    try:
        upkeep.load_once()
        from dexposure_core.ui.charts import sankey, spillover  # noqa: F401
        import plotly.graph_objects as go
        go.Sankey(), go.Heatmap()
    except Exception as error:
        faults.append(error)
threads = [threading.Thread(target=visit) for _ in range(8)]
[t.start() for t in threads], [t.join() for t in threads]
assert faults == [], faults
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1500:]


def test_pandas_is_whole_before_anything_is_drawn():
    """Plotly looks at it as soon as somebody else began to load it."""
    code = "import sys; from dexposure_core.ui.running import upkeep; upkeep.load_once(); sys.modules['pandas'].Series"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1500:]


def _two_pages():
    import streamlit as st

    from dexposure_core.ui.running import upkeep

    page = st.radio("Page", ["first", "second"], key="page")
    st.selectbox(f"Of the {page}", [f"{page} {k}" for k in range(100)], key=f"of-{page}", index=None)
    upkeep.forget_left()


def _described(app):
    return sorted(m.split("-")[-1] for m in app._session_state._state._new_widget_state.widget_metadata)


def test_widgets_of_a_page_that_was_left_are_forgotten_and_come_back_as_they_began():
    app = AppTest.from_function(_two_pages).run(timeout=30)
    app.selectbox[0].select("first 7").run()
    assert app.selectbox[0].value == "first 7"
    assert _described(app) == ["first", "page"]
    app.radio[0].set_value("second").run()
    assert _described(app) == ["page", "second"]
    app.radio[0].set_value("first").run()
    assert not app.exception
    assert app.selectbox[0].value is None
    app.selectbox[0].select("first 9").run()
    assert app.selectbox[0].value == "first 9"


def test_a_run_that_the_next_one_has_overtaken_forgets_nothing(monkeypatch):
    class Overtaken(Exception):
        pass

    def overtaken():
        raise Overtaken

    known = {"of the next run": object()}
    state = types.SimpleNamespace(_new_widget_state=types.SimpleNamespace(widget_metadata=known))
    session = types.SimpleNamespace(_yield_callback=overtaken, _lock=threading.Lock(), _state=state)
    drawn = types.SimpleNamespace(widget_ids_this_run=types.SimpleNamespace(snapshot=frozenset))
    context = types.SimpleNamespace(shared=drawn, session_state=session)
    monkeypatch.setattr(upkeep, "get_script_run_ctx", lambda: context)
    with pytest.raises(Overtaken):
        upkeep.forget_left()
    assert list(known) == ["of the next run"]
