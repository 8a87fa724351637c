"""Fetch DefiLlama: the list of protocols, then `/protocol/{slug}` of each, into a raw folder.

The API has no "since": every answer holds the whole history. What has not changed is not sent again (ETag,
Last-Modified), an unfinished run younger than a day goes on where it stopped, and a protocol that the service no longer
has keeps its last payload. An answer that cannot be read whole is never stored as good: broken JSON is asked for again,
another shape is a `SourceChanged`.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from dexposure_core.errors import BadOption, DexposureError, FetchFailed, SourceChanged, suggest
from dexposure_core.progress import Progress, silent
from dexposure_core.sources.border import one_line, shown
from dexposure_core.sources.defillama_raw import LIST, Listed, listing
from dexposure_core.sources.fetch.client import Answer, Client, Manners
from dexposure_core.sources.fetch.disk import alone
from dexposure_core.sources.fetch.llama import Llama, Outcome, received, usable, vanished
from dexposure_core.sources.fetch.pace import Clock, Pace
from dexposure_core.sources.fetch.raw import Entry, RawFolder, Run, State

ALL: Final = "all"
_RESUME_WITHIN: Final = dt.timedelta(days=1)
_FAILURES_IN_A_ROW: Final = 8
_CHANGES: Final = 5


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to fetch and how: base URL, slugs (None: all that are listed), requests at once, requests a second."""

    base: str
    protocols: tuple[str, ...] | None = None
    concurrency: int = 4
    rate: float = 5.0
    keep_going: bool = False


@dataclass(kw_only=True)
class Tally:
    """What a run did, in protocols; `bytes` of what is new, as unpacked.

    Attributes:
        wanted: how many belong to the run.
        resumed: already there from the same run, begun before.
        new: payloads that are new or have changed.
        unchanged: payloads the service had no newer version of.
        gone: no longer offered.
        failed: slug → what went wrong.
    """

    wanted: int = 0
    resumed: int = 0
    new: int = 0
    unchanged: int = 0
    gone: int = 0
    bytes: int = 0
    failed: dict[str, DexposureError] = field(default_factory=dict)


def fetch(
    folder: str | Path, order: Order, manners: Manners, *, clock: Clock | None = None, progress: Progress = silent
) -> Tally:
    """Bring a raw folder up to date and return what was done.

    Args:
        folder: the raw folder; created when missing, held while at work.
        order: what to fetch.
        manners: retries, timeout and the largest answer accepted.
        clock: the time.
        progress: told of every protocol.

    Raises:
        SourceChanged: when an answer has another shape; what was stored before stays.
        FetchFailed: when something could not be had after all retries; the same call goes on from there.
        BadOption: when a protocol that was asked for by name does not exist.
        BadInput: when the folder cannot be written.
    """
    clock = clock or Clock()
    with alone(Path(folder)), Client(order.base, Pace(order.rate, clock=clock), manners) as client:
        raw = RawFolder(folder)
        raw.open()
        try:
            return _Walk(raw, Llama(client, raw), order, clock).walk(progress)
        finally:
            raw.settle()


