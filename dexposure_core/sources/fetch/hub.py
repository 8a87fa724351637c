"""The hub: what a repository holds, where each file is, and what its refusals mean.

    GET /api/{datasets|models}/{repo}/tree/{revision}?recursive=true    path, size, sha256 (LFS) or git oid of files
    GET /{datasets/ or nothing}{repo}/resolve/{revision}/{path}         a file; usually redirects to a storage host

A list longer than a page goes on where the header `Link: <...>; rel="next"` says, on the same host only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urljoin

import msgspec

from dexposure_core.errors import AccessDenied, BadOption, FetchFailed, SourceChanged
from dexposure_core.sources.border import one_line, shown
from dexposure_core.sources.fetch.client import Again, Answer, Client, whole_json
from dexposure_core.sources.fetch.partial import Wanted
from dexposure_core.sources.fetch.places import origin, place, segment

if TYPE_CHECKING:
    import httpx

TOKENS: Final = ("DEXPOSURE_HF_TOKEN", "HF_TOKEN")
KINDS: Final = {"datasets": "datasets/", "models": ""}
"""Kind of repository → what stands before its name in an address."""
_PAGES: Final = 1000
_NEXT: Final = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')


_Bytes = Annotated[int, msgspec.Meta(ge=0)]


class _Lfs(msgspec.Struct, kw_only=True):
    oid: str
    size: _Bytes


class Item(msgspec.Struct, kw_only=True):
    """One entry of a list: a file or a folder."""

    type: str
    path: str
    size: _Bytes = 0
    oid: str = ""
    lfs: _Lfs | None = None

    @property
    def whole(self) -> int:
        """Bytes of the file itself."""
        return self.lfs.size if self.lfs else self.size


_ITEMS: Final = msgspec.json.Decoder(list[Item])


def token_of(environment: Mapping[str, str] | None = None) -> str | None:
    """Return the hub's token from the environment, None when there is none.

    Raises:
        BadOption: when it holds characters no token has (its value is not shown).
    """
    env = os.environ if environment is None else environment
    for name in TOKENS:
        if token := env.get(name, "").strip():
            if not re.fullmatch(r"[\x21-\x7e]+", token):
                raise BadOption(f"{name}: holds spaces or characters that no token has; copy it again")
            return token
    return None


class Hub:
    """One repository at one revision.

    Attributes:
        repo: OWNER/NAME.
        kind: datasets or models, once the list was read.
    """

    def __init__(self, client: Client, repo: str, revision: str, kinds: Sequence[str]) -> None:
        self._client, self.repo, self._revision, self._kinds = client, repo, revision, kinds
        self.kind = kinds[0]

    def files(self) -> list[Item]:
        """Return all files; a name without datasets/ or models/ is looked for as either.

        Raises:
            AccessDenied, FetchFailed, SourceChanged: when there is no such list.
        """
        for kind in self._kinds:
            self.kind = kind
            items = list(self._pages())
            if items:
                return [item for item in items if item.type == "file"]
        what = f"no files in {self.repo} at revision {shown(self._revision)}"
        raise FetchFailed(f"huggingface: {what}; check --repo and --revision")

    def _pages(self) -> Iterator[Item]:
        url = f"{self._client.base}/api/{self.kind}/{self.repo}/tree/{segment(self._revision)}?recursive=true"
        for _ in range(_PAGES):
            answer = self._client.get(url, check=_check_page)
            if answer.status == 404 or self._maybe_other_kind(answer):
                return
            if answer.status != 200:
                self._denied(answer.status)
                raise FetchFailed(f"{place(url)}: HTTP {answer.status}; check the base URL")
            yield from _ITEMS.decode(answer.body)
            following = _NEXT.search(answer.headers.get("link", ""))
            if following is None:
                return
            url = urljoin(url, following[1])
            if origin(url) != origin(self._client.base):
                raise SourceChanged(f"huggingface: list of files: goes on at another host, {place(url)}; not followed")
        raise SourceChanged(f"huggingface: list of files: longer than {_PAGES} pages; check --repo")

    def _maybe_other_kind(self, answer: Answer) -> bool:
        """Return whether a refusal only says that there is no such repository of this kind (asked without a token)."""
        missing = answer.status == 401 and answer.headers.get("x-error-code") == "RepoNotFound"
        return missing and self.kind != self._kinds[-1]

    def wanted(self, item: Item) -> Wanted:
        """Return where a file is and what proves it.

        Raises:
            SourceChanged: when the list gives no sum.
        """
        path = "/".join(segment(part) for part in item.path.split("/"))
        revision = segment(self._revision)
        url = f"{self._client.base}/{KINDS[self.kind]}{self.repo}/resolve/{revision}/{path}"
        sha256, git = (item.lfs.oid.removeprefix("sha256:"), "") if item.lfs else ("", item.oid)
        if not re.fullmatch(r"[0-9a-f]{64}" if item.lfs else r"[0-9a-f]{40}", sha256 or git):
            what = f"field {'lfs.oid' if item.lfs else 'oid'}: {shown(sha256 or git)} is not a sum"
            raise SourceChanged(one_line(f"huggingface: list of files: {item.path[:80]}: {what}; nothing was fetched"))
        return Wanted(url=url, size=item.whole, sha256=sha256, git=git)

    def refuse(self, response: httpx.Response) -> None:
        """Raise for an answer that is no file and that the hub, or the host it sent us to, does not mean to change."""
        if origin(str(response.url)) != origin(self._client.base):
            raise Again(f"the storage host {place(str(response.url))} answered HTTP {response.status_code}")
        self._denied(response.status_code)

    def _denied(self, status: int) -> None:
        if status in (401, 403):
            how = how_to(self._client.base, f"{KINDS[self.kind]}{self.repo}")
            if self._client.manners.token is None:
                raise AccessDenied(f"huggingface: {self.repo} wants a token (HTTP {status}); {how}")
            raise AccessDenied(f"huggingface: the token was refused for {self.repo} (HTTP {status}); {how}")


def how_to(base: str, repo: str) -> str:
    """Return what a person does to be let in."""
    return f"accept its conditions at {base}/{repo}, make a token that may read it, and put it into HF_TOKEN"


def _check_page(answer: Answer) -> None:
    try:
        _ITEMS.decode(answer.body)
    except msgspec.ValidationError as error:
        whole_json(answer.body)
        raise SourceChanged(one_line(f"huggingface: list of files: {error}; nothing was fetched")) from None
    except msgspec.DecodeError as error:
        raise Again(f"the answer is not valid JSON or truncated ({error})") from None
