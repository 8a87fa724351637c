"""DefiLlama's two answers: what to ask, on which condition, and what each answer means. Stores nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from dexposure_core.errors import DexposureError, FetchFailed, SourceChanged
from dexposure_core.sources.border import one_line, shown
from dexposure_core.sources.defillama_payload import check
from dexposure_core.sources.defillama_raw import LIST, listing
from dexposure_core.sources.fetch.client import Again, Answer, Client, whole_json
from dexposure_core.sources.fetch.places import place, segment
from dexposure_core.sources.fetch.raw import Entry, RawFolder

_LONGEST_SLUG: Final = 200
_COMPLAINT: Final = 2000


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one protocol: an answer (200, 304, or that there is no such protocol) or an error."""

    slug: str
    answer: Answer | None = None
    days: int = 0
    error: DexposureError | None = None


class Llama:
    """Asks the service about protocols; reads the raw folder to ask only for what is newer."""

    def __init__(self, client: Client, raw: RawFolder) -> None:
        self._client, self._raw = client, raw

    def url(self, key: str) -> str:
        """Return the address of a protocol's answer, or of the list."""
        return f"{self._client.base}{LIST}" if key == LIST else f"{self._client.base}/protocol/{segment(key)}"

    def list(self) -> Answer:
        """Return the list of protocols: new, or status 304.

        Raises:
            SourceChanged: when it has another shape.
            FetchFailed: when it cannot be had.
        """
        answer = self._client.get(self.url(LIST), self._conditions(LIST), _check_list)
        if answer.status not in (200, 304):
            raise FetchFailed(f"{place(answer.url)}: HTTP {answer.status}; check the base URL")
        return answer

    def protocol(self, slug: str) -> Outcome:
        """Ask for one protocol; all that can go wrong with it is in the outcome."""
        entry = self._raw.entries.get(slug)
        days = 0

        def look(answer: Answer) -> None:
            nonlocal days
            _complaint(answer.body)
            try:
                days = check(slug, answer.body, days_before=entry.days if entry else 0).days
            except msgspec.DecodeError as error:
                raise Again(f"the answer is not valid JSON or truncated ({error})") from None

        try:
            answer = self._client.get(self.url(slug), self._conditions(slug), look)
        except (FetchFailed, SourceChanged) as error:
            return Outcome(slug=slug, error=error)
        if answer.status == 200 or vanished(answer) or (answer.status == 304 and self._raw.has(entry)):
            return Outcome(slug=slug, answer=answer, days=days)
        return Outcome(slug=slug, error=FetchFailed(f"{self.url(slug)}: HTTP {answer.status}; try again later"))

    def _conditions(self, key: str) -> Mapping[str, str]:
        entry = self._raw.entries.get(key)
        if entry is None or entry.url != self.url(key) or not self._raw.has(entry):
            return {}
        known = {"If-None-Match": entry.etag, "If-Modified-Since": entry.last_modified}
        return {name: value for name, value in known.items() if value}


def received(answer: Answer, url: str, moment: str, run: str, days: int) -> Entry:
    """Return the entry of a payload that just came."""
    return Entry(
        url=url, state="kept", status=answer.status, checked=moment, fetched=moment, days=days, run=run,
        etag=_short(answer.headers.get("etag")), last_modified=_short(answer.headers.get("last-modified")),
    )  # fmt: skip


def vanished(answer: Answer) -> bool:
    """Return whether the service says that it has no such protocol; DefiLlama says so with status 400."""
    return answer.status in (404, 410) or (answer.status == 400 and b"not found" in answer.body.lower())


def usable(slug: str) -> bool:
    """Return whether a slug can be asked for; a name with a slash would be another path."""
    return 0 < len(slug) <= _LONGEST_SLUG and slug.isprintable() and "/" not in slug and slug.strip(".") != ""


def _complaint(body: bytes) -> None:
    """Raise `Again` for an error that comes with status 200, as gateways send it."""
    if len(body) > _COMPLAINT or b'"chainTvls"' in body:
        return
    try:
        answer = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return
    if isinstance(answer, dict) and "id" not in answer:
        words = next((answer[key] for key in ("message", "error") if isinstance(answer.get(key), str)), None)
        if words is not None:
            raise Again(f"answers with {shown(words)}")


def _check_list(answer: Answer) -> None:
    try:
        entries = listing(answer.body)
    except msgspec.ValidationError as error:
        whole_json(answer.body)
        raise SourceChanged(one_line(f"defillama: list of protocols: {error}; nothing was fetched")) from None
    except msgspec.DecodeError as error:
        raise Again(f"the answer is not valid JSON or truncated ({error})") from None
    if not entries:
        raise SourceChanged("defillama: list of protocols: empty; nothing was fetched, try again later")


def _short(header: str | None) -> str:
    return header if header and len(header) <= 400 and header.isprintable() else ""
