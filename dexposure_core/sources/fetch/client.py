"""A polite HTTP client: it waits its turn, backs off, follows redirects by hand and never reads more than it may.

What failed for the moment (timeouts, broken connections, 408, 425, 429, 5xx, answers that end too early) is tried again
after a growing wait; what will not change (404, 401, a redirect that must not be followed) is not. A token goes to the
origin it belongs to and nowhere else: redirects are followed one by one, and another origin gets a request without it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Self, TypeVar

import httpx
import msgspec

from dexposure_core.errors import FetchFailed
from dexposure_core.sources.border import one_line
from dexposure_core.sources.fetch.pace import PATIENCE, Pace, retry_after, wait_after
from dexposure_core.sources.fetch.places import is_local, origin, place, redirected
from dexposure_core.sources.published_index import without_nan

T = TypeVar("T")
AGENT: Final = "dexposure-monitor (python-httpx)"
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_HOPS: Final = 6
_FOR_NOW: Final = frozenset({408, 425, 429, *range(500, 600)})
_CHUNK: Final = 1 << 16
_SLOWEST: Final = 20
"""An API's answer may take this many timeouts in all, however steadily it drips."""


class Again(Exception):
    """This attempt failed, the next may not.

    `asked` is the wait in seconds that the service asked for; `moved` says that the attempt brought something all the
    same, so that patience starts anew.
    """

    def __init__(self, reason: str, asked: float | None = None) -> None:
        super().__init__(reason)
        self.asked, self.moved = asked, False


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a service said: the URL that answered in the end, its status, headers (names in small letters) and body."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Manners:
    """How a client behaves: retries after the first attempt, seconds of silence it bears, bytes it takes, its token."""

    retries: int
    timeout: float
    limit: int
    token: str | None = field(default=None, repr=False)


