"""What decodes pairs from the states of their two ends: corrections in full, and a screen cheap enough for all pairs.

    z = relu(P·pair + C·h_creditor + D·h_debtor + (M·h_creditor) ⊙ h_debtor)

C·h and D·h are computed once per protocol, not once per pair, which is what makes many pairs affordable. ALL pairs are
scored by the cheaper screen u_creditor·v_debtor + b_debtor, whose best become candidates.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

RANK: Final = 16  # of the screen
DROPPED: Final = 51 / 256  # of a pair's hidden numbers, while training

Sides = tuple[Tensor, Tensor]


class Dropout(nn.Module):
    """Zeroes a share DROPPED of the numbers while training, the rest growing to make up for it.

    As torch's own, which draws a random number for every value: here eight share one, a byte each, and that is five
    times as fast.
    """

    def forward(self, values: Tensor) -> Tensor:
        """Return the values, as they are outside training."""
        if not self.training:
            return values
        count = values.numel()
        drawn = torch.empty(-(-count // 8), dtype=torch.int64, device=values.device).random_(-(2**63), None)
        kept = drawn.view(torch.uint8)[:count].view(values.shape) >= 256 * DROPPED
        return values * (kept / (1.0 - DROPPED))


class Correction(nn.Module):
    """Pair features and the states of the two ends → (C, outputs), zero before training."""

    def __init__(self, features: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.pair = nn.Linear(features, hidden)
        self.creditor = nn.Linear(hidden, hidden, bias=False)
        self.debtor = nn.Linear(hidden, hidden, bias=False)
        self.match = nn.Linear(hidden, hidden, bias=False)
        self.mix = nn.Linear(hidden, hidden)
        self.drop = Dropout()
        self.out = nn.Linear(hidden, outputs)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def sides(self, state: Tensor) -> Sides:
        """Return what states (N, hidden) bring as creditors and as debtors, (N, 2 · hidden) each."""
        return (
            torch.cat([self.match(state), self.creditor(state)], dim=1),
            torch.cat([state, self.debtor(state)], dim=1),
        )

    def forward(self, pair: Tensor, state: Tensor | Sides, ends: Tensor) -> Tensor:
        """Return (C, outputs).

        Args:
            pair: (C, features).
            state: (N, hidden) of all protocols; or their `sides`, for when pairs are decoded in many goes.
            ends: (2, C), the rows of the pairs' creditors and debtors.
        """
        match, ends_of = self._met(state, ends) if isinstance(state, Tensor) else _met(state, ends)
        mixed = self.pair(pair) + ends_of + match
        result: Tensor = self.out(torch.relu(self.mix(self.drop(torch.relu(mixed)))))
        return result

    def _met(self, state: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
        creditor, debtor = ends
        match = self.match(state).index_select(0, creditor) * state.index_select(0, debtor)
        return match, self.creditor(state).index_select(0, creditor) + self.debtor(state).index_select(0, debtor)


def _met(sides: Sides, ends: Tensor) -> tuple[Tensor, Tensor]:
    creditor, debtor = (side.index_select(0, end) for side, end in zip(sides, ends, strict=True))
    width = creditor.shape[1] // 2
    return creditor[:, :width] * debtor[:, :width], creditor[:, width:] + debtor[:, width:]


class Screen(nn.Module):
    """How likely each ordered pair is to come to exist for the first time, up to a constant: cheap enough for all."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.creditor = nn.Linear(hidden, RANK)
        self.debtor = nn.Linear(hidden, RANK)
        self.popular = nn.Linear(hidden, 1)

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return u (N, RANK + 1) and v (N, RANK + 1): the score of p → q is u_p · v_q."""
        ones = state.new_ones(len(state), 1)
        return torch.cat([self.creditor(state), ones], 1), torch.cat([self.debtor(state), self.popular(state)], 1)

    def of(self, state: Tensor, ends: Tensor) -> Tensor:
        """Return (C,) scores of the pairs `ends` (2, C)."""
        u, v = self(state)
        score: Tensor = (u.index_select(0, ends[0]) * v.index_select(0, ends[1])).sum(dim=1)
        return score
