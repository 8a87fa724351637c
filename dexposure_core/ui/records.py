"""What the Data page looks up, kept between runs like everything in `resources` (whose cache this uses).

Arguments are plain keys, results are shared between sessions: never change one in place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dexposure_core.pipeline import tokens
from dexposure_core.ui.resources import _kept, store

if TYPE_CHECKING:
    from dexposure_core.pipeline.tokens import Mapped

LISTED = 1000


@_kept(4, "Weighing the tokens by what is held of them …")
def token_methods(vintage: str) -> Mapped:
    """Return how the USD of a vintage found its issuers."""
    return tokens.mapped(store(vintage))


@_kept(4, "Looking for doubtful tokens …")
def token_review(vintage: str) -> pl.DataFrame:
    """Return the tokens whose issuer is doubtful, those with the most USD at stake first, 1000 at most."""
    return tokens.review(store(vintage), limit=LISTED)
