"""Decoding pairs: in any order the same, and dropping out as often as it says, from the seed alone."""

import pytest
import torch

from dexposure_core.forecast.net.decoder import DROPPED, Dropout
from dexposure_core.forecast.net.heads import kinds
from dexposure_core.forecast.weights import network
from tests.forecast.conftest import ABOUT


def test_pairs_are_decoded_alike_in_any_order(one):
    net = network(ABOUT).eval()
    for name in ("now", "seen", "never"):
        torch.nn.init.normal_(net.exists[name].out.weight)
    torch.nn.init.normal_(net.size.out.weight)
    assert bool((kinds(one.cell).diff() >= 0).all())  # examples come kind by kind
    order = torch.randperm(len(one.cell), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        states = net.states(one.input)
        sides = net.sides(states)
        exists, size = net.decode(states, one.input["pair"], one.input["ends"], one.cell)
        mixed = net.decode(sides, one.input["pair"][order], one.input["ends"][:, order], one.cell[order])
        few = net.decode(sides, one.input["pair"], one.input["ends"], one.cell, one.sized)
        again = net.decode(sides, one.input["pair"], one.input["ends"], one.cell)
    assert exists.unique().numel() > 100
    assert torch.equal(again[0], exists)
    assert torch.equal(again[1], size)
    assert torch.allclose(mixed[0], exists[order], atol=1e-5)
    assert torch.allclose(mixed[1], size[order], atol=1e-5)
    assert torch.allclose(few[1], size[one.sized], atol=1e-5)


def test_dropout_drops_its_share_and_keeps_the_mean():
    dropout, values = Dropout(), torch.ones(1000, 33)
    torch.manual_seed(1)
    first, second = dropout(values), dropout(values)
    assert float((first == 0).float().mean()) == pytest.approx(DROPPED, abs=0.01)
    assert sorted(first.unique().tolist()) == pytest.approx([0.0, 1 / (1 - DROPPED)])
    assert float(first.mean()) == pytest.approx(1.0, abs=0.02)
    # what happens to one number says nothing of its neighbours', nor of the next draw
    kept = (first > 0).float()
    for other in (kept.roll(1), kept.roll(8), (second > 0).float()):
        assert float(torch.corrcoef(torch.stack([kept.ravel(), other.ravel()]))[0, 1]) == pytest.approx(0.0, abs=0.02)
    torch.manual_seed(1)
    assert torch.equal(dropout(values), first)


def test_nothing_is_dropped_outside_training():
    values = torch.randn(7, 5)
    assert torch.equal(Dropout().eval()(values), values)
