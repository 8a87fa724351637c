"""Training on a GPU, tried on one that is made up: nothing stays behind on the processor, and refusals are plain."""

from dataclasses import replace

import pytest
import torch

from dexposure_core.errors import BadOption
from dexposure_core.forecast.learning import place
from dexposure_core.forecast.learning.recipe import AUTO, CPU, GPU
from dexposure_core.forecast.learning.training import train
from tests.forecast.conftest import TINY
from tests.forecast.elsewhere import DEVICE, Gpu
from tests.forecast.worlds import world

MAKE = "Made-up GPU"


@pytest.fixture
def gpu(monkeypatch):
    """A GPU for the length of a test, without what tensors of its kind cannot do."""
    adam = torch.optim.Adam
    monkeypatch.setattr(torch.optim, "Adam", lambda *own, **options: adam(*own, **{**options, "fused": False}))
    monkeypatch.setattr(torch, "inference_mode", torch.no_grad)
    monkeypatch.setattr("dexposure_core.forecast.learning.training.described", lambda _: MAKE)
    with Gpu():
        yield DEVICE


@pytest.mark.slow
def test_a_network_trained_there_is_the_same_and_ends_up_here(gpu):
    histories = {"flow": world(weeks=24, n=8, basis="flow")}
    recipe = replace(TINY, epochs=1, pretraining=1, teachers=1, lessons=1, every=4)
    here = train(histories, recipe=recipe)
    there = train(histories, recipe=recipe, device=gpu)
    assert there.about == {**here.about, "device": MAKE}
    ours = here.networks["flow"].state_dict()
    for name, tensor in there.networks["flow"].state_dict().items():
        assert type(tensor) is torch.Tensor
        assert tensor.device.type == "cpu"
        torch.testing.assert_close(tensor, ours[name])


def test_the_made_up_gpu_refuses_tensors_that_were_left_behind(gpu):
    there, here = torch.ones(2).to(gpu), torch.ones(2)
    assert (there + there).cpu().tolist() == [2.0, 2.0]
    assert (there + 1.0).device == gpu
    for mixed in (lambda: there + here, lambda: torch.cat([here, there]), lambda: there.mul_(here)):
        with pytest.raises(RuntimeError, match="left on the processor"):
            mixed()


@pytest.mark.parametrize(("name", "there_is_one", "found"), [
    (AUTO, False, "cpu"), (AUTO, True, "cuda"), (CPU, True, "cpu"), (GPU, True, "cuda"),
])  # fmt: skip
def test_a_gpu_is_chosen_where_there_is_one(monkeypatch, name, there_is_one, found):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there_is_one)
    assert place.chosen(name).type == found


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BadOption, match="--device cpu"):
        place.chosen(GPU)
    with pytest.raises(BadOption, match="auto, cpu, gpu"):
        place.chosen("tpu")


def test_sums_on_a_gpu_have_one_order_and_only_there():
    assert not torch.are_deterministic_algorithms_enabled()
    with place.trained_on(torch.device("cpu")):
        assert not torch.are_deterministic_algorithms_enabled()
    with place.trained_on(torch.device("cuda")):
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_gpu_too_small_says_what_to_do():
    with pytest.raises(BadOption, match="--device cpu"), place.trained_on(torch.device("cuda")):
        raise torch.OutOfMemoryError
    assert not torch.are_deterministic_algorithms_enabled()
