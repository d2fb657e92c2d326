"""AdamW as torch computes it, by torch's functional form: a test compares it bit for bit.

Making a `torch.optim.AdamW` imports torch's compiler and a computer algebra system, 820 modules:
1.7 s of processor time (three measurements, 1.68 to 2.03 s), while a training of the demo takes 10.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw


class AdamW:
    """Decoupled weight decay on matrices, none on biases and norms (Loshchilov and Hutter 2019).

    Attributes:
        state: of each parameter the means of its gradients ("mean") and of their squares
            ("square"), and the number of "steps".
    """

    def __init__(
        self,
        parameters: list[nn.Parameter],
        beta1: float,
        beta2: float,
        epsilon: float,
        weight_decay: float,
    ) -> None:
        matrices = [parameter for parameter in parameters if parameter.ndim > 1]
        others = [parameter for parameter in parameters if parameter.ndim <= 1]
        self._groups = [(matrices, weight_decay), (others, 0.0)]
        self._options = {"beta1": beta1, "beta2": beta2, "eps": epsilon}
        self.state: dict[nn.Parameter, dict[str, Tensor]] = {
            p: {
                "mean": torch.zeros_like(p),
                "square": torch.zeros_like(p),
                "steps": torch.zeros((), device=p.device),
            }
            for p in parameters
        }

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Moves every parameter that has a gradient, which is then dropped."""
        for parameters, weight_decay in self._groups:
            group = [parameter for parameter in parameters if parameter.grad is not None]
            states = [self.state[parameter] for parameter in group]
            means, squares, steps = (
                [state[name] for state in states] for name in ("mean", "square", "steps")
            )
            adamw(
                group,
                [parameter.grad for parameter in group],
                means,
                squares,
                [],
                steps,
                fused=True,
                amsgrad=False,
                maximize=False,
                lr=learning_rate,
                weight_decay=weight_decay,
                **self._options,
            )
            for parameter in group:
                parameter.grad = None
