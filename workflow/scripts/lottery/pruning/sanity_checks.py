"""Checks in every step that applies a mask: it acts, it lasts, it fits. A violation is an error."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from lottery.data.tokens import Tokens
from lottery.evaluation.predict import predict
from lottery.models.encoder import Encoder
from lottery.pruning.masks import Mask
from lottery.pruning.shrink import MaskError, check_under, put_under

PROBE_EXAMPLES = 8


def apply_mask(
    model: Encoder, mask: Mask, tokens: Tokens
) -> tuple[Encoder, dict[str, Tensor] | None]:
    """Puts a whole model under a mask, and shows on a few examples that the outputs changed.

    Args:
        model: whole; a weight mask changes it in place.
        mask: of the model's sizes.
        tokens: any split with examples.

    Returns:
        The model under the mask, in evaluation mode, and of a weight mask the mask's tensors, see
        `lottery.pruning.shrink.put_under`.

    Raises:
        MaskError: the outputs are those of the full model though something is pruned, or differ
            though nothing is; or the model does not hold what the mask keeps.
    """
    probe = tokens.select(np.arange(min(PROBE_EXAMPLES, len(tokens))))
    before = predict(model, probe, PROBE_EXAMPLES)
    masked, kept = put_under(model, mask)
    check_under(masked, mask)
    same = np.array_equal(before, predict(masked, probe, PROBE_EXAMPLES))
    if same != mask.is_full:
        state = "keeps everything" if mask.is_full else "prunes something"
        raise MaskError(f"the mask {state}, but the outputs {'did not change' if same else 'did'}")
    return masked, kept
