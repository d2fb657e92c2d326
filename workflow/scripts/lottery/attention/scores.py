"""Scores of attention maps: how much of a map each form explains (`lottery.attention.rules`).

A map is taken with rows that sum to one, so that raw and norm-weighted maps have the same scale.
Shapes: N maps, T tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lottery.attention.rules import SCORES


def score_maps(maps: Tensor, special: Tensor) -> Tensor:
    """Scores maps of one length.

    Args:
        maps: float [N, T, T], from 0 up; row i is the attention of token i. No padding.
        special: bool [N, T], the tokens that the tokeniser adds.

    Returns:
        float [N, scores], in the order of `lottery.attention.rules.SCORES`.
    """
    sums = maps.sum(dim=2, keepdim=True)
    # A row of zeros attends to nothing in particular: evenly.
    shares = torch.where(sums > 0, maps / sums, 1 / maps.shape[2])
    return torch.stack([FORMS[name](shares, special) for name in SCORES], dim=1)


def above_chance(share: Tensor, chance: float | Tensor) -> Tensor:
    """0 where a share is what even attention gives, 1 where it is all."""
    return (share - chance) / (1 - chance)


def diagonal(shares: Tensor, special: Tensor) -> Tensor:
    """Attention of tokens to themselves and to both neighbours."""
    tokens = shares.shape[1]
    places = torch.arange(tokens, device=shares.device)
    band = (places - places[:, None]).abs() <= 1
    return above_chance((shares * band).sum(dim=(1, 2)) / tokens, (3 * tokens - 2) / tokens**2)


def previous(shares: Tensor, special: Tensor) -> Tensor:
    """Attention to the token before, of all tokens that have one."""
    return _at_offset(shares, -1)


def following(shares: Tensor, special: Tensor) -> Tensor:
    """Attention to the token after, of all tokens that have one."""
    return _at_offset(shares, 1)


def _at_offset(shares: Tensor, offset: int) -> Tensor:
    line = shares.diagonal(offset, dim1=1, dim2=2)
    return above_chance(line.mean(dim=1), 1 / shares.shape[1])


def to_special(shares: Tensor, special: Tensor) -> Tensor:
    """Attention to the special tokens."""
    share = (shares.mean(dim=1) * special).sum(dim=1)
    return above_chance(share, special.float().mean(dim=1))


def vertical(shares: Tensor, special: Tensor) -> Tensor:
    """Attention to tokens that most tokens attend to more than evenly.

    A column counts with what more than three quarters of its rows reach: no single row makes one,
    and no block either, whose columns are those of its own rows.
    """
    tokens = shares.shape[1]
    # Not `median`, whose places torch does not find deterministically on a GPU.
    reached = shares.sort(dim=1).values[:, (tokens - 1) // 4]
    return (reached - 1 / tokens).clamp_min(0).sum(dim=1) / (1 - 1 / tokens)


def block(shares: Tensor, special: Tensor) -> Tensor:
    """What a map has in common with even attention within two blocks, for the best cut.

    No block is shorter than an eighth of the tokens. The common part of two maps is the sum of the
    smaller of their entries.
    """
    tokens = shares.shape[1]
    shortest = max(1, tokens // 8)
    found = []
    for cut in range(shortest, tokens - shortest + 1):
        common = sum(
            own.clamp_max(1 / own.shape[1]).sum(dim=(1, 2))
            for own in (shares[:, :cut, :cut], shares[:, cut:, cut:])
        )
        even = (cut**2 + (tokens - cut) ** 2) / tokens**2
        found.append(above_chance(common / tokens, even))
    return torch.stack(found).amax(dim=0)


def entropy(shares: Tensor, special: Tensor) -> Tensor:
    """Mean entropy of the rows, as a share of the largest there can be."""
    return torch.special.entr(shares).sum(dim=2).mean(dim=1) / math.log(shares.shape[1])


FORMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "diagonal": diagonal,
    "previous": previous,
    "next": following,
    "special": to_special,
    "vertical": vertical,
    "block": block,
    "entropy": entropy,
}
