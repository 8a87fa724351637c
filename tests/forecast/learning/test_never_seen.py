"""What memory says of pairs never seen: a regression that finds a rate that is there, and is left out where none is."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load, save

from dexposure_core.forecast.header import SCHEMA
from dexposure_core.forecast.known.features import PAIR_FEATURES
from dexposure_core.forecast.known.node_features import NODE_FEATURES
from dexposure_core.forecast.learning.examples import example
from dexposure_core.forecast.learning.fitting import count_table, scale
from dexposure_core.forecast.learning.never_seen import fit_never_seen
from dexposure_core.forecast.net.heads import EXISTENCE, OF_STRANGERS, kinds
from dexposure_core.forecast.scoring import sources
from dexposure_core.forecast.weights import network, read, to_bytes
from tests.forecast.conftest import ABOUT
from tests.forecast.worlds import world

NEVER = EXISTENCE.index("never")
MATTERS = "debtor_log_tvl"


@pytest.fixture
def examples():
    history = world(weeks=40, n=15)
    return [
        example(history[: k + 1], [history[k + 1], history[k + 4]], ABOUT["sectors"], None) for k in range(20, 36)
    ]  # fmt: skip


def prepared(examples):
    """A network with scales and table, as training makes it before the regression."""
    net = network(ABOUT)
    scale(net, examples)
    count_table(net, examples, examples)
    return net


def drawn(examples, slope, seed=0):
    """The examples with exposures among pairs never seen drawn anew: log odds −1 and `slope` per unit of MATTERS."""
    rng = torch.Generator().manual_seed(seed)
    column, net, made = PAIR_FEATURES.index(MATTERS), prepared(examples), []
    for e in examples:
        given = (e.input["pair"][:, column] - net.pair_mean[column]) / net.pair_scale[column]
        p = torch.sigmoid(slope * given.clamp(-5, 5) - 1.0)[:, None].expand_as(e.exists)
        new = (torch.rand(p.shape, generator=rng) < p).float()
        made.append(replace(e, exists=torch.where((kinds(e.cell) == NEVER)[:, None], new, e.exists)))
    return made


def test_it_finds_what_pairs_without_a_past_depend_on(examples):
    learn, check = drawn(examples, 1.5), drawn(examples, 1.5, seed=1)
    net = prepared(learn)
    fit_never_seen(net, learn, check)
    found = dict(zip(OF_STRANGERS, net.regression[:-1, 0].tolist(), strict=True))
    assert found[MATTERS] == pytest.approx(1.5, abs=0.35)
    # a coefficient's maximum: the residuals it sees sum to no more than the prior asks for
    residual = torch.zeros(len(OF_STRANGERS) + 1)
    for e in learn:
        own = kinds(e.cell) == NEVER
        p = torch.sigmoid(net.memory(e.cell[own], e.input["pair"][own])[:, 0])
        given = torch.cat([net.strangers(e.input["pair"][own]), torch.ones(int(own.sum()), 1)], dim=1)
        residual += given.T @ (e.count[own] * (e.exists[own, 0] - p))
    assert residual[:-1].tolist() == pytest.approx((10.0 * net.regression[:-1, 0]).tolist(), abs=0.5)
    assert float(residual[-1]) == pytest.approx(0.0, abs=0.5)  # as many are expected as came


def test_where_it_does_not_help_later_weeks_the_table_stays(examples):
    learn, check = drawn(examples, 1.5), drawn(examples, -1.5, seed=1)
    net = prepared(learn)
    fit_never_seen(net, learn, check)
    assert not net.regression.any()


def test_only_pairs_never_seen_are_moved(examples):
    net = prepared(examples)
    net.shrink.zero_()
    e = examples[-1]
    before = net.memory(e.cell, e.input["pair"])
    assert sources(net, 0)["pairs never seen"] == "hazard table"
    torch.nn.init.ones_(net.regression)
    moved = (net.memory(e.cell, e.input["pair"]) != before).any(dim=1)
    assert torch.equal(moved, kinds(e.cell) == NEVER)
    assert moved.any()
    assert not moved.all()
    assert sources(net, 0)["pairs never seen"] == "hazard table and a regression on both ends"


@pytest.mark.parametrize("later", ["regression", "turn"])
def test_weights_made_before_there_was_such_a_thing_are_read_as_having_none(tmp_path, later):
    about = ABOUT | {"bases": ["holdings"], "without": []}
    tensors = load(to_bytes({"holdings": network(about)}, about))
    del tensors[f"holdings.{later}"]
    described = {"schema": SCHEMA, "node_features": NODE_FEATURES, "pair_features": PAIR_FEATURES}
    path = tmp_path / "old.safetensors"
    path.write_bytes(save(tensors, {"about": json.dumps(about | described)}))
    assert not read(path).networks["holdings"].get_buffer(later).any()