class Client:
    """Asks one service; safe to use from several threads. Close it, or use it as a context manager."""

    def __init__(self, base: str, pace: Pace, manners: Manners) -> None:
        self.base, self.pace, self.manners = base, pace, manners
        self._http = httpx.Client(
            timeout=httpx.Timeout(manners.timeout), follow_redirects=False, headers={"User-Agent": AGENT},
            trust_env=not is_local(origin(base)[1]),  # no proxy leads to this machine
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(
        self, url: str, headers: Mapping[str, str] | None = None, check: Callable[[Answer], None] | None = None
    ) -> Answer:
        """Return the answer, whole and unpacked, of whatever status is final.

        Args:
            url: absolute.
            headers: more request headers (conditions).
            check: looks at every answer with status 200 and raises `Again` if it is not worth keeping.

        Raises:
            FetchFailed: when every attempt failed, or the answer is larger than allowed.
        """

        def once() -> Answer:
            with self.stream(url, {"Accept-Encoding": "gzip", **(headers or {})}) as response:
                answer = self._whole(response)
            if check is not None and answer.status == 200:
                check(answer)
            return answer

        return self.persist(url, once)

    def persist(self, url: str, once: Callable[[], T]) -> T:
        """Call `once` until it does not raise `Again`, waiting longer each time.

        Raises:
            FetchFailed: after the last attempt, or when the service asks for more patience than we have.
        """
        tried = 0
        while True:
            self.pace.take()
            try:
                return once()
            except Again as trouble:
                tried = 1 if trouble.moved else tried + 1
                self._wait(url, tried, one_line(str(trouble)), trouble.asked)

    def _wait(self, url: str, tried: int, reason: str, asked: float | None) -> None:
        if asked is not None and asked > PATIENCE:
            raise FetchFailed(f"{place(url)}: {reason}, asks us to wait {asked:.0f} s; run the command again then")
        if tried > self.manners.retries:
            tries = f"{tried} attempts" if tried > 1 else "1 attempt"
            raise FetchFailed(f"{place(url)}: {reason} ({tries}); run the same command again to go on from here")
        wait = wait_after(tried, asked, self.pace.clock)
        if asked is not None:
            self.pace.hold(wait)
        self.pace.clock.sleep(wait)

    @contextmanager
    def stream(self, url: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """Open one answer, following redirects; its body is read as it comes, undecoded, by the caller.

        Raises:
            Again: for what may pass: broken or silent connections, 408, 425, 429, 5xx, also while the body is read.
            FetchFailed: for a redirect that must not be followed.
        """
        home = origin(self.base)
        try:
            for _ in range(_HOPS):
                token = self.manners.token if origin(url) == home else None
                own = {"Authorization": f"Bearer {token}"} if token else {}
                with self._http.stream("GET", url, headers={**headers, **own}) as response:
                    if response.status_code not in _REDIRECTS:
                        self._final(response)
                        yield response
                        return
                    url = redirected(url, response.headers.get("location", ""))
        except httpx.TimeoutException as error:
            raise Again(f"no answer within {self.manners.timeout:g} s ({type(error).__name__})") from None
        except (httpx.TransportError, httpx.StreamError, httpx.InvalidURL) as error:
            raise Again(f"connection failed: {str(error) or type(error).__name__}") from None
        raise FetchFailed(f"{place(url)}: redirected more than {_HOPS - 1} times; check the base URL")

    def _final(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in _FOR_NOW:
            asked = retry_after(response.headers.get("retry-after"), self.pace.clock)
            raise Again(f"HTTP {status} {response.reason_phrase}".strip(), asked)

    def _whole(self, response: httpx.Response) -> Answer:
        """Read a body within the limits of size and time, and unpack it.

        A packed body is unpacked piece by piece, never more than the limit at once, so that a bomb does not go off.
        """
        clock, limit, url = self.pace.clock, self.manners.limit, str(response.url)
        unpack = _unpacker(response.headers.get("content-encoding", ""))
        last = clock.ticks() + _SLOWEST * self.manners.timeout
        parts: list[bytes] = []
        size = 0
        for chunk in response.iter_raw(_CHUNK):
            part = unpack(chunk, limit - size + 1)
            size += len(part)
            if size > limit:
                what = f"{place(url)}: answers with more than {limit / 1e6:.0f} MB"
                raise FetchFailed(f"{what}; raise DEXPOSURE_FETCH_PAYLOAD_MB if that is right")
            if clock.ticks() > last:
                raise Again(f"answer not complete after {_SLOWEST * self.manners.timeout:g} s")
            parts.append(part)
        unpack.finish()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(url=url, status=response.status_code, headers=headers, body=b"".join(parts))


def whole_json(body: bytes) -> None:
    """Look at an answer that could not be used: is it another shape, or not all of it?

    Raises:
        Again: when it is no JSON, or ends too early.
    """
    try:
        msgspec.json.decode(without_nan(body))
    except msgspec.DecodeError as error:
        raise Again(f"the answer is not valid JSON or truncated ({error})") from None


class _Plain:
    """A body that is not packed."""

    def __call__(self, chunk: bytes, limit: int) -> bytes:
        del limit
        return chunk

    def finish(self) -> None:
        """Nothing can be missing that the connection did not miss."""


class _Gzip:
    """A gzip body, unpacked within limits."""

    def __init__(self) -> None:
        self._unpack = zlib.decompressobj(wbits=31)
        self._seen = False

    def __call__(self, chunk: bytes, limit: int) -> bytes:
        """Return at most `limit` bytes more.

        Raises:
            Again: if the bytes are not gzip.
        """
        self._seen = True
        try:
            return self._unpack.decompress(chunk, limit)
        except zlib.error as error:
            raise Again(f"damaged gzip answer ({error})") from None

    def finish(self) -> None:
        """Raise `Again` if the end is missing."""
        if self._seen and not self._unpack.eof:
            raise Again("truncated gzip answer")


def _unpacker(encoding: str) -> _Plain | _Gzip:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return _Plain()
    if name in ("gzip", "x-gzip"):
        return _Gzip()
    raise Again(f"answer packed as {name[:20]!r}, which was not asked for")
