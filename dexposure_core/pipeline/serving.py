"""A running dashboard seen from outside: whether it answers."""

from __future__ import annotations

import http.client
import time
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from dexposure_core.errors import BadOption

HEALTH: Final = "/_stcore/health"


def answers(url: str, timeout: float) -> dict[str, Any]:
    """Ask a dashboard for its health; no proxy of the environment is used, no redirect is followed.

    Args:
        url: http or https address of the dashboard, with the path it is served under when there is one.
        timeout: seconds to wait for a connection, and for an answer.

    Returns:
        {"ok", "url", "ms", "detail"}; `ms` is None when nothing answered.

    Raises:
        BadOption: when the address is none.
    """
    address = _address(url)
    shown = f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path}"
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    start = time.perf_counter()
    connection = kind(str(address.hostname), address.port, timeout=timeout)
    try:
        connection.request("GET", address.path.rstrip("/") + HEALTH)
        answer = connection.getresponse()
        body = answer.read(100)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return {"ok": False, "url": shown, "ms": None, "detail": f"no answer from {shown}: {reason}"}
    finally:
        connection.close()
    took = round(1000 * (time.perf_counter() - start), 1)
    if answer.status == http.client.OK and body == b"ok":
        return {"ok": True, "url": shown, "ms": took, "detail": f"{shown} answered in {took:g} ms"}
    said = "is not the dashboard's" if answer.status == http.client.OK else f"has status {answer.status}"
    return {"ok": False, "url": shown, "ms": took, "detail": f"the answer of {shown}{HEALTH} {said}"}


def _address(url: str) -> SplitResult:
    try:
        address = urlsplit(url)
        fine = address.scheme in ("http", "https") and address.hostname and address.port != 0
    except ValueError:  # a port that is no number, brackets that do not close
        fine = False
    if not fine or any(ord(c) <= 32 or ord(c) == 127 for c in url):  # blanks and controls
        raise BadOption(f"--url {url[:80]!r}: write an address like http://127.0.0.1:8501")
    return address
