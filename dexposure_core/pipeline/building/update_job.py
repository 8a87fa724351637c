"""What an update works out: which dates changed, who issues what now, and the tables of the dates computed anew."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import polars as pl

from dexposure_core.errors import BadInput
from dexposure_core.network.coverage import NO_AMOUNT, NON_POSITIVE, check, unusable
from dexposure_core.network.health import check_age, check_dates
from dexposure_core.network.overrides import merged, recorded, unused
from dexposure_core.network.period import PROTOCOLS, TOKENS, findings_frame
from dexposure_core.pipeline.building.affected import affected, fingerprint, inputs, previous_of, same_code
from dexposure_core.pipeline.building.build import append_known, sized
from dexposure_core.pipeline.building.feeds import Feed, of_whole_input, review, today
from dexposure_core.pipeline.building.known import issuers, listed, names_of, overlaid, stated
from dexposure_core.pipeline.building.overriding import Overriding
from dexposure_core.pipeline.building.week import UNUSABLE, Tables, sealed, token_cents, week_tables
from dexposure_core.settings import processors
from dexposure_core.store import Shared, Store, VintageWriter

if TYPE_CHECKING:
    from dexposure_core.store.manifest import SourceLike

_UNMAPPED: Final = ("borrowed", "other chain", NO_AMOUNT, NON_POSITIVE)  # fates that no issuer decides
_REMEMBERED: Final = 4  # changed dates whose rows stay in memory
_ANEW: Final = ("old data", "issuer by text, to review", "override of a token that does not occur")


@dataclass(frozen=True, kw_only=True)
class Updated:
    """What an update did.

    Args:
        vintage: id of the new vintage; that of the older one when nothing changed.
        base: id of the older vintage.
        added: dates that the older vintage did not have.
        revised: dates whose rows changed.
        computed: dates computed anew, those included, also for another issuer, sector or previous snapshot.
        kept: how many dates were taken over.
        shared: files taken over as they lie.
    """

    vintage: str
    base: str
    added: list[dt.date]
    revised: list[dt.date]
    computed: list[dt.date]
    kept: int
    shared: Shared


@dataclass(frozen=True, kw_only=True)
class UpdateJob:
    """What one update knows; everything is worked out once, when it is first asked for."""

    feed: Feed
    base: Store
    told: Overriding

    @cached_property
    def chains(self) -> str:
        """Which chains count: the base's choice."""
        return str(self.base.manifest.parameters["chains"])

    @cached_property
    def changed(self) -> dict[dt.date, pl.DataFrame | None]:
        """Dates of the feed whose rows are not those of the base → their rows, where only few dates changed."""
        known = inputs(self.base)
        found: dict[dt.date, pl.DataFrame | None] = {}
        for date, rows in self.feed.periods():
            if date not in known or fingerprint(date, rows, self.chains) != known[date]:
                found[date] = rows if len(found) < _REMEMBERED else None
        return found

    @cached_property
    def dates(self) -> list[dt.date]:
        """Every date of the new vintage, ascending."""
        return sorted({*self.base.dates(), *self.changed})

    @cached_property
    def listings(self) -> pl.DataFrame:
        """The listings table of the new vintage."""
        return overlaid(self._listed, listed(self.feed.protocols), "protocol")

    @cached_property
    def stated(self) -> pl.DataFrame:
        """The stated table of the new vintage."""
        return overlaid(self._stated, stated(self.feed.tokens), "token")

    @cached_property
    def usd(self) -> pl.DataFrame:
        """Token, usd_cents over all dates: the base's, less what changed dates held, and what they hold now."""
        parts = [self.base.tokens().select("token", "usd_cents")]
        had = set(self.base.dates())
        for date in self.changed:
            parts.append(token_cents(self.rows(date).filter(unusable().is_null())))
            if date in had:
                old = token_cents(self.base.rows_on("holdings", date))
                parts.append(old.with_columns(-pl.col("usd_cents")))
        return pl.concat(parts).group_by("token").sum().filter(pl.col("usd_cents") > 0).sort("token")

    @cached_property
    def overrides(self) -> Overriding:
        """A person's overrides: the base's, and the new ones over them."""
        rows = merged(recorded(self.base.manifest.parameters), self.told.rows)
        return Overriding(rows=rows, place=self.told.place, sources=self.told.sources)

    @cached_property
    def sizes(self) -> pl.DataFrame:
        """Token, usd over all dates."""
        return self.usd.select("token", usd=pl.col("usd_cents") / 100.0)

    @cached_property
    def tokens(self) -> pl.DataFrame:
        """The tokens table of the new vintage, without its USD."""
        theta = float(self.base.manifest.parameters["theta"])
        asked = self._open_tokens()
        known = self.base.tokens().join(self.sizes, on="token", how="semi").join(asked, on="token", how="anti")
        known = known.select(list(TOKENS)).sort("token")
        if asked.is_empty():
            return known
        found = issuers(asked, self.listings, self.stated, theta, self.overrides)
        return pl.concat([found.select(known.columns), known]).sort("token")

    def _open_tokens(self) -> pl.DataFrame:
        """Return token, usd of the tokens whose issuer must be asked for.

        That is all, unless nothing is known now that was not known before: then a token's issuer follows from its name
        and from which of the tokens spelled like it is the largest, and keeps where neither is new.
        """
        news = not self.settled or self.overrides.rows.height or not same_code(self.base)
        if news:
            return self.sizes
        had = self.base.tokens().select("token", had="usd_cents")
        spelled = self.usd.join(had, on="token", how="full", coalesce=True)
        spelled = spelled.with_columns(key=pl.col("token").str.to_lowercase())
        alike = spelled.filter((pl.len().over("key") > 1) | pl.col("had").is_null().any().over("key"))
        was, now = (_largest(alike, size) for size in ("had", "usd_cents"))
        keep = was.join(now, on=["key", "token"], how="semi")
        keep = keep.join(alike.filter(pl.col("had").is_null()), on="key", how="anti")
        return self.sizes.join(alike.join(keep, on="key", how="anti"), on="token", how="semi")

    @cached_property
    def names(self) -> pl.DataFrame:
        """Protocol, name, category, sector of everybody who may occur."""
        return names_of(self.listings, self.tokens)

    @cached_property
    def computed(self) -> list[dt.date]:
        """Dates to compute anew, ascending."""
        also = affected(self.base, self.dates, set(self.changed), self.tokens, self.names)
        return sorted({*self.changed, *also})

    @cached_property
    def kept(self) -> set[dt.date]:
        """Dates whose tables stay as they are."""
        return set(self.dates).difference(self.computed)

    @cached_property
    def previous(self) -> dict[dt.date, dt.date | None]:
        """Date → the snapshot before it."""
        return previous_of(self.dates)

    @cached_property
    def _listed(self) -> pl.DataFrame:
        return self.base.table("listings")

    @cached_property
    def _stated(self) -> pl.DataFrame:
        return self.base.table("stated")

    @cached_property
    def settled(self) -> bool:
        """Whether what is known of protocols and tokens is what the base knows."""
        same = self.listings.equals(self._listed) and self.stated.equals(self._stated)
        return same and self.parameters == self.base.manifest.parameters

    @property
    def parameters(self) -> dict[str, object]:
        """The choices of the build: the base's, with the overrides in force."""
        return {**self.base.manifest.parameters, **self.overrides.parameters}

    @property
    def sources(self) -> list[SourceLike]:
        """Receipts of the base's files and of the new ones, each once."""
        every: list[SourceLike] = [*self.base.manifest.sources, *self.feed.sources, *self.told.sources]
        return list({(source.name, source.sha256): source for source in every}.values())

    def read_ahead(self) -> None:
        """Do, in another thread, what asks nothing of the rows: compare what is known."""
        _ = self.settled

    def rows(self, date: dt.date) -> pl.DataFrame:
        """Return a date's rows: of the feed where it changed, else as the base stores them."""
        if date not in self.changed:
            return self.base.rows_on("holdings", date)
        rows = self.changed[date]
        return self.feed.load(date) if rows is None else rows

    def week(self, date: dt.date) -> Tables:
        """Return the tables of a date that is computed anew; without UNUSABLE when from the base's own holdings."""
        before = self.previous[date]
        previous = None if before is None else self.rows(before)
        workers = max(1, processors() // len(self.computed))
        rows = self.rows(date)
        week = week_tables(date, rows, previous, self.tokens, self.names, chains=self.chains, workers=workers)
        return sealed(week if date in self.changed else _as_given(week, self.base, date), workers=workers)

    def finish(self, writer: VintageWriter, names: pl.DataFrame) -> None:
        """Write what is not of one computed date: findings about the inputs, gaps, names, tokens, events."""
        tokens = sized(self.tokens, self.usd)
        append_known(writer, tokens, self._occurring(names), self.listings, self.stated)
        writer.append("events", self.base.events())
        writer.append("findings", self._whole_input())
        frequency = self.base.manifest.frequency
        for date, row in check_dates(self.dates, frequency):
            if date not in self.kept:
                writer.append("findings", findings_frame([row]).with_columns(date=pl.lit(date, pl.Date)))

    def _whole_input(self) -> pl.DataFrame:
        """Return the findings without a date: the base's and the feed's, and those that are judged on the whole."""
        old = self.base.findings().filter(pl.col("date").is_null(), ~pl.col("finding").is_in(_ANEW))
        found = [old, self.feed.findings, review(self.tokens, self.sizes), unused(self.tokens, self.overrides.rows)]
        if not self.base.manifest.simulated:
            age = check_age(self.dates[-1], today(), self.base.manifest.frequency)
            found.append(findings_frame(age))
        every = of_whole_input(*found)
        return every.filter(pl.col("date").is_null() | ~pl.col("date").is_in(sorted(self.kept))).unique()

    def _occurring(self, computed: pl.DataFrame) -> pl.DataFrame:
        """Return protocol, name, category, sector of every protocol that is in the network of any date."""
        ids = [computed["protocol"]]
        had = set(self.base.dates())
        if had.issubset(self.kept):
            ids.append(self.base.protocols()["protocol"])
        elif self.kept:
            nodes = pl.scan_parquet(self.base.parquet_paths("nodes"), glob=False)
            nodes = nodes.filter(pl.col("date").is_in(sorted(self.kept))).select(pl.col("protocol").unique())
            ids.append(nodes.collect()["protocol"])
        every = pl.DataFrame({"protocol": pl.concat(ids).unique().sort()})
        named = every.join(self.names.select(list(PROTOCOLS)), on="protocol", how="left", maintain_order="left")
        unknown = pl.lit("Unknown")
        return named.with_columns(
            pl.coalesce("name", "protocol").alias("name"),
            *(pl.coalesce(column, unknown).alias(column) for column in ("category", "sector")),
        )

    def report(self, vintage: str, shared: Shared) -> Updated:
        """Say what was done."""
        had = set(self.base.dates())
        return Updated(
            vintage=vintage, base=self.base.vintage, added=[d for d in self.changed if d not in had],
            revised=[d for d in self.changed if d in had], computed=self.computed, kept=len(self.kept), shared=shared,
        )  # fmt: skip


def _largest(spelled: pl.DataFrame, size: str) -> pl.DataFrame:
    """Return key, token: the spelling that names its key, the largest and of equal ones the first."""
    ranked = spelled.sort(size, "token", descending=[True, False], nulls_last=True)
    return ranked.select("key", "token").unique("key", keep="first", maintain_order=True)


def _as_given(week: Tables, base: Store, date: dt.date) -> Tables:
    """Put back what the base was given on a date beside holdings: rows that are none, in coverage and findings.

    Raises:
        BadInput: the books of the date cannot be made again from the stored holdings.
    """
    unmapped = pl.col("reason").is_in(_UNMAPPED) | (pl.col("side") == "in")
    given = base.rows_on("coverage", date).filter(unmapped)
    books = pl.concat([given, week["coverage"].filter(~unmapped).select(given.columns)])
    try:
        check(books)
    except AssertionError:
        raise BadInput(
            f"vintage {base.vintage}: the books of {date} cannot be made again from its holdings; import all anew"
        ) from None
    odd = pl.col("finding").is_in([f"{reason} value" for reason in (NO_AMOUNT, NON_POSITIVE)])
    kept = base.rows_on("findings", date).filter(odd)
    stamp = pl.lit(date, pl.Date).alias("date")
    rest = {name: rows for name, rows in week.items() if name != UNUSABLE}
    findings = pl.concat([week["findings"], kept.with_columns(stamp).select(week["findings"].columns)])
    return {**rest, "coverage": books.with_columns(stamp), "findings": findings}
