"""Learning existence from several networks: what they say by hand, what it changes, what it leaves alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dexposure_core.forecast.learning.examples import example
from dexposure_core.forecast.learning.fitting import losses
from dexposure_core.forecast.learning.teaching import taught
from dexposure_core.forecast.learning.training import train
from dexposure_core.forecast.net.heads import AMOUNTS, EXISTENCE, KINDS
from dexposure_core.forecast.weights import network
from tests.forecast.conftest import TINY
from tests.forecast.worlds import world

ABOUT = {"sectors": ["DEX"], "horizons": [1, 4], "hidden": 8}


@pytest.fixture(scope="module")
def lesson():
    history = world(weeks=30, n=10)
    return example(history[:20], [history[20], history[23]], ABOUT["sectors"], None)


def sure(log_odds, *without):
    """A network that corrects nothing and whose memory gives every pair these log odds."""
    net = network({**ABOUT, "without": without}).eval()
    with torch.no_grad():
        net.table.fill_(log_odds)
    return net


def test_the_mean_of_their_log_odds_is_taught(lesson):
    (made,) = taught([lesson], [sure(-3.0), sure(1.0, AMOUNTS)])
    assert made.taught.shape == lesson.exists.shape
    assert made.taught.numpy() == pytest.approx(1 / (1 + np.e))
    assert made.exists is lesson.exists


def test_existence_is_learnt_from_teachers_and_amounts_from_what_came(lesson):
    other = replace(lesson, taught=1.0 - lesson.exists)
    told, came = (losses(sure(-1.0), e)[0] for e in (other, lesson))
    assert (told[:KINDS] != came[:KINDS]).any()
    assert torch.equal(told[KINDS:], came[KINDS:])


def test_a_network_without_amounts_says_the_same_of_existence(lesson):
    torch.manual_seed(0)
    whole = network(ABOUT).eval()
    with torch.no_grad():
        for kind in EXISTENCE:
            whole.exists[kind].load_state_dict(
                {k: torch.randn_like(t) for k, t in whole.exists[kind].state_dict().items()}
            )
    part = network({**ABOUT, "without": [AMOUNTS]}).eval()
    part.load_state_dict(whole.state_dict())
    first, second = (net(lesson.input, lesson.cell, lesson.sized) for net in (whole, part))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_teachers_change_what_is_learnt_and_stay_out_of_the_weights():
    history = world(weeks=40, n=10)
    alone, led, again = (train({"holdings": history}, recipe=replace(TINY, teachers=k)) for k in (0, 2, 2))
    assert led.digest == again.digest != alone.digest
    assert (alone.about["teachers"], led.about["teachers"]) == (0, 2)
    names = [list(w.networks["holdings"].state_dict()) for w in (alone, led)]
    assert names[0] == names[1]
