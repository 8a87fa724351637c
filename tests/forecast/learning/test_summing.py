"""What sums of USD are made with: corrections move it as far as they were right about USD, whatever logarithms say."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from dexposure_core.forecast import Dexposure
from dexposure_core.forecast.learning.summing import _errors, choose_summed
from dexposure_core.forecast.learning.trusting import GRID, said
from dexposure_core.forecast.net.heads import KINDS, amounts, exists_now
from dexposure_core.forecast.networks import drawn_networks, expected_network
from dexposure_core.forecast.weights import network, read, write
from tests.forecast.conftest import ABOUT

OTHERS, TVL = 1, 2


def told_of(net, e, share=1.0):
    """What a network says that is right about which exposures come and goes `share` of the way to their amounts."""
    state, *_ = said(net, [e])[0]
    size = share * (e.log_usd - net.log_sizes(e.cell, e.anchors, torch.zeros_like(e.log_usd), amounts(net.shrink)))
    return state, torch.where(e.exists > 0, 30.0, -30.0), size, share * e.tvl_step


@pytest.mark.parametrize(("share", "expected"), [(1.0, 1.0), (2.0, 0.5), (-1.0, 0.0)])
def test_sums_follow_corrections_as_far_as_these_were_right_in_usd(one, share, expected):
    net = network(ABOUT).eval()
    choose_summed(net, [one] * 4, [told_of(net, one, share)] * 4, ABOUT["horizons"])
    assert net.summed[0].tolist() == net.summed[TVL].tolist() == [expected] * 2


def test_sums_move_no_further_than_what_is_served(one):
    net = network(ABOUT).eval()
    net.shrink[KINDS:] = torch.tensor([0.5, 0.0, 0.25])[:, None]
    choose_summed(net, [one] * 4, [told_of(net, one)] * 4, ABOUT["horizons"])
    assert net.summed[:, 0].tolist() == [0.5, 0.0, 0.25]


def test_what_is_right_on_logarithms_alone_moves_no_sum(one):
    """Nine small exposures get nearer and the largest one is missed: better on logarithms, worse in USD."""
    net = network(ABOUT).eval()
    state, exists, size, tvl = told_of(net, one)
    largest = one.log_usd[:, 0].argmax()
    assert exists_now(one.cell)[largest]
    size[largest] += 1.0
    choose_summed(net, [one] * 4, [(state, exists, size, tvl)] * 4, ABOUT["horizons"])
    assert (net.summed[0] < 0.5).all()


def test_the_error_is_that_of_all_candidates_over_what_came(one):
    net = network(ABOUT).eval()
    told = told_of(net, one)
    errors = _errors(net, one, told).numpy()
    assert errors.shape == (1 + len(GRID), 3, 2)
    assert errors[-1] == pytest.approx(0.0, abs=1e-5)  # all of a right correction leaves nothing
    came = np.expm1(one.log_usd[:, 0].double().numpy()) * one.exists[:, 0].numpy()
    memory = np.expm1(one.anchors[:, int(net.fade[0])].double().numpy()) * one.exists[:, 0].numpy()
    now = exists_now(one.cell).numpy()
    assert errors[0, 0, 0] == pytest.approx(np.abs(memory - came)[now].sum() / came.sum(), rel=1e-4)
    assert errors[0, OTHERS, 0] == pytest.approx(np.abs(memory - came)[~now].sum() / came.sum(), rel=1e-4)


def test_sums_and_typical_sizes_are_told_apart_all_the_way(history, trained, basis):
    """With no trust in sums they are made with memory's amounts, and typical ones stay corrected."""
    net = copy.deepcopy(trained.networks[basis])
    for part, value in ((net.shrink, 1.0), (net.summed, 0.0)):
        part.fill_(value)
    torch.nn.init.constant_(net.size.out.bias, 0.5)
    torch.nn.init.constant_(net.tvl[-1].bias, 0.1)
    both = [Dexposure(trained=replace(trained, networks={basis: n})).predict(history, 1) for n in (net, without(net))]
    apart, memory = both
    assert np.array_equal(apart.summed_usd, memory.exposure_usd)
    assert np.array_equal(apart.summed_tvl_usd, memory.tvl_usd)
    assert (apart.exposure_usd > apart.summed_usd).mean() > 0.9
    assert apart.expected_usd().sum() == pytest.approx((apart.probability * memory.exposure_usd).sum())
    assert apart.sources["TVL"].endswith("corrected by the model (100%; 0% in sums of USD)")
    assert "in sums" not in apart.sources["exposures of today"]
    origin = history[-1]
    for made in (expected_network(apart, origin, origin.date), drawn_networks(apart, origin, origin.date, 1)[0]):
        assert np.array_equal(made.tvl_usd, memory.tvl_usd)


def without(net):
    """The same network with no trust in corrections of amounts."""
    net = copy.deepcopy(net)
    net.shrink[KINDS:] = 0.0
    return net


def test_weights_made_before_sums_had_a_trust_of_their_own_move_them_whole(tmp_path, trained):
    path = tmp_path / "old.safetensors"
    write(path, trained.networks, trained.about)
    with safe_open(path, framework="pt") as file:
        about = file.metadata()
        old = {name: file.get_tensor(name) for name in file.keys() if not name.endswith(".summed")}  # noqa: SIM118
    assert json.loads(about["about"])["schema"]
    save_file(old, path, about)
    for net in read(path).networks.values():
        assert torch.equal(net.summed, net.shrink[KINDS:])
