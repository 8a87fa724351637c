"""Matching a token to a protocol by text: TF-IDF over words, cosine similarity.

    weight of word w in text d = count(w, d) · (ln((1 + n) / (1 + df(w))) + 1), each text scaled to length 1;
    n protocols, df(w) of them with the word; similarity = inner product (Salton & Buckley 1988, smoothed)

A token's only text is its symbol, a protocol's its name and category. Both are cut into words at separators,
digits and changes of case ("yvCurve-stETH" → yv, curve, st, eth), so that a match needs a shared word, not merely
shared letters; a piece that mixes letters and digits or ends in + ("1inch", "USD+") is a word as well. Words that many
protocols share weigh little (inverse document frequency).

What counts as evidence: the shared word is part of the protocol's NAME (the category "Algo-Stables" does not make a
protocol the issuer of ALGO), has three letters or more, and is not the name of a coin of its own (USDT.ETH says nothing
about who named a vault "USDT+"). Words of the token that no protocol uses lengthen its text, so that "FTX TOKEN" is far
from every "Token …". A protocol whose metadata names another token is not given a plain one ("2Doge Finance", which
issues 2DOGE, is not the issuer of DOGE).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Collection

    from scipy.sparse import csr_array

# Tokens compared at a time: bounds memory, (tokens in the block) × (protocols) cells.
_BLOCK: Final = 2_000
_RUNNERS_UP: Final = 3
_TELLING: Final = 3
_WORD: Final = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{3,}(?![a-z])|[A-Za-z]+")
_MIXED: Final = re.compile(r"(?=[A-Za-z0-9]*\d)(?=[A-Za-z0-9]*[A-Za-z])[A-Za-z0-9]+|[A-Za-z]+\+(?![A-Za-z0-9])")
_UNITS: Final = frozenset({"usd", "eur"})
# Versions, and what half of all tokens are called: no words.
_EMPTY: Final = re.compile(r"v\d+|tokens?|coins?")
_Ids = np.ndarray[tuple[int], np.dtype[np.object_]]
_Row = tuple[str, str, float, str]


def words(text: str) -> list[str]:
    """Return a text's words in lower case; single letters, versions, "token" and "coin" are no words."""
    found = _WORD.findall(text) + _MIXED.findall(text)
    return [word.lower() for word in found if len(word) > 1 and not _EMPTY.fullmatch(word.lower())]


