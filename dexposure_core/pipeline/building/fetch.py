"""Fetch, then build: what comes from the network goes into the raw folder first, and a vintage is made from there.

The two steps are apart so that they can run on two machines: fetch where there is a network, carry the folder, import
it where there is none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dexposure_core import settings
from dexposure_core.errors import CorruptVintage, NoVintage
from dexposure_core.progress import Progress, silent

if TYPE_CHECKING:
    from dexposure_core.sources.fetch.client import Manners
    from dexposure_core.store import Store

_KIND: Final = "defillama"
_MAPPING: Final = ("id_to_info.json", "rev_map.json", "token_to_protocol.json")


@dataclass(frozen=True, kw_only=True)
class Where:
    """Where to fetch from and to; what is None is taken from the settings.

    Attributes:
        base_url: the service.
        raw: folder of everything that is fetched.
        allow_http: whether plain http may go to another machine.
    """

    base_url: str | None = None
    raw: Path | None = None
    allow_http: bool = False

    @property
    def folder(self) -> Path:
        """The folder of everything that is fetched."""
        return self.raw or settings.load().raw_dir


def fetch_defillama(
    where: Where,
    *,
    protocols: Sequence[str] | None = None,
    concurrency: int | None = None,
    rate: float | None = None,
    keep_going: bool = False,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Bring the raw folder of DefiLlama up to date.

    Args:
        where: service and folder.
        protocols: slugs or names; None: all that are listed.
        concurrency: requests open at once; None: the setting.
        rate: requests a second; None: the setting.
        keep_going: whether protocols that cannot be had, or have changed, only become findings.
        progress: told of every protocol.

    Returns:
        raw (folder), url, wanted, resumed, new, unchanged, gone, failed (slug → why) and bytes.

    Raises:
        SourceChanged, FetchFailed, BadOption, BadInput: see `sources.fetch.defillama.fetch`.
    """
    from dexposure_core.sources.defillama_raw import FOLDER
    from dexposure_core.sources.fetch import defillama
    from dexposure_core.sources.fetch.places import base_url

    chosen = settings.load()
    base = base_url(where.base_url or chosen.defillama_url, "--base-url", allow_http=where.allow_http)
    folder = where.folder / FOLDER
    order = defillama.Order(
        base=base, protocols=None if protocols is None else tuple(protocols), keep_going=keep_going,
        concurrency=concurrency or chosen.fetch_concurrency, rate=rate or chosen.fetch_rate,
    )  # fmt: skip
    tally = defillama.fetch(folder, order, _manners(), progress=progress)
    return {
        "raw": str(folder), "url": base, "wanted": tally.wanted, "resumed": tally.resumed, "new": tally.new,
        "unchanged": tally.unchanged, "gone": tally.gone, "bytes": tally.bytes,
        "failed": {slug: str(error) for slug, error in sorted(tally.failed.items())},
    }  # fmt: skip


