"""What the Forecast page must tell beside its numbers."""

from types import SimpleNamespace

import pytest

from dexposure_core.ui import outlook


@pytest.mark.parametrize(("actual", "joint", "said"), [
    (None, False, ["A note."]),
    (object(), False, ["A note.", "What happened since is shown beside."]),
    (None, True, ["A note.", outlook.NOT_A_SUM]),
])  # fmt: skip
def test_a_reader_is_told_why_numbers_need_not_add_up(actual, joint, said):
    result = SimpleNamespace(notes=("A note.",), actual=actual, drawn=SimpleNamespace(joint=joint))
    assert [note.replace("\\", "") for note in outlook.notes(result)] == said  # as Markdown, signs escaped