def best_matches(
    tokens: pl.Series, protocols: pl.DataFrame, theta: float, coins: Collection[str] = frozenset()
) -> pl.DataFrame:
    """Return the most similar protocol of every token that has one with cosine ≥ theta.

    Args:
        tokens: symbols.
        protocols: protocol, name, category and optionally symbol, tvl_usd (of equal matches the larger wins); only
            those with text of their own (a name that is not the id, or a category) are tried.
        theta: least cosine, 0..1.
        coins: lower-case names of coins; a word that is one of them is no evidence.

    Returns:
        token, similar (protocol), cosine, runners_up (`id (cosine)` separated by ';').
    """
    own_text = (pl.col("name") != pl.col("protocol")) | (pl.col("category").fill_null("Unknown") != "Unknown")
    tried = protocols.filter(own_text).sort("protocol")
    if "tvl_usd" in tried.columns:
        tried = tried.sort("tvl_usd", descending=True, nulls_last=True, maintain_order=True)
    index = _Index(tried, _UNITS.union(coins))
    rows = index.matches(tokens.to_list(), theta) if index.vocabulary else []
    schema = {"token": pl.String, "similar": pl.String, "cosine": pl.Float64, "runners_up": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


class _Index:
    """The protocols' texts as weighted words, ready to compare tokens with.

    Attributes:
        vocabulary: word → column.
        against: (words, protocols), each protocol of length 1.
        names: (words, protocols), 1 where the protocol's name holds the word and the word is evidence.
    """

    def __init__(self, tried: pl.DataFrame, coins: frozenset[str]) -> None:
        names = [words(name or "") for name in tried["name"]]
        text = [name + words(kind or "") for name, kind in zip(names, tried["category"], strict=True)]
        self.ids: _Ids = np.array(tried["protocol"].to_list(), dtype=object)
        self.vocabulary = {word: i for i, word in enumerate(sorted({w for t in text for w in t}))}
        counts = _counts(text, self.vocabulary)
        seen_in = np.bincount(counts.indices, minlength=len(self.vocabulary))
        self.weight = np.log((1 + len(text)) / (1 + seen_in)) + 1
        self.unknown = np.log(1 + len(text)) + 1  # of a word that no protocol uses
        self.against = _unit(counts, self.weight).T.tocsr()
        telling = [[w for w in set(name) if len(w) >= _TELLING and w not in coins] for name in names]
        self.names = _counts(telling, self.vocabulary).T.tocsr()
        symbols = tried["symbol"].str.to_lowercase().to_list() if "symbol" in tried.columns else [None] * len(text)
        self.symbols: _Ids = np.array(symbols, dtype=object)

    def matches(self, tokens: list[str], theta: float) -> list[_Row]:
        rows: list[_Row] = []
        for start in range(0, len(tokens), _BLOCK):
            rows += self._block(tokens[start : start + _BLOCK], theta)
        return rows

    def _block(self, tokens: list[str], theta: float) -> list[_Row]:
        text = [words(token) for token in tokens]
        counts = _counts(text, self.vocabulary)
        strange = np.array([sum(w not in self.vocabulary for w in t) for t in text], dtype=float)
        cosine = _unit(counts, self.weight, strange * self.unknown**2) @ self.against  # (tokens, protocols), sparse
        evident = (counts @ self.names).sign()
        cosine = cosine.multiply(evident).tocsr()
        rows: list[_Row] = []
        for i, token in enumerate(tokens):
            span = slice(cosine.indptr[i], cosine.indptr[i + 1])
            found = self._best(token, text[i], cosine.data[span], cosine.indices[span], theta)
            if found is not None:
                rows.append(found)
        return rows

    def _best(
        self,
        token: str,
        text: list[str],
        values: np.ndarray[tuple[int], np.dtype[np.float64]],
        columns: np.ndarray[tuple[int], np.dtype[np.int32]],
        theta: float,
    ) -> _Row | None:
        enough = values >= theta
        if token.lower() in text:  # one plain word: whoever issues it would have named it
            enough &= np.array([s is None or s == token.lower() for s in self.symbols[columns]], dtype=bool)
        values, columns = values[enough], columns[enough]
        if not len(values):
            return None
        best = np.lexsort((columns, -values.round(12)))[: 1 + _RUNNERS_UP]
        others = ";".join(f"{self.ids[columns[j]]} ({values[j]:.2f})" for j in best[1:])
        return token, str(self.ids[columns[best[0]]]), float(min(1.0, values[best[0]])), others


def _counts(texts: list[list[str]], vocabulary: dict[str, int]) -> csr_array:
    """Return (texts, words): how often each known word occurs."""
    from scipy.sparse import csr_array

    found = [(i, vocabulary[w]) for i, text in enumerate(texts) for w in text if w in vocabulary]
    rows, columns = zip(*found, strict=True) if found else ((), ())
    table = csr_array((np.ones(len(found)), (rows, columns)), shape=(len(texts), len(vocabulary)))
    table.sum_duplicates()
    return table


def _unit(
    counts: csr_array,
    weight: np.ndarray[tuple[int], np.dtype[np.float64]],
    strange: np.ndarray[tuple[int], np.dtype[np.float64]] | float = 0.0,
) -> csr_array:
    """Weigh each word and scale every text to length 1; `strange` is the squared length of its unknown words."""
    from scipy.sparse import csr_array

    values = counts.data * weight[counts.indices]
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    length = np.sqrt(np.bincount(row, weights=values**2, minlength=counts.shape[0]) + strange)
    return csr_array((values / length[row], counts.indices, counts.indptr), shape=counts.shape)
