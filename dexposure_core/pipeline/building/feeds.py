"""From a feed of dated holdings to a vintage: tokens mapped once, then one network after the other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl

from dexposure_core import settings
from dexposure_core.network.issuers import own_issuers, protocols_of
from dexposure_core.network.period import FINDINGS, PROTOCOLS, finding, findings_frame
from dexposure_core.network.sums import total
from dexposure_core.pipeline.building.build import Plan, build
from dexposure_core.pipeline.building.overriding import overriding
from dexposure_core.pipeline.engines import DEFAULT, Weeks, find_engine
from dexposure_core.progress import Progress, silent

if TYPE_CHECKING:
    from dexposure_core.store.manifest import SourceLike


class Feed(Protocol):
    """Dated holdings, whoever made them; see `sources.feed.HoldingsFeed`."""

    @property
    def sources(self) -> Sequence[SourceLike]: ...  # noqa: D102
    @property
    def frequency(self) -> str: ...  # noqa: D102
    @property
    def dates(self) -> list[dt.date]: ...  # noqa: D102
    @property
    def protocols(self) -> pl.DataFrame: ...  # noqa: D102
    @property
    def tokens(self) -> pl.DataFrame: ...  # noqa: D102
    @property
    def findings(self) -> pl.DataFrame: ...  # noqa: D102
    def periods(self) -> Iterator[tuple[dt.date, pl.DataFrame]]:
        """Yield each snapshot date with its holdings, ascending."""

    def load(self, date: dt.date, /) -> pl.DataFrame:
        """Return the holdings of one of the dates."""


def build_feed(
    feed: Feed,
    place: str,
    store_dir: str | Path,
    *,
    kind: str,
    chains: str = "default",
    extra: Mapping[str, Any] | None = None,
    events: pl.DataFrame | None = None,
    simulated: bool = False,
    overrides: str | Path | pl.DataFrame | None = None,
    engine: str = DEFAULT,
    progress: Progress = silent,
) -> str:
    """Build a vintage from any feed of holdings.

    Args:
        feed: dated holdings with their protocols and tokens.
        place: what to call the input in a message.
        store_dir: folder of vintages.
        kind: what the input is, for the manifest's parameters.
        chains: which chains count; see `network.build.from_holdings`.
        extra: more parameters for the manifest.
        events: rows of the events table.
        simulated: whether the data are simulated.
        overrides: a person's issuers of tokens: a file, or the rows another manifest kept.
        engine: where the weeks are computed; see `pipeline.engines`.
        progress: told of every period.
    """
    from dexposure_core.pipeline.building.known import issuers, listed, stated

    theta = settings.load().theta
    told = overriding(overrides)
    listings, said = listed(feed.protocols), stated(feed.tokens)
    tokens = issuers(feed.tokens, listings, said, theta, told)
    plan = Plan(
        place=place, sources=(*feed.sources, *told.sources), dates=feed.dates, frequency=feed.frequency,
        parameters={"source": kind, "chains": chains, "theta": theta, **(extra or {}), **told.parameters},
        simulated=simulated, findings=of_whole_input(feed.findings, review(tokens, feed.tokens)),
        events=events, tokens=tokens, listings=listings, stated=said, today=None if simulated else today(),
        overrides=told.rows,
    )  # fmt: skip
    weeks = find_engine(engine)(weeks_of(feed, tokens, chains))
    return build(weeks, plan, store_dir, progress=progress)


def weeks_of(feed: Feed, tokens: pl.DataFrame, chains: str) -> Weeks:
    """Return the weeks of a feed, its tokens mapped."""
    ids = pl.concat([feed.protocols["protocol"], tokens["issuer"].drop_nulls().alias("protocol")])
    names = protocols_of(pl.concat([feed.protocols.select(list(PROTOCOLS)), own_issuers(tokens)]), ids)
    return Weeks(dates=feed.dates, rows=feed.periods, tokens=tokens, names=names, chains=chains)


def of_whole_input(*findings: pl.DataFrame) -> pl.DataFrame:
    """Return findings about the whole input, with a date (null where they have none)."""
    dated = [f if "date" in f.columns else f.with_columns(date=pl.lit(None, pl.Date)) for f in findings]
    return pl.concat([f.select(pl.col("date").cast(pl.Date), *FINDINGS) for f in dated])


def review(tokens: pl.DataFrame, sizes: pl.DataFrame) -> pl.DataFrame:
    """Return a finding about tokens whose issuer is a weak match by text, or one of several, for a person to review."""
    threshold = settings.load().review
    unsure = (pl.col("score") < threshold) | (pl.col("alternatives") != "")
    weak = tokens.filter((pl.col("method") == "similarity") & unsure)
    if weak.is_empty():
        return findings_frame([])
    sized = weak.join(sizes.select("token", "usd"), on="token", how="left").sort(
        "usd", "token", descending=[True, False]
    )
    place = ", ".join(f"{token} to {issuer}" for token, issuer in sized.select("token", "issuer").head(3).iter_rows())
    action = f"mapped although similarity is below {threshold:g} or several are alike; see `dexposure tokens review`"
    name = "issuer by text, to review"
    return findings_frame(
        [finding("info", name, place=place, rows=weak.height, usd=total(sized["usd"]), action=action)]
    )


def today() -> dt.date:
    """Return the day in UTC, to judge the age of data by."""
    return dt.datetime.now(dt.UTC).date()