def fetch_huggingface(
    where: Where,
    *,
    repo: str | None = None,
    revision: str = "main",
    files: Sequence[str] = (),
    anonymous: bool = False,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Fetch the published files from a repository on the hub.

    Args:
        where: hub and folder.
        repo: OWNER/NAME; None: the setting.
        revision: branch, tag or commit.
        files: shell patterns; none: the published files.
        anonymous: ask without a token.
        progress: told of megabytes.

    Returns:
        raw (folder), url, repo, revision, files (path → bytes), fetched (paths that came now), and imports: the
        arguments of `dexposure import published` for each file it can read, the largest first.

    Raises:
        AccessDenied, FetchFailed, SourceChanged, BadOption, BadInput: see `sources.fetch.huggingface.fetch`.
    """
    from dexposure_core.sources.fetch import huggingface
    from dexposure_core.sources.fetch.hub import token_of
    from dexposure_core.sources.fetch.places import base_url

    chosen = settings.load()
    base = base_url(where.base_url or chosen.huggingface_url, "--base-url", allow_http=where.allow_http)
    order = huggingface.Order(
        base=base, repo=repo or chosen.huggingface_repo, revision=revision, patterns=tuple(files), anonymous=anonymous,
        limit=int(chosen.fetch_file_gb * 1e9),
    )  # fmt: skip
    token = None if anonymous else token_of()
    result = huggingface.fetch(where.folder, order, _manners(token), progress=progress)
    return {
        "raw": str(result.folder), "url": base, "repo": order.repo, "revision": revision,
        "files": dict(result.files), "fetched": list(result.fetched),
        "imports": _imports(result.folder, result.files),
    }  # fmt: skip


def build_defillama(
    raw: Path, store_dir: Path, *, rebuild: bool = False, progress: Progress = silent
) -> tuple[str, dict[str, Any]]:
    """Publish a vintage of all that lies in a raw folder of DefiLlama.

    The latest vintage of the store is updated when it was made from DefiLlama at weekly frequency and the folder has
    all of its dates: only weeks that are new or revised are computed. Otherwise every week is.

    Args:
        raw: the raw folder.
        store_dir: folder of vintages.
        rebuild: compute every week in any case.
        progress: told of payloads, then of weeks.

    Returns:
        The vintage's id; and base (the vintage updated, or None), added, revised (dates) and kept (how many dates).
    """
    from dexposure_core.pipeline.building.feeds import build_feed
    from dexposure_core.pipeline.building.libraries import BUILDING, load_ahead
    from dexposure_core.sources import defillama

    load_ahead(BUILDING)
    feed = defillama.read(raw, frequency="week", progress=progress)
    base = None if rebuild else _base(store_dir, feed.dates)
    if base is None:
        vintage = build_feed(feed, raw.name, store_dir, kind=_KIND, progress=progress)
        return vintage, {"base": None, "added": [str(date) for date in feed.dates], "revised": [], "kept": 0}
    from dexposure_core.pipeline.building.update import update

    done = update(feed, raw.name, base, store_dir, kind=_KIND, progress=progress)
    added, revised = [str(date) for date in done.added], [str(date) for date in done.revised]
    return done.vintage, {"base": done.base, "added": added, "revised": revised, "kept": done.kept}


def _base(store_dir: Path, dates: Sequence[dt.date]) -> Store | None:
    """Return the latest vintage when it can be updated from a raw folder with these dates."""
    from dexposure_core.store import open_store

    try:
        base = open_store(store_dir)
    except (NoVintage, CorruptVintage):
        return None
    made = (base.manifest.parameters.get("source"), base.manifest.frequency)
    return base if made == (_KIND, "week") and set(base.dates()).issubset(dates) else None


def build_published(arguments: Sequence[str], store_dir: Path, *, progress: Progress = silent) -> str:
    """Publish a vintage of a fetched network file, with what `fetch_huggingface` says goes with it; return its id."""
    from dexposure_core.pipeline.building.ingest import ingest_published

    file, *options = arguments
    beside = dict(zip(options[::2], options[1::2], strict=True))
    meta, mapping = beside.get("--meta"), beside.get("--mapping")
    return ingest_published(file, store_dir, meta=meta, mapping=mapping, progress=progress)


def _imports(folder: Path, files: Mapping[str, int]) -> list[list[str]]:
    """Return the arguments of `import published` for each network file, with --meta and --mapping where there are."""
    named = {Path(path).name: folder / path for path in files}
    more = ["--meta", str(named["meta_df.csv"])] if "meta_df.csv" in named else []
    homes = {named[name].parent for name in _MAPPING if name in named}
    if len(homes) == 1 and all(name in named for name in _MAPPING):
        more += ["--mapping", str(homes.pop())]
    networks = [path for path in files if path.endswith(".json") and Path(path).name not in _MAPPING]
    return [[str(folder / path), *more] for path in sorted(networks, key=lambda path: (-files[path], path))]


def _manners(token: str | None = None) -> Manners:
    from dexposure_core.sources.fetch.client import Manners

    chosen = settings.load()
    return Manners(
        retries=chosen.fetch_retries,
        timeout=chosen.fetch_timeout,
        limit=chosen.fetch_payload_mb * 1_000_000,
        token=token,
    )
