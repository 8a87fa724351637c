"""What is set aside after libraries were loaded is no longer looked at, and is still freed."""

import gc
import sys
import types
import weakref

import pytest

from dexposure_core.ui import upkeep


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
