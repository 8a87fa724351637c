"""One visitor of a running dashboard: opens a page by its address and waits until it is drawn.

A websocket to `/_stcore/stream`; the visitor sends a `BackMsg` that asks for a run, the server answers with
`ForwardMsg`s and ends them with `script_finished`. Nothing is drawn: the time is the server's and the wire's, not a
browser's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode, urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_LARGEST: Final = 256 * 1024 * 1024
_DRAWN: Final = "-footer"  # the container that a page draws last


@dataclass(frozen=True, kw_only=True)
class Click:
    """What came of opening a page: when it began, what it took (seconds), bytes received; empty error: all well."""

    page: str
    begun: float
    seconds: float
    bytes: int
    error: str = ""


class Visitor:
    """A session of the dashboard; use as `async with Visitor(url) as visitor`.

    Args:
        url: http address of a dashboard on this machine.

    Raises:
        ValueError: when the address is not of this machine.
    """

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        if address.scheme != "http" or address.hostname not in LOOPBACK:
            raise ValueError(f"{url[:80]!r}: load is put on a dashboard of this machine only")
        self._url = url.rstrip("/")
        self._stream = f"ws://{address.netloc}{address.path.rstrip('/')}/_stcore/stream"
        self._socket: ClientConnection | None = None
        self._pages: dict[str, str] = {}  # address → Streamlit's hash of the page

    async def __aenter__(self) -> Self:
        self._socket = await connect(
            self._stream, subprotocols=[Subprotocol("streamlit")], max_size=_LARGEST, proxy=None, open_timeout=60,
            ping_timeout=None,
        )  # fmt: skip
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            await self._socket.close()

    async def open(self, page: str, parameters: Mapping[str, str] | None = None, timeout: float = 120.0) -> Click:
        """Open a page by its address and wait until it is drawn; what goes wrong is in the click's `error`."""
        begun = time.perf_counter()
        size, error = 0, ""
        try:
            async with asyncio.timeout(timeout):
                await self._ask(page, parameters or {})
                size, error = await self._drawn()
        except TimeoutError:
            error = f"not drawn within {timeout:g} s"
        except (OSError, WebSocketException) as failure:
            error = f"{type(failure).__name__}: {failure}"
        return Click(page=page, begun=begun, seconds=time.perf_counter() - begun, bytes=size, error=error)

    async def _ask(self, page: str, parameters: Mapping[str, str]) -> None:
        message = BackMsg()
        message.rerun_script.query_string = urlencode(parameters)
        if page in self._pages:
            message.rerun_script.page_script_hash = self._pages[page]
        else:
            message.rerun_script.page_name = page
        message.rerun_script.context_info.url = f"{self._url}/{page}"
        message.rerun_script.context_info.timezone = "UTC"
        message.rerun_script.context_info.locale = "en"
        await self._open_socket().send(message.SerializeToString())

    async def _drawn(self) -> tuple[int, str]:
        """Return the bytes received until the page had run to its end, and what it said went wrong."""
        size, seen, wrong = 0, False, ""
        while True:
            data = await self._open_socket().recv(decode=False)
            size += len(data)
            message: Any = ForwardMsg.FromString(data)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                seen, wrong = False, ""
            elif kind == "navigation":
                self._pages = {p.url_pathname: p.page_script_hash for p in message.navigation.app_pages}
            elif kind == "delta":
                seen = seen or message.delta.add_block.id.endswith(_DRAWN)
                failed = message.delta.new_element.WhichOneof("type") == "exception"
                wrong = message.delta.new_element.exception.type or "exception" if failed else wrong
            elif kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return size, wrong or ("" if seen else "the page ended before its last line")

    def _open_socket(self) -> ClientConnection:
        if self._socket is None:
            raise RuntimeError("use `async with Visitor(...)`")
        return self._socket
