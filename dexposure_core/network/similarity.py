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
_PAIRS: Final = pl.Schema({"row": pl.Int64, "column": pl.Int64, "cosine": pl.Float64})


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
    found = index.matches(tokens, theta) if index.vocabulary else pl.DataFrame(schema=_PAIRS)
    hundredths = (pl.col("cosine") * 100).round().cast(pl.Int64)
    written = pl.format("{} ({}.{})", "id", hundredths // 100, (hundredths % 100).cast(pl.String).str.zfill(2))
    return (
        found.join(index.ids, on="column", maintain_order="left")
        .group_by("row", maintain_order=True)
        .agg(similar=pl.col("id").first(), cosine=pl.col("cosine").first().clip(upper_bound=1.0),
             runners_up=written.slice(1, _RUNNERS_UP).str.join(";"))
        .join(tokens.alias("token").to_frame().with_row_index("row").cast({"row": pl.Int64}), on="row",
              maintain_order="left")
        .select("token", "similar", "cosine", "runners_up")
    )  # fmt: skip


class _Index:
    """The protocols' texts as weighted words, ready to compare tokens with.

    Attributes:
        vocabulary: word → column.
        against: (words, protocols), each protocol of length 1.
        names: (words, protocols), 1 where the protocol's name holds the word and the word is evidence.
        ids: column, id, symbol (lower case; null where the metadata names none) of the protocols.
    """

    def __init__(self, tried: pl.DataFrame, coins: frozenset[str]) -> None:
        names = [words(name or "") for name in tried["name"]]
        text = [name + words(kind or "") for name, kind in zip(names, tried["category"], strict=True)]
        symbol = pl.col("symbol").str.to_lowercase() if "symbol" in tried.columns else pl.lit(None, pl.String)
        self.ids = tried.select(id="protocol", symbol=symbol).with_row_index("column").cast({"column": pl.Int64})
        self.vocabulary = {word: i for i, word in enumerate(sorted({w for t in text for w in t}))}
        counts = _counts(text, self.vocabulary)
        seen_in = np.bincount(counts.indices, minlength=len(self.vocabulary))
        self.weight = np.log((1 + len(text)) / (1 + seen_in)) + 1
        self.unknown = np.log(1 + len(text)) + 1  # of a word that no protocol uses
        self.against = _unit(counts, self.weight).T.tocsr()
        telling = [[w for w in set(name) if len(w) >= _TELLING and w not in coins] for name in names]
        self.names = _counts(telling, self.vocabulary).T.tocsr()

    def matches(self, tokens: pl.Series, theta: float) -> pl.DataFrame:
        """Return row (of the token), column (of the protocol), cosine ≥ theta: each token's best match first."""
        starts = range(0, len(tokens), _BLOCK)
        found = [
            self._block(tokens.slice(start, _BLOCK), theta).with_columns(pl.col("row") + start) for start in starts
        ]
        return pl.concat(found) if found else pl.DataFrame(schema=_PAIRS)

    def _block(self, tokens: pl.Series, theta: float) -> pl.DataFrame:
        text = [words(token) for token in tokens]
        counts = _counts(text, self.vocabulary)
        strange = np.array([sum(w not in self.vocabulary for w in t) for t in text], dtype=float)
        cosine = _unit(counts, self.weight, strange * self.unknown**2) @ self.against  # (tokens, protocols), sparse
        cells = cosine.multiply((counts @ self.names).sign()).tocoo()  # only where a word of the name is shared
        pairs = pl.DataFrame({"row": cells.row, "column": cells.col, "cosine": cells.data}).cast(_PAIRS)
        # One plain word: whoever issues it would have named it.
        lower = tokens.str.to_lowercase().to_list()
        plain = pl.DataFrame({
            "row": pl.Series(range(len(text)), dtype=pl.Int64), "key": lower,
            "plain": [key in found for key, found in zip(lower, text, strict=True)],
        })  # fmt: skip
        kept = pairs.filter(pl.col("cosine") >= theta).join(plain, on="row").join(self.ids, on="column")
        other = pl.col("plain") & (pl.col("symbol") != pl.col("key"))
        kept = kept.filter(~other.fill_null(value=False))
        order = kept.sort("row", pl.col("cosine").round(12), "column", descending=[False, True, False])
        return order.select(list(_PAIRS))


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
