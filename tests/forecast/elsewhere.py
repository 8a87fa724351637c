"""A GPU for machines without one: tensors that say they lie on it, and that refuse what a GPU would refuse.

Numbers are worked out on the processor. What is tested is that nothing is left behind there: an operation on a tensor
from here and one from there is an error, as on a real device, but for the few that those allow.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("meta")
_ACROSS = ("_to_copy", "copy_", "index", "index_put_", "_index_put_impl_", "lift_fresh")  # may read from both sides


class There(torch.Tensor):
    """A tensor on the device; `held` has its numbers."""

    @staticmethod
    def __new__(cls, held):
        made = torch.Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype,
            device=DEVICE, requires_grad=held.requires_grad,
        )  # fmt: skip
        made.held = held
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _done(func, args, kwargs or {})


class Gpu(TorchDispatchMode):
    """While open, `.to(DEVICE)` brings tensors there; `refused` lists what was refused."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _done(func, args, kwargs or {})


def _done(func, args, kwargs):
    name = func.overloadpacket.__name__
    given = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
    there = [t for t in given if isinstance(t, There)]
    left = [t for t in given if not isinstance(t, There) and t.dim() > 0]
    if there and left and name not in _ACROSS:
        raise RuntimeError(f"{name}: expected all tensors to be on the same device, some were left on the processor")
    where = kwargs.get("device")
    stays = bool(there) if where is None else torch.device(where).type == DEVICE.type
    args, kwargs = tree_map(lambda t: t.held if isinstance(t, There) else t, (args, kwargs))
    if where is not None:
        kwargs["device"] = torch.device("cpu")
    known = {id(t.held): t for t in there}
    return tree_map(lambda t: _placed(t, known, stays=stays), func(*args, **kwargs))


def _placed(value, known, *, stays):
    """What came out, on the side it belongs to; what was changed in place is what was given."""
    if not isinstance(value, torch.Tensor) or not stays:
        return value
    return known[id(value)] if id(value) in known else There(value)
