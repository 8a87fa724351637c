"""The network by its laws: what is masked is not seen, what is left out is not used, what is not trusted is memory."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from dexposure_core.forecast.known.features import PAIR_FEATURES
from dexposure_core.forecast.learning.fitting import lean, losses, relative
from dexposure_core.forecast.learning.pretraining import pretrain, pretraining_loss
from dexposure_core.forecast.learning.prior import task
from dexposure_core.forecast.learning.trusting import _platt, choose_shrinkage, said
from dexposure_core.forecast.net.encoder import HEADS, Tabular
from dexposure_core.forecast.net.heads import ABLATIONS, BRANCHES, EXISTENCE, KINDS, PARTS, kinds, usual_way
from dexposure_core.forecast.weights import network
from tests.forecast.conftest import ABOUT


def changed(given, name):
    """The input with the numbers of one part drawn anew."""
    return {**given, name: torch.randn_like(given[name])}


def states_of(net, given):
    with torch.inference_mode():
        return net.eval().states(given)["never"]


def test_a_masked_number_is_not_seen(one):
    net = network(ABOUT).eval()
    masked = torch.zeros_like(one.input["node"], dtype=torch.bool)
    masked[:, 3] = True
    other = {**one.input, "node": one.input["node"].clone()}
    other["node"][:, 3] += 100.0
    encoder = net.encoder("never")
    with torch.inference_mode():
        assert torch.allclose(encoder(one.input, masked), encoder(other, masked))
        assert not torch.allclose(encoder(one.input), encoder(other))


@pytest.mark.parametrize("masked", [False, True])
def test_what_is_heard_of_numbers_is_attention_over_their_tokens(one, masked):
    """The encoder never makes the tokens of numbers; here they are made and attended to in the plain way."""
    tabular = network(ABOUT).encoder("now").tabular
    for parameter in tabular.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    node, sector, weeks = (one.input[name] for name in ("node", "sector", "weeks"))
    node = node / node.abs().max()
    hidden = torch.rand(node.shape) < 0.3 if masked else None
    with torch.inference_mode():
        assert torch.allclose(
            tabular(node, sector, weeks, hidden), plainly(tabular, node, sector, weeks, hidden), atol=1e-5
        )


def plainly(tabular: Tabular, node, sector, weeks, hidden):
    tokens = node[:, :, None] * tabular.scale + tabular.shift
    if hidden is not None:
        tokens = torch.where(hidden[:, :, None], tabular.unknown, tokens)
        node = node.masked_fill(hidden, 0.0)
    weeks = torch.tanh(tabular.week(weeks) + tabular.lag)
    tokens = torch.cat([tokens, tabular.sector(sector)[:, None], weeks], dim=1)
    n, count, width = tokens.shape
    asked = tabular.queries.reshape(-1, HEADS, width // HEADS).transpose(0, 1).expand(n, -1, -1, -1)
    key, value = (f(tokens).reshape(n, count, HEADS, -1).transpose(1, 2) for f in (tabular.key, tabular.value))
    read = scaled_dot_product_attention(asked, key, value).transpose(1, 2).reshape(n, -1)
    state = torch.tanh(tabular.mix(read) + tabular.enter(node))
    return state + tabular.deepen(state)


def test_sizes_asked_of_some_pairs_are_those_of_all_pairs_there(one):
    net = network(ABOUT).eval()
    torch.nn.init.normal_(net.size.out.weight)
    with torch.inference_mode():
        whole, some = net(one.input, one.cell)[2], net(one.input, one.cell, one.sized)[2]
    assert 0 < len(one.sized) < len(one.cell)
    assert torch.allclose(some, whole[one.sized], atol=1e-5)
    assert one.sized.tolist() == [k for k, row in enumerate(one.exists.tolist()) if any(row)]


def test_pairs_without_a_size_add_nothing_to_what_sizes_lose(one):
    """Sizes are decoded where there is one; decoding all pairs loses the same, part by part."""
    net = network(ABOUT).eval()
    torch.nn.init.normal_(net.size.out.weight)
    whole = replace(one, sized=torch.arange(len(one.cell)))
    assert len(one.sized) < len(whole.sized)
    (some, _), (every, _) = losses(net, one), losses(net, whole)
    assert (some[KINDS : KINDS + 2] > 0).all()
    assert torch.allclose(some, every, rtol=1e-5)


def test_a_forecast_passes_messages_as_torch_geometric_does_in_training(one):
    net = network(ABOUT).eval()
    assert len(one.input["weight"])
    assert torch.allclose(net.states(one.input)["never"].detach(), states_of(net, one.input), atol=1e-6)


def test_the_log_odds_of_a_flow_lean_the_way_it_usually_went(one):
    pair = torch.zeros(3, len(PAIR_FEATURES))
    column = PAIR_FEATURES.index
    pair[0, [column("share_4"), column("share_12"), column("share_52")]] = 1.0
    pair[1, [column("reverse_share_4"), column("reverse_share_12"), column("reverse_share_52")]] = 1.0
    way = usual_way(pair)
    expected = (np.log(4.5 / 0.5) + np.log(12.5 / 0.5) + np.log(52.5 / 0.5)) / 3
    assert way.tolist() == pytest.approx([expected, -expected, 0.0])
    for basis, leant in (("flow", True), ("holdings", False)):
        net = network(ABOUT)
        lean(net, basis)
        assert bool(net.memory(torch.zeros(3, dtype=torch.long), pair)[0].any()) == leant
    bare = network({**ABOUT, "without": ["history"]})
    lean(bare, "flow")
    assert not bare.lean


def test_a_tenth_is_trusted_on_a_gain_alone_and_more_only_beyond_doubt(one):
    net = network(ABOUT).eval()
    told = said(net, [one])
    state, _, size, tvl = told[0]
    toward = torch.where(one.exists > 0, 3.0, -3.0)
    choose_shrinkage(net, [one] * 2, [(state, toward, size, tvl)] * 2, ABOUT["horizons"])
    assert (net.shrink[0] == 1.0).all()  # sure: the same gain twice
    away = (state, -toward, size, tvl)
    choose_shrinkage(net, [one] * 4, [(state, toward, size, tvl)] * 3 + [away], ABOUT["horizons"])
    assert ((net.shrink[0] >= 0.1) & (net.shrink[0] < 0.5)).all()


@pytest.mark.parametrize(
    ("without", "part"), [("graph", "edge"), ("graph", "weight"), ("history", "weeks"), ("tabular", "node")]
)
def test_what_a_network_is_made_without_does_not_reach_it(one, without, part):
    assert without in ABLATIONS
    whole, bare = network(ABOUT), network({**ABOUT, "without": [without]})
    assert torch.equal(states_of(bare, one.input), states_of(bare, changed(one.input, part)))
    assert not torch.equal(states_of(whole, one.input), states_of(whole, changed(one.input, part)))


def test_each_kind_of_pair_has_a_head_of_its_own(one):
    net = network(ABOUT).eval()
    before = net(one.input, one.cell)[1].detach()
    assert not before.any()  # heads say nothing before training
    torch.nn.init.ones_(net.exists["seen"].out.bias)
    after = net(one.input, one.cell)[1].detach()
    assert torch.equal(after[:, 0] != 0, kinds(one.cell) == EXISTENCE.index("seen"))


def test_the_branches_of_existence_share_an_encoder_only_while_they_are_trained():
    names = {name.split(".")[1] for name, _ in network(ABOUT).named_parameters() if name.startswith("encoders")}
    assert names == set(BRANCHES)
    tied = {name.split(".")[1] for name, _ in network(ABOUT).tied().named_parameters() if name.startswith("encoders")}
    assert tied == {"now", "amounts"}


def test_made_up_tasks_are_standardised_worlds_of_their_own():
    first, second = (task(4, np.random.default_rng(seed)) for seed in (1, 2))
    for made in (first, second):
        n = len(made["node"])
        assert made["edges"].max() < n
        assert (made["edges"][0] != made["edges"][1]).all()
        assert made["node"].abs().max() <= 5
        assert made["weight"].min() > 0
        assert made["sector"].max() < 4
    assert len(first["node"]) != len(second["node"]) or not torch.equal(first["node"], second["node"])


def test_pretraining_learns_to_fill_in_numbers_of_worlds_it_has_not_seen(one):
    def loss(net, fill):
        rng = np.random.default_rng(99)
        with torch.inference_mode():
            return np.mean([float(pretraining_loss(net, fill, task(5, rng), rng)) for _ in range(8)])

    torch.manual_seed(0)
    net = network(ABOUT)
    fill = torch.nn.Linear(8, one.input["node"].shape[1])
    torch.nn.init.zeros_(fill.weight)
    torch.nn.init.zeros_(fill.bias)
    before = loss(net, fill)
    pretrain(net, [one], 60, seed=1)
    fresh = torch.optim.Adam(fill.parameters(), lr=1e-2)
    rng = np.random.default_rng(5)
    for _ in range(60):  # only the last layer: the states must already tell
        fresh.zero_grad()
        pretraining_loss(net, fill, task(5, rng), rng).backward()
        fresh.step()
    assert loss(net, fill) < 0.98 * before
    states = [net.encoder(branch).state_dict() for branch in BRANCHES]
    assert all(torch.equal(states[0][k], s[k]) for s in states for k in s)  # all branches start alike


def test_what_does_not_help_is_not_trusted_and_what_helps_is(one):
    net = network(ABOUT).eval()
    examples = [one] * 6
    torch.nn.init.constant_(net.exists["now"].out.bias, -3.0)  # everything dies, which is wrong
    torch.nn.init.constant_(net.exists["never"].out.bias, -5.0)  # nothing is born, which is nearly right
    net.table.zero_()
    choose_shrinkage(net, examples, said(net, examples), [1, 4])
    assert net.shrink[EXISTENCE.index("now")].tolist() == [0.0, 0.0]
    assert (net.shrink[EXISTENCE.index("never")] > 0).all()
    assert net.shrink.shape == (PARTS, 2)


def test_log_odds_are_moved_to_what_came_but_not_without_evidence():
    logit = torch.zeros(4000, dtype=torch.float64)
    came = (torch.arange(4000) % 4 == 0).double()  # a quarter, where one half was said
    stretch, shift = _platt(logit, came, torch.ones_like(came))
    assert torch.sigmoid(torch.tensor(shift)) == pytest.approx(0.25, abs=0.01)
    assert stretch == pytest.approx(1.0)
    _, shy = _platt(logit[:4], came[:4], torch.ones(4, dtype=torch.float64))
    assert -0.2 < shy < 0  # four pairs: half a standard deviation of the prior at most


def test_losses_are_compared_with_memorys_by_branch():
    memory = torch.full((PARTS, 2), 2.0)
    better = memory.clone()
    better[1] = 1.0
    better[KINDS:, 0] = 1.0
    assert relative(better, memory) == {"now": 1.0, "seen": 0.5, "never": 1.0, "amounts": 0.75}


def test_no_file_is_left_behind_by_message_passing(tmp_path):
    """torch-geometric writes one temporary file per kind of message passing and process, and never removes it."""
    made = (
        "import dexposure_core.forecast.net.passing\n"
        "from dexposure_core.forecast.baselines.roland_network import Network\n"
        "Network(node=6, pair=8, hidden=4, horizons=2)\n"
        "from torch_geometric.nn import GraphConv\n"
        "assert GraphConv.propagate.__module__.endswith('_propagate'), 'not from such a file any more'\n"
    )
    subprocess.run([sys.executable, "-c", made], check=True, env=os.environ | {"TMPDIR": str(tmp_path)})
    assert not list(tmp_path.iterdir())
