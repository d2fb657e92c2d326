"""The state of a training between two steps, for its checkpoint.

The order of the data is not part of it: it follows from the seed and the number of steps.
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
    """A training's live tensors by name (of the embedding table that is trained), and history."""

    def __init__(self, model: Encoder, optimizer: AdamW, history: History) -> None:
        self._device = model.classifier.weight.device
        self._history = history
        self._live: dict[str, Tensor] = {"loss_sum": history.loss_sum}
        for name, parameter in model.named_parameters():
            self._live[f"{name}:weight"] = parameter.detach()
            for kind, tensor in optimizer.state[parameter].items():
                self._live[f"{name}:{kind}"] = tensor

    def state_dict(self, step: int, epoch: int) -> State:
        """The state after a step (from 1) of an epoch (from 1)."""
        facts = {"epoch": epoch, "history": self._history.state_dict()}
        return State(step, self._arrays(), facts)

    def load_state_dict(self, checkpoint: Checkpoint) -> int:
        """Loads what an interrupted run has saved; returns the number of steps done."""
        state = checkpoint.load()
        if state is None:
            return 0
        shapes, saved = (
            {name: array.shape for name, array in arrays.items()}
            for arrays in (self._arrays(), state.arrays)
        )
        if saved != shapes:
            checkpoint.refuse("its tensors are not the model's")
            return 0
        for name, tensor in self._live.items():
            tensor.copy_(torch.from_numpy(state.arrays[name]))
        torch.set_rng_state(torch.from_numpy(state.arrays[GENERATOR]))
        if self._device.type == "cuda":
            generator = torch.from_numpy(state.arrays[DEVICE_GENERATOR])
            torch.cuda.set_rng_state(generator, self._device)
        self._history.load_state_dict(state.facts["history"])
        checkpoint.resumed(state, f"epoch {state.facts['epoch']}")
        return state.step

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = {name: tensor.cpu().numpy() for name, tensor in self._live.items()}
        arrays[GENERATOR] = torch.get_rng_state().numpy()
        if self._device.type == "cuda":
            arrays[DEVICE_GENERATOR] = torch.cuda.get_rng_state(self._device).numpy()
        return arrays
