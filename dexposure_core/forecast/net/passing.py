"""The encoder's message passing by torch-geometric, as it is trained.

A forecast takes the same sums directly (`encoder.Exposures`), because loading torch-geometric takes two seconds. A test
holds the two together.
"""

from __future__ import annotations

from torch import Tensor
from torch_geometric.nn import MessagePassing

from dexposure_core.forecast.net import message_files
from dexposure_core.forecast.net.encoder import message


class GatedSum(MessagePassing):  # type: ignore[misc]  # torch_geometric has no stubs
    """Sums, at the end of each edge, what `message` says along it; has no weights of its own."""

    def __init__(self) -> None:
        super().__init__(aggr="add")

    def forward(self, edges: Tensor, value: Tensor, gate: Tensor, told: Tensor, share: Tensor) -> Tensor:
        """Return (N, hidden); see `encoder.Exposures`."""
        said: Tensor = self.propagate(edges, x=value, gate=gate, told=told, share=share)
        return said

    def message(self, x_j: Tensor, gate: Tensor, told: Tensor, share: Tensor) -> Tensor:
        """Return each edge's message (E, hidden)."""
        return message(x_j, gate, told, share)


gated_sum = GatedSum()
message_files.sweep()
