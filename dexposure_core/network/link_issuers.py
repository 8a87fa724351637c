"""Who issues a token, told by the links that carry it.

Every published link joins a holder of token σ with the issuer of σ. Hence, over all links of one date that carry σ:

1. the issuer is an end of every one of them: with two links or more, usually one end alone is common to all;
2. of the ends still possible, it is the one that does not hold σ (a link with exactly one holding end votes);
3. of those still possible, an end named like the token ("USDT"), then the one the mapping files name;
4. otherwise the mapping files decide, and without them the token's issuer is ambiguous.

What a person decided wins over all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from dexposure_core.network.book import Marks, order_of, run_starts
from dexposure_core.network.overrides import METHOD
from dexposure_core.network.published_numbers import NOBODY, UNDECIDED, PublishedNumbers
from dexposure_core.network.snapshot import Floats, Indices

METHODS: Final = ("composition", "metadata", METHOD)
_COMPOSITION, _METADATA, _OVERRIDE = range(len(METHODS))


@dataclass(frozen=True, kw_only=True)
class LinkIssuers:
    """The issuers of a week's tokens, each array (tokens,).

    Attributes:
        issuer: place of the issuer among the ids, or NOBODY.
        method: place of the method among METHODS; where nobody is known, it was the links that did not tell.
        score: share of the token's links that touch the issuer; 1 for the other methods, 0 where nobody is known.
        carried: whether any link carries the token.
        occurs: whether it is carried or a usable amount of it is held.
        by_person: whether a person decided.
    """

    issuer: Indices
    method: Indices
    score: Floats
    carried: Marks
    occurs: Marks
    by_person: Marks


def link_issuers(week: PublishedNumbers, usable: Marks) -> LinkIssuers:
    """Return the issuer of every token.

    Args:
        week: the week as numbers.
        usable: (compositions of nodes,) which of them are holdings.
    """
    link = (week.giver >= 0) & (week.taker >= 0) & (week.carried >= 0)
    carried = _marked(week.carried[link], len(week.tokens))
    end, share = _told_by_links(week, usable, link & (week.giver != week.taker))
    by_link, by_person = end >= 0, week.told != UNDECIDED
    issuer = np.where(by_person, week.told, np.where(by_link, end, week.hint))
    method = np.where(by_link | (week.hint == NOBODY), _COMPOSITION, _METADATA)
    score = np.where(by_link, share, np.where(week.hint == NOBODY, 0.0, 1.0))
    return LinkIssuers(
        issuer=issuer,
        method=np.where(by_person, _OVERRIDE, method),
        score=np.where(by_person, 1.0, score),
        carried=carried,
        occurs=carried | _marked(week.held[usable], len(week.tokens)),
        by_person=by_person,
    )


def _told_by_links(week: PublishedNumbers, usable: Marks, link: Marks) -> tuple[Indices, Floats]:
    """Return (tokens,) the one end that the rules leave, or NOBODY, and the share of the token's links it touches."""
    token, end, share, votes = _candidates(week, usable, link)
    left = np.arange(len(token))
    for rule in (_voted, _namesake, _mapped):
        passes = rule(week, token[left], end[left], votes[left])
        left = left[passes | ~_marked(token[left][passes], len(week.tokens))[token[left]]]
    only = left[np.bincount(token[left], minlength=len(week.tokens))[token[left]] == 1]
    told, touched = np.full(len(week.tokens), NOBODY), np.zeros(len(week.tokens))
    told[token[only]], touched[token[only]] = end[only], share[only]
    return told, touched


def _candidates(week: PublishedNumbers, usable: Marks, link: Marks) -> tuple[Indices, Indices, Floats, Indices]:
    """Return the ends that may be a token's issuer: those common to all its links, or all of them if none is.

    Arrays: token, end, share of the token's links that touch this end, and its votes (the other end holds).
    """
    count = max(1, len(week.ids))
    token = week.carried[link]
    key = np.concatenate([token * count + end for end in (week.giver[link], week.taker[link])])
    rows = order_of(key)
    starts = run_starts(key[rows])
    candidates = key[rows[starts]]
    number = np.empty(len(key), dtype=np.int64)  # of the candidate that each end of a link is
    number[rows] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(key)))
    holding = np.sort(week.held[usable] * count + week.holder[usable])
    holds = _among(candidates, holding)[number].reshape(2, -1)
    vote = np.concatenate([holds[1] & ~holds[0], holds[0] & ~holds[1]])
    of, end = candidates // count, candidates % count
    share = np.bincount(number, minlength=len(of)) / np.bincount(token, minlength=len(week.tokens))[of]
    votes = np.bincount(number[vote], minlength=len(of))
    common = share == 1.0
    left = common | ~_marked(of[common], len(week.tokens))[of]
    return of[left], end[left], share[left], votes[left]


def _voted(_week: PublishedNumbers, _token: Indices, _end: Indices, votes: Indices) -> Marks:
    return votes > 0


def _namesake(week: PublishedNumbers, token: Indices, end: Indices, _votes: Indices) -> Marks:
    """Return which ends are named like the token; asked only where a token has several ends left."""
    same = np.zeros(len(token), dtype=bool)
    open_ = np.flatnonzero(np.bincount(token, minlength=len(week.tokens))[token] > 1)
    names = (week.tokens.gather(token[open_]), week.ids.gather(end[open_]))
    same[open_] = (names[0].str.to_lowercase() == names[1].str.to_lowercase()).to_numpy()
    return same


def _mapped(week: PublishedNumbers, token: Indices, end: Indices, _votes: Indices) -> Marks:
    mapped: Marks = end == week.hint[token]
    return mapped


def _marked(places: Indices, count: int) -> Marks:
    """Return (count,) which places occur."""
    marks = np.zeros(count, dtype=bool)
    marks[places] = True
    return marks


def _among(keys: Indices, known: Indices) -> Marks:
    """Return whether each key is one of the sorted known ones."""
    if not len(known):
        return np.zeros(len(keys), dtype=bool)
    found: Marks = known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys
    return found
