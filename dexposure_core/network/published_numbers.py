"""A published week as numbers: every id and token is its place in a sorted list of texts (see `book`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from dexposure_core.network.book import coded, places
from dexposure_core.network.naming import NO_NAMES
from dexposure_core.network.snapshot import Floats, Indices

if TYPE_CHECKING:
    from dexposure_core.network.published import PublishedWeek

NOBODY: Final = -1
UNDECIDED: Final = -2


@dataclass(frozen=True, kw_only=True)
class PublishedNumbers:
    """The rows of a week, in the order of the file; a place of -1: no text, or a missing value written as text.

    Attributes:
        ids: sorted ids of nodes, ends of links and issuers.
        tokens: sorted tokens that are held or carried.
        node, node_usd: (nodes,) place of the id, size.
        holder, held, held_usd: (compositions of nodes,) places of id and token, value.
        creditor, debtor, link_usd: (links,) places of the ends, size.
        giver, taker, carried: (compositions of links,) places of creditor, debtor and token.
        hint: (tokens,) place of the issuer that the mapping files name, or NOBODY.
        told: (tokens,) place of the issuer by a person's word, NOBODY where that is the word; else UNDECIDED.
    """

    ids: pl.Series
    tokens: pl.Series
    node: Indices
    node_usd: Floats
    holder: Indices
    held: Indices
    held_usd: Floats
    creditor: Indices
    debtor: Indices
    link_usd: Floats
    giver: Indices
    taker: Indices
    carried: Indices
    hint: Indices
    told: Indices


def numbers_of(week: PublishedWeek, tokens: pl.DataFrame | None, overrides: pl.DataFrame | None) -> PublishedNumbers:
    """Return a week as numbers.

    Args:
        week: the week as read.
        tokens: token, issuer of the mapping files; of rows that name both the first of a token counts.
        overrides: token, issuer (null: nobody), one row a token.
    """
    texts, (held, carried) = coded(week.node_tokens["token"], week.link_tokens["token"], without=NO_NAMES)
    hinted, hints = _of(texts, tokens)
    decided, word = _of(texts, overrides)
    columns = (
        week.nodes["protocol"], week.node_tokens["protocol"], week.links["creditor"], week.links["debtor"],
        week.link_tokens["creditor"], week.link_tokens["debtor"], hints, word,
    )  # fmt: skip
    ids, (node, holder, creditor, debtor, giver, taker, named, said) = coded(*columns, without=NO_NAMES)
    hint, told = np.full(len(texts), NOBODY), np.full(len(texts), UNDECIDED)
    first = np.flatnonzero(named >= 0)[::-1]  # what is written last stays
    hint[hinted[first]] = named[first]
    told[decided] = said
    return PublishedNumbers(
        ids=ids, tokens=texts, node=node, node_usd=_usd(week.nodes, "size_usd"),
        holder=holder, held=held, held_usd=_usd(week.node_tokens, "value_usd"),
        creditor=creditor, debtor=debtor, link_usd=_usd(week.links, "size_usd"),
        giver=giver, taker=taker, carried=carried, hint=hint, told=told,
    )  # fmt: skip


def _of(texts: pl.Series, table: pl.DataFrame | None) -> tuple[Indices, pl.Series]:
    """Return the places of a table's tokens that occur, and the issuers of these rows."""
    if table is None:
        return np.empty(0, dtype=np.int64), pl.Series([], dtype=pl.String)
    place = places(table["token"], texts)
    rows = np.flatnonzero(place >= 0)
    return place[rows], table["issuer"].gather(rows)


def _usd(frame: pl.DataFrame, column: str) -> Floats:
    return frame[column].cast(pl.Float64).to_numpy()  # a missing amount is NaN
