"""Matching a token to a protocol by text: TF-IDF over words, cosine similarity.

    weight of word w in text d = count(w, d) · (ln((1 + n) / (1 + df(w))) + 1), each text scaled to length 1;
    n protocols, df(w) of them with the word; similarity = inner product (Salton & Buckley 1988, smoothed)

A token's only text is its symbol, a protocol's its name and category. Both are cut into words at separators,
digits and changes of case ("yvCurve-stETH" → yv, curve, st, eth), so that a match needs a shared word, not merely
shared letters. Words that many protocols share weigh little (inverse document frequency).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from scipy.sparse import csr_array

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
    vocabulary = {word: i for i, word in enumerate(sorted({w for t in text for w in words(t)}))}
    counts = _counts(text, vocabulary)
    seen_in = np.bincount(counts.indices, minlength=len(vocabulary))
    weight = np.log((1 + len(text)) / (1 + seen_in)) + 1
    against = _unit(counts, weight).T.tocsr()  # (words, protocols)
    rows: list[tuple[str, str, float, str]] = []
    for start in range(0, len(tokens), _BLOCK):
        block = tokens[start : start + _BLOCK]
        cosine = (_unit(_counts(block, vocabulary), weight) @ against).tocsr()  # (tokens, protocols), sparse
        for i, token in enumerate(block):
            span = slice(cosine.indptr[i], cosine.indptr[i + 1])
            values, columns = cosine.data[span], cosine.indices[span]
            best = np.lexsort((columns, -values.round(12)))[: 1 + _RUNNERS_UP]
            best = best[values[best] >= theta]
            if len(best):
                others = ";".join(str(p) for p in ids[columns[best[1:]]])
                rows.append((token, str(ids[columns[best[0]]]), float(min(1.0, values[best[0]])), others))
    return rows


def _counts(texts: list[str], vocabulary: dict[str, int]) -> csr_array:
    """Return (texts, words): how often each known word occurs."""
    from scipy.sparse import csr_array

    found = [(i, vocabulary[w]) for i, text in enumerate(texts) for w in words(text) if w in vocabulary]
    rows, columns = zip(*found, strict=True) if found else ((), ())
    table = csr_array((np.ones(len(found)), (rows, columns)), shape=(len(texts), len(vocabulary)))
    table.sum_duplicates()
    return table


def _unit(counts: csr_array, weight: np.ndarray[tuple[int], np.dtype[np.float64]]) -> csr_array:
    """Weigh each word and scale every text to length 1; a text without known words stays empty."""
    from scipy.sparse import csr_array

    values = counts.data * weight[counts.indices]
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    length = np.sqrt(np.bincount(row, weights=values**2, minlength=counts.shape[0]))
    return csr_array((values / length[row], counts.indices, counts.indptr), shape=counts.shape)