class _Walk:
    """One run over the protocols: asks in threads, stores in this one."""

    def __init__(self, raw: RawFolder, llama: Llama, order: Order, clock: Clock) -> None:
        self._raw, self._llama, self._order, self._clock = raw, llama, order, clock
        self._tally, self._in_a_row = Tally(), 0
        self._offered: list[str] = []
        self._run = self._begin()

    def _begin(self) -> Run:
        """Return the run to go on with: the last one when it is unfinished, young and the same; else a new one."""
        last, now = self._raw.run, self._clock.now()
        base = self._order.base
        wanted = ALL if self._order.protocols is None else ",".join(sorted(self._order.protocols))
        if last and not last.complete and (last.base, last.wanted) == (base, wanted) and _young(last, now):
            return last
        run = Run(name=f"{now.isoformat(timespec='seconds')} {secrets.token_hex(4)}", base=base, wanted=wanted)
        self._raw.begin(run)
        return run

    def walk(self, progress: Progress) -> Tally:
        """Fetch the list, then everything that is still wanted."""
        if not self._done(LIST):
            self._store(LIST, self._llama.list(), 0)
        slugs = self._wanted(listing(self._raw.body(LIST)))
        todo = [slug for slug in slugs if not self._done(slug)]
        self._tally.wanted, self._tally.resumed = len(slugs), len(slugs) - len(todo)
        with closing(self._outcomes(todo)) as outcomes:
            for done, outcome in enumerate(outcomes, start=1):
                self._settle(outcome)
                progress(done, len(todo), outcome.slug[:24])
        if self._tally.failed and not self._order.keep_going:
            self._refuse()
        self._raw.begin(msgspec.structs.replace(self._run, complete=True))
        return self._tally

    def _done(self, key: str) -> bool:
        entry = self._raw.entries.get(key)
        if entry is None or entry.run != self._run.name or entry.state == "failed":
            return False
        return not entry.file or self._raw.has(entry)

    def _wanted(self, listed: Sequence[Listed]) -> list[str]:
        """Return the slugs of this run; those asked for by hand may be slugs, or names as they are listed."""
        self._offered = list(dict.fromkeys(entry.slug for entry in listed if usable(entry.slug)))
        if self._order.protocols is None:
            known = set(self._offered)
            before = (k for k, e in self._raw.entries.items() if k != LIST and k not in known and e.state != "gone")
            return [*self._offered, *sorted(before)]
        by_name = {entry.name.lower(): entry.slug for entry in listed}
        by_slug = {slug.lower(): slug for slug in self._offered}
        asked = [by_slug.get(p.lower()) or by_name.get(p.lower()) or p for p in self._order.protocols]
        if wrong := next((slug for slug in asked if not usable(slug)), None):
            raise BadOption(one_line(f"--protocols: {shown(wrong)} cannot be the slug of a protocol; see {LIST}"))
        return list(dict.fromkeys(asked))

    def _outcomes(self, todo: Sequence[str]) -> Generator[Outcome, None, None]:
        """Yield what became of each slug, as it comes; never more requests open than allowed."""
        slugs, waiting = iter(todo), set[Future[Outcome]]()
        pool = ThreadPoolExecutor(self._order.concurrency, thread_name_prefix="fetch")
        try:
            while True:
                free = range(self._order.concurrency - len(waiting))
                waiting |= {pool.submit(self._llama.protocol, slug) for _, slug in zip(free, slugs, strict=False)}
                if not waiting:
                    return
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            if waiting:
                self._clock.stop()
            pool.shutdown(cancel_futures=True)

    def _settle(self, outcome: Outcome) -> None:
        """Store what came, or note why nothing did.

        Raises:
            FetchFailed, SourceChanged: when it makes no sense to go on.
        """
        if outcome.answer is not None:
            self._in_a_row = 0
            self._store(outcome.slug, outcome.answer, outcome.days)
            return
        error = outcome.error or FetchFailed(outcome.slug)
        self._tally.failed[outcome.slug] = error
        self._note(outcome.slug, "failed", 0, note=str(error))
        self._in_a_row += 1
        changed = sum(isinstance(e, SourceChanged) for e in self._tally.failed.values())
        if self._in_a_row >= _FAILURES_IN_A_ROW or changed >= _CHANGES:
            self._refuse()

    def _store(self, key: str, answer: Answer, days: int) -> None:
        if vanished(answer):
            self._vanish(key, answer)
            return
        before = self._raw.entries.get(key)
        if answer.status == 200:
            url = self._llama.url(key)
            entry = self._raw.keep(key, answer.body, received(answer, url, self._now(), self._run.name, days))
            same = before is not None and before.sha256 == entry.sha256
            self._tally.bytes += 0 if same else entry.bytes
        else:
            same = True
            self._note(key, "kept", answer.status)
        if key != LIST:
            self._tally.unchanged += same
            self._tally.new += not same

    def _vanish(self, slug: str, answer: Answer) -> None:
        """Mark a protocol that the service no longer has; its last payload stays."""
        if self._order.protocols is not None and slug not in self._raw.entries and slug not in self._offered:
            raise BadOption(f"--protocols: the service has no protocol {shown(slug)}{suggest(slug, self._offered)}")
        self._tally.gone += 1
        self._note(slug, "gone", answer.status, note="no longer offered")

    def _note(self, key: str, state: State, status: int, note: str = "") -> None:
        entry = self._raw.entries.get(key) or Entry(url=self._llama.url(key), state=state, status=0, checked="")
        changed = msgspec.structs.replace(
            entry, state=state, status=status, checked=self._now(), run=self._run.name, note=note[:300]
        )
        self._raw.note(key, changed)

    def _refuse(self) -> None:
        """Raise the first failure, a changed service before a silent one, and say how many there were."""
        errors = sorted(self._tally.failed.values(), key=lambda e: not isinstance(e, SourceChanged))
        more = f" (and {len(errors) - 1} more of {self._tally.wanted} protocols)" if len(errors) > 1 else ""
        raise type(errors[0])(f"{errors[0]}{more}")

    def _now(self) -> str:
        return self._clock.now().isoformat(timespec="seconds")


def _young(run: Run, now: dt.datetime) -> bool:
    try:
        begun = dt.datetime.fromisoformat(run.name.split(" ")[0])
    except ValueError:
        return False
    return begun.tzinfo is not None and now - begun < _RESUME_WITHIN
