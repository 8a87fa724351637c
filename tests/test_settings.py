"""Settings: one table, checked when read."""

import dataclasses
from pathlib import Path

import pytest

from dexposure_core.errors import BadOption
from dexposure_core.settings import EMBEDDED_STORE, SETTINGS, Settings, load, resolve_store, user_store


def test_table_and_record_have_the_same_names() -> None:
    assert [s.name for s in SETTINGS] == [f.name for f in dataclasses.fields(Settings)]
    assert all(s.help.endswith(".") for s in SETTINGS)


def test_defaults_are_those_of_the_table(tmp_path: Path) -> None:
    settings = load({"XDG_CACHE_HOME": str(tmp_path)})
    assert settings.store is None
    assert settings.cache_dir == tmp_path / "dexposure"
    assert settings.model_dir == EMBEDDED_STORE.parent / "model"
    assert (settings.host, settings.port, settings.theta, settings.warning_weeks) == ("127.0.0.1", 8501, 0.2, 26)


def test_the_environment_overrides(tmp_path: Path) -> None:
    settings = load({"DEXPOSURE_PORT": " 9000 ", "DEXPOSURE_STORE": str(tmp_path), "DEXPOSURE_HOST": ""})
    assert (settings.port, settings.store, settings.host) == (9000, tmp_path, "127.0.0.1")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("port", "http", "expected a whole number from 1 to 65535"),
        ("port", "70000", "expected a whole number from 1 to 65535"),
        ("theta", "1.5", "expected a number from 0 to 1"),
        ("theta", "nan", "expected a number from 0 to 1"),
        ("warning_sigma", "-1", "expected a number from 0.1 to 100"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(name: str, value: str, expected: str) -> None:
    with pytest.raises(BadOption, match=f"DEXPOSURE_{name.upper()}='{value}': {expected}; unset it for the default"):
        load({f"DEXPOSURE_{name.upper()}": value})


def test_the_store_is_the_option_then_the_variable_then_the_users_then_the_embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEXPOSURE_STORE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    own = tmp_path / "dexposure"
    assert user_store() == own
    assert resolve_store(None, writing=True) == own  # an import never lands in the embedded dataset
    assert resolve_store(None, writing=False) == EMBEDDED_STORE
    own.mkdir()
    (own / "LATEST").write_text("x\n")
    assert resolve_store(None, writing=False) == own
    monkeypatch.setenv("DEXPOSURE_STORE", "/elsewhere")
    assert resolve_store(None, writing=False) == Path("/elsewhere")
    assert resolve_store("~/mine", writing=True) == Path.home() / "mine"
