"""What every refusal must look like: one line, naming the file, the place and the next step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dexposure_core.errors import BadInput


def check_refused(read: Callable[[], Any], *parts: str) -> None:
    """Run `read` and require a one-line `BadInput` holding every part and a remedy after a semicolon."""
    with pytest.raises(BadInput) as caught:
        read()
    message = str(caught.value)
    assert message.isprintable(), message
    assert len(message) < 400, message
    assert "; " in message, f"no remedy: {message}"
    for part in parts:
        assert part in message, f"{part!r} not in: {message}"
