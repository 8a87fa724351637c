"""Scores against numbers worked out on paper, and against scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dexposure_core.forecast.judging.scores import auprc, auroc, bin_sums, ece, reciprocal_ranks

levels = st.lists(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), min_size=1, max_size=30)


def test_auroc_counts_ties_half():
    # positives .8 and .5 against .5 and .1: .8 beats both (2), .5 ties one and beats one (1.5): 3.5 of 4
    assert auroc(np.array([0.8, 0.5]), np.array([0.5, 0.1])) == 3.5 / 4
    assert math.isnan(auroc(np.array([]), np.array([0.1])))


def test_auprc_by_hand():
    # levels .9 (1 true of 1), .5 (1 true of 2), .1 (0 of 1): ½·1 + ½·(2/3)
    assert auprc(np.array([0.9, 0.5]), np.array([0.5, 0.1])) == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert math.isnan(auprc(np.array([]), np.array([0.1])))


def test_auprc_of_a_memory_that_hits_985_of_1000_and_no_negative():
    # r·1 + (1 − r)·1/6 with r = .985 and five negatives a positive = .9875
    positive = np.repeat([1.0, 0.0], [985, 15])
    assert auprc(positive, np.zeros(5000)) == pytest.approx(0.9875)


@settings(deadline=None, max_examples=50)
@given(levels, levels)
def test_both_agree_with_scikit_learn(positive, negative):
    from sklearn.metrics import average_precision_score, roc_auc_score

    true = [1] * len(positive) + [0] * len(negative)
    scores = positive + negative
    assert auroc(np.array(positive), np.array(negative)) == pytest.approx(roc_auc_score(true, scores))
    assert auprc(np.array(positive), np.array(negative)) == pytest.approx(average_precision_score(true, scores))


def test_tied_ranks_are_averaged():
    # one true pair at .5; rivals .5 .5 .1 .9: above 1, above or equal 3: rank ½·(1 + 3) + 1 = 3
    ranks = reciprocal_ranks(
        np.array([0.5]), np.array([0]), np.array([0.5, 0.5, 0.1, 0.9]), np.zeros(4, dtype=int), np.array([7])
    )
    assert ranks == pytest.approx([1 / 3])


def test_a_pair_nobody_listed_ties_with_all_other_unlisted_ones():
    # creditor 0: rivals .9 and 0 listed, 7 unlisted: score 0 has 1 above, 1 + 1 + 7 above or equal: ½·(1 + 9) + 1 = 6
    # creditor 1 has no rival at all: rank 1; the rivals of one creditor say nothing about another
    ranks = reciprocal_ranks(
        np.array([0.0, 0.2]), np.array([0, 1]), np.array([0.9, 0.0]), np.array([0, 0]), np.array([7, 3])
    )
    assert ranks == pytest.approx([1 / 6, 1.0])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0.0, 0.1, 0.5, 0.9]), st.booleans()), min_size=1))
def test_ranks_are_those_of_counting_rival_by_rival(pairs):
    unlisted = np.array([0, 3, 50])
    true, rivals = [p for p in pairs if p[2]], [p for p in pairs if not p[2]]
    ranks = reciprocal_ranks(
        np.array([p[1] for p in true]), np.array([p[0] for p in true], dtype=int),
        np.array([p[1] for p in rivals]), np.array([p[0] for p in rivals], dtype=int), unlisted,
    )  # fmt: skip
    for (creditor, score, _), rank in zip(true, ranks, strict=True):
        others = [s for c, s, _ in rivals if c == creditor] + [0.0] * int(unlisted[creditor])
        above, upto = sum(s > score for s in others), sum(s >= score for s in others)
        assert rank == pytest.approx(1 / (0.5 * (above + upto) + 1))


def test_calibration_error_by_hand():
    # bin .2-.3: p .25 .25, y 1 0 → |.5 − 1| = .5; bin .9-.97: p .95, y 1 → .05; bin < .001: p 0, y 0 → 0; over 4 pairs
    sums = bin_sums(np.array([0.25, 0.25, 0.95, 0.0]), np.array([True, False, True, False]))
    assert ece(sums) == pytest.approx((0.5 + 0.05) / 4)
    assert math.isnan(ece(np.zeros((3, 3))))
