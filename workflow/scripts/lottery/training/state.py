"""All that the rest of a training depends on, taken down between two steps and put back.

The order of the data is not among it: it follows from the seed, so the number of steps done says
where in it a training stands.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lottery.models.encoder import Encoder
from lottery.runtime.resume import Checkpoint, State
from lottery.training.history import History
from lottery.training.optimizer import AdamW

GENERATOR = "generator"  # of dropout on the CPU
DEVICE_GENERATOR = "generator_of_device"


class TrainingState:
    """A training's live tensors by name, and its history.

    Args:
        model: in training, with the embedding table that is trained.
        optimizer: of its parameters.
        history: of the training.
    """

    def __init__(self, model: Encoder, optimizer: AdamW, history: History) -> None:
        self._device = model.classifier.weight.device
        self._history = history
        self._live: dict[str, Tensor] = {"loss_sum": history.loss_sum}
        for name, parameter in model.named_parameters():
            self._live[f"{name}:weight"] = parameter.detach()
            for kind, tensor in optimizer.state_of(parameter).items():
                self._live[f"{name}:{kind}"] = tensor

    def take_down(self, step: int, epoch: int) -> State:
        """The state after a step (from 1) of an epoch (from 1)."""
        arrays = {name: tensor.cpu().numpy() for name, tensor in self._live.items()}
        arrays[GENERATOR] = torch.get_rng_state().numpy()
        if self._device.type == "cuda":
            arrays[DEVICE_GENERATOR] = torch.cuda.get_rng_state(self._device).numpy()
        return State(step, arrays, {"epoch": epoch, "history": self._history.facts()})

    def put_back(self, checkpoint: Checkpoint) -> int:
        """Puts back what an interrupted run has kept; gives the number of steps done."""
        state = checkpoint.load()
        if state is None:
            return 0
        if not self._fits(state.arrays):
            checkpoint.reject("its tensors are not the model's")
            return 0
        for name, tensor in self._live.items():
            tensor.copy_(torch.from_numpy(state.arrays[name]))
        torch.set_rng_state(torch.from_numpy(state.arrays[GENERATOR]))
        if self._device.type == "cuda":
            generator = torch.from_numpy(state.arrays[DEVICE_GENERATOR])
            torch.cuda.set_rng_state(generator, self._device)
        self._history.restore(state.facts["history"])
        checkpoint.resumed(state, f"epoch {state.facts['epoch']}")
        return state.step

    def _fits(self, arrays: dict[str, np.ndarray]) -> bool:
        shapes = {name: tuple(tensor.shape) for name, tensor in self._live.items()}
        found = {name: array.shape for name, array in arrays.items()}
        generators = {GENERATOR} | ({DEVICE_GENERATOR} if self._device.type == "cuda" else set())
        return {n: s for n, s in found.items() if n not in generators} == shapes and (
            generators <= set(found)
        )
