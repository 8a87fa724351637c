"""A service on this machine that answers like the real ones, and misbehaves when a test says so.

`Service.pages` maps a path to what it answers; `Service.faults` maps a path to misbehaviours, used up one a request.
Everything asked is in `Service.asked`: path and headers (names in small letters).
"""

from __future__ import annotations

import email.utils
import gzip
import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MONDAY = 1_704_672_000  # 8 January 2024, midnight UTC
WEEK = 7 * 86_400
Fault = Callable[["Handler"], None]


@dataclass
class Page:
    """One answer: content, whether conditions and ranges are understood, where it redirects."""

    body: bytes = b""
    etag: str | None = None
    modified: str | None = None
    status: int = 200
    ranges: bool = False
    location: str | None = None
    packed: bool = False
    headers: dict[str, str] = field(default_factory=dict)


class Service:
    """Runs until closed; `url` is where."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.delay = 0.0
        self.open = self.most_open = 0
        self.lock = threading.Lock()
        self._http = _Quiet(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._http.service = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def put(self, path: str, content: Any, **more: Any) -> Page:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        more.setdefault("etag", f'"{hashlib.sha256(body).hexdigest()[:12]}"')
        self.pages[path] = Page(body=body, **more)
        return self.pages[path]

    def fail(self, path: str, *faults: Fault) -> None:
        self.faults[path] = list(faults)

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


class _Quiet(ThreadingHTTPServer):
    """A server that does not talk about clients that were killed."""

    def handle_error(self, *_: object) -> None:
        pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def service(self) -> Service:
        return self.server.service  # type: ignore[attr-defined, no-any-return]

    def do_GET(self) -> None:
        service = self.service
        with service.lock:
            service.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
            service.open += 1
            service.most_open = max(service.most_open, service.open)
            queue = service.faults.get(self.path) or service.faults.get(self.path.split("?")[0])
            fault = queue.pop(0) if queue else None
        try:
            time.sleep(service.delay)
            if fault:
                fault(self)
            else:
                self.answer(service.pages.get(self.path) or service.pages.get(self.path.split("?")[0]))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with service.lock:
                service.open -= 1

    def answer(self, page: Page | None) -> None:
        if page is None:
            self.reply(404, b'{"message":"not here"}')
        elif page.location:
            self.reply(302, b"", Location=page.location, **page.headers)
        elif page.etag and self.headers.get("If-None-Match") == page.etag:
            self.reply(304, b"", ETag=page.etag)
        elif page.modified and self.headers.get("If-Modified-Since") == page.modified:
            self.reply(304, b"")
        else:
            self.content(page)

    def content(self, page: Page) -> None:
        headers = {**page.headers, **({"ETag": page.etag} if page.etag else {})}
        headers |= {"Last-Modified": page.modified} if page.modified else {}
        asked = self.headers.get("Range")
        if page.ranges and asked and self.headers.get("If-Range") in (None, page.etag):
            start = int(asked.removeprefix("bytes=").split("-")[0])
            if start >= len(page.body):
                self.reply(416, b"", **{"Content-Range": f"bytes */{len(page.body)}"})
                return
            headers["Content-Range"] = f"bytes {start}-{len(page.body) - 1}/{len(page.body)}"
            self.reply(206, page.body[start:], **headers)
        elif page.packed and "gzip" in self.headers.get("Accept-Encoding", ""):
            self.reply(page.status, gzip.compress(page.body), **{"Content-Encoding": "gzip"}, **headers)
        else:
            self.reply(page.status, page.body, **headers)

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def status(code: int, **headers: str) -> Fault:
    """Answer with a status and nothing else."""
    return lambda handler: handler.reply(code, b"{}", **headers)


def says(body: bytes, code: int = 200, **headers: str) -> Fault:
    """Answer with other content."""
    return lambda handler: handler.reply(code, body, **headers)


def later(seconds: float) -> str:
    """A Retry-After header as a date."""
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


def silence(seconds: float) -> Fault:
    """Say nothing for a while, then hang up."""

    def fault(handler: Handler) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return fault


def cut(after: int) -> Fault:
    """Promise the whole content, send its beginning, hang up."""

    def fault(handler: Handler) -> None:
        page = handler.service.pages[handler.path.split("?")[0]]
        body, start = page.body, 0
        if page.ranges and (asked := handler.headers.get("Range")):
            start = int(asked.removeprefix("bytes=").split("-")[0])
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if page.etag:
            handler.send_header("ETag", page.etag)
        handler.send_header("Content-Length", str(len(body) - start))
        handler.end_headers()
        handler.wfile.write(body[start : start + after])
        handler.wfile.flush()
        handler.close_connection = True

    return fault


def days(first: int, count: int, step: int = WEEK, **tokens: float) -> list[dict[str, Any]]:
    """A token list of the real shape: `count` dates, amounts rising by a tenth each."""
    return [
        {"date": first + n * step, "tokens": {name: usd * (1 + n / 10) for name, usd in tokens.items()}}
        for n in range(count)
    ]


def protocol(number: int, name: str, symbol: str, weeks: int = 3, **tokens: float) -> dict[str, Any]:
    """One `/protocol/{slug}` answer: a chain with tokens in USD and in units, and fields nobody reads."""
    usd = days(MONDAY, weeks, **tokens)
    units = days(MONDAY, weeks, **{token: amount / 2 for token, amount in tokens.items()})
    chain = {"tvl": [{"date": d["date"], "totalLiquidityUSD": sum(d["tokens"].values())} for d in usd]}
    return {
        "id": str(number), "name": name, "url": "https://example.org", "symbol": symbol, "category": "Lending",
        "chains": ["Ethereum"], "currentChainTvls": {"Ethereum": 1.0}, "tvl": chain["tvl"],
        "chainTvls": {"Ethereum": {**chain, "tokensInUsd": usd, "tokens": units}},
    }  # fmt: skip


def listed(number: int, name: str, slug: str, symbol: str, tvl: float = 1e6, **more: Any) -> dict[str, Any]:
    """One entry of `/protocols`."""
    return {
        "id": str(number), "name": name, "slug": slug, "symbol": symbol, "category": "Lending",
        "chains": ["Ethereum"], "tvl": tvl, "chainTvls": {"Ethereum": tvl}, "change_1d": 0.1, **more,
    }  # fmt: skip


def small_world(service: Service) -> None:
    """Three protocols that hold each other's tokens, and one that is only listed."""
    service.put("/protocols", [
        listed(1, "Lend", "lend", "LND", 9e6), listed(2, "Swap & Go", "swap-&-go", "SWP", 5e6),
        listed(3, "Vault", "vault", "VLT", 1e6), listed(4, "Mint", "mint", "MNT", 8e6),
    ])  # fmt: skip
    service.put("/protocol/lend", protocol(1, "Lend", "LND", SWP=100.0, MNT=50.0))
    service.put("/protocol/swap-%26-go", protocol(2, "Swap & Go", "SWP", LND=300.0, VLT=20.0))
    service.put("/protocol/vault", protocol(3, "Vault", "VLT", LND=10.0, SWP=70.0))
    service.put("/protocol/mint", protocol(4, "Mint", "MNT", WETH=500.0))
