"""Matching a token to a protocol by text: TF-IDF over words, cosine similarity.

A token's only text is its symbol, a protocol's its name and category. Both are cut into words at separators,
digits and changes of case ("yvCurve-stETH" → yv, curve, st, eth), so that a match needs a shared word, not merely
shared letters. Words that many protocols share weigh little (inverse document frequency).
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import polars as pl

# Protocols compared at a time: bounds memory, (tokens in the block) × (protocols) cells.
_BLOCK: Final = 2_000
_RUNNERS_UP: Final = 3
_WORD: Final = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{3,}(?![a-z])|[A-Za-z]+")


def words(text: str) -> list[str]:
    """Return a text's words in lower case; single letters are no words."""
    return [word.lower() for word in _WORD.findall(text) if len(word) > 1]


def best_matches(tokens: pl.Series, protocols: pl.DataFrame, theta: float) -> pl.DataFrame:
    """Return the most similar protocol of every token that has one with cosine ≥ theta.

    Args:
        tokens: symbols.
        protocols: protocol, name, category; only those with text of their own (a name that is not the id, or a
            category) are tried.
        theta: least cosine, 0..1.

    Returns:
        token, similar (protocol), cosine, runners_up (ids separated by ';').
    """
    own_text = (pl.col("name") != pl.col("protocol")) | (pl.col("category").fill_null("Unknown") != "Unknown")
    tried = protocols.filter(own_text).sort("protocol")
    text = tried.select(pl.concat_str("name", "category", separator=" ", ignore_nulls=True)).to_series().to_list()
    rows: list[tuple[str, str, float, str]] = []
    if any(words(t) for t in text):
        ids = np.array(tried["protocol"].to_list(), dtype=object)
        rows = _matches(tokens.to_list(), ids, text, theta)
    schema = {"token": pl.String, "similar": pl.String, "cosine": pl.Float64, "runners_up": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _matches(
    tokens: list[str], ids: np.ndarray[tuple[int], np.dtype[np.object_]], text: list[str], theta: float
) -> list[tuple[str, str, float, str]]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(analyzer=words)
    against = vectors.fit_transform(text).T.tocsr()  # (words, protocols)
    rows: list[tuple[str, str, float, str]] = []
    for start in range(0, len(tokens), _BLOCK):
        block = tokens[start : start + _BLOCK]
        cosine = (vectors.transform(block) @ against).tocsr()  # (tokens, protocols), sparse
        for i, token in enumerate(block):
            span = slice(cosine.indptr[i], cosine.indptr[i + 1])
            values, columns = cosine.data[span], cosine.indices[span]
            best = np.lexsort((columns, -values.round(12)))[: 1 + _RUNNERS_UP]
            best = best[values[best] >= theta]
            if len(best):
                others = ";".join(str(p) for p in ids[columns[best[1:]]])
                rows.append((token, str(ids[columns[best[0]]]), float(min(1.0, values[best[0]])), others))
    return rows
