"""AdamW, as torch computes it, without what torch's class loads around it.

Making a `torch.optim.AdamW` imports torch's compiler and with it a computer algebra system: 1.3 s
of a training that may take six. torch's functional form computes the same, and the state is plain
tensors. A test holds it against the class, bit for bit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw


class AdamW:
    """Decoupled weight decay on matrices, none on biases and norms (Loshchilov and Hutter 2019).

    Args:
        parameters: those without a gradient stay as they are.
        beta1, beta2: decay of the means of gradients and of their squares.
        epsilon: added to the root of the second.
        weight_decay: of parameters with more than one dimension.
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
        self._means = {p: torch.zeros_like(p) for p in parameters}
        self._squares = {p: torch.zeros_like(p) for p in parameters}
        self._steps = {p: torch.zeros((), device=p.device) for p in parameters}
        device = parameters[0].device
        # On a GPU the rate lies in its memory, so that a recorded step reads the one of the moment.
        self._rate = 0.0 if device.type == "cpu" else torch.zeros((), device=device)

    def set_learning_rate(self, learning_rate: float) -> None:
        """Sets the rate of the steps to come."""
        if isinstance(self._rate, Tensor):
            self._rate.fill_(learning_rate)
        else:
            self._rate = learning_rate

    @torch.no_grad()
    def step(self) -> None:
        """Moves every parameter by its gradient, which is then dropped."""
        for whole_group, weight_decay in self._groups:
            group = [parameter for parameter in whole_group if parameter.grad is not None]
            adamw(
                group,
                [parameter.grad for parameter in group],
                self._of(group, self._means),
                self._of(group, self._squares),
                [],
                self._of(group, self._steps),
                fused=True,
                amsgrad=False,
                maximize=False,
                lr=self._rate,
                weight_decay=weight_decay,
                **self._options,
            )
            for parameter in group:
                parameter.grad = None

    def state_of(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        """What the optimizer knows of a parameter; the tensors are the live ones."""
        return {
            "mean": self._means[parameter],
            "square": self._squares[parameter],
            "steps": self._steps[parameter],
        }

    @staticmethod
    def _of(group: list[nn.Parameter], values: dict[nn.Parameter, Tensor]) -> list[Tensor]:
        return [values[parameter] for parameter in group]
