"""The history of a training: a row every few steps, written as history.csv."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

import torch
from torch import Tensor

from lottery.files.errors import StudyError

logger = logging.getLogger(__name__)

HISTORY_COLUMNS = ["step", "epoch", "loss", "learning_rate", "tokens_per_second"]


class History:
    """Rows of the history, and sums over the steps since the last of them."""

    def __init__(self, total_steps: int, device: torch.device, precision: str) -> None:
        self.rows: list[dict[str, Any]] = []
        self._total_steps = total_steps
        self._precision = precision
        # Kept as a tensor: reading a number off a GPU at every step would make it wait.
        self.loss_sum = torch.zeros((), device=device)
        self._tokens = 0
        self._steps = 0
        self._started = time.perf_counter()

    def add(self, loss: Tensor, tokens: int) -> None:
        """Adds a step: its mean loss, and its number of tokens."""
        self.loss_sum += loss.detach()
        self._tokens += tokens
        self._steps += 1

    def flush(self, step: int, epoch: int, learning_rate: float) -> None:
        """Ends a row."""
        loss = float(self.loss_sum) / self._steps
        if not math.isfinite(loss):
            if step == 1:
                cause = "no weight has been changed yet, so look at the model and the labels"
            elif self._precision == "fp32":
                cause = "lower training.learning_rate, or raise training.warmup_steps"
            else:
                cause = "lower training.learning_rate, or set training.precision to fp32"
            raise StudyError(
                f"The training loss is {loss} at step {step} (epoch {epoch}, learning rate "
                f"{learning_rate:.2e}, {self._precision}): {cause}."
            )
        seconds = time.perf_counter() - self._started
        row = [step, epoch, loss, learning_rate, round(self._tokens / seconds)]
        self.rows.append(dict(zip(HISTORY_COLUMNS, row, strict=True)))
        logger.info("step %d of %d: loss %.4f", step, self._total_steps, loss)
        self.loss_sum.zero_()
        self._tokens, self._steps, self._started = 0, 0, time.perf_counter()

    def state_dict(self) -> dict[str, Any]:
        """All but the sum of losses, as json can hold it."""
        seconds = time.perf_counter() - self._started
        counts = {"tokens": self._tokens, "steps": self._steps}
        return {"rows": self.rows, **counts, "seconds": seconds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Loads what `state_dict` gave; the time in between does not count."""
        self.rows, self._tokens, self._steps = state["rows"], state["tokens"], state["steps"]
        self._started = time.perf_counter() - state["seconds"]
