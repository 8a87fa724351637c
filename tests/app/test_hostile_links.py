"""What a link names is looked up among what there is, never taken for a path: anything else is told and not shown."""

import pytest

from tests.app.reading import errors, everything, notes

HOSTILE = [
    "..", "../..", "/etc", "../simulated/LATEST", "a\0b", "%2e%2e%2f", "x" * 5000, "~root", "<script>alert(1)</script>",
    "'; DROP TABLE nodes; --", "C:\\windows", "\u202egnp.exe", "*", "[x](javascript:alert(1))",
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE)
def test_a_vintage_in_a_link_is_a_name_and_no_path(visit, simulated, value):
    page = visit(simulated, "method", vintage=value)
    assert errors(page) == []
    assert "it was deleted, or never here" in notes(page)
    assert "<script>" not in everything(page).replace("\\<script\\>", "")


@pytest.mark.parametrize("value", HOSTILE)
def test_every_other_name_in_a_link_is_no_path_either(visit, simulated, value):
    names = ("basis", "date", "protocol", "horizon", "chain", "topic", "part", "shock", "scenario", "rule", "many")
    for key in ("protocol", "contagion"):
        page = visit(simulated, key, **dict.fromkeys(names, value))
        assert errors(page) == []
        assert "<script>" not in everything(page).replace("\\<script\\>", "")
