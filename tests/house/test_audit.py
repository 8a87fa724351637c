"""The audit of what is installed finds a version that is not pinned, one nobody reviewed, and a changed file."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def audit():
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci/audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package `needed` 1.0 that needs `other` 2.0, as an installer leaves them."""
    for name, version, needs in (("needed", "1.0", "Requires-Dist: other\n"), ("other", "2.0", "")):
        (tmp_path / f"{name}.py").write_text("x = 1\n")
        info = tmp_path / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
        # the SHA-256 of "x = 1\n"
        (info / "RECORD").write_text(f"{name}.py,sha256=nia_NpkRxFwkPGhBR7I_yeHc_PJX0pmhxjIBam_NM_Q,6\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_what_packages_need_is_followed(audit, package):
    assert audit.pulled_in(["needed"]) == {"needed": "1.0", "other": "2.0"}


@pytest.mark.parametrize(
    ("pin", "list_", "options", "code", "told"),
    [
        ("needed==1.0", "needed==1.0\nother==2.0", [], 0, "0 not as pinned, 0 not as reviewed"),
        ("needed==1.1", "needed==1.0\nother==2.0", [], 1, "needed: pinned ==1.1, installed 1.0"),
        ("absent==1.0", "", [], 1, "absent: pinned ==1.0, installed nothing"),
        ("needed==1.0", "needed==1.0\nother==1.9", [], 0, "not reviewed: other 2.0: reviewed was 1.9"),
        ("needed==1.0", "needed==1.0", ["--strict"], 1, "not reviewed: other 2.0: reviewed was no version"),
    ],
)
def test_differences_are_told(audit, package, monkeypatch, capsys, pin, list_, options, code, told):
    wanted = audit.Requirement(pin)
    monkeypatch.setattr(audit, "pinned", lambda: {wanted.name: wanted})
    monkeypatch.setattr(audit, "REVIEWED", package / "reviewed.txt")
    (package / "reviewed.txt").write_text(list_ + "\n")
    assert audit.main(options) == code
    assert told in capsys.readouterr().err


def test_a_file_changed_after_its_installation_is_found(audit, package):
    before = list(audit.changed_files("needed"))
    (package / "needed.py").write_text("x = 2\n")
    (package / "other.py").unlink()
    changed = [*audit.changed_files("needed"), *audit.changed_files("other")]
    assert before == []
    assert changed == ["needed: needed.py is not what was installed", "other: other.py is missing"]
