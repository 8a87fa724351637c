"""What the Data page looks up, kept between runs (see `keeping`).

Arguments are plain keys, results are shared between sessions: never change one in place.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import polars as pl

from dexposure_core.pipeline.revising import lineage
from dexposure_core.pipeline.revising.compare import compare
from dexposure_core.pipeline.revising.revision import revision_of
from dexposure_core.pipeline.tokens import doubtful as tokens
from dexposure_core.ui.keeping import kept as _kept
from dexposure_core.ui.resources import manifests, protocols, store

if TYPE_CHECKING:
    from dexposure_core.pipeline.revising.compare import Comparison
    from dexposure_core.pipeline.revising.revision import Revision
    from dexposure_core.pipeline.tokens.doubtful import Mapped

LISTED: Final = 1000


@_kept(4, "Weighing the tokens by what is held of them …")
def token_methods(vintage: str) -> Mapped:
    """Return how the USD of a vintage found its issuers."""
    return tokens.mapped(store(vintage))


@_kept(4, "Looking for doubtful tokens …")
def token_review(vintage: str) -> pl.DataFrame:
    """Return the tokens whose issuer is doubtful, those with the most USD at stake first, 1000 at most."""
    return tokens.review(store(vintage), limit=LISTED)


def predecessor(vintage: str) -> str | None:
    """Return the vintage of the store that this one revises, None when there is none."""
    return lineage.predecessor(vintage, manifests(), lambda v: protocols(v)["protocol"].to_list())


@_kept(16, "Comparing the two vintages …")
def comparison(before: str, after: str) -> Comparison:
    """Return what differs between two vintages."""
    return compare(store(before), store(after))


@_kept(32, "Reading the date in both vintages …")
def revision(before: str, after: str, date: dt.date) -> Revision:
    """Return what one date says differently in two vintages."""
    return revision_of(store(before), store(after), date)
